"""The map of a film: the house from above in class colours, where the agent has been, and where it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .drawings import Image
from .film_page import CARD, PAPER

MARGIN = 0.25
"""Metres around the house."""
FINE = 2
"""Drawn so many times larger, for smooth lines."""
LONGEST_STEP = 1.0
"""Metres from which on two places are not joined: the agent was moved."""
WALL, PATH, AGENT, SIGHT = (150, 157, 164), (255, 255, 255), (255, 196, 60), (255, 196, 60)


class FilmMap:
    """A frame of metres, drawn into pixels."""

    def __init__(
        self, low: NDArray[np.floating], high: NDArray[np.floating], rooms: Sequence[NDArray[np.floating]],
        size: tuple[int, int],
    ) -> None:  # fmt: skip
        """low, high: corners (x, z) of what is shown, in metres. rooms: outlines (K, 2). size: width and height in
        pixels."""
        self.size, self.rooms = size, [np.asarray(room, np.float64) for room in rooms]
        low, high = np.asarray(low, np.float64) - MARGIN, np.asarray(high, np.float64) + MARGIN
        pixels = np.array(size, np.float64) * FINE
        self._scale = float((pixels / (high - low)).min())
        self._low = low - (pixels / self._scale - (high - low)) / 2

    @classmethod
    def of_plan(cls, plan: Mapping[str, NDArray[Any]], extent: NDArray[np.floating], size: tuple[int, int]) -> FilmMap:
        """Of what a run stored as map.npz (see `report.report`); extent: (2, 2), corners of the map that is drawn."""
        points = np.asarray(plan["room_points"], np.float64)
        rooms = [points[a:b] for a, b in pairwise(plan["room_starts"])]
        corners = np.concatenate([points, extent])
        return cls(corners.min(0), corners.max(0), rooms, size)

    def draw(
        self,
        colours: Image,
        shown: NDArray[np.bool_],
        corner: NDArray[np.floating],
        cell: float,
        path: NDArray[np.floating],
        yaw: float,
    ) -> Image:
        """RGB of the map's size.

        colours: (rows along z, columns along x, 3), of cells of `cell` metres of which the first has this corner (x,
        z); only the `shown` ones. path: (T, 2) places so far, in metres. yaw: where the agent looks, in degrees.
        """
        page = np.full((self.size[1] * FINE, self.size[0] * FINE, 3), CARD, np.uint8)
        for room in self.rooms:
            cv2.fillPoly(page, [self._pixels(room)], PAPER, cv2.LINE_AA)
        self._cells(page, colours, shown, corner, cell)
        for room in self.rooms:
            cv2.polylines(page, [self._pixels(room)], True, WALL, 2 * FINE, cv2.LINE_AA)
        if len(path):
            self._path(page, np.asarray(path, np.float64), yaw)
        return np.asarray(cv2.resize(page, self.size, interpolation=cv2.INTER_AREA), np.uint8)

    def _cells(
        self, page: Image, colours: Image, shown: NDArray[np.bool_], corner: NDArray[np.floating], cell: float
    ) -> None:
        rows, columns = shown.shape
        left, top = self._pixels(np.asarray(corner, np.float64)[None])[0]
        right, bottom = self._pixels(np.asarray(corner, np.float64)[None] + cell * np.array([columns, rows]))[0]
        size = (int(right - left), int(bottom - top))
        large = np.asarray(cv2.resize(colours, size, interpolation=cv2.INTER_NEAREST), np.uint8)
        mask = np.asarray(cv2.resize(shown.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)) > 0
        y0, x0 = max(0, -top), max(0, -left)  # what lies outside is cut off
        part = page[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
        height, width = part.shape[:2]
        inside = mask[y0 : y0 + height, x0 : x0 + width]
        part[inside] = large[y0 : y0 + height, x0 : x0 + width][inside]

    def _path(self, page: Image, path: NDArray[np.float64], yaw: float) -> None:
        breaks = np.flatnonzero(np.hypot(*np.diff(path, axis=0).T) > LONGEST_STEP) + 1
        for part in np.split(path, breaks):
            cv2.polylines(page, [self._pixels(part)], False, PATH, FINE, cv2.LINE_AA)
        turned = np.radians(yaw + np.linspace(-40, 40, 9))
        wedge = path[-1] + 1.2 * np.stack([np.sin(turned), -np.cos(turned)], -1)
        sight = page.copy()
        cv2.fillPoly(sight, [self._pixels(np.concatenate([path[-1:], wedge]))], SIGHT, cv2.LINE_AA)
        page[:] = cv2.addWeighted(sight, 0.45, page, 0.55, 0)
        cv2.circle(page, tuple(self._pixels(path[-1:])[0].tolist()), 5 * FINE, AGENT, -1, cv2.LINE_AA)

    def _pixels(self, points: NDArray[np.float64]) -> NDArray[np.int32]:
        return np.round((points - self._low) * self._scale).astype(np.int32)
