"""Stages of learning: pseudolabels, and pre-training on what was collected.

Neither reads a label of the test space: frames come from replay buffers, which have no place for one, and pseudolabels
are guesses of a network that learned from external houses.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from ...agent.fusion.semantic_map import SemanticMap
from ...agent.fusion.surface_prior import SurfacePrior
from ...core.digests import code_digest
from ...core.frame import Camera
from ...core.progress import Advance
from ...core.storage import recover_folder, replace_folder
from ...learners.data.replay_buffer import ReplayBuffer
from ...learners.heads.transfer import LabelledFrames
from ...learners.modalities.modality import PSEUDOLABEL
from ...learners.objectives.dino import DinoLearner
from ...learners.objectives.tst import TSTLearner
from ...learners.objectives.tst_config import TSTConfig
from ..protocol.transfer_set import TransferSet
from .store import Entry, Store
from .transfer_stage import read_segmenter

KEEP_EVERY = 200
"""Steps of pre-training that a kill can cost."""
CHUNK = 250
"""Frames that the semantic map takes at once."""


@dataclass(frozen=True)
class LabelledSet:
    """D_t with a digest of its content, which stands for it where a stage depends on it."""

    frames: LabelledFrames
    surfaces: SurfacePrior
    senses: Callable[[], dict[str, NDArray[Any]]]
    """Reads depth, normals and edges of its frames."""
    key: str

    @classmethod
    def of(cls, made: TransferSet) -> LabelledSet:
        """This D_t."""
        content = hashlib.sha256(made.labelled.rgb.tobytes())
        content.update(made.labelled.semantic.tobytes())
        content.update(made.surfaces.counts.tobytes())
        return cls(made.labelled, made.surfaces, made.senses, content.hexdigest()[:24])


@dataclass(frozen=True)
class Own:
    """Frames of the agent with their pseudolabels."""

    collected: Entry
    pseudolabels: Entry

    def evenly(self, count: int) -> LabelledFrames:
        """`count` frames, evenly over all stored, repeated if they are fewer: what a life transfers on beside D_t."""
        buffer = ReplayBuffer.reader(self.collected.folder / "buffer")
        slots = torch.linspace(0, len(buffer) - 1, count).round().long()
        return LabelledFrames(
            buffer.get(slots, ("rgb",))["rgb"].numpy(), read_pseudolabels(self.pseudolabels)[slots].numpy()
        )


def pseudolabel(store: Store, collected: Entry, segmenter: Entry, labelled: LabelledSet, camera: Camera) -> Entry:
    """What the segmenter guesses in the collected frames, put to the vote across views and weighed by geometry, as in a
    life: see `read_pseudolabels`."""
    settings = {
        "collected": collected.key, "segmenter": segmenter.key, "surfaces": labelled.key,
        "code": code_digest("agent.fusion.semantic_map"),
    }  # fmt: skip

    def make(folder: Path, advance: Advance) -> None:
        buffer = ReplayBuffer.reader(collected.folder / "buffer")
        guesses = SemanticMap(read_segmenter(segmenter).predict, camera, labelled.surfaces)
        parts = torch.arange(len(buffer)).split(CHUNK)
        for done, slots in enumerate(parts):
            guesses.add(buffer.get(slots))
            advance(done + 1, 2 * len(parts))
        labels = []
        for done, slots in enumerate(parts):
            labels.append(guesses.labels(buffer.get(slots)).numpy())
            advance(len(parts) + done + 1, 2 * len(parts))
        np.save(folder / "semantic.npy", np.concatenate(labels))

    return store.get("pseudolabel", "pseudolabels", settings, make)


def read_pseudolabels(entry: Entry) -> Tensor:
    """Class ids int16 (N, H, W) of the frames of a buffer, by slot; 0 = unknown."""
    return torch.from_numpy(np.load(entry.folder / "semantic.npy", allow_pickle=False))


@dataclass(frozen=True)
class Diet:
    """What a learner is fed, and for how long."""

    steps: int
    own: Sequence[Entry] = ()
    """Collections of the agent; each of their frames is drawn equally often."""
    pseudolabels: Sequence[Entry] = ()
    """Those of each of `own`, where the learner learns them."""
    mix_in: LabelledSet | None = None
    """External frames whose rgb, and never whose labels, is mixed in."""
    mix_share: float = 0.5
    """Their share of the samples."""


def pretrain(
    store: Store, config: TSTConfig, diet: Diet, seed: int, start: Entry | None = None, title: str = "pre-training"
) -> Entry:
    """A TSTLearner after `diet.steps` steps: `read_learner`. `start`: a learner with whose weights it begins.

    The learning rate falls to 0 at the last step, after a rise in the first tenth at most: so a learner that goes on,
    whose first schedule has ended, learns again, and every stage ends settled.
    """
    warm = min(config.warmup_steps, max(1, diet.steps // 10))
    config = replace(config, warmup_steps=warm, total_steps=diet.steps)
    settings = {
        "config": asdict(config), "steps": diet.steps, "own": [entry.key for entry in diet.own],
        "pseudolabels": [entry.key for entry in diet.pseudolabels],
        "mix_in": [diet.mix_in.key, diet.mix_share] if diet.mix_in else None, "seed": seed,
        "start": start.key if start else None,
        "code": code_digest("learners.objectives.tst", "learners.data.replay_buffer"),
    }  # fmt: skip

    def make(folder: Path, advance: Advance) -> None:
        learner, fed = TSTLearner(config, seed), Feed(diet, config.batch_size, seed)
        kept = folder / "learner"
        if recover_folder(kept):
            learner.load(kept)
        elif start is not None:
            learner.model.load_state_dict(load_file(start.folder / "learner" / "model.safetensors"))
            learner.has_tokenizers = True
        elif not learner.has_tokenizers:
            learner.fit_tokenizers(fed.frames)
        train(learner, fed, diet.steps, kept, advance)

    return store.get("pretrain", title, settings, make)


def train(learner: TSTLearner | DinoLearner, feed: Feed, steps: int, kept: Path, advance: Advance) -> None:
    """Train until `steps`, and keep the learner in the folder `kept` now and then, and at the end."""
    while learner.steps < steps:
        report = learner.step(*feed.batch(learner.steps))
        if learner.steps % KEEP_EVERY == 0:
            replace_folder(kept, learner.save)
        advance(learner.steps, steps, f"loss {report['loss']:.2f}")
    replace_folder(kept, learner.save)


class Feed:
    """Draws what each step is fed, the same for a number of a step whenever it is asked for."""

    def __init__(self, diet: Diet, batch_size: int, seed: int) -> None:
        self.buffers = [ReplayBuffer.reader(entry.folder / "buffer") for entry in diet.own]
        self.guesses = [read_pseudolabels(entry) for entry in diet.pseudolabels]
        self.mix_in = torch.from_numpy(diet.mix_in.frames.rgb) if diet.mix_in else None
        self.mixed = round(batch_size * diet.mix_share) if diet.mix_in else 0
        self.own, self.seed = batch_size - self.mixed, seed
        self.starts = np.cumsum([0, *(len(buffer) for buffer in self.buffers)])
        self.generator = torch.Generator()

    def batch(self, step: int) -> tuple[dict[str, Tensor], Tensor | None]:
        """Frames of the agent, and rgb mixed in; rgb of D_t alone where there are none of the agent."""
        self.generator.manual_seed(self.seed * 1_000_003 + step)
        own = self.frames(self.own) if self.buffers else None
        if self.mix_in is None:
            assert own is not None
            return own, None
        mixed = self.mix_in[torch.randint(len(self.mix_in), (self.mixed,), generator=self.generator)]
        return ({"rgb": mixed}, None) if own is None else (own, mixed)

    def frames(self, count: int) -> dict[str, Tensor]:
        """`count` frames of all buffers, uniformly, with pseudolabels where there are any."""
        drawn = torch.randint(int(self.starts[-1]), (count,), generator=self.generator)
        parts = []
        for index, buffer in enumerate(self.buffers):
            here = drawn[(drawn >= self.starts[index]) & (drawn < self.starts[index + 1])] - int(self.starts[index])
            part = buffer.get(here)
            parts.append({**part, PSEUDOLABEL: self.guesses[index][here]} if self.guesses else part)
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def read_learner(entry: Entry) -> TSTLearner:
    """The learner as its stage left it."""
    learner = TSTLearner(TSTConfig.of_json(entry.settings["config"]))
    learner.load(entry.folder / "learner")
    return learner
