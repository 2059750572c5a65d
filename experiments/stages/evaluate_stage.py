"""The stage of evaluation: a segmenter's score on held-out views. It sees the truth of the test space."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...core.progress import Advance
from ...core.storage import write_json
from ...learners.nn.device import find_device
from ..protocol.score import score
from .held_out_poses import views_within
from .multimodal_stage import is_multimodal, read_multimodal
from .store import Entry, Store
from .transfer_stage import read_segmenter
from .truth import read_sensors, read_views


def evaluate(
    store: Store, segmenter: Entry, held_out: Entry, learnable: Sequence[int], state: int, share: float
) -> dict[str, Any]:
    """The score of a segmenter on the held-out views of a house in one of its states, in its ring of this share."""
    settings = {
        "segmenter": segmenter.key, "views": held_out.key, "state": state, "learnable": list(learnable), "share": share,
    }  # fmt: skip

    def make(folder: Path, advance: Advance) -> None:
        device = find_device(store.device)
        (rgb, truth), chosen = read_views(held_out, state), views_within(held_out, share)
        if is_multimodal(segmenter):
            sensors = {name: values[chosen] for name, values in read_sensors(held_out, state).items()}
            predicted = read_multimodal(segmenter).to(device).predict_all(rgb[chosen], sensors)
        else:
            predicted = read_segmenter(segmenter).to(device).predict(rgb[chosen])
        write_json(folder / "score.json", score(predicted, truth[chosen], learnable))

    return read_score(store.get("evaluate", settings, make, title="evaluation"))


def read_score(entry: Entry) -> dict[str, Any]:
    """The score that a stage has left."""
    found: dict[str, Any] = json.loads((entry.folder / "score.json").read_text())
    return found
