"""The card of a run's model: house, frames, numbers and the licence of what was seen, from its summary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from testspace.core.errors import UserError
from testspace.experiments.rundir.model_card import run_card


def finished(folder: Path, **changes: Any) -> Path:
    """A run's folder with what a card needs of its summary."""
    scores = {"scratch": {"miou": 0.25, "pixel_accuracy": 0.5}, "specialist": {"miou": 0.375, "pixel_accuracy": 0.75}}
    summary = {"house": "/data/flat.json", "sim": "raycast", "policy": "frontier", "preset": "nano", "seed": 3}
    summary |= {"frames": 4000, "segmentation": scores, **changes}
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder


def test_the_card_tells_what_the_summary_tells(tmp_path: Path) -> None:
    card = run_card(finished(tmp_path))
    assert card["house"] == "flat.json (raycast, policy frontier, preset nano, seed 3)"
    assert card["frames"] == 4000
    assert card["numbers"] == {
        "specialist: mIoU": 0.375, "specialist: pixel accuracy": 0.75,
        "scratch: mIoU": 0.25, "scratch: pixel accuracy": 0.5,
    }  # fmt: skip
    assert [*run_card(tmp_path, "scratch")["numbers"]] == ["scratch: mIoU", "scratch: pixel accuracy"]


@pytest.mark.parametrize(
    ("sim", "house", "said"),
    [
        ("raycast", "seed 7", "Apache-2.0"),
        ("raycast", "houses.jsonl.gz:12", "Apache-2.0"),
        ("raycast", "room.glb", "room.glb's own"),
        ("thor", "procthor-10k:train/17", "AI2-THOR"),
        ("habitat", "/data/room.glb", "room.glb's own"),
        ("recording", "office", "office's own"),
    ],
)
def test_the_licence_is_that_of_what_was_seen(tmp_path: Path, sim: str, house: str, said: str) -> None:
    card = run_card(finished(tmp_path, sim=sim, house=house))
    assert said in card["assets"]
    assert "/data" not in str(card)


def test_a_place_without_labels_has_no_numbers(tmp_path: Path) -> None:
    assert run_card(finished(tmp_path, segmentation={}))["numbers"] == {}


def test_what_is_no_finished_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no finished run"):
        run_card(tmp_path)
    with pytest.raises(UserError, match="with a generalist"):
        run_card(finished(tmp_path), "generalist")
