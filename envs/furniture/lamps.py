"""Floor and desk lamps; their shades glow."""

from __future__ import annotations

import numpy as np

from ..scene import Material
from .palette import Palette, plain
from .shapes import Mesh, Part, ball, curve, cylinder, lathe, tube


def _shade(p: Palette) -> Material:
    """A lit lamp shade."""
    rgb = ((1.0, 0.93, 0.78), (1.0, 0.88, 0.68), (0.98, 0.95, 0.88), (0.95, 0.78, 0.62))[p.pick(4)]
    return plain("lamp shade", rgb, 0.9)


def _shade_part(y0: float, y1: float, r0: float, r1: float) -> Part:
    """A lamp shade open below and above, with an inside."""
    profile = [(r0 - 0.008, y0), (r0, y0), (r1, y1), (max(r1 - 0.008, 0.5 * r1), y1), (r0 - 0.008, y0)]
    return lathe(profile, 16)


def floor_lamp(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A foot, a pole and a shade; some arch over, some stand on three legs."""
    metal = p.one(((0.25, 0.25, 0.27), (0.70, 0.70, 0.72), (0.72, 0.58, 0.34)), "metal")
    kind, r = p.pick(3), 0.5 * min(w, d)
    tall = min(0.3, 0.22 * h)
    mesh = Mesh()
    if max(w, d) > 1.6 * min(w, d):
        long = max(w, d)
        shade_r = min(r, 0.3 * long)
        arc = [
            (
                0.5 * long - shade_r - (long - shade_r - 0.12) * (0.5 + 0.5 * np.cos(a)),
                0.4 * h + 0.58 * h * np.sin(a),
                0,
            )
            for a in np.linspace(0, 0.86 * np.pi, 9)
        ]
        end = arc[-1]
        mesh.add(
            metal, tube([(arc[0][0], 0.02, 0), *arc], 0.014), cylinder(arc[0][0], 0, 0, 0.03, min(r, 0.14), segments=16)
        )
        mesh.add(_shade(p), _shade_part(end[1] - tall, end[1] + 0.02, shade_r, 0.55 * shade_r).moved(x=end[0]))
        return mesh if w >= d else Mesh([(part.turned("y", 90), look) for part, look in mesh.parts])
    if kind == 0:
        hub = 0.62 * h
        mesh.add(
            metal,
            *(tube([(0.9 * r * np.cos(a), 0.01, 0.9 * r * np.sin(a)), (0, hub, 0)], 0.014) for a in (0.5, 2.6, 4.7)),
            cylinder(0, 0, hub - 0.02, h - tall + 0.05, 0.014, segments=8),
        )
    else:
        mesh.add(
            metal,
            lathe([(0, 0), (0.6 * r, 0), (0.6 * r, 0.015), (0.1 * r, 0.04), (0, 0.04)], 18),
            cylinder(0, 0, 0.02, h - 0.3 * tall, 0.013, segments=8),
        )
    if kind == 2:
        return mesh.add(_shade(p), ball(0, h - tall / 2, 0, min(r, 0.6 * tall), tall / 2, min(r, 0.6 * tall), 14, 8))
    return mesh.add(_shade(p), _shade_part(h - tall, h, r, p.real(0.5, 0.9) * r))


def desk_lamp(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A table lamp with a shade, or, where the box is slender, an arm with a hood."""
    body = p.one(((0.20, 0.20, 0.22), (0.74, 0.60, 0.36), (0.86, 0.86, 0.84), (0.36, 0.52, 0.56)), "metal")
    r = 0.5 * min(w, d)
    if max(w, d) > 1.5 * min(w, d):
        long = max(w, d)
        mesh = Mesh().add(
            body,
            cylinder(-0.5 * long + r, 0, 0, 0.06 * h, r, segments=14),
            tube([(-0.5 * long + r, 0.05 * h, 0), (-0.38 * long, 0.6 * h, 0), (0.3 * long, 0.92 * h, 0)], 0.12 * r),
        )
        hood = lathe([(0.7 * r, 0), (0.72 * r, 0), (0.3 * r, 0.22 * h), (0, 0.24 * h)], 12).moved(
            0.5 * long - 0.8 * r, 0.74 * h, 0
        )
        mesh.add(body, hood).add(
            _shade(p), ball(0.5 * long - 0.8 * r, 0.76 * h, 0, 0.55 * r, 0.06 * h, 0.55 * r, 10, 4)
        )
        return mesh if w >= d else Mesh([(part.turned("y", -90), look) for part, look in mesh.parts])
    profile = [
        (0, 0),
        (0.55 * r, 0),
        (0.55 * r, 0.03 * h),
        (0.2 * r, 0.08 * h),
        (p.real(0.25, 0.6) * r, 0.25 * h),
        (0.15 * r, 0.48 * h),
        (0.06 * r, 0.55 * h),
        (0.06 * r, 0.7 * h),
        (0, 0.7 * h),
    ]
    return (
        Mesh()
        .add(body, lathe([*profile[:3], *curve(profile[3:-1]), profile[-1]], 16))
        .add(_shade(p), _shade_part(0.5 * h, h, r, p.real(0.55, 0.85) * r))
    )


BUILDERS = {
    "FloorLamp": floor_lamp,
    "DeskLamp": desk_lamp,
}
