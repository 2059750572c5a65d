"""Stages that see the truth of a test space: the scores on held-out views, with test-time training and without."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...core.digests import code_digest
from ...core.progress import Advance
from ...core.storage import write_json
from ...envs.house.classes import CLASSES
from ...learners.adaptation.ttt import TTTConfig, refit_decoder, ttt_predict
from ...learners.data.replay_buffer import ReplayBuffer
from ...learners.masked.cross_modal_prediction import retrieve
from ...learners.metrics.miou import segmentation_score
from ..run.evaluation import MIN_SHARE, named
from .house_stages import read_rooms, read_senses, read_views, views_within
from .learning_stages import LabelledSet, read_learner
from .multimodal_stage import is_multimodal, read_multimodal
from .store import Entry, Store
from .transfer_stage import read_segmenter


def score(predicted: NDArray[np.int16], truth: NDArray[np.int16], learnable: Sequence[int]) -> dict[str, Any]:
    """mIoU over the classes that D_t could teach and that are not too rare, pixel accuracy, and each class's IoU."""
    return named(segmentation_score(predicted, truth, len(CLASSES), MIN_SHARE, learnable))


def evaluate(
    store: Store, segmenter: Entry, held_out: Entry, learnable: Sequence[int], state: int, share: float
) -> dict[str, Any]:
    """The score of a segmenter on the held-out views of a house in one of its states, in its ring of this share."""
    settings = {
        "segmenter": segmenter.key, "views": held_out.key, "state": state, "learnable": list(learnable), "share": share,
        "code": code_digest("learners.metrics.miou", "learners.heads.multimodal_segmentation"),
        "min_share": MIN_SHARE,
    }  # fmt: skip

    def make(folder: Path, advance: Advance) -> None:
        (rgb, truth), shown = read_views(held_out, state), views_within(held_out, share)
        if is_multimodal(segmenter):
            senses = {name: values[shown] for name, values in read_senses(held_out, state).items()}
            predicted = read_multimodal(segmenter).predict_all(rgb[shown], senses)
        else:
            predicted = read_segmenter(segmenter).predict(rgb[shown])
        write_json(folder / "score.json", score(predicted, truth[shown], learnable))

    return read_score(store.get("evaluate", "evaluation", settings, make))


def retrieval(store: Store, learner: Entry, held_out: Entry, target: str) -> dict[str, dict[int, float]]:
    """Recall@1, 5 and 10 of "image to depth" and "depth to image" among the held-out views, by what the learner
    predicts of the modality `target` from one alone and from the other alone (Appendix E)."""
    settings = {
        "learner": learner.key, "views": held_out.key, "target": target,
        "code": code_digest("learners.masked.cross_modal_prediction"),
    }  # fmt: skip

    def make(folder: Path, advance: Advance) -> None:
        with np.load(held_out.folder / "views.npz", allow_pickle=False) as stored:
            frames = {name: torch.from_numpy(stored[name][0]) for name in ("rgb", "depth")}
        model = read_learner(learner).model.eval()
        found = retrieve(model, frames, target)
        write_json(folder / "score.json", {"image to depth": found.forth, "depth to image": found.back})

    told = read_score(store.get("retrieval", "retrieval", settings, make))
    return {way: {int(k): share for k, share in recall.items()} for way, recall in told.items()}


def test_time_training(
    store: Store,
    segmenter: Entry,
    learner: Entry,
    held_out: Entry,
    labelled: LabelledSet,
    own: Entry | None,
    config: TTTConfig,
    frames: int,
    seed: int,
) -> dict[str, Any]:
    """Scores of a segmenter on `frames` held-out views, room by room: "before", "alone" (each frame by itself) and
    "online" (reset per room); with each of the last two, its "seconds" a frame.

    The learner's decoder is fitted first to the encoder that transfer has moved, on unlabelled frames: of D_t, and
    half of them of the collection `own` where there is one.
    """
    settings = {
        "segmenter": segmenter.key, "learner": learner.key, "views": held_out.key, "labelled": labelled.key,
        "own": own.key if own else None, "config": asdict(config), "frames": frames, "seed": seed,
        "code": code_digest("learners.adaptation.ttt", "learners.metrics.miou"), "min_share": MIN_SHARE,
    }  # fmt: skip

    def make(folder: Path, advance: Advance) -> None:
        rgb, truth = read_views(held_out)
        rooms = read_rooms(held_out)[:frames]
        order = np.argsort(rooms, kind="stable")
        shown, true, rooms = rgb[order], truth[order], rooms[order]
        network, generator = read_segmenter(segmenter), torch.Generator().manual_seed(seed)
        buffer = ReplayBuffer.reader(own.folder / "buffer", seed) if own else None
        external = torch.from_numpy(labelled.frames.rgb)

        def sample(n: int) -> Tensor:
            lived = n // 2 if buffer is not None else 0
            drawn = external[torch.randint(len(external), (n - lived,), generator=generator)]
            return drawn if buffer is None else torch.cat([buffer.sample(lived)["rgb"], drawn])

        model = refit_decoder(
            read_learner(learner).model, network.encoder, sample, config, seed,
            lambda done, total, loss: advance(done, total, f"decoder, loss {loss:.2f}"),
        )  # fmt: skip
        told = {"before": score(network.predict(shown), true, labelled.frames.classes())}
        for name, together in (("alone", None), ("online", rooms.tolist())):
            result = ttt_predict(network, model, shown, config, seed, advance, together)
            told[name] = score(result.semantic, true, labelled.frames.classes())
            told[name]["seconds"] = result.seconds_per_frame
        write_json(folder / "score.json", told)

    return read_score(store.get("ttt", "test-time training", settings, make))


def read_score(entry: Entry) -> dict[str, Any]:
    """The score that a stage has left."""
    found: dict[str, Any] = json.loads((entry.folder / "score.json").read_text())
    return found
