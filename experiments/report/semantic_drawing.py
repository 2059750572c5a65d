"""The fused semantic map from above: what each place is taken for, and where that is in doubt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...envs.house.classes import CLASS_ID, class_colours
from ..rundir.semantic_file import StoredMap
from .report_figures import map_svg, png, room_outlines

CUT = 2.0
"""Metres above the floor from which on everything is cut away."""
CEILING_FROM = 1.2
"""Metres above the floor from which on a cell that is taken for ceiling is cut away too."""
GAP = 1.5
"""Cells over which `without_gaps` fills: far away, rays leave cells out."""
MARGIN = 0.3
"""Metres around the map."""
DOUBTS = ((0.0, (214, 226, 235)), (0.25, (242, 200, 98)), (0.5, (214, 96, 46)), (0.75, (128, 20, 60)))
"""Colours (sRGB) of doubt, between which others are mixed; more than the last is drawn as the last."""


class FromAbove(NamedTuple):
    """The highest cell of each column that is not cut away."""

    classes: NDArray[np.int16]
    """Class ids (rows along z, columns along x); 0 where there is no cell."""
    doubt: NDArray[np.float32]
    """Doubt (rows, columns), 0 to 1."""
    low: NDArray[np.float64]
    """x and z of the first corner, in metres."""
    cell: float
    """Side of a cell, in metres."""


def below_the_ceiling(stored: StoredMap) -> NDArray[np.bool_]:
    """Which cells (P,) an onlooker above the house should see: no ceiling, and nothing near it."""
    height = stored.centres[:, 1]
    return (height < CUT) & ((stored.classes != CLASS_ID["Ceiling"]) | (height < CEILING_FROM))


def from_above(stored: StoredMap) -> FromAbove | None:
    """The map seen from above without its ceilings; None where nothing is left."""
    keep = np.flatnonzero(below_the_ceiling(stored))
    if not len(keep):
        return None
    # the highest of a column is written last; of the sides of one voxel, the one that was seen most
    keep = keep[np.lexsort((stored.evidence[keep], stored.centres[keep, 1]))]
    across = np.floor(stored.centres[keep][:, [0, 2]].astype(np.float64) / stored.cell).astype(np.int64)
    first = across.min(0)
    columns, rows = across.max(0) - first + 1
    x, z = (across - first).T
    classes, doubt = np.zeros((rows, columns), np.int16), np.zeros((rows, columns), np.float32)
    classes[z, x], doubt[z, x] = stored.classes[keep], stored.doubt[keep]
    return FromAbove(classes, doubt, first * stored.cell, stored.cell)


def without_gaps(view: FromAbove) -> FromAbove:
    """The view with the class of the nearest cell where there is none, up to GAP cells away."""
    empty = view.classes == 0
    if empty.all():
        return view
    away, (rows, columns) = ndimage.distance_transform_edt(empty, return_indices=True)
    near = away <= GAP
    return view._replace(classes=np.where(near, view.classes[rows, columns], 0).astype(np.int16))


def doubt_colours(doubt: NDArray[np.floating]) -> NDArray[np.uint8]:
    """RGB (..., 3) of doubts (...): pale where all views agree, dark red where hardly any do."""
    at = [value for value, _ in DOUBTS]
    channels = [np.interp(doubt, at, [colour[k] for _, colour in DOUBTS]) for k in range(3)]
    return np.round(np.stack(channels, -1)).astype(np.uint8)


def draw_from_above(view: FromAbove, plan: Mapping[str, NDArray[Any]], what: str) -> str:
    """The view as SVG with the outlines of the rooms, where `plan` (map.npz, see `report.report`) has them.

    what: "classes" or "doubt".
    """
    colours = class_colours()[view.classes] if what == "classes" else doubt_colours(view.doubt)
    image = np.concatenate([colours, np.where(view.classes > 0, 255, 0)[..., None].astype(np.uint8)], -1)
    rows, columns = view.classes.shape
    low, high = view.low, view.low + view.cell * np.array([columns, rows])
    outlines = []
    if "room_points" in plan and len(plan["room_points"]):
        low, high = np.minimum(low, plan["room_points"].min(0)), np.maximum(high, plan["room_points"].max(0))
        outlines = room_outlines(plan, low - MARGIN)
    size = high - low + 2 * MARGIN
    x, z = view.low - low + MARGIN
    name = {"classes": "what the house is taken for, from above", "doubt": "where that is in doubt, from above"}[what]
    drawn = (
        f'<image href="{png(image)}" x="{x:.3f}" y="{z:.3f}" width="{columns * view.cell:.3f}" '
        f'height="{rows * view.cell:.3f}" preserveAspectRatio="none"/>{"".join(outlines)}'
    )
    return map_svg(drawn, size, name)
