"""Parts shared by several families of furniture: legs, slats, fronts with handles."""

from __future__ import annotations

from ..scene import Material
from .shapes import Mesh, Part, box, cylinder, lathe


def legs(w: float, d: float, height: float, thick: float, round_legs: bool = False, foot: float = 1.0) -> list[Part]:
    """Four legs inside a w x d footprint about the origin; `foot` is the lower thickness as a share of the upper."""
    thick = max(min(thick, 0.45 * w, 0.45 * d), 1e-3)  # a footprint may be too thin for its margins
    x, z = w / 2 - thick / 2, d / 2 - thick / 2
    if round_legs or foot < 1.0:
        return [
            cylinder(sx * x, sz * z, 0, height, foot * thick / 2, thick / 2, segments=8)
            for sx in (-1, 1)
            for sz in (-1, 1)
        ]
    t = thick / 2
    return [box(sx * x - t, sx * x + t, 0, height, sz * z - t, sz * z + t) for sx in (-1, 1) for sz in (-1, 1)]


def slats(x0: float, x1: float, y0: float, y1: float, z: float, thick: float, count: int, upright: bool) -> list[Part]:
    """Bars that fill a frame in a plane of constant z, each half as wide as its share."""
    if upright:
        step = (x1 - x0) / count
        return [box(x0 + (k + 0.25) * step, x0 + (k + 0.75) * step, y0, y1, z, z + thick) for k in range(count)]
    step = (y1 - y0) / count
    return [box(x0, x1, y0 + (k + 0.25) * step, y0 + (k + 0.75) * step, z, z + thick) for k in range(count)]


def fronts(
    mesh: Mesh,
    area: tuple[float, float, float, float],
    z: float,
    grid: tuple[int, int],
    face: Material,
    handle: Material,
    doors: bool = False,
    proud: float = 0.012,
) -> None:
    """Drawer fronts, or doors, in a grid (columns, rows) over area (x0, x1, y0, y1) of a carcass whose front is at z;
    each projects from it and has a handle."""
    x0, x1, y0, y1 = area
    columns, rows = grid
    w, h = (x1 - x0) / columns, (y1 - y0) / rows
    gap = min(0.008, 0.1 * w, 0.1 * h)
    for i in range(columns):
        for j in range(rows):
            a, b = x0 + i * w + gap, x0 + (i + 1) * w - gap
            c, e = y0 + j * h + gap, y0 + (j + 1) * h - gap
            mesh.add(face, box(a, b, c, e, z, z + proud))
            if doors:
                at = b - 0.05 if i % 2 == 0 and columns > 1 else a + 0.04
                mesh.add(
                    handle,
                    box(
                        at,
                        at + 0.012,
                        (c + e) / 2 - min(0.06, 0.3 * h),
                        (c + e) / 2 + min(0.06, 0.3 * h),
                        z + proud,
                        z + proud + 0.02,
                    ),
                )
            else:
                reach = min(0.06, 0.3 * w)
                mesh.add(
                    handle,
                    box(
                        (a + b) / 2 - reach,
                        (a + b) / 2 + reach,
                        c + 0.55 * (e - c),
                        c + 0.55 * (e - c) + 0.014,
                        z + proud,
                        z + proud + 0.02,
                    ),
                )


def knob(x: float, y: float, z: float, radius: float) -> Part:
    """A round knob that points to +z from (x, y, z)."""
    profile = [(0.0, 0.0), (radius, 0.0), (radius, 0.7 * radius), (0.7 * radius, radius), (0.0, radius)]
    return lathe(profile, 8).turned("x", 90).moved(x, y, z)
