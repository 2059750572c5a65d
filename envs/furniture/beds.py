"""Beds and pillows."""

from __future__ import annotations

from .joinery import legs, slats
from .palette import FABRICS, Palette
from .rests import rest_height
from .shapes import Mesh, box, puff, soft_box


def bed(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A frame with a headboard at the back (-z), mattress, pillows and a blanket that hangs over the sides.

    A bed of 1.5 m and more carries a canopy frame."""
    wood = p.own("wood", "metal") or p.of("wood")
    sheet = p.paint("fabric", (0.93, 0.92, 0.88))
    tone = FABRICS[p.pick(len(FABRICS))]
    blanket = p.motif(tone, 0.5) if p.pick(3) == 0 else p.paint("fabric", tone)
    throw = p.one(FABRICS, "fabric")
    deck = rest_height(p.asset.asset_id, "Bed", h) - min(0.04, 0.1 * h)
    head, foot = min(h, 1.1 if h < 1.5 else 1.3), deck * p.real(0.7, 1.2)
    z0, z1 = -d / 2, d / 2
    base = 0.45 * deck
    mesh = Mesh().add(
        wood, box(-w / 2, w / 2, 0 if p.pick(2) else 0.3 * base, base, z0 + 0.03, z1 - 0.03), *legs(w, d, base, 0.07)
    )
    kind = p.pick(4)
    if kind == 0:  # padded, in upright channels
        count = max(3, round(w / 0.28))
        mesh.add(wood, box(-w / 2, w / 2, 0, head - 0.02, z0, z0 + 0.03))
        step = w / count
        mesh.add(
            throw,
            *(
                soft_box(-w / 2 + k * step, -w / 2 + (k + 1) * step, 0.8 * deck, head, z0 + 0.01, z0 + 0.1, 0.035)
                for k in range(count)
            ),
        )
    elif kind == 1:  # bars between posts
        posts = [box(x, x + 0.06, 0, head, z0, z0 + 0.06) for x in (-w / 2, w / 2 - 0.06)]
        mesh.add(wood, *posts, box(-w / 2, w / 2, head - 0.09, head - 0.02, z0 + 0.01, z0 + 0.05))
        mesh.add(
            wood, *slats(-w / 2 + 0.06, w / 2 - 0.06, base, head - 0.09, z0 + 0.02, 0.02, max(4, int(w / 0.16)), True)
        )
    else:
        mesh.add(wood, box(-w / 2, w / 2, 0, head, z0, z0 + 0.05), box(-w / 2, w / 2, head - 0.05, head, z0, z0 + 0.07))
        if kind == 2:
            mesh.add(
                wood,
                *(
                    box(s - 0.43 * w / 2, s + 0.43 * w / 2, deck, head - 0.1, z0 + 0.04, z0 + 0.065)
                    for s in (-w / 4, w / 4)
                ),
            )
    if p.pick(2) and foot > base:
        mesh.add(wood, box(-w / 2, w / 2, 0, min(foot, h), z1 - 0.05, z1))
    inner0, inner1 = z0 + 0.07, z1 - 0.05
    mesh.add(sheet, soft_box(-w / 2 + 0.03, w / 2 - 0.03, base, deck, inner0, inner1, 0.05))
    fold = inner0 + 0.3 * (inner1 - inner0)
    mesh.add(blanket, soft_box(-w / 2 + 0.005, w / 2 - 0.005, base + 0.02, deck + 0.035, fold, inner1 + 0.015, 0.06))
    mesh.add(sheet, soft_box(-w / 2, w / 2, base + 0.1, deck + 0.05, fold - 0.03, fold + 0.2, 0.04))
    if p.pick(2):  # a second blanket across the foot end
        at = inner1 - p.real(0.30, 0.42) * (inner1 - fold)
        mesh.add(throw, soft_box(-w / 2, w / 2, base + 0.04, deck + 0.05, at, at + 0.26 * (inner1 - fold), 0.03))
    count = 1 if w < 1.15 else 2
    room = (w - 0.14) / count
    cases = throw if p.pick(3) == 0 else sheet
    for k in range(count):
        x = -w / 2 + 0.07 + (k + 0.5) * room
        thick = min(0.17, max(h - deck, 0.06))
        rest = puff(min(room - 0.04, 0.72), thick, min(0.44, 0.25 * d))
        mesh.add(sheet, rest.turned("x", 12).moved(x, deck + 0.0, inner0 + 0.24))
        if cases is not sheet:
            small = puff(0.55 * min(room, 0.72), 0.8 * thick, 0.3).turned("x", 35)
            mesh.add(cases, small.moved(x, deck + 0.03, inner0 + 0.44))
    if h >= 1.5:
        x, z, t = w / 2 - 0.03, d / 2 - 0.03, 0.03
        mesh.add(
            wood,
            *(box(sx * x - t, sx * x + t, 0, h, sz * z - t, sz * z + t) for sx in (-1, 1) for sz in (-1, 1)),
            *(box(-w / 2, w / 2, h - 0.05, h, sz * z - 0.02, sz * z + 0.02) for sz in (-1, 1)),
            *(box(sx * x - 0.02, sx * x + 0.02, h - 0.05, h, z0, z1) for sx in (-1, 1)),
        )
    return mesh


def pillow(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A cushion, plain or printed; one that is taller than deep stands on its edge."""
    tone = FABRICS[p.pick(len(FABRICS))]
    light = (0.3 + 0.7 * tone[0], 0.3 + 0.7 * tone[1], 0.3 + 0.7 * tone[2])
    cloth = p.motif(light, 0.3) if p.pick(2) else p.paint("fabric", light if p.pick(2) else tone)
    if h > d:
        return Mesh().add(cloth, puff(w, d, h).turned("x", 90))
    return Mesh().add(cloth, puff(w, h, d))


BUILDERS = {"Bed": bed, "Pillow": pillow}
