"""The first look: each view beside its predictions, pixel by pixel, and a legend of the classes there are."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from testspace.envs.house.classes import CLASS_ID, class_colours
from testspace.experiments.report.first_look import GAP, HEAD, draw_first_look, write_first_look

WALL, BED = CLASS_ID["Wall"], CLASS_ID["Bed"]


def test_views_predictions_and_truth_stand_in_a_row(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (2, 128, 128, 3)).astype(np.uint8)
    predicted, truth = (rng.choice([WALL, BED], (2, 128, 128)).astype(np.int16) for _ in range(2))
    sheet = draw_first_look(rgb, {"generalist": predicted}, truth)
    assert sheet.shape[1] == 4 * GAP + 3 * 256
    for row in range(2):
        top = row * (HEAD + 256) + HEAD
        for column, picture in enumerate((rgb[row], class_colours()[predicted[row]], class_colours()[truth[row]])):
            left = GAP + column * (256 + GAP)
            assert np.array_equal(sheet[top : top + 256 : 2, left : left + 256 : 2], picture)
    legend = sheet[2 * (HEAD + 256) :].reshape(-1, 3)
    there = {tuple(colour) for colour in np.unique(legend, axis=0).tolist()}
    assert {tuple(class_colours()[c].tolist()) for c in (WALL, BED)} <= there
    write_first_look(tmp_path / "look.png", rgb, {"generalist": predicted}, truth)
    stored = cv2.imread(str(tmp_path / "look.png"))
    assert stored is not None
    assert np.array_equal(stored[..., ::-1], sheet)


def test_without_truth_and_with_small_views_it_is_readable_too() -> None:
    sheet = draw_first_look(np.zeros((1, 24, 32, 3), np.uint8), {"scratch": np.zeros((1, 24, 32), np.int16)}, None)
    assert sheet.shape[1] == 3 * GAP + 2 * 32 * 11  # 24 pixels become 264
