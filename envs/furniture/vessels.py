"""Vessels for food and drink, and cookware: lathed shapes with handles."""

from __future__ import annotations

import numpy as np

from ..scene import Material
from .palette import BRIGHTS, Palette, plain
from .shapes import Mesh, Part, box, cylinder, lathe, tube


def _ware(p: Palette) -> Material:
    """Ceramic or glass, as the asset's material says, in one of the bright colours."""
    own = next((kind for kind in ("glass", "metal") if p.own(kind)), None)
    if own == "metal":
        return p.of("metal")
    return p.one((*BRIGHTS, (0.94, 0.93, 0.90)), "glass" if own == "glass" else "porcelain")


def _ring(x: float, y: float, height: float, reach: float, thick: float) -> Part:
    """A handle in the plane z = 0 that leaves a wall at x and returns to it."""
    return tube(
        [
            (x, y + 0.9 * height, 0),
            (x + 0.8 * reach, y + 0.85 * height, 0),
            (x + reach, y + 0.5 * height, 0),
            (x + 0.7 * reach, y + 0.15 * height, 0),
            (x, y + 0.1 * height, 0),
        ],
        thick,
    )


def bowl(w: float, h: float, d: float, p: Palette) -> Mesh:
    """Lathed, with a foot and a wall of random slope."""
    curve = p.real(0.3, 0.44)
    profile = [
        (0, 0),
        (0.2, 0),
        (0.22, 0.06 * h),
        (curve, 0.4 * h),
        (0.47, 0.8 * h),
        (0.5, h),
        (0.47, h),
        (0.44, 0.8 * h),
        (curve - 0.04, 0.42 * h),
        (0.16, 0.14 * h),
        (0, 0.12 * h),
    ]
    return Mesh().add(_ware(p), lathe(profile, 18).scaled(w, 1, d))


def plate(w: float, h: float, d: float, p: Palette) -> Mesh:
    """Turned, with a flat bottom and a rim that rises to the full height."""
    look = _ware(p)
    profile = [(0, 0), (0.3, 0), (0.5, 0.85 * h), (0.5, h), (0.47, h), (0.3, 0.35 * h), (0, 0.3 * h)]
    return Mesh().add(look, lathe(profile, 20).scaled(w, 1, d))


def mug(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A cup with a handle on the right; the vessel takes what the handle leaves of the width."""
    look = p.own("porcelain") if p.pick(3) == 0 else None
    look = look or p.one((*BRIGHTS, (0.94, 0.93, 0.90)), "porcelain")
    r = 0.5 * min(d, 0.8 * max(w, d))
    profile = [(0, 0), (0.86 * r, 0), (r, 0.06 * h), (r, h), (0.88 * r, h), (0.86 * r, 0.1 * h), (0, 0.08 * h)]
    mesh = Mesh().add(look, lathe(profile, 16))
    return mesh.add(look, _ring(0.96 * r, 0.15 * h, 0.7 * h, max(w - 2 * r, 0.3 * r), 0.08 * r))


def cup(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A tumbler or, for a tall one, a stemmed glass."""
    look = _ware(p)
    if h > 2.0 * w:
        profile = [
            (0, 0),
            (0.36, 0),
            (0.36, 0.02 * h),
            (0.05, 0.06 * h),
            (0.05, 0.42 * h),
            (0.4, 0.6 * h),
            (0.5, 0.8 * h),
            (0.44, h),
            (0.41, h),
            (0.45, 0.8 * h),
            (0, 0.48 * h),
        ]
    else:
        foot = p.real(0.32, 0.46)
        profile = [(0, 0), (foot, 0), (0.5, h), (0.46, h), (foot - 0.04, 0.08 * h), (0, 0.08 * h)]
    return Mesh().add(look, lathe(profile, 16).scaled(w, 1, d))


def _handled(w: float, d: float) -> tuple[float, bool]:
    """Radius of a round pan in a w x d footprint, and whether its handle runs along z."""
    along_z = d >= w
    return min(0.5 * min(w, d), 0.42 * max(w, d)), along_z


def pan(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A frying pan: its handle takes the longer side of the box."""
    iron = p.one(((0.16, 0.16, 0.17), (0.62, 0.63, 0.65), (0.60, 0.34, 0.22), (0.66, 0.18, 0.16)), "metal")
    grip = plain("pan grip", (0.12, 0.11, 0.11))
    r, along_z = _handled(w, d)
    long = max(w, d)
    deep = min(h, 0.3 * r)
    mid = -long / 2 + r
    profile = [(0, 0), (0.82 * r, 0), (r, deep), (0.95 * r, deep), (0.78 * r, 0.12 * deep), (0, 0.12 * deep)]
    mesh = Mesh().add(iron, lathe(profile, 18).moved(z=mid))
    end = max(long / 2 - 0.01, mid + 1.1 * r)
    mesh.add(
        grip,
        tube(
            [(0, 0.8 * deep, mid + 0.93 * r), (0, h - 0.1 * r, 0.5 * (mid + 0.93 * r + end)), (0, h - 0.1 * r, end)],
            0.09 * r,
        ),
    )
    return mesh if along_z else Mesh([(part.turned("y", 90), look) for part, look in mesh.parts])


def pot(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A pot with a lid; two ears or, in a long box, one handle."""
    metal = p.one(((0.70, 0.71, 0.73), (0.18, 0.18, 0.19), (0.62, 0.20, 0.17), (0.60, 0.38, 0.24)), "metal")
    grip = plain("pot grip", (0.12, 0.11, 0.11))
    r, along_z = _handled(w, d)
    long = max(w, d)
    one = long > 2.8 * r
    mid = -long / 2 + r if one else 0.0
    top = 0.8 * h
    mesh = Mesh().add(
        metal,
        lathe(
            [
                (0, 0),
                (0.95 * r, 0),
                (r, 0.05 * h),
                (r, top),
                (1.03 * r, top),
                (1.03 * r, top + 0.03 * h),
                (0.5 * r, 0.92 * h),
                (0, 0.94 * h),
            ],
            18,
        ).moved(z=mid),
    )
    mesh.add(grip, cylinder(0, mid, 0.92 * h, h, 0.14 * r, segments=8))
    if one:
        mesh.add(grip, tube([(0, 0.7 * h, mid + 0.95 * r), (0, 0.74 * h, long / 2 - 0.005)], 0.08 * r))
    else:
        ear = max(long / 2 - r, 0.12 * r)
        for s in (-1, 1):
            mesh.add(
                grip,
                tube(
                    [
                        (-0.3 * r, 0.66 * h, s * 0.94 * r),
                        (-0.25 * r, 0.66 * h, s * (r + ear)),
                        (0.25 * r, 0.66 * h, s * (r + ear)),
                        (0.3 * r, 0.66 * h, s * 0.94 * r),
                    ],
                    0.06 * r,
                ),
            )
    return mesh if along_z else Mesh([(part.turned("y", 90), look) for part, look in mesh.parts])


def bottle(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A bottle with a label: green for wine, clear otherwise."""
    wine = p.asset.type == "WineBottle"
    glass = Material("bottle glass", (0.12, 0.26, 0.14) if wine else (0.66, 0.80, 0.84), opacity=0.75 if wine else 0.35)
    neck = 0.3 if wine else 0.36
    profile = [
        (0, 0),
        (0.46, 0),
        (0.5, 0.02 * h),
        (0.5, 0.6 * h),
        (0.42, 0.68 * h),
        (neck / 2, 0.76 * h),
        (neck / 2, 0.94 * h),
        (0, 0.94 * h),
    ]
    mesh = Mesh().add(glass, lathe(profile, 16).scaled(w, 1, d))
    mesh.add(
        plain("label", (0.92, 0.88, 0.76)),
        lathe([(0.5, 0.17 * h), (0.512, 0.19 * h), (0.512, 0.44 * h), (0.5, 0.46 * h)], 16).scaled(w, 1, d),
    )
    return mesh.add(p.one(BRIGHTS), cylinder(0, 0, 0.9 * h, h, 0.56 * neck * w, segments=10))


def spray(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A trigger bottle; its nozzle points to +z."""
    body, trigger = p.one(BRIGHTS), p.one(((0.93, 0.93, 0.92), (0.80, 0.22, 0.18), (0.16, 0.17, 0.19)))
    profile = [(0, 0), (0.46, 0), (0.5, 0.03 * h), (0.48, 0.42 * h), (0.2, 0.66 * h), (0.16, 0.74 * h), (0, 0.74 * h)]
    r = min(w, d)
    mesh = Mesh().add(body, lathe(profile, 14).scaled(w, 1, r))
    mesh.add(
        plain("label", (0.95, 0.94, 0.9)),
        lathe([(0.49, 0.12 * h), (0.505, 0.14 * h), (0.5, 0.36 * h), (0.48, 0.38 * h)], 14).scaled(w, 1, r),
    )
    reach = max(d / 2, 0.6 * r)
    mesh.add(
        trigger,
        cylinder(0, 0, 0.72 * h, 0.8 * h, 0.2 * r),
        box(-0.16 * w, 0.16 * w, 0.86 * h, h, -0.35 * r, 0.8 * reach),
        cylinder(0, 0, 0.78 * h, 0.88 * h, 0.12 * r),
        box(-0.08 * w, 0.08 * w, 0.88 * h, 0.96 * h, 0.8 * reach, reach),
    )
    return mesh.add(trigger, box(-0.08 * w, 0.08 * w, 0.68 * h, 0.88 * h, 0.45 * reach, 0.6 * reach))


def shaker(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A salt or pepper shaker: pale or dark, with a metal cap."""
    salt = p.asset.type == "SaltShaker"
    body = plain("salt", (0.90, 0.91, 0.92)) if salt else plain("pepper", (0.28, 0.22, 0.19))
    profile = [(0, 0), (0.5, 0), (0.5, 0.04 * h), (0.38, 0.68 * h), (0, 0.68 * h)]
    cap = [(0, 0.68 * h), (0.42, 0.68 * h), (0.42, 0.84 * h), (0.25, 0.97 * h), (0, h)]
    return (
        Mesh()
        .add(body, lathe(profile, 12).scaled(w, 1, d))
        .add(p.paint("metal", (0.72, 0.73, 0.75)), lathe(cap, 12).scaled(w, 1, d))
    )


def can(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A watering can: body, spout to +x, bow handle."""
    look = p.one(BRIGHTS)
    r = 0.3 * min(w, 2 * d)
    mesh = Mesh().add(
        look, lathe([(0, 0), (r, 0), (r, 0.7 * h), (0.85 * r, 0.7 * h), (0.8 * r, 0.1 * h), (0, 0.1 * h)], 14)
    )
    mesh.add(look, tube([(0.8 * r, 0.15 * h, 0), (0.5 * w - 0.02, 0.85 * h, 0)], 0.12 * r))
    arc = [(0.9 * r * np.cos(a), 0.65 * h + 0.33 * h * np.sin(a), 0) for a in np.linspace(0, np.pi, 7)]
    return mesh.add(look, tube(arc, 0.1 * r))


BUILDERS = {
    "Bowl": bowl,
    "Plate": plate,
    "Mug": mug,
    "Cup": cup,
    "Pan": pan,
    "Pot": pot,
    "Bottle": bottle,
    "WineBottle": bottle,
    "SprayBottle": spray,
    "SaltShaker": shaker,
    "PepperShaker": shaker,
    "WateringCan": can,
}
