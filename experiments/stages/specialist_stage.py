"""The stages that a specialist from the generalist is compared with, on the buffer of a finished live run.

The control is trained for as many steps on generated views alone; the bound with true labels of the agent's own frames,
which nothing else is trained on. Rivals label these frames in other ways: self-training by what the generalist predicts
in each frame alone, and hard votes in voxels as Frey et al. (2022).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...agent.fusion.fusion_config import FusionConfig
from ...agent.fusion.semantic_map import SemanticMap, generalist_probabilities
from ...core.frame import Frame
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
from ...learners.nn.device import find_device
from ...learners.training.fit import fit
from ..protocol.generated_views import external_views
from ..protocol.named_weights import load_named
from ..protocol.preset import Preset
from ..protocol.score import Score, score
from ..protocol.transfer_set import house_assets
from .evaluate_stage import read_score
from .run_stage import LiveRun
from .store import Entry, Store

LabelSource = Literal["generated", "truth", "frames", "votes"]
"""What is learned from: generated views alone, or beside them the agent's own frames with true labels, with labels
predicted in single frames, or with hard votes over views."""


class GroundTruth(NamedTuple):
    """How the truth of the test space is read: this stage has no way to it of its own."""

    views: Callable[[], tuple[Frame, NDArray[np.int16]]]
    """The held-out views, and their true classes (N, H, W)."""
    frames: Callable[[NDArray[np.floating]], NDArray[np.int16]]
    """True classes (N, H, W) of the agent's own frames, by their poses (N, 6): for the bound alone."""


def compared(
    store: Store,
    run: LiveRun,
    house: House,
    views: Entry,
    preset: Preset,
    seed: int,
    labels: LabelSource,
    truth: GroundTruth,
) -> dict[str, Score]:
    """Scores of such a network from rgb ("rgb") and with depth ("rgbd"), on the held-out views of the run.

    truth: what scoring needs, and the bound.
    """
    settings = {"run": run.entry.key, "views": views.key, "labels": labels}

    def make(folder: Path, advance: Advance) -> None:
        network = _train(run, house, preset, seed, labels, truth, find_device(store.device), advance)
        frames, semantic = truth.views()
        scores = {
            mode: score(
                classify_frames(network, frames, preset.camera, depth=mode == "rgbd"), semantic, range(1, len(CLASSES))
            )
            for mode in ("rgb", "rgbd")
        }
        write_json(folder / "score.json", scores)

    return read_score(store.get("compared", settings, make, title=f"specialist on {labels} labels"))


def _train(
    run: LiveRun,
    house: House,
    preset: Preset,
    seed: int,
    labels: LabelSource,
    truth: GroundTruth,
    device: torch.device,
    advance: Advance,
) -> Generalist:
    config, camera = preset.specialist_config(), preset.camera
    own_assets = frozenset(house_assets(house))
    generated = ViewSet(external_views(config.generated_houses, config.generated_views, own_assets, seed, advance))
    start, _ = load_named(preset.generalist)
    start.to(device)
    learner = SpecialistLearner(start, config, generated, camera, seed, device)
    buffer = ReplayBuffer.reader(run.folder / "buffer")
    own = _labels(labels, buffer, start, preset, truth)
    share = 1.0 if labels == "generated" else 1 - config.own_share
    sampler = BatchSampler([buffer], config.batch_size, seed, generated, share, [own])
    total = learner.total_steps
    fit(
        learner, lambda step: learner.step(*sampler.batch(step)), total,
        lambda metrics: advance(learner.steps, total, f"loss {metrics['loss']:.2f}"),
    )  # fmt: skip
    return folded(learner.specialist)


def _labels(
    labels: LabelSource, buffer: ReplayBuffer, start: Generalist, preset: Preset, truth: GroundTruth
) -> Pseudolabels:
    """The labels of frames of the buffer."""
    if labels == "truth":
        poses = buffer.get(range(len(buffer)), ("pose",))["pose"].numpy()
        true = torch.from_numpy(truth.frames(poses))
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
