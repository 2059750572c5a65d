"""The stage of pre-training on what was collected (Section 3.2.1).

It reads no label of the test space: frames come from replay buffers, which have no place for one, and pseudolabels are
predictions of a network that has learned from external houses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from ...core.progress import Advance
from ...core.storage import recover_folder, replace_folder
from ...learners.data.batch_sampler import BatchSampler, Frames, Pseudolabels
from ...learners.data.replay_buffer import ReplayBuffer
from ...learners.nn.device import find_device
from ...learners.objectives.tst import TSTLearner
from ...learners.objectives.tst_config import TSTConfig
from ...learners.training.fit import STORE_EVERY, Learner, fit
from ..protocol.preset import scheduled
from .labelled_set import LabelledSet
from .pseudolabel_stage import read_pseudolabels
from .store import Entry, Store


@dataclass(frozen=True)
class DataMix:
    """What a learner is trained on, and for how long."""

    steps: int
    own: Sequence[Entry] = ()
    """Collections of the agent; each of their frames is drawn equally often."""
    pseudolabels: Sequence[Entry] = ()
    """Those of each of `own`, where the learner predicts them."""
    mix_in: LabelledSet | None = None
    """External frames whose rgb, and never whose labels, is mixed in."""
    mix_share: float = 0.5
    """Their share of the samples."""

    def settings(self) -> dict[str, Any]:
        """What stands for it in the settings of a stage."""
        return {
            "steps": self.steps,
            "own": [entry.key for entry in self.own],
            "pseudolabels": [entry.key for entry in self.pseudolabels],
            "mix_in": [self.mix_in.key, self.mix_share] if self.mix_in else None,
        }

    def sampler(self, batch_size: int, seed: int) -> BatchSampler:
        """Draws its batches."""

        def labels(entry: Entry) -> Pseudolabels:
            table = read_pseudolabels(entry)

            def of(frames: Frames, indices: torch.Tensor) -> torch.Tensor:
                return table[indices]

            return of

        buffers = [ReplayBuffer.reader(entry.folder / "buffer") for entry in self.own]
        rgb = torch.from_numpy(self.mix_in.frames.rgb) if self.mix_in else None
        return BatchSampler(buffers, batch_size, seed, rgb, self.mix_share, [labels(one) for one in self.pseudolabels])


def pretrain(
    store: Store, config: TSTConfig, mix: DataMix, seed: int, start: Entry | None = None, title: str = "pre-training"
) -> Entry:
    """A TSTLearner after `mix.steps` steps: `read_learner`. `start`: a learner with whose weights it begins.

    Each pre-training has a whole schedule, so a learner that continues another learns again, and every stage ends with
    a learning rate of 0.
    """
    config = scheduled(config, mix.steps)
    settings = {
        "config": asdict(config), **mix.settings(), "seed": seed, "start": start.key if start else None,
    }  # fmt: skip

    def make(folder: Path, advance: Advance) -> None:
        learner, sampler = TSTLearner(config, seed, find_device(store.device)), mix.sampler(config.batch_size, seed)
        kept = folder / "learner"
        if recover_folder(kept):
            learner.load(kept)
        elif start is not None:
            learner.model.load_state_dict(load_file(start.folder / "learner" / "model.safetensors"))
            learner.has_tokenizers = True
        elif not learner.has_tokenizers:
            learner.fit_tokenizers(sampler.frames)
        fit(
            learner, lambda number: learner.step(*sampler.batch(number)), mix.steps,
            reporter(learner, mix.steps, advance), lambda: replace_folder(kept, learner.save), STORE_EVERY,
        )  # fmt: skip

    return store.get("pretrain", settings, make, title=title)


def reporter(learner: Learner, steps: int, advance: Advance) -> Callable[[dict[str, float]], None]:
    """Shows the progress of a pre-training after each step."""

    def on_step(metrics: dict[str, float]) -> None:
        advance(learner.steps, steps, f"loss {metrics['loss']:.2f}")

    return on_step


def read_learner(entry: Entry) -> TSTLearner:
    """The learner as its stage left it."""
    learner = TSTLearner(TSTConfig.of_json(entry.settings["config"]))
    learner.load(entry.folder / "learner")
    return learner
