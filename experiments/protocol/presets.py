"""The presets: sizes that a person chooses by one word. Every number of a run is stored in its config.json."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

from ...agent.episode import EpisodeConfig
from ...agent.fusion.fusion_config import FusionConfig
from ...core.errors import UserError
from ...core.frame import Camera
from ...envs.house.classes import CLASSES
from ...learners.adaptation.ttt_config import TTTConfig
from ...learners.generalist.specialist_config import SpecialistConfig
from ...learners.heads.recipes import SEGMENTATION_HEAD, segmentation_recipe
from ...learners.heads.transfer_config import AugmentConfig, TransferConfig
from ...learners.objectives.paper_configs import PaperSize, pretraining
from ...learners.objectives.tst_config import TSTConfig
from .preset import Preset
from .transfer_set_config import TransferSetConfig

VALIDATION_LINES = (7, 19, 26, 28)
"""Houses of the sample of 48 on which the presets were chosen; results are reported on others."""

PRESETS = {
    "smoke": Preset(
        episode=EpisodeConfig(frames=160, rollout=40, learning_starts=80, replay_ratio=4.0),
        milestones=(0.5, 1.0),
        learner=TSTConfig(
            image_size=32,
            pseudolabel_classes=len(CLASSES),
            targets="tokens",
            tokenizer_steps=10,
            batch_size=32,
            decoder_layers=1,
            input_budget=8,
            target_budget=12,
            warmup_steps=5,
        ),
        transfer_set=TransferSetConfig(houses=3, frames_per_house=16, camera=Camera(32, 32)),
        transfer=TransferConfig(steps=15),
        ttt=TTTConfig(steps=2, masks=4, refit_steps=5),
        eval_views=24,
        ttt_views=8,
    ),
    # From trials on the houses of VALIDATION_LINES: Muon goes twice as far in a thousand steps as AdamW, few
    # tokens and half the decoder buy steps, and weighted classes lift furniture, for scratch as well. A training this
    # short does not overfit: frames varied by more than a mirror only slow it down. Since predictions of a better
    # network agree on more when they vote, transfer gets most of the time.
    "nano": Preset(
        episode=EpisodeConfig(frames=4000, rollout=250, learning_starts=500, replay_ratio=4.0),
        milestones=(0.5, 1.0),
        learner=TSTConfig(
            pseudolabel_classes=len(CLASSES),
            decoder_layers=2,
            input_budget=32,
            target_budget=48,
            rgb_only=12.0,
            batch_size=32,
            optimiser="muon",
            base_learning_rate=16e-3,
            warmup_steps=40,
        ),
        transfer_set=TransferSetConfig(houses=100, frames_per_house=30),
        transfer=TransferConfig(
            steps=600,
            batch_size=16,
            optimiser="muon",
            learning_rate=3e-3,
            layer_decay=1.0,
            balance=0.25,
            drop_path=0.0,
            augment=AugmentConfig(min_scale=1.0, brightness=0.0, contrast=0.0, saturation=0.0, tint=0.0),
        ),
        ttt=TTTConfig(steps=5, masks=8, refit_steps=150),
        eval_views=400,
        ttt_views=40,
    ),
}
PRESETS["nano-long"] = replace(PRESETS["nano"], transfer=replace(PRESETS["nano"].transfer, steps=750))
# For many trainings on few cores. Chosen on two of the validation houses: Muon's own work is a sixth of a step of 128
# samples and nearly half of one of 32; one decoder layer with fewer targets makes a sample a third cheaper.
PRESETS["nano-short"] = replace(
    PRESETS["nano"],
    episode=replace(PRESETS["nano"].episode, frames=2000, replay_ratio=16.0),
    learner=replace(
        PRESETS["nano"].learner,
        decoder_layers=1,
        target_budget=32,
        batch_size=128,
        base_learning_rate=6e-3,
        warmup_steps=25,
    ),
    transfer=replace(PRESETS["nano"].transfer, steps=150),
    eval_views=200,
)
"""What `--preset` may name. smoke shows in seconds that everything works, and nothing about how well;
nano-long is nano with a quarter more transfer, too long for the twelve minutes of `make run` on a slow host;
nano-short pre-trains on twice as many samples, 32,000, and transfers for a quarter of nano's steps: it is for
experiments of many trainings. Its scratch stands at a third of nano-long's mIoU, where pre-training shows best."""


# From the shipped generalist. It has learned geometry itself: without the prior, labels of the agent's frames are
# better by 0.9 to 2.5 points of mIoU in all four validation houses. Two passes of smoothing were chosen there too.
PRESETS["adapted"] = Preset(
    episode=EpisodeConfig(frames=4000, rollout=250, learning_starts=500, replay_ratio=4.8),
    learner=TSTConfig(image_size=128, patch=16),
    transfer_set=TransferSetConfig(camera=Camera(128, 128)),
    generalist="shipped",
    fusion=FusionConfig(prior_power=0.0, smoothing=2),
    eval_views=400,
)
PRESETS["adapted-smoke"] = replace(
    PRESETS["adapted"],
    episode=EpisodeConfig(frames=120, rollout=40, learning_starts=40, replay_ratio=0.8),
    specialist=SpecialistConfig(batch_size=16, generated_houses=2, generated_views=16),
    eval_views=24,
)
"""adapted starts from the generalist that comes with the package; adapted-smoke shows in a minute that this works."""


def _paper(size: PaperSize) -> Preset:
    """The paper's sizes on ProcTHOR (Section 4.1, Appendix D, Tables 9 and 11), on the sensory modalities.

    A step has 256 samples instead of 4,096, with the learning rate that the linear rule gives and as many samples in
    all, so that it fits one GPU. The agent explores one house where the paper samples five densely.
    """
    learner = pretraining(size, batch_size=256)
    assert learner.total_steps is not None
    frames, camera = 163_767, Camera(learner.image_size, learner.image_size)
    return Preset(
        episode=EpisodeConfig(
            frames=frames, rollout=1000, learning_starts=10_000,
            replay_ratio=learner.total_steps * learner.batch_size / frames,
        ),
        milestones=(1.0,),
        learner=replace(learner, total_steps=None),
        transfer_set=TransferSetConfig(houses=800, frames_per_house=25, camera=camera),
        transfer=segmentation_recipe(size),
        head=SEGMENTATION_HEAD,
        own_frames=0,
        ttt=TTTConfig(steps=20, masks=128),
        eval_views=5000,
        ttt_views=200,
    )  # fmt: skip


PRESETS |= {size: _paper(size) for size in get_args(PaperSize)}


def find_preset(name: str) -> Preset:
    """The preset of this name; UserError lists those that exist."""
    if name not in PRESETS:
        raise UserError(f"no preset '{name}'; there are: {', '.join(sorted(PRESETS))}")
    return PRESETS[name]
