"""The stages that a specialist from the generalist is compared with, on the buffer of a finished live run.

The control is trained for as many steps on generated views alone; the bound with true labels of the agent's own frames,
which nothing else is trained on. Rivals label these frames in other ways: self-training by what the generalist predicts
in each frame alone, and hard votes in voxels as Frey et al. (2022).
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from ...agent.fusion.fusion_config import FusionConfig
from ...agent.fusion.semantic_map import SemanticMap, generalist_probabilities
from ...core.progress import Advance
from ...core.storage import write_json
from ...envs.house.classes import CLASSES
from ...envs.house.house import House
from ...learners.data.batch_sampler import BatchSampler, Pseudolabels
from ...learners.data.replay_buffer import ReplayBuffer
from ...learners.generalist.inference import classify_frames, folded
from ...learners.generalist.network import Generalist
from ...learners.generalist.specialist import SpecialistLearner
from ...learners.generalist.views import ViewSet
from ...learners.training.fit import fit
from ..protocol.generated_views import external_views
from ..protocol.named_weights import load_named
from ..protocol.preset import Preset
from ..protocol.score import Score, score
from ..protocol.transfer_set import house_assets
from . import truth
from .evaluate_stage import read_score
from .run_stage import LiveRun
from .store import Entry, Store

Labels = Literal["generated", "truth", "frames", "votes"]
"""What is learned from: generated views alone, or beside them the agent's own frames with true labels, with labels
predicted in single frames, or with hard votes over views."""


def compared(
    store: Store, run: LiveRun, house: House, views: Entry, preset: Preset, seed: int, labels: Labels
) -> dict[str, Score]:
    """Scores of such a network from rgb ("rgb") and with depth ("rgbd"), on the held-out views of the run."""
    settings = {"run": run.entry.key, "views": views.key, "labels": labels}

    def make(folder: Path, advance: Advance) -> None:
        network = _train(run, house, preset, seed, labels, advance)
        frames, semantic = truth.read_frames(views)
        scores = {
            mode: score(
                classify_frames(network, frames, preset.camera, depth=mode == "rgbd"), semantic, range(1, len(CLASSES))
            )
            for mode in ("rgb", "rgbd")
        }
        write_json(folder / "score.json", scores)

    return read_score(store.get("compared", settings, make, title=f"specialist on {labels} labels"))


def _train(run: LiveRun, house: House, preset: Preset, seed: int, labels: Labels, advance: Advance) -> Generalist:
    config, camera = preset.specialist_config(), preset.camera
    own_assets = frozenset(house_assets(house))
    generated = ViewSet(external_views(config.generated_houses, config.generated_views, own_assets, seed, advance))
    start, _ = load_named(preset.generalist)
    learner = SpecialistLearner(start, config, generated, camera, seed)
    buffer = ReplayBuffer.reader(run.folder / "buffer")
    own = _labels(labels, house, buffer, start, preset)
    share = 1.0 if labels == "generated" else 1 - config.own_share
    sampler = BatchSampler([buffer], config.batch_size, seed, generated, share, [own])
    total = learner.total_steps
    fit(
        learner, lambda step: learner.step(*sampler.batch(step)), total,
        lambda metrics: advance(learner.steps, total, f"loss {metrics['loss']:.2f}"),
    )  # fmt: skip
    return folded(learner.specialist)


def _labels(labels: Labels, house: House, buffer: ReplayBuffer, start: Generalist, preset: Preset) -> Pseudolabels:
    """The labels of frames of the buffer."""
    if labels == "truth":
        poses = buffer.get(range(len(buffer)), ("pose",))["pose"].numpy()
        true = torch.from_numpy(truth.frame_labels(house, poses, preset))
        return lambda frames, indices: true[indices]
    if labels == "generated":
        return lambda frames, indices: torch.zeros(frames["rgb"].shape[:3], dtype=torch.int16)
    teacher = folded(start)
    if labels == "frames":

        def alone(frames: dict[str, Tensor], indices: Tensor) -> Tensor:
            arrays = {key: value.numpy() for key, value in frames.items()}
            return torch.from_numpy(classify_frames(teacher, arrays, preset.camera))

        return alone
    predict, classes = generalist_probabilities(teacher, preset.camera), range(1, len(CLASSES))
    votes = SemanticMap(predict, classes, preset.camera, None, FusionConfig(rule="hard"))
    for indices in torch.arange(len(buffer)).split(preset.episode.rollout):
        votes.add(buffer.get(indices))
    return lambda frames, indices: votes.labels(frames)
