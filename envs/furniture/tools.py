"""Long thin things: pens, cutlery, kitchen tools, bats and rackets. Made along z, then laid along the box."""

from __future__ import annotations

import numpy as np

from .palette import BRIGHTS, Palette, plain
from .shapes import Mesh, box, cylinder, lathe, slab, soft_box, tube


def _along(w: float, h: float, d: float, mesh: Mesh) -> Mesh:
    """A mesh made along z, turned to lie along x, or stood upright, where the box is longest that way."""
    if w > d and w >= h:
        return Mesh([(part.turned("y", 90), look) for part, look in mesh.parts])
    if h > d and h > w:
        return Mesh([(part.turned("x", -90), look) for part, look in mesh.parts])
    return mesh


def _sizes(w: float, h: float, d: float) -> tuple[float, float]:
    """The longest side of a box, and the thinnest."""
    return max(w, h, d), min(w, h, d)


def pen(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A pencil with a sharpened tip, or a pen with a cap."""
    long, thick = _sizes(w, h, d)
    r = thick / 2
    pencil = p.asset.type == "Pencil"
    body = p.one(
        ((0.92, 0.70, 0.18), (0.78, 0.22, 0.18), (0.20, 0.42, 0.66))
        if pencil
        else ((0.14, 0.2, 0.5), (0.12, 0.12, 0.13), (0.72, 0.18, 0.16))
    )
    tip = plain("pencil wood", (0.85, 0.70, 0.50)) if pencil else p.paint("metal", (0.7, 0.7, 0.72))
    mesh = (
        Mesh()
        .add(body, cylinder(0, 0, 0, 0.82 * long, r, segments=6))
        .add(tip, cylinder(0, 0, 0.82 * long, long, r, 0.15 * r, 6))
    )
    mesh.add(
        plain("rubber", (0.85, 0.55, 0.52)) if pencil else tip, cylinder(0, 0, -0.06 * long, 0, 0.95 * r, segments=6)
    )
    return _along(w, h, d, Mesh([(part.turned("x", 90), look) for part, look in mesh.parts]))


def _tool(w: float, h: float, d: float, p: Palette, head: str) -> Mesh:
    """Cutlery and kitchen tools along z: a handle and a head of the named form at +z."""
    long, thick = _sizes(w, h, d)
    wide = sorted((w, h, d))[1]
    metal = p.paint("metal", (0.76, 0.77, 0.79))
    grip = plain("grip", (0.13, 0.12, 0.12)) if head in ("knife", "spatula", "ladle") else metal
    t = thick
    mesh = Mesh().add(grip, soft_box(-0.22 * wide, 0.22 * wide, 0, t, -long / 2, -0.02 * long, 0.4 * t))
    shaft = 0.12 * wide
    if head == "fork":
        mesh.add(
            metal,
            box(-shaft, shaft, 0.3 * t, 0.6 * t, -0.02 * long, 0.2 * long),
            box(-0.5 * wide, 0.5 * wide, 0.3 * t, 0.6 * t, 0.2 * long, 0.28 * long),
            *(
                box(x * wide - 0.07 * wide, x * wide + 0.07 * wide, 0.3 * t, 0.6 * t, 0.28 * long, 0.5 * long)
                for x in (-0.43, -0.15, 0.15, 0.43)
            ),
        )
    elif head in ("spoon", "ladle"):
        r = 0.5 * wide if head == "spoon" else 0.5 * max(wide, t)
        reach = min(1.6 * r, 0.22 * long)
        deep = 0.5 * t if head == "spoon" else max(0.5 * t, 0.5 * r)
        mesh.add(metal, box(-shaft, shaft, 0.35 * t, 0.6 * t, -0.02 * long, 0.5 * long - reach))
        cup = lathe([(0, 0), (0.6, 0.15), (1.0, 0.9), (0.92, 1.0), (0.5, 0.3), (0, 0.2)], 12)
        mesh.add(metal, cup.scaled(r, deep, 0.6 * reach).moved(0, 0, 0.5 * long - 0.6 * reach))
    elif head == "spatula":
        mesh.add(
            metal,
            box(-shaft, shaft, 0.35 * t, 0.6 * t, -0.02 * long, 0.22 * long),
            box(-0.5 * wide, 0.5 * wide, 0, 0.2 * t + 0.001, 0.2 * long, 0.5 * long),
        )
    else:
        blade = [
            (-0.25 * wide, -0.02 * long),
            (-0.3 * wide, 0.42 * long),
            (0.1 * wide, 0.5 * long),
            (0.5 * wide, 0.36 * long),
            (0.5 * wide, -0.02 * long),
        ]
        mesh.add(metal, slab(blade, 0.35 * t, 0.65 * t))
    return _along(w, h, d, _rolled(w, h, d, mesh))


def _rolled(w: float, h: float, d: float, mesh: Mesh) -> Mesh:
    """A flat thing along z, rolled onto its edge where the box is higher than it is wide."""
    across = w if d >= w else d
    if h > across and h < max(w, d):
        return Mesh([(part.turned("z", 90), look) for part, look in mesh.parts])
    return mesh


def knife(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A handle and a pointed blade."""
    return _tool(w, h, d, p, "knife")


def fork(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A handle and four tines."""
    return _tool(w, h, d, p, "fork")


def spoon(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A handle and a shallow bowl."""
    return _tool(w, h, d, p, "spoon")


def spatula(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A handle and a flat blade."""
    return _tool(w, h, d, p, "spatula")


def ladle(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A handle and a deep bowl."""
    return _tool(w, h, d, p, "ladle")


def bat(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A baseball bat, turned: a knob, a thin grip, a thick end."""
    long, thick = _sizes(w, h, d)
    r = thick / 2
    look = p.own("wood", "metal", "plastic") or p.one(((0.80, 0.62, 0.40), (0.20, 0.22, 0.26), (0.70, 0.71, 0.73)))
    profile = [
        (0, 0),
        (0.7 * r, 0),
        (0.7 * r, 0.02 * long),
        (0.4 * r, 0.04 * long),
        (0.4 * r, 0.35 * long),
        (r, 0.75 * long),
        (r, 0.96 * long),
        (0.7 * r, long),
        (0, long),
    ]
    mesh = (
        Mesh()
        .add(look, lathe(profile, 12))
        .add(plain("bat grip", (0.14, 0.13, 0.13)), cylinder(0, 0, 0.04 * long, 0.25 * long, 0.45 * r))
    )
    return _along(w, h, d, Mesh([(part.turned("x", 90), look) for part, look in mesh.parts]))


def racket(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A frame with strings, lying flat, or upright where the box is."""
    long, thick = _sizes(w, h, d)
    wide = sorted((w, h, d))[1]
    frame = p.one(BRIGHTS)
    rx, rz, at = 0.46 * wide, 0.28 * long, 0.21 * long
    circle = [(rx * np.cos(a), 0, at + rz * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 17)[:-1]]
    mesh = Mesh().add(
        frame, tube(circle, 0.4 * thick, 5, closed=True), tube([(0, 0, at - rz), (0, 0, -0.2 * long)], 0.4 * thick)
    )
    mesh.add(
        plain("racket grip", (0.14, 0.13, 0.13)),
        cylinder(0, 0, 0, 0.3 * long, 0.48 * thick, segments=8).turned("x", 90).moved(z=-long / 2),
    )
    t = 0.06 * thick
    strings = [
        box(
            x * rx - 0.01 * wide,
            x * rx + 0.01 * wide,
            -t,
            t,
            at - rz * np.sqrt(1 - x * x),
            at + rz * np.sqrt(1 - x * x),
        )
        for x in np.linspace(-0.8, 0.8, 7)
    ]
    strings += [
        box(
            -rx * np.sqrt(1 - z * z),
            rx * np.sqrt(1 - z * z),
            -t,
            t,
            at + z * rz - 0.01 * wide,
            at + z * rz + 0.01 * wide,
        )
        for z in np.linspace(-0.8, 0.8, 7)
    ]
    mesh.add(plain("strings", (0.92, 0.92, 0.86)), *strings)
    return _along(w, h, d, _rolled(w, h, d, mesh))


def dumbbell(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A thin bar between two six-sided heads."""
    long, thick = _sizes(w, h, d)
    r = thick / 2
    iron = p.paint("metal", (0.18, 0.18, 0.19))
    mesh = Mesh().add(
        iron, cylinder(0, 0, 0, 0.3 * long, r, segments=6), cylinder(0, 0, 0.7 * long, long, r, segments=6)
    )
    mesh.add(p.paint("metal", (0.66, 0.67, 0.69)), cylinder(0, 0, 0.28 * long, 0.72 * long, 0.3 * r))
    return _along(w, h, d, Mesh([(part.turned("x", 90), look) for part, look in mesh.parts]))


BUILDERS = {
    "Pen": pen,
    "Pencil": pen,
    "Knife": knife,
    "ButterKnife": knife,
    "Fork": fork,
    "Spoon": spoon,
    "Spatula": spatula,
    "Ladle": ladle,
    "BaseballBat": bat,
    "TennisRacket": racket,
    "Dumbbell": dumbbell,
}
