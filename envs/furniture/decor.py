"""Plants, pictures, clocks, statues, candles."""

from __future__ import annotations

import numpy as np

from .palette import BRIGHTS, Palette, plain
from .shapes import Mesh, Part, ball, box, curve, cylinder, join, lathe, quad, soft_box, tube, unit


def _leaf(length: float, width: float, bend: float) -> Part:
    """A closed leaf from the origin along +z that bends down by `bend` degrees: a flat strip of diamonds' section."""
    steps = 4
    t = np.linspace(0, 1, steps + 1)
    half = width / 2 * np.sin(np.pi * np.clip(0.12 + 0.88 * t, 0, 1)) ** 0.8
    half[-1] = 0.02 * width
    angle = np.radians(bend) * t
    z = np.concatenate([[0], np.cumsum(np.cos(angle[:-1]))]) * length / steps
    y = np.concatenate([[0], np.cumsum(-np.sin(angle[:-1]))]) * length / steps
    thick = 0.06 * width
    ring = np.stack(
        [
            np.stack([half, y, z], 1),
            np.stack([0 * t, y + thick, z], 1),
            np.stack([-half, y, z], 1),
            np.stack([0 * t, y - thick, z], 1),
        ],
        1,
    )  # (steps + 1, 4, 3): right, top, left, bottom
    parts = []
    for k in range(4):
        a, b = ring[:, k], ring[:, (k + 1) % 4]
        points = np.concatenate([a, b])
        i = np.arange(steps)
        faces = np.concatenate([np.stack([i, i + steps + 1, i + steps + 2], 1), np.stack([i, i + steps + 2, i + 1], 1)])
        corner = points[faces]
        flat = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        normals = np.zeros_like(points)
        np.add.at(normals, faces.ravel(), np.repeat(flat, 3, 0))
        uv = np.stack(
            [
                np.concatenate([half, 0 * half]) if k % 2 == 0 else np.concatenate([0 * half, half]),
                np.tile(t * length, 2),
            ],
            1,
        )
        parts.append(Part(points, unit(normals), uv, faces))
    return join(parts)


def plant(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A pot with earth and, by chance, a rosette of long leaves, a bush of broad ones, a small tree or a cactus."""
    r = 0.5 * min(w, d)
    pot_h = min(p.real(0.28, 0.42) * h, 1.3 * r)
    pot_r = min(p.real(0.45, 0.65) * r, 0.8 * pot_h + 0.02)
    pot = p.one(
        ((0.66, 0.36, 0.24), (0.90, 0.89, 0.86), (0.26, 0.28, 0.30), (0.42, 0.56, 0.62), (0.78, 0.66, 0.46)),
        "porcelain",
    )
    foot = p.real(0.6, 0.95)
    mesh = Mesh().add(
        pot,
        lathe(
            [
                (0, 0),
                (foot * pot_r, 0),
                (pot_r, 0.86 * pot_h),
                (1.08 * pot_r, 0.88 * pot_h),
                (1.08 * pot_r, pot_h),
                (0.92 * pot_r, pot_h),
                (0.9 * pot_r, 0.9 * pot_h),
                (0, 0.9 * pot_h),
            ],
            14,
        ),
    )
    mesh.add(plain("earth", (0.20, 0.14, 0.10)), cylinder(0, 0, 0.85 * pot_h, 0.94 * pot_h, 0.9 * pot_r, segments=12))
    green = p.textured(
        "leaf", ((0.30, 0.54, 0.22), (0.20, 0.44, 0.22), (0.42, 0.60, 0.28), (0.28, 0.50, 0.34))[p.pick(4)], 0.2
    )
    kind = p.pick(4)
    crown = h - pot_h
    if kind == 3:
        mesh.add(green, ball(0, pot_h + 0.42 * crown, 0, 0.7 * pot_r, 0.58 * crown, 0.7 * pot_r, 12, 7))
        return mesh.add(
            green,
            *(
                ball(s * 0.8 * pot_r, pot_h + f * crown, 0, 0.3 * pot_r, 0.2 * crown, 0.3 * pot_r, 8, 5)
                for s, f in ((1, 0.5), (-1, 0.62))
            ),
        )
    count, low = (16, 0.0) if kind == 0 else (26, 0.15)
    if kind == 2:
        stem = p.paint("wood", (0.40, 0.28, 0.18))
        mesh.add(
            stem,
            tube(
                [(0, 0.9 * pot_h, 0), (0.03, pot_h + 0.3 * crown, 0.02), (0, pot_h + 0.75 * crown, 0)], 0.05 * r + 0.006
            ),
        )
        count, low = 34, 0.4
    for k in range(count):
        turn = 137.5 * k
        t = (k + 0.5) / count
        rise = (80 - 70 * t) if kind == 0 else p.real(-10, 60)
        length = (0.95 * (t * r + (1 - t) * crown)) if kind == 0 else p.real(0.55, 0.9) * r
        width = length * (p.real(0.10, 0.16) if kind == 0 else p.real(0.35, 0.5))
        y = 0.9 * pot_h if kind == 0 else pot_h + (low + (0.9 - low) * t) * crown
        leaf = _leaf(length, width, 50 if kind == 0 else 30).turned("x", -rise).turned("y", turn)
        mesh.add(green, leaf.moved(0, y, 0))
        if kind == 1 and k % 3 == 0:
            mesh.add(green, tube([(0, 0.9 * pot_h, 0), (0, y, 0)], 0.006, 5))
    return mesh


def painting(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A picture in a frame, often with a mount; it faces +z."""
    wood = p.own("wood", "metal", "plastic") or p.of("wood")
    rim = p.real(0.03, 0.07) * min(w, h) + 0.008
    z0, z1 = -d / 2, d / 2
    x, y0, y1 = w / 2, 0.0, h
    mesh = Mesh().add(
        wood,
        box(-x, x, y0, y0 + rim, z0, z1),
        box(-x, x, y1 - rim, y1, z0, z1),
        box(-x, -x + rim, y0 + rim, y1 - rim, z0, z1),
        box(x - rim, x, y0 + rim, y1 - rim, z0, z1),
        box(-x + rim, x - rim, y0 + rim, y1 - rim, z0, z0 + 0.3 * d),
    )
    z = z0 + 0.6 * d
    mount = 0.0
    if p.pick(2):
        mount = p.real(0.06, 0.14) * min(w, h)
        mesh.add(
            plain("mount", (0.94, 0.93, 0.90)), box(-x + rim, x - rim, y0 + rim, y1 - rim, z0 + 0.3 * d, z - 0.05 * d)
        )
    a, e = x - rim - mount, rim + mount
    half = 0.5 / 128
    uv = [(half, 1 - half), (1 - half, 1 - half), (1 - half, half), (half, half)]
    return mesh.add(p.picture(), quad([(-a, y0 + e, z), (a, y0 + e, z), (a, y1 - e, z), (-a, y1 - e, z)], uv))


def vase(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A lathed vessel with a random belly and neck."""
    look = p.own("glass", "porcelain", "metal") if p.pick(2) else None
    look = look or p.one((*BRIGHTS, (0.24, 0.30, 0.42)), "porcelain")
    belly, neck, at = p.real(0.4, 0.5), p.real(0.14, 0.3), p.real(0.25, 0.6)
    body = curve(
        [
            (0.26, 0),
            (0.5 * (belly + 0.3), 0.5 * at * h),
            (belly, at * h),
            (0.8 * belly, (at + 0.5 * (0.86 - at)) * h),
            (neck, 0.86 * h),
            (neck + 0.06, h),
        ]
    )
    inner = [(neck + 0.03, h), (neck - 0.03, 0.86 * h), (0, 0.8 * h)]
    mesh = Mesh().add(look, lathe([(0, 0), *body, *inner], 20).scaled(w, 1, d))
    if p.pick(3) == 0:  # a band of another glaze around the belly
        ring = [(r * 1.012, y) for r, y in body if abs(y - at * h) < 0.16 * h]
        mesh.add(p.one(BRIGHTS, "porcelain"), lathe(ring, 20).scaled(w, 1, d))
    return mesh


def statue(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A figure or an abstract form on a plinth."""
    stone = p.own("metal", "marble", "granite", "wood") or p.one(
        ((0.82, 0.80, 0.76), (0.30, 0.30, 0.31), (0.70, 0.56, 0.32), (0.44, 0.30, 0.22), (0.40, 0.52, 0.46)), "concrete"
    )
    base = 0.12 * h
    mesh = Mesh().add(stone, box(-0.42 * w, 0.42 * w, 0, base, -0.42 * d, 0.42 * d))
    tall = h - base
    if p.pick(2):
        body = [
            (0, 0),
            (0.36, 0),
            (0.22, 0.16 * tall),
            (0.28, 0.3 * tall),
            (0.16, 0.45 * tall),
            (0.3, 0.66 * tall),
            (0.1, 0.76 * tall),
            (0.08, 0.8 * tall),
            (0, 0.8 * tall),
        ]
        mesh.add(
            stone,
            lathe(curve(body[1:], 2), 14).scaled(w, 1, 0.8 * d).moved(y=base),
            ball(0, base + 0.89 * tall, 0, 0.13 * w, 0.11 * tall, 0.14 * d, 10, 6),
        )
        return mesh.add(
            stone,
            *(
                tube(
                    [
                        (s * 0.26 * w, base + 0.7 * tall, 0),
                        (s * 0.46 * w, base + 0.5 * tall, 0.1 * d),
                        (s * 0.2 * w, base + 0.4 * tall, 0.3 * d),
                    ],
                    0.05 * w,
                )
                for s in (-1, 1)
            ),
        )
    return mesh.add(
        stone,
        ball(0, base + 0.3 * tall, 0, 0.5 * w, 0.3 * tall, 0.5 * d),
        ball(0.05 * w, base + 0.66 * tall, 0, 0.34 * w, 0.2 * tall, 0.34 * d),
        ball(0.1 * w, base + 0.9 * tall, 0.05 * d, 0.2 * w, 0.1 * tall, 0.2 * d, 10, 5),
    )


def candle(w: float, h: float, d: float, p: Palette) -> Mesh:
    """Wax with a wick and a small flame."""
    wax = p.one(((0.93, 0.89, 0.76), (0.72, 0.22, 0.20), (0.90, 0.80, 0.66), (0.56, 0.64, 0.58)))
    mesh = Mesh().add(
        wax, lathe([(0, 0), (0.5, 0), (0.5, 0.78 * h), (0.4, 0.8 * h), (0, 0.76 * h)], 14).scaled(w, 1, d)
    )
    mesh.add(plain("wick", (0.15, 0.13, 0.12)), cylinder(0, 0, 0.74 * h, 0.88 * h, 0.04 * w, segments=6))
    return mesh.add(plain("flame", (1.0, 0.78, 0.36), 1.0), ball(0, 0.91 * h, 0, 0.08 * w, 0.09 * h, 0.08 * w, 8, 5))


def clock(w: float, h: float, d: float, p: Palette) -> Mesh:
    """An alarm clock: round with bells and hands, or a digital block."""
    case = p.one((*BRIGHTS, (0.15, 0.15, 0.17)))
    z1 = 0.4 * d
    if w > 1.3 * h or p.pick(3) == 0:
        mesh = Mesh().add(case, soft_box(-w / 2, w / 2, 0, h, -d / 2, z1, 0.15 * h))
        mesh.add(
            plain("display", (0.07, 0.08, 0.09)), box(-0.42 * w, 0.42 * w, 0.2 * h, 0.8 * h, z1 - 0.002, z1 + 0.003)
        )
        digits = [
            box(x * w - 0.06 * w, x * w + 0.06 * w, 0.32 * h, 0.68 * h, z1, d / 2) for x in (-0.3, -0.12, 0.12, 0.3)
        ]
        return mesh.add(plain("digits", (0.95, 0.30, 0.22), 0.8), *digits)
    r, y = 0.4 * h, 0.46 * h
    disc = lathe(
        [(0, -0.4 * d), (r, -0.4 * d), (r, z1), (0.88 * r, z1), (0.86 * r, z1 - 0.1 * d), (0, z1 - 0.1 * d)], 18
    )
    mesh = Mesh().add(case, disc.turned("x", 90).scaled(min(0.5 * w / r, 1.2), 1, 1).moved(y=y))
    mesh.add(
        plain("dial", (0.95, 0.94, 0.90)),
        cylinder(0, 0, 0, z1 - 0.06 * d, 0.85 * r, segments=16)
        .turned("x", 90)
        .scaled(min(0.5 * w / r, 1.2), 1, 1)
        .moved(y=y),
    )
    hand = plain("hand", (0.1, 0.1, 0.1))
    z = z1 - 0.05 * d
    mesh.add(
        hand,
        box(-0.05 * r, 0.05 * r, y, y + 0.7 * r, z, z + 0.03 * d),
        box(0, 0.5 * r, y - 0.05 * r, y + 0.05 * r, z, z + 0.03 * d),
    )
    mesh.add(case, *(ball(s * 0.22 * w, 0.9 * h, 0, 0.16 * w, 0.1 * h, 0.3 * d, 10, 5) for s in (-1, 1)))
    return mesh.add(
        case,
        *(cylinder(s * 0.25 * w, 0, 0, 0.18 * h, 0.05 * w, segments=6) for s in (-1, 1)),
        box(-0.02 * w, 0.02 * w, 0.86 * h, h, -d / 2, d / 2),
    )


def watch(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A wrist watch: a closed band with a dial at the front."""
    band = p.one(((0.16, 0.13, 0.12), (0.42, 0.26, 0.16), (0.70, 0.71, 0.73)), "leather")
    mesh = Mesh().add(
        band,
        lathe([(0.42, 0.1 * h), (0.48, 0.1 * h), (0.48, 0.9 * h), (0.42, 0.9 * h), (0.42, 0.1 * h)], 16).scaled(
            w, 1, d
        ),
    )
    r = 0.5 * h
    mesh.add(p.of("metal"), cylinder(0, 0, 0, 0.1 * d, r, segments=14).turned("x", 90).moved(0, r, 0.42 * d))
    return mesh.add(
        plain("dial", (0.93, 0.93, 0.90)),
        cylinder(0, 0, 0, 0.01 * d, 0.82 * r, segments=14).turned("x", 90).moved(0, r, 0.52 * d),
    )


def decor(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A tall stand of three bars with a bowl: for decor of unknown shape."""
    wood = p.of("wood", "marble")
    return Mesh().add(
        wood,
        box(-0.4 * w, 0.4 * w, 0, 0.04 * h, -0.4 * d, 0.4 * d),
        *(cylinder(x * w, 0, 0.03 * h, 0.85 * h, 0.05 * w, segments=8) for x in (-0.25, 0.0, 0.25)),
        lathe([(0, 0.82 * h), (0.3, 0.84 * h), (0.5, h), (0.46, h), (0, 0.88 * h)], 14).scaled(w, 1, d),
    )


BUILDERS = {
    "HousePlant": plant,
    "Painting": painting,
    "Vase": vase,
    "Statue": statue,
    "Candle": candle,
    "AlarmClock": clock,
    "Watch": watch,
    "RoomDecor": decor,
    "TableTopDecor": statue,
}
