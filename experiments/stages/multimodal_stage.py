"""The stage of transfer where depth, normals and edges stand beside rgb, in D_t as on the held-out views."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ...core.progress import Advance
from ...envs.house.classes import CLASSES
from ...learners.heads.multimodal_segmentation import MultimodalSegmenter, fine_tune_multimodal
from ...learners.heads.transfer_config import TransferConfig
from ...learners.masked.multimodal_encoder import MultimodalEncoder
from ...learners.nn.device import find_device
from ...learners.objectives.tst_config import TSTConfig
from .labelled_set import LabelledSet
from .pretrain_stage import read_learner
from .store import Entry, Store


def transfer_multimodal(
    store: Store, learner: Entry | TSTConfig, labelled: LabelledSet, config: TransferConfig, seed: int, title: str
) -> Entry:
    """A multimodal segmenter on what this learner has learned, or on random weights of these sizes (multimodal scratch
    of Table 1): `read_multimodal`."""
    sizes = learner.settings["config"] if isinstance(learner, Entry) else asdict(learner)
    start = {key: sizes[key] for key in ("size", "image_size", "patch")}
    settings = {
        "multimodal": {**start, "learner": learner.key if isinstance(learner, Entry) else None},
        "frames": labelled.key, "config": asdict(config), "seed": seed,
    }  # fmt: skip

    def make(folder: Path, advance: Advance) -> None:
        if isinstance(learner, Entry):
            encoder = MultimodalEncoder.of(read_learner(learner).model)
        else:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                encoder = MultimodalEncoder(**start)

        encoder.to(find_device(store.device))
        segmenter = fine_tune_multimodal(
            encoder, labelled.frames, labelled.sensors(), len(CLASSES), config, seed=seed,
            progress=lambda done, total, metrics: advance(done, total, f"loss {metrics['loss']:.2f}"),
        )  # fmt: skip
        segmenter.save(folder)

    return store.get("transfer", settings, make, title=title)


def is_multimodal(segmenter: Entry) -> bool:
    """Whether `transfer_multimodal` left it."""
    return "multimodal" in segmenter.settings


def read_multimodal(segmenter: Entry) -> MultimodalSegmenter:
    """The segmenter that `transfer_multimodal` left."""
    start: dict[str, Any] = segmenter.settings["multimodal"]
    return MultimodalSegmenter.load(
        segmenter.folder, MultimodalEncoder(start["size"], start["image_size"], start["patch"])
    )
