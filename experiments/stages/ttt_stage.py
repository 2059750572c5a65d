"""The stage of test-time training on held-out views. It sees the truth of the test space, to score by it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ...core.progress import Advance
from ...core.storage import write_json
from ...learners.adaptation.ttt_config import TTTConfig
from ...learners.data.replay_buffer import ReplayBuffer
from ...learners.nn.device import find_device
from ..protocol.score import ttt_scores, unlabelled_rgb
from .evaluate_stage import read_score
from .labelled_set import LabelledSet
from .pretrain_stage import read_learner
from .store import Entry, Store
from .transfer_stage import read_segmenter
from .truth import read_rooms, read_views


def ttt(
    store: Store,
    segmenter: Entry,
    learner: Entry,
    held_out: Entry,
    labelled: LabelledSet,
    own: Entry | None,
    config: TTTConfig,
    views: int,
    seed: int,
) -> dict[str, Any]:
    """Scores of a segmenter on the first `views` held-out views, room by room: "before", "alone" (each view by itself)
    and "online" (reset in each room); with each of the last two, its "seconds" a view.

    The learner's decoder is first fitted to the transferred encoder on unlabelled frames: of D_t, and half of them of
    the collection `own` where there is one.
    """
    settings = {
        "segmenter": segmenter.key, "learner": learner.key, "views": held_out.key, "labelled": labelled.key,
        "own": own.key if own else None, "config": asdict(config), "frames": views, "seed": seed,
    }  # fmt: skip

    def make(folder: Path, advance: Advance) -> None:
        rgb, truth = read_views(held_out)
        rooms = read_rooms(held_out)[:views]
        order = np.argsort(rooms, kind="stable")
        buffer = ReplayBuffer.reader(own.folder / "buffer", seed) if own else None
        network = read_segmenter(segmenter).to(find_device(store.device))
        found = ttt_scores(
            network, read_learner(learner).model, rgb[order], truth[order], rooms[order],
            labelled.frames.classes(), unlabelled_rgb(buffer, labelled.frames.rgb, seed), config, seed, advance,
        )  # fmt: skip
        assert found.online is not None  # a house has rooms
        scores = {"before": found.before, "alone": found.alone, "online": found.online}
        scores["alone"]["seconds"] = found.result.seconds_per_frame
        scores["online"]["seconds"] = found.seconds_online
        write_json(folder / "score.json", scores)

    return read_score(store.get("ttt", settings, make, title="test-time training"))
