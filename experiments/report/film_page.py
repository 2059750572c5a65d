"""One picture of a film: a row of views, below it the map with its classes, and the curves.

    page = FilmPage("generated house 7", ["camera", "depth", "generalist", "specialist"], (128, 128))
    picture = page.draw(views, "frame 1,200 of 4,000", below_left, below_right)

Everything is drawn by OpenCV on a dark ground, in RGB.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ...envs.house.classes import CLASSES, class_colours
from .drawings import Image

WIDTH, HEIGHT = 960, 540
"""Pixels of a picture."""
EDGE, GAP, HEAD, LINE = 14, 10, 44, 24
"""Pixels around everything, between views, of the heading, and of a line of text."""
PAPER, CARD, FAINT, SOFT, INK = (17, 19, 22), (27, 30, 34), (58, 63, 69), (160, 167, 174), (238, 238, 234)
MAP_SHARE = 0.56
"""Share of the width that the map has."""
LEGEND = 132
"""Pixels of the map's legend, across."""
Colour = tuple[int, int, int]
_FONT = cv2.FONT_HERSHEY_SIMPLEX


class Curve(NamedTuple):
    """A line of the chart."""

    name: str
    colour: Colour
    x: Sequence[float]
    y: Sequence[float]
    """Percent."""
    dots: bool = False


class FilmPage:
    """The places on a picture, which are the same for a whole film."""

    def __init__(self, title: str, names: Sequence[str], size: tuple[int, int]) -> None:
        """names: of the views, left to right. size: width and height of a view in pixels, whose shape is kept."""
        self.title, self.names = title, tuple(names)
        each = (WIDTH - 2 * EDGE - GAP * (len(names) - 1)) // len(names)
        high = min(round(each * size[1] / size[0]), HEIGHT // 2 - HEAD)
        self.view = (round(high * size[0] / size[1]), high)
        """Width and height of a view on the picture."""
        self._step = each + GAP
        self._below = HEAD + LINE + high + GAP
        self._split = EDGE + round((WIDTH - 2 * EDGE) * MAP_SHARE)
        low = HEIGHT - EDGE - self._below
        self.map_size = (self._split - EDGE - LEGEND - GAP, low)
        """Width and height for the map."""
        self.chart_size = (WIDTH - EDGE - self._split - GAP, low)
        """Width and height for the chart."""

    def draw(self, views: Sequence[Image], says: str, from_above: Image, classes: Sequence[int], chart: Image) -> Image:
        """RGB (HEIGHT, WIDTH, 3): views in the order of their names, a line at the upper right, the map (of
        `map_size`) with the names of these classes beside it, and the chart (of `chart_size`)."""
        page = np.full((HEIGHT, WIDTH, 3), PAPER, np.uint8)
        write(page, self.title, (EDGE, 29), 0.62, INK)
        write(page, says, (WIDTH - EDGE, 29), 0.5, SOFT, right=True)
        for number, (name, view) in enumerate(zip(self.names, views, strict=True)):
            left, top = EDGE + number * self._step, HEAD + LINE
            write(page, name, (left, top - 8), 0.44, SOFT)
            paste(page, fitted(view, self.view), left, top)
        top = self._below
        paste(page, from_above, EDGE, top)
        for row, number in enumerate(classes[: (HEIGHT - EDGE - top) // 20]):
            y, left = top + 20 * row, self._split - LEGEND
            cv2.rectangle(page, (left, y + 3), (left + 12, y + 15), class_colours()[number].tolist(), -1)
            write(page, CLASSES[number], (left + 19, y + 14), 0.4, SOFT)
        paste(page, chart, self._split + GAP, top)
        return page


def write(image: Image, text: str, at: tuple[int, int], size: float, colour: Colour, right: bool = False) -> None:
    """Text whose baseline begins at (x, y), or ends there."""
    x, y = at
    if right:
        x -= cv2.getTextSize(text, _FONT, size, 1)[0][0]
    cv2.putText(image, text, (x, y), _FONT, size, colour, 1, cv2.LINE_AA)


def paste(image: Image, part: Image, left: int, top: int) -> None:
    """Put a picture onto another one."""
    image[top : top + part.shape[0], left : left + part.shape[1]] = part


def fitted(image: Image, size: tuple[int, int]) -> Image:
    """The picture in this width and height: pixels stay sharp where it grows by much."""
    grows = size[0] / image.shape[1]
    how = cv2.INTER_AREA if grows < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)


def draw_chart(curves: Sequence[Curve], size: tuple[int, int], x_high: float, x_name: str) -> Image:
    """A chart in percent, RGB of this width and height: each curve's name and last value stand above it."""
    width, height = size
    page = np.full((height, width, 3), PAPER, np.uint8)
    left, right, top, bottom = 34, width - 8, 44, height - 22

    def at(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        across = left + np.clip(x / max(x_high, 1e-9), 0, 1) * (right - left)
        return np.stack([across, bottom - np.clip(y / 100, 0, 1) * (bottom - top)], -1)

    for value in (0, 25, 50, 75, 100):
        y = int(at(np.zeros(1), np.array([float(value)]))[0, 1])
        cv2.line(page, (left, y), (right, y), FAINT, 1)
        write(page, f"{value}%", (left - 5, y + 4), 0.34, SOFT, right=True)
    write(page, x_name, (right, height - 6), 0.36, SOFT, right=True)
    x, y = left, 14
    for curve in curves:
        if not len(curve.x):
            continue
        points = at(np.asarray(curve.x, np.float64), np.asarray(curve.y, np.float64))
        fine = np.round(points * 16).astype(np.int32)
        cv2.polylines(page, [fine], False, curve.colour, 2, cv2.LINE_AA, 4)
        for point in fine if curve.dots else fine[-1:]:
            cv2.circle(page, tuple(point.tolist()), 16 * 4, curve.colour, -1, cv2.LINE_AA, 4)
        label = f"{curve.name} {curve.y[-1]:.0f}%"
        across = cv2.getTextSize(label, _FONT, 0.4, 1)[0][0]
        if x + across > right:
            x, y = left, y + 18
        write(page, label, (x, y), 0.4, curve.colour)
        x += across + 16
    return page
