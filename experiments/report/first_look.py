"""The first look: a sheet of held-out views with what a network takes them for, before it learns in the house."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ...core.storage import replacing
from ...envs.house.classes import CLASSES, class_colours
from .drawings import Image

SIDE = 256
"""Pixels of a view's shorter side on the sheet, at least."""
GAP, HEAD, LINE = 8, 30, 26
"""Pixels between views, of the line above them, and of a line of the legend."""
LEAST = 0.0007
"""Share of all pixels from which on a class is in the legend."""
_FONT, _SIZE, _INK, _PAPER = cv2.FONT_HERSHEY_SIMPLEX, 0.55, (29, 31, 33), 252


def write_first_look(
    file: Path,
    rgb: NDArray[np.uint8],
    predictions: Mapping[str, NDArray[np.int16]],
    truth: NDArray[np.int16] | None,
) -> None:
    """Write the sheet of `draw_first_look` as a PNG, whole or not at all."""
    sheet = draw_first_look(rgb, predictions, truth)
    written, data = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    assert written
    with replacing(file) as unfinished:
        unfinished.write_bytes(data.tobytes())


def draw_first_look(
    rgb: NDArray[np.uint8], predictions: Mapping[str, NDArray[np.int16]], truth: NDArray[np.int16] | None
) -> Image:
    """A sheet with a row for each view rgb (N, H, W, 3): the view, each prediction (N, H, W) by name, and the truth
    (N, H, W) where there is one; below them a legend of the classes. Predictions say which share of the pixels with a
    true class is right."""
    labels = {**predictions, **({} if truth is None else {"truth": truth})}
    times = max(1, -(-SIDE // min(rgb.shape[1:3])))
    height, width = rgb.shape[1] * times, rgb.shape[2] * times
    columns = 1 + len(labels)
    across = GAP + columns * (width + GAP)
    sheet = np.full((len(rgb) * (HEAD + height), across, 3), _PAPER, np.uint8)
    palette = class_colours()
    for row in range(len(rgb)):
        top = row * (HEAD + height)
        pictures = [("camera", rgb[row])]
        for name, classes in labels.items():
            right = "" if truth is None or classes is truth else _right(classes[row], truth[row])
            pictures.append((name + right, palette[classes[row]]))
        for column, (name, picture) in enumerate(pictures):
            left = GAP + column * (width + GAP)
            cv2.putText(sheet, name, (left, top + HEAD - 9), _FONT, _SIZE, _INK, 1, cv2.LINE_AA)
            large = picture.repeat(times, 0).repeat(times, 1)
            sheet[top + HEAD : top + HEAD + height, left : left + width] = large
    return np.concatenate([sheet, _legend(list(labels.values()), across)])


def _right(classes: NDArray[np.int16], truth: NDArray[np.int16]) -> str:
    known = truth > 0
    return f": {np.mean(classes[known] == truth[known]):.0%} right" if known.any() else ""


def _legend(labels: list[NDArray[np.int16]], across: int) -> Image:
    """The classes of these labels, the most frequent first, in lines of `across` pixels."""
    counts = np.bincount(np.concatenate([one.ravel() for one in labels]), minlength=len(CLASSES))
    order = [c for c in np.argsort(-counts, kind="stable") if c and counts[c] >= LEAST * counts.sum()]
    cell = 190
    per_line = max(1, (across - GAP) // cell)
    sheet = np.full(((-(-len(order) // per_line)) * LINE + 2 * GAP, across, 3), _PAPER, np.uint8)
    for number, c in enumerate(order):
        left, top = GAP + number % per_line * cell, GAP + number // per_line * LINE
        cv2.rectangle(sheet, (left, top + 4), (left + 18, top + LINE - 6), class_colours()[c].tolist(), -1)
        cv2.putText(sheet, CLASSES[c], (left + 26, top + LINE - 9), _FONT, _SIZE, _INK, 1, cv2.LINE_AA)
    return sheet
