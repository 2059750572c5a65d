"""Poses of a robot's frame in the world, from the transforms between its frames (ROS's tf)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..conventions import from_quaternions, invert
from .phones import nearest_rows

NEAR = 0.1
"""Seconds around a sample of a moving transform within which it is valid; between two samples it is interpolated."""

FAR = 1e7
"""Largest valid coordinate, in metres."""


def check(value: NDArray[np.float64]) -> None:
    """ValueError if a transform (7,) is not finite, or beyond FAR."""
    if not (np.abs(value) < FAR).all():
        raise ValueError(f"not a transform: {value.tolist()}")


@dataclass
class _Edge:
    parent: str
    static: bool
    times: list[float] = field(default_factory=list)
    values: list[NDArray[np.float64]] = field(default_factory=list)
    """(7,): x, y, z, qx, qy, qz, qw of the child in the parent."""


class Transforms:
    """Transforms from child to parent frames, at times."""

    def __init__(self) -> None:
        self._edges: dict[str, _Edge] = {}
        self.fallback: list[tuple[float, NDArray[np.float64]]] = []
        """Poses of the requested frame, where nothing moves above it."""

    def add(self, parent: str, child: str, time: float, value: NDArray[np.float64], static: bool) -> None:
        """One transform; the first parent of a child counts. ValueError for one that is not finite, or beyond FAR."""
        check(value)
        edge = self._edges.setdefault(child, _Edge(parent, static))
        if edge.parent == parent:
            edge.times.append(time)
            edge.values.append(value)

    def poses(self, frame: str, times: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Matrices (N, 4, 4) of a frame in its root frame, NaN if unknown; None if no transform above it
        moves."""
        composed, moving, seen = np.tile(np.eye(4), (len(times), 1, 1)), False, set[str]()
        while frame in self._edges and frame not in seen:
            seen.add(frame)
            edge = self._edges[frame]
            composed = _at(edge, times) @ composed
            moving |= not edge.static
            frame = edge.parent
        if moving:
            return composed
        if not self.fallback:
            return None
        edge = _Edge("", False, [time for time, _ in self.fallback], [value for _, value in self.fallback])
        return _at(edge, times)

    def between(self, to: str, origin: str) -> NDArray[np.float64] | None:
        """Matrix (4, 4) from the axes of frame `origin` to those of `to`; None where no transforms that never move
        join them."""
        ways = [self._fixed(to), self._fixed(origin)]
        common = next((frame for frame in ways[0] if frame in ways[1]), None)
        if common is None:
            return None
        matrix = invert(ways[0][common][None])[0] @ ways[1][common]
        return matrix if np.isfinite(matrix).all() else None

    def _fixed(self, frame: str) -> dict[str, NDArray[np.float64]]:
        """The frame and those above it up to the first that moves: matrices (4, 4) from it to each."""
        composed, ways = np.eye(4), dict[str, NDArray[np.float64]]()
        while frame not in ways:
            ways[frame] = composed
            edge = self._edges.get(frame)
            if edge is None or not edge.static:
                break
            composed, frame = _at(edge, np.zeros(1))[0] @ composed, edge.parent
        return ways


def _at(edge: _Edge, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Matrices (N, 4, 4) of an edge at some times: positions are interpolated linearly, rotations along the shortest
    path."""
    values = np.array(edge.values)
    if edge.static:
        return np.tile(from_quaternions(values[-1:, :3], values[-1:, 3:]), (len(times), 1, 1))
    order = np.argsort(edge.times, kind="stable")
    known, values = np.array(edge.times)[order], values[order]
    after = np.clip(np.searchsorted(known, times), 1, max(1, len(known) - 1))
    after = np.minimum(after, len(known) - 1)
    before = np.maximum(after - 1, 0)
    span = known[after] - known[before]
    share = np.clip(np.where(span > 0, (times - known[before]) / np.where(span > 0, span, 1), 0), 0, 1)[:, None]
    first, second = values[before], values[after]
    # Normalised linear interpolation of nearby quaternions, where q and -q are the same rotation.
    sign = np.where((first[:, 3:] * second[:, 3:]).sum(1, keepdims=True) < 0, -1.0, 1.0)
    second = np.concatenate([second[:, :3], sign * second[:, 3:]], axis=1)
    between = (1 - share) * first + share * second
    out = from_quaternions(between[:, :3], between[:, 3:])
    out[~nearest_rows(times, known, NEAR)[1]] = np.nan
    return out
