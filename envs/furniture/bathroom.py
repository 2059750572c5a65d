"""Toilets, sinks, taps and bathroom accessories."""

from __future__ import annotations

import numpy as np

from ..scene import Material
from .joinery import fronts
from .palette import BRIGHTS, FABRICS, Palette, plain
from .shapes import Mesh, box, cylinder, lathe, soft_box, tube


def _china(p: Palette) -> Material:
    return p.paint("porcelain", (0.95, 0.95, 0.94))


def toilet(w: float, h: float, d: float, p: Palette) -> Mesh:
    """Cistern at the back, bowl with its seat and a raised lid."""
    china, seat_look = _china(p), p.paint("porcelain", (0.90, 0.90, 0.88))
    seat = min(0.42, 0.45 * h)
    z0 = -d / 2
    tank = 0.24 * d
    top = h - min(0.04, 0.1 * h)
    mesh = Mesh().add(china, soft_box(-w / 2, w / 2, seat, top, z0, z0 + tank, 0.03))
    mesh.add(china, soft_box(-w / 2 - 0.005, w / 2 + 0.005, top, h, z0 - 0.001, z0 + tank + 0.01, 0.012))
    length = d - tank
    bowl = [
        (0, 0),
        (0.27, 0),
        (0.25, 0.3 * seat),
        (0.36, 0.7 * seat),
        (0.5, 0.97 * seat),
        (0.36, 0.97 * seat),
        (0.26, 0.6 * seat),
        (0, 0.5 * seat),
    ]
    mesh.add(china, lathe(bowl, 16).scaled(0.8 * w, 1, length).moved(z=d / 2 - length / 2))
    ring = [(0.34, 0.97 * seat), (0.5, 0.97 * seat), (0.5, seat + 0.01), (0.34, seat + 0.01), (0.34, 0.97 * seat)]
    mesh.add(seat_look, lathe(ring, 16).scaled(0.84 * w, 1, length).moved(z=d / 2 - length / 2))
    mesh.add(china, box(-0.2 * w, 0.2 * w, 0, 0.9 * seat, z0 + 0.05, z0 + tank + 0.1))
    reach = min(0.94 * (top - seat), length)
    lid = lathe([(0, 0), (0.5, 0), (0.5, 0.025), (0, 0.025)], 16).scaled(0.84 * w, 1, reach).turned("x", 82)
    mesh.add(seat_look, lid.moved(0, seat + 0.5 * reach, z0 + tank + 0.06))
    return mesh.add(
        p.paint("metal", (0.75, 0.76, 0.78)),
        box(-0.4 * w, -0.25 * w, top - 0.08, top - 0.05, z0 + tank, z0 + tank + 0.02),
    )


def sink(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A basin: on a vanity or a pedestal where the box reaches the floor, else the basin alone."""
    china = _china(p) if p.pick(3) or h > 0.5 else p.paint("metal", (0.72, 0.73, 0.75))
    mesh = Mesh()
    basin = min(0.16, h) if h > 0.4 else h
    top = h if h < 0.95 else 0.9
    low = top - basin
    if abs(w - d) < 0.12 * w and p.pick(2):
        profile = [
            (0, low),
            (0.3, low),
            (0.46, low + 0.6 * basin),
            (0.5, top),
            (0.43, top),
            (0.36, low + 0.5 * basin),
            (0, low + 0.25 * basin),
        ]
        mesh.add(china, lathe(profile, 20).scaled(w, 1, d))
    else:
        rim = 0.09 * min(w, d)
        mesh.add(
            china,
            box(-w / 2, w / 2, low, low + 0.25 * basin, -d / 2, d / 2),
            *(box(x, x + rim, low, top, -d / 2, d / 2) for x in (-w / 2, w / 2 - rim)),
            box(-w / 2 + rim, w / 2 - rim, low, top, -d / 2, -d / 2 + 2 * rim),
            box(-w / 2 + rim, w / 2 - rim, low, top, d / 2 - rim, d / 2),
        )
    mesh.add(plain("drain", (0.35, 0.36, 0.38)), cylinder(0, 0, low + 0.25 * basin, low + 0.25 * basin + 0.004, 0.03))
    if h > 0.4:
        if p.pick(2):
            mesh.add(
                china,
                lathe([(0, 0), (0.16, 0), (0.11, 0.15 * low), (0.09, 0.7 * low), (0.2, low), (0, low)], 14).moved(
                    z=-0.05 * d
                ),
            )
        else:
            wood = p.own("wood") or p.of("wood")
            mesh.add(wood, box(-0.46 * w, 0.46 * w, 0.05, low, -d / 2 + 0.01, 0.4 * d))
            fronts(mesh, (-0.44 * w, 0.44 * w, 0.08, low - 0.02), 0.4 * d, (2, 1), wood, p.of("metal"), True)
    if h > 0.95:
        metal = p.paint("metal", (0.76, 0.77, 0.79))
        z = -0.4 * d
        mesh.add(
            metal,
            tube([(0, top, z), (0, h - 0.02, z), (0, h, z + 0.04), (0, h - 0.01, z + 0.14)], 0.016),
            *(cylinder(s * 0.1, z, top, top + 0.06, 0.02) for s in (-1, 1)),
        )
    return mesh


def faucet(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A spout that bends forward, with two handles where it is wide enough."""
    metal = p.of("metal", "plastic") if p.pick(3) == 0 else p.paint("metal", (0.76, 0.77, 0.79))
    r = 0.09 * min(h, max(w, d))
    z = -d / 2 + 1.5 * r
    arc = [
        (0.0, 0.75 * h + (0.25 * h - r) * np.sin(a), z + (d / 2 - r - z) / 2 * (1 - np.cos(a)))
        for a in np.linspace(0, np.pi, 7)
    ]
    mesh = Mesh().add(
        metal, tube([(0, 0, z), *arc, (0, 0.6 * h, d / 2 - r)], r, 8), cylinder(0, z, 0, 0.06 * h, 1.5 * r)
    )
    if w > 0.12:
        for s in (-1, 1):
            x = s * (w / 2 - 2 * r)
            mesh.add(
                metal,
                cylinder(x, z, 0, 0.3 * h, r),
                box(x - 2 * r, x + 2 * r, 0.3 * h, 0.36 * h, z - 0.6 * r, z + 0.6 * r),
                box(x - 0.6 * r, x + 0.6 * r, 0.3 * h, 0.36 * h, z - 2 * r, z + 2 * r),
            )
        mesh.add(metal, box(-w / 2 + 1.5 * r, w / 2 - 1.5 * r, 0, 0.05 * h, z - r, z + r))
    else:
        mesh.add(metal, tube([(0, 0.5 * h, z), (w / 2 - 0.3 * r, 0.62 * h, z)], 0.5 * r))
    return mesh


def roll(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A roll of paper, upright, around its tube; a kitchen roll stands on a holder."""
    paper, core = p.paint("paper", (0.95, 0.94, 0.91)), plain("roll core", (0.62, 0.48, 0.34))
    if h > 1.6 * w:
        mesh = Mesh().add(paper, cylinder(0, 0, 0.08 * h, 0.9 * h, 0.46 * w, segments=16))
        return mesh.add(
            p.of("metal"), cylinder(0, 0, 0, 0.06 * h, 0.5 * w, segments=16), cylinder(0, 0, 0.9 * h, h, 0.07 * w)
        )
    profile = [(0.19, 0), (0.5, 0), (0.5, h), (0.19, h)]
    mesh = Mesh().add(paper, lathe(profile, 16).scaled(w, 1, d))
    inside = lathe([(0.19, h), (0.16, 0.9 * h), (0.16, 0.1 * h), (0.19, 0)], 12).scaled(w, 1, d)
    return mesh.add(core, inside)


def plunger(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A rubber cup on a stick."""
    cup = plain("rubber cup", (0.62, 0.20, 0.15) if p.pick(2) else (0.16, 0.15, 0.15))
    profile = [
        (0.38, 0),
        (0.5, 0.0),
        (0.5, 0.03 * h),
        (0.44, 0.12 * h),
        (0.25, 0.2 * h),
        (0.12, 0.23 * h),
        (0.12, 0.27 * h),
        (0, 0.27 * h),
    ]
    return (
        Mesh()
        .add(cup, lathe(profile, 14).scaled(w, 1, d))
        .add(p.own("wood") or p.of("wood"), cylinder(0, 0, 0.25 * h, h, 0.09 * w, 0.08 * w, 8))
    )


def soap_bottle(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A body with a pump."""
    body, white = p.one(BRIGHTS), plain("pump", (0.9, 0.9, 0.9))
    profile = [
        (0, 0),
        (0.47, 0),
        (0.5, 0.03 * h),
        (0.5, 0.55 * h),
        (0.36, 0.68 * h),
        (0.16, 0.72 * h),
        (0.16, 0.78 * h),
        (0, 0.78 * h),
    ]
    mesh = Mesh().add(body, lathe(profile, 14).scaled(w, 1, min(w, d)))
    mesh.add(
        plain("label", (0.94, 0.93, 0.88)),
        lathe([(0.505, 0.16 * h), (0.515, 0.2 * h), (0.515, 0.44 * h), (0.505, 0.48 * h)], 14).scaled(w, 1, min(w, d)),
    )
    return mesh.add(
        white, cylinder(0, 0, 0.78 * h, 0.94 * h, 0.07 * w), box(-0.12 * w, 0.12 * w, 0.93 * h, h, -0.15 * d, d / 2)
    )


def soap_bar(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A bar with round edges, in one of three pastels."""
    return Mesh().add(
        p.one(((0.93, 0.88, 0.74), (0.70, 0.84, 0.76), (0.92, 0.72, 0.74))),
        soft_box(-w / 2, w / 2, 0, h, -d / 2, d / 2, 0.4 * h),
    )


def towel(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A folded cloth: hung over a bar where it is tall, a stack where it is flat."""
    cloth = p.one(FABRICS + BRIGHTS, "fabric")
    if h > 0.2 and h > d:
        mesh = Mesh().add(
            cloth,
            soft_box(-w / 2, w / 2, 0, h, 0.05 * d, d / 2, 0.01),
            soft_box(-w / 2, w / 2, 0.25 * h, h, -d / 2, -0.05 * d, 0.01),
        )
        return mesh.add(
            p.paint("fabric", (0.92, 0.91, 0.88)),
            box(-0.5 * w, 0.5 * w, 0.12 * h, 0.18 * h, d / 2 - 0.004, d / 2 + 0.001),
        )
    return Mesh().add(
        cloth,
        soft_box(-w / 2, w / 2, 0, 0.5 * h, -d / 2, d / 2, 0.2 * h),
        soft_box(-0.47 * w, 0.48 * w, 0.48 * h, h, -0.48 * d, 0.47 * d, 0.2 * h),
    )


def rail(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A bar between two brackets, for towels and paper."""
    metal = p.paint("metal", (0.74, 0.75, 0.77))
    r = 0.2 * min(h, d)
    return Mesh().add(
        metal,
        tube([(-w / 2, 0.5 * h, d / 2 - r), (w / 2, 0.5 * h, d / 2 - r)], r, 8),
        *(box(x, x + 0.06 * w, 0, h, -d / 2, d / 2 - r) for x in (-w / 2, 0.44 * w)),
    )


def curtain(w: float, h: float, d: float, p: Palette) -> Mesh:
    """Upright folds below a rail: shower curtains and blinds."""
    cloth = p.one(((0.90, 0.90, 0.86), (0.66, 0.80, 0.86), (0.88, 0.76, 0.70)), "fabric")
    count = max(4, round(w / 0.12))
    step = w / count
    parts = [
        cylinder(0, 0, 0, 0.97 * h, 0.5, segments=8).scaled(1.1 * step, 1, d).moved(x=-w / 2 + (k + 0.5) * step)
        for k in range(count)
    ]
    return Mesh().add(cloth, *parts).add(p.of("metal"), box(-w / 2, w / 2, 0.97 * h, h, -0.2 * d, 0.2 * d))


BUILDERS = {
    "Toilet": toilet,
    "Sink": sink,
    "Faucet": faucet,
    "ToiletPaper": roll,
    "PaperTowelRoll": roll,
    "Plunger": plunger,
    "SoapBottle": soap_bottle,
    "SoapBar": soap_bar,
    "Towel": towel,
    "HandTowel": towel,
    "TowelHolder": rail,
    "HandTowelHolder": rail,
    "ToiletPaperHanger": rail,
    "ShowerCurtain": curtain,
    "Blinds": curtain,
}
