"""The stages that a specialist from the generalist is compared with, on the buffer of a finished live run.

The control is trained for as many steps on generated views alone; the bound with true labels of the agent's own frames,
which nothing else is trained on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from ...core.progress import Advance
from ...core.storage import write_json
from ...envs.house.classes import CLASSES
from ...envs.house.house import House
from ...learners.data.batch_sampler import BatchSampler
from ...learners.data.replay_buffer import ReplayBuffer
from ...learners.generalist.inference import classify_frames, folded
from ...learners.generalist.network import Generalist
from ...learners.generalist.specialist import SpecialistLearner
from ...learners.generalist.views import ViewSet
from ...learners.training.fit import fit
from ..protocol.generated_views import external_views
from ..protocol.preset import Preset
from ..protocol.score import Score, score
from ..protocol.transfer_set import house_assets
from ..run.from_generalist import load_weights_of
from . import truth
from .evaluate_stage import read_score
from .run_stage import LiveRun
from .store import Entry, Store

Labels = Literal["generated", "truth"]
"""What is learned from: generated views alone, or the agent's own frames with true labels beside them."""


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
    generated = ViewSet(
        external_views(config.generated_houses, config.generated_views, own_assets, seed, lambda done, total: None)
    )
    start, _ = load_weights_of(preset.generalist)
    learner = SpecialistLearner(start, config, generated, camera, seed)
    buffer = ReplayBuffer.reader(run.folder / "buffer")
    true = truth.frame_labels(house, buffer.all(("pose",))["pose"].numpy(), preset) if labels == "truth" else None

    def of(frames: dict[str, Tensor], indices: Tensor) -> Tensor:
        if true is None:
            return torch.zeros(frames["rgb"].shape[:3], dtype=torch.int16)
        return torch.from_numpy(true[indices.numpy()])

    share = 1 - config.own_share if labels == "truth" else 1.0
    sampler = BatchSampler([buffer], config.batch_size, seed, generated, share, [of])
    total = learner.total_steps
    fit(
        learner, lambda step: learner.step(*sampler.batch(step)), total,
        lambda metrics: advance(learner.steps, total, f"loss {metrics['loss']:.2f}"),
    )  # fmt: skip
    return folded(learner.specialist)
