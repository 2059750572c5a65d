"""Figures of a report: line charts and the map as SVG, images as embedded PNG."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 460.0, 230.0, 40.0, 28.0, 12.0, 12.0


@dataclass(frozen=True)
class Series:
    """A line of a chart."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    colour: str = "var(--specialist)"
    dashed: bool = False
    dots: bool = False


def png(image: NDArray[np.uint8]) -> str:
    """A data URI of an RGB (H, W, 3) or RGBA (H, W, 4) image."""
    code = cv2.COLOR_RGBA2BGRA if image.shape[-1] == 4 else cv2.COLOR_RGB2BGR
    ok, data = cv2.imencode(".png", cv2.cvtColor(np.ascontiguousarray(image), code))
    if not ok:
        raise ValueError(f"an image of shape {image.shape} cannot be written as PNG")
    return "data:image/png;base64," + base64.b64encode(data.tobytes()).decode()


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About `count` round numbers from `low` to `high`, with a step of 1, 2 or 5 times a power of ten."""
    span = max(high - low, 1e-12)
    step = 10.0 ** np.floor(np.log10(span / count))
    step *= min((1, 2, 5, 10), key=lambda m: abs(span / (m * step) - count))
    first, last = np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9)
    return [float(round(k * step, 12)) + 0.0 for k in np.arange(first, last + 1)]  # + 0.0: no minus before zero


def chart(
    title: str,
    x_name: str,
    series: Sequence[Series],
    *,
    unit: str = "",
    y_from: float | None = None,
    marks: Sequence[tuple[float, str]] = (),
) -> str:
    """A line chart as an HTML figure. Non-finite points are omitted; the y axis starts at `y_from` or lower.

    `marks` are vertical lines at an x, each with a label.
    """
    lines = [(line, *_finite(line)) for line in series]
    lines = [entry for entry in lines if len(entry[1])]
    if not lines:
        return ""
    x_high = max(float(x.max()) for _, x, _ in lines) or 1.0
    low, high = min(float(y.min()) for _, _, y in lines), max(float(y.max()) for _, _, y in lines)
    low, high = _rounded(low if y_from is None else min(y_from, low), high)

    def at(x: float, y: float) -> tuple[float, float]:
        across = LEFT + x / x_high * (WIDTH - LEFT - RIGHT)
        return across, TOP + (high - y) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = ['<g class="grid">']
    for value in ticks(low, high):
        y = at(0, value)[1]
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="axis" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}{unit}</text>')
    for value in ticks(0, x_high):
        label = f'<text class="axis" x="{at(value, 0)[0]:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">'
        parts.append(f"{label}{value:,.0f}</text>")
    for value, label in marks:
        x = at(value, 0)[0]
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke-dasharray="2 3"/>')
        parts.append(f'<text x="{x + 4:.1f}" y="{TOP + 10}">{escape(label)}</text>')
    parts.append("</g>")
    for line, xs, ys in lines:
        points = [at(float(x), float(y)) for x, y in zip(xs, ys, strict=True)]
        dash = ' stroke-dasharray="5 4"' if line.dashed else ""
        coordinates = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(
            f'<polyline points="{coordinates}" fill="none" style="stroke:{line.colour}" stroke-width="2" '
            f'stroke-linejoin="round"{dash}/>'
        )
        if line.dots:
            for (x, y), frame, value in zip(points, xs, ys, strict=True):
                label = f"{line.name}: {value:.3g}{unit} at {frame:,.0f} {x_name}"
                parts.append(_dot(f"{x:.1f}", f"{y:.1f}", 3.6, line.colour, label))
    legend = "".join(
        f'<span><i style="background:{line.colour}"></i>{escape(line.name)} <small>{ys[-1]:.3g}{unit}</small></span>'
        for line, _, ys in lines
    )
    return (
        f'<figure><b>{escape(title)}</b><div class="keys">{legend}</div>'
        f'<svg viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
        f'<figcaption style="text-align:right">{escape(x_name)}</figcaption></figure>'
    )


def _dot(x: str, y: str, radius: float, colour: str, label: str) -> str:
    return f'<circle cx="{x}" cy="{y}" r="{radius}" style="fill:{colour}"><title>{escape(label)}</title></circle>'


def _finite(line: Series) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = np.asarray(line.x, np.float64), np.asarray(line.y, np.float64)
    finite = np.isfinite(x) & np.isfinite(y)
    return x[finite], y[finite]


def _rounded(low: float, high: float) -> tuple[float, float]:
    """Bounds at ticks, with a positive range."""
    if high - low < 1e-9:
        low, high = low - 0.5 * max(abs(low), 1e-3), high + 0.5 * max(abs(high), 1e-3)
    marks = ticks(low, high)
    step = marks[1] - marks[0] if len(marks) > 1 else high - low
    return float(np.floor(low / step + 1e-9) * step), float(np.ceil(high / step - 1e-9) * step)


def draw_depth(depth: NDArray[np.float32], far: float) -> NDArray[np.uint8]:
    """Depth in metres (..., H, W) as RGB: bright for near, dark blue for `far`, black for no return."""
    near = 255 * (1 - np.clip(depth / max(far, 1e-6), 0, 1))
    flat = cv2.applyColorMap(near.astype(np.uint8).reshape(-1, 1), cv2.COLORMAP_VIRIDIS)
    colour = flat.reshape(*depth.shape, 3)[..., ::-1]
    return np.where(depth[..., None] > 0, colour, 0).astype(np.uint8)


def draw_normals(normals: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Unit normals (..., 3) as RGB, each axis mapped from -1..1 to 0..255; black for no return."""
    colour = np.round((normals + 1) * 127.5)
    return np.where(np.any(normals != 0, axis=-1, keepdims=True), colour, 0).astype(np.uint8)


def draw_map(plan: dict[str, NDArray[Any]]) -> str:
    """The map in top view as SVG; `plan` has the keys of map.npz (see `report.report`)."""
    reachable, origin, cell = plan["reachable"], plan["reachable_origin"], float(plan["reachable_cell"])
    free, occupied = (_at_cells(plan, value) for value in (1, 2))
    layers = [(occupied, (122, 127, 133, 255)), (free, (47, 158, 110, 60)), (reachable & free, (47, 158, 110, 150))]
    layers.append((reachable & ~free & ~occupied, (224, 160, 33, 190)))
    image = np.zeros((*reachable.shape, 4), np.uint8)
    for mask, rgba in layers:
        image[mask] = rgba
    rows, columns = reachable.shape
    low = np.asarray(origin, np.float64)
    size = np.array([columns * cell, rows * cell])

    parts = [
        f'<image href="{png(image)}" width="{size[0]:.3f}" height="{size[1]:.3f}" preserveAspectRatio="none"/>',
        *room_outlines(plan, low),
    ]
    path = np.asarray(plan["path"], np.float64)
    if len(path) > 1:
        for first in range(0, len(path) - 1, 200):  # older steps are paler, so that the end of the path stands out
            shade, drawn = 0.25 + 0.6 * first / len(path), _points(path[first : first + 201] - low)
            parts.append(
                f'<polyline points="{drawn}" fill="none" style="stroke:var(--specialist)" '
                f'stroke-opacity="{shade:.2f}" stroke-width="0.05" stroke-linejoin="round"/>'
            )
    if len(path):
        for point, colour, label in ((path[0], "var(--ink)", "start"), (path[-1], "var(--ttt)", "end")):
            x, z = point - low
            parts.append(_dot(f"{x:.2f}", f"{z:.2f}", 0.13, colour, label))
    return map_svg("".join(parts), size, "map of the house")


def map_svg(drawn: str, size: NDArray[np.float64], name: str) -> str:
    """A drawing in metres, of this size (x, z), as an SVG with a scale bar below it."""
    z = size[1] + 0.3
    bar = (
        f'<path d="M0 {z - 0.1:.2f}v.2M0 {z:.2f}h2M2 {z - 0.1:.2f}v.2" style="stroke:var(--soft)" stroke-width=".05"/>'
    )
    bar += f'<text x="2.15" y="{z + 0.12:.2f}" class="room" style="text-anchor:start">2 m</text>'
    return (
        f'<svg class="map" viewBox="0 0 {size[0]:.3f} {size[1] + 0.5:.3f}" role="img" aria-label="{escape(name)}">'
        f"{drawn}{bar}</svg>"
    )


def _at_cells(plan: dict[str, NDArray[Any]], value: int) -> NDArray[np.bool_]:
    """Whether the agent's occupancy map has this value, at the centres of the reachable floor's cells."""
    rows, columns = plan["reachable"].shape
    scale = float(plan["reachable_cell"])
    x = float(plan["reachable_origin"][0]) + (np.arange(columns) + 0.5) * scale
    z = float(plan["reachable_origin"][1]) + (np.arange(rows) + 0.5) * scale
    occupancy, cell = plan["occupancy"], float(plan["occupancy_cell"])
    column = np.floor((x - float(plan["occupancy_origin"][0])) / cell).astype(int)
    row = np.floor((z - float(plan["occupancy_origin"][1])) / cell).astype(int)
    inside_z, inside_x = (row >= 0) & (row < occupancy.shape[0]), (column >= 0) & (column < occupancy.shape[1])
    matches = np.zeros((rows, columns), np.bool_)
    matches[np.ix_(inside_z, inside_x)] = occupancy[np.ix_(row[inside_z], column[inside_x])] == value
    return matches


def room_outlines(plan: Mapping[str, NDArray[Any]], low: NDArray[np.float64]) -> list[str]:
    """Outlines and names of the rooms as SVG, in metres from `low` (x, z)."""
    parts = []
    for name, corners in zip(plan["room_types"], _parts(plan["room_points"], plan["room_starts"]), strict=True):
        middle = shapely.get_point(shapely.maximum_inscribed_circle(shapely.Polygon(corners), 0.05), 0)
        x, z = np.array([middle.x, middle.y]) - low
        parts.append(
            f'<polygon points="{_points(corners - low)}" fill="none" style="stroke:var(--ink)" stroke-width="0.05"/>'
            f'<text x="{x:.2f}" y="{z:.2f}" class="room">{escape(_words(str(name)))}</text>'
        )
    return parts


def _words(name: str) -> str:
    """LivingRoom as "Living room"."""
    return "".join(f" {c.lower()}" if c.isupper() and k else c for k, c in enumerate(name))


def _points(xz: NDArray[Any]) -> str:
    return " ".join(f"{x:.2f},{z:.2f}" for x, z in np.asarray(xz, np.float64))


def _parts(points: NDArray[Any], starts: NDArray[np.int64]) -> list[NDArray[Any]]:
    """The corners of each room; empty where no rooms are known."""
    return [points[a:b] for a, b in pairwise(starts)]
