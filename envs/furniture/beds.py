"""Beds and pillows."""

from __future__ import annotations

import numpy as np

from .joinery import legs
from .palette import FABRICS, Palette
from .shapes import Mesh, Part, box, join, soft_box, unit


def bed(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A frame with a headboard at the back (-z), mattress, pillows and a blanket that hangs over the sides.

    A bed of 1.5 m and more carries a canopy frame, or is a bunk bed where the asset's name says so."""
    wood = p.own("wood", "metal") or p.of("wood")
    sheet = p.paint("fabric", (0.93, 0.92, 0.88))
    tone = FABRICS[p.pick(len(FABRICS))]
    blanket = p.motif(tone, 0.5) if p.pick(3) == 0 else p.paint("fabric", tone)
    deck = float(np.clip(0.5, 0.4 * h, 0.7 * h)) if h < 1.5 else 0.55
    head, foot = min(h, 1.1 if h < 1.5 else 1.3), deck * p.real(0.7, 1.2)
    z0, z1 = -d / 2, d / 2
    base = 0.45 * deck
    mesh = Mesh().add(
        wood, box(-w / 2, w / 2, 0 if p.pick(2) else 0.3 * base, base, z0 + 0.03, z1 - 0.03), *legs(w, d, base, 0.07)
    )
    if p.pick(3) == 0:
        mesh.add(blanket, soft_box(-w / 2, w / 2, 0, head, z0, z0 + 0.09, 0.03))
    else:
        mesh.add(wood, box(-w / 2, w / 2, 0, head, z0, z0 + 0.05), box(-w / 2, w / 2, head - 0.05, head, z0, z0 + 0.07))
    if p.pick(2) and foot > base:
        mesh.add(wood, box(-w / 2, w / 2, 0, min(foot, h), z1 - 0.05, z1))
    inner0, inner1 = z0 + 0.07, z1 - 0.05
    mesh.add(sheet, soft_box(-w / 2 + 0.03, w / 2 - 0.03, base, deck, inner0, inner1, 0.05))
    fold = inner0 + 0.3 * (inner1 - inner0)
    mesh.add(blanket, soft_box(-w / 2 + 0.01, w / 2 - 0.01, base + 0.05, deck + 0.03, fold, inner1 + 0.01, 0.04))
    mesh.add(sheet, soft_box(-w / 2 + 0.012, w / 2 - 0.012, base + 0.12, deck + 0.04, fold - 0.02, fold + 0.16, 0.03))
    count = 1 if w < 1.15 else 2
    room = (w - 0.14) / count
    for k in range(count):
        x = -w / 2 + 0.07 + k * room
        rest = min(0.13, max(h - deck, 0.05))
        mesh.add(
            sheet,
            soft_box(x + 0.02, x + room - 0.02, deck - 0.01, deck - 0.01 + rest, inner0 + 0.02, inner0 + 0.4, 0.06),
        )
    if h >= 1.5:
        mesh.add(
            wood,
            *(
                box(
                    sx * (w / 2 - 0.03) - 0.03,
                    sx * (w / 2 - 0.03) + 0.03,
                    0,
                    h,
                    sz * (d / 2 - 0.03) - 0.03,
                    sz * (d / 2 - 0.03) + 0.03,
                )
                for sx in (-1, 1)
                for sz in (-1, 1)
            ),
            *(
                box(-w / 2, w / 2, h - 0.05, h, sz * (d / 2 - 0.03) - 0.02, sz * (d / 2 - 0.03) + 0.02)
                for sz in (-1, 1)
            ),
            *(box(sx * (w / 2 - 0.03) - 0.02, sx * (w / 2 - 0.03) + 0.02, h - 0.05, h, z0, z1) for sx in (-1, 1)),
        )
    return mesh


def puff(w: float, h: float, d: float, cells: int = 6) -> Part:
    """A closed cushion: thick in the middle, thin at its seams, its corners drawn out a little."""
    line = np.linspace(-1, 1, cells + 1)
    u, v = np.meshgrid(line, line, indexing="ij")
    swell = ((1 - u**2) * (1 - v**2)) ** 0.4
    pinch = 1 - 0.1 * (1 - u**2), 1 - 0.1 * (1 - v**2)
    index = np.arange((cells + 1) ** 2).reshape(cells + 1, cells + 1)
    a, b, c, e = (
        index[i, j].ravel()
        for i, j in (
            (slice(None, -1), slice(None, -1)),
            (slice(1, None), slice(None, -1)),
            (slice(1, None), slice(1, None)),
            (slice(None, -1), slice(1, None)),
        )
    )
    faces = np.concatenate([np.stack([a, e, c], 1), np.stack([a, c, b], 1)])
    parts = []
    for side in (1.0, -1.0):
        points = np.stack([u * pinch[1] * w / 2, h / 2 + side * swell * h / 2, v * pinch[0] * d / 2], -1)
        normals = np.cross(np.gradient(points, axis=1), np.gradient(points, axis=0)).reshape(-1, 3) * side
        uv = np.stack([u * w / 2, v * d / 2], -1).reshape(-1, 2)
        parts.append(Part(points.reshape(-1, 3), unit(normals), uv, faces if side > 0 else faces[:, ::-1]))
    return join(parts)


def pillow(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A cushion, plain or printed; one that is taller than deep stands on its edge."""
    tone = FABRICS[p.pick(len(FABRICS))]
    light = (0.3 + 0.7 * tone[0], 0.3 + 0.7 * tone[1], 0.3 + 0.7 * tone[2])
    cloth = p.motif(light, 0.3) if p.pick(2) else p.paint("fabric", light if p.pick(2) else tone)
    if h > d:
        return Mesh().add(cloth, puff(w, d, h).turned("x", 90))
    return Mesh().add(cloth, puff(w, h, d))


BUILDERS = {"Bed": bed, "Pillow": pillow}
