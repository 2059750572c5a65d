"""Dressers, shelves, TV stands, boxes, carts, hampers, bins."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from .joinery import fronts, knob, legs
from .palette import BRIGHTS, FABRICS, SPINES, Palette, plain
from .shapes import Mesh, Part, box, curve, cylinder, lathe, quad, soft_box, tube

PAGES = plain("pages", (0.90, 0.87, 0.79))


def dresser(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A chest of drawers; one that is tall has doors above."""
    wood, second = p.own("wood") or p.of("wood"), p.own("wood", skip=1)
    face, metal = second or wood, p.of("metal")
    foot = p.real(0.04, 0.12) if h > 0.4 else 0.02
    z1 = d / 2 - 0.035
    mesh = Mesh().add(
        wood,
        *legs(w, d - 0.03, foot, 0.05),
        box(-w / 2, w / 2, foot, h - 0.025, -d / 2, z1),
        box(-w / 2, w / 2, h - 0.025, h, -d / 2, d / 2),
    )
    drawers_top = h - 0.03 if h < 1.3 else 0.4 * h
    columns = max(1, round(w / 0.65))
    rows = max(1, round((drawers_top - foot) / 0.23))
    fronts(mesh, (-w / 2 + 0.01, w / 2 - 0.01, foot + 0.01, drawers_top), z1, (columns, rows), face, metal)
    if drawers_top < h - 0.1:
        fronts(mesh, (-w / 2 + 0.01, w / 2 - 0.01, drawers_top, h - 0.03), z1, (max(2, columns), 1), face, metal, True)
    return mesh


def shelving(w: float, h: float, d: float, p: Palette) -> Mesh:
    """Open shelves between sides, with or without a back; wide ones are divided."""
    wood = p.own("wood", "metal", "plastic") or p.of("wood")
    t = float(np.clip(0.025, 0.01, 0.1 * w))
    rows = max(2, round(h / 0.38))
    levels = np.linspace(0.0 if h < 0.6 else 0.05, h - t, rows + 1)
    z0, z1 = -d / 2, d / 2
    mesh = Mesh().add(
        wood,
        *(box(x, x + t, 0, h, z0, z1) for x in (-w / 2, w / 2 - t)),
        *(box(-w / 2 + t, w / 2 - t, y, y + t, z0 + 0.004, z1 - 0.004) for y in levels),
    )
    if p.pick(2):
        mesh.add(wood, box(-w / 2 + t, w / 2 - t, 0.05, h - t, z0, z0 + 0.008))
    columns = max(1, round(w / 0.75))
    posts = np.linspace(-w / 2, w / 2 - t, columns + 1)
    mesh.add(wood, *(box(x, x + t, levels[0] + t, h - t, z0 + 0.008, z1 - 0.008) for x in posts[1:-1]))
    for low, high in pairwise(levels):
        for left, right in pairwise(posts):
            bay = (left + t + 0.01, right - 0.01, low + t, high, z0 + 0.012, z1 - 0.02)
            if p.pick(3) and right - left > 0.2 and high - low > 0.18 and d > 0.15:
                mesh.extend(_contents(bay, p))
    return mesh


def _contents(bay: tuple[float, float, float, float, float, float], p: Palette) -> Mesh:
    """Contents of one bay (x0, x1, y0, y1, z0, z1) of a shelf: books, a basket, or a vase and a pile of books."""
    x0, x1, y0, y1, z0, z1 = bay
    wide, deep = x1 - x0, min(z1 - z0, 0.24)
    kind, tall = p.pick(4), min(0.75 * (y1 - y0), 0.28)
    if kind == 3:
        basket = p.textured("wicker", (0.78, 0.66, 0.48), 0.3)
        pail = _pail(min(0.8 * wide, 0.4), 0.8 * tall, deep, 0.012, 0.9, False)
        return Mesh().add(basket, pail.moved((x0 + x1) / 2, y0, z0 + deep / 2))
    if kind == 2:
        r = 0.3 * min(deep, 0.5 * wide, tall)
        pot = curve([(0.6 * r, 0), (r, 0.35 * tall), (0.8 * r, 0.7 * tall), (0.4 * r, 0.9 * tall), (0.5 * r, tall)])
        vase = lathe([(0, 0), *pot, (0, tall)], 12).moved(x0 + 0.22 * wide, y0, z0 + deep / 2)
        mesh = Mesh().add(p.one(BRIGHTS, "porcelain"), vase)
        for k in range(2 + p.pick(3)):
            across = p.real(0.16, 0.2)
            at = x0 + 0.65 * wide + p.real(-0.01, 0.01)
            half = min(across / 2, 0.3 * wide)
            mesh.add(
                p.one(SPINES, "paper"), box(at - half, at + half, y0 + 0.03 * k, y0 + 0.03 * k + 0.028, z0, z0 + deep)
            )
        return mesh
    mesh, x = Mesh(), x0
    end = x0 + wide * (p.real(0.5, 0.8) if kind else 1.0)
    while x < end - 0.03:
        # a group of books of one height, their spines printed on its front
        width = min(p.real(0.08, 0.2), end - x)
        up, out = tall * p.real(0.78, 1.0), deep * p.real(0.8, 1.0)
        u = p.real(0, 1)
        uv = [(u, 0.99), (u + width / 0.36, 0.99), (u + width / 0.36, 0.01), (u, 0.01)]
        z = z0 + out
        front = quad([(x, y0, z), (x + width, y0, z), (x + width, y0 + up, z), (x, y0 + up, z)], uv)
        mesh.add(p.books(), front)
        mesh.add(PAGES, box(x + 0.002, x + width - 0.002, y0, y0 + up - 0.004, z0, z - 0.001))
        x += width
    return mesh


def tv_stand(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A low cabinet: doors at the sides, an open bay with a shelf between them."""
    wood, metal = p.own("wood", "metal") or p.of("wood"), p.of("metal")
    t, foot, z0, z1 = 0.022, min(0.1, 0.2 * h), -d / 2, d / 2
    bay = w if w < 0.8 else w * p.real(0.3, 0.5)
    mesh = Mesh().add(
        wood,
        *legs(w - 0.04, d - 0.04, foot, 0.045),
        box(-w / 2, w / 2, h - t, h, z0, z1),
        box(-w / 2, w / 2, foot, foot + t, z0, z1 - 0.02),
        box(-w / 2, w / 2, foot + t, h - t, z0, z0 + 0.01),
    )
    side = (w - bay) / 2
    for x in (-w / 2, bay / 2):
        if side > 0.05:
            mesh.add(wood, box(x, x + side, foot + t, h - t, z0 + 0.01, z1 - 0.03))
            fronts(mesh, (x, x + side, foot + 0.01, h - t), z1 - 0.03, (1, 1 if h < 0.7 else 2), wood, metal, True)
        else:
            mesh.add(
                wood,
                box(-w / 2, -w / 2 + t, foot + t, h - t, z0 + 0.01, z1 - 0.02),
                box(w / 2 - t, w / 2, foot + t, h - t, z0 + 0.01, z1 - 0.02),
            )
    middle = foot + 0.5 * (h - foot)
    return mesh.add(wood, box(-bay / 2, bay / 2, middle, middle + 0.015, z0 + 0.01, z1 - 0.05))


def safe(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A steel box with a door, a dial and a lever."""
    steel = p.paint("metal", (0.30, 0.32, 0.35))
    dark, bright = plain("safe door", (0.22, 0.24, 0.27)), p.paint("metal", (0.75, 0.75, 0.76))
    z1 = d / 2 - 0.04
    mesh = Mesh().add(steel, soft_box(-w / 2, w / 2, 0, h, -d / 2, z1, 0.015))
    mesh.add(dark, box(-0.42 * w, 0.42 * w, 0.08 * h, 0.92 * h, z1 - 0.002, z1 + 0.012))
    mesh.add(
        bright,
        knob(0.1 * w, 0.6 * h, z1 + 0.012, 0.11 * min(w, h)),
        box(-0.3 * w, -0.1 * w, 0.48 * h, 0.52 * h, z1 + 0.012, d / 2),
    )
    return mesh


def carton(w: float, h: float, d: float, p: Palette) -> Mesh:
    """An open cardboard box with its flaps folded out."""
    card = p.paint("paper", (0.70, 0.53, 0.34))
    tape = plain("tape", (0.83, 0.72, 0.52))
    x, z, t = 0.36 * w, 0.36 * d, 0.006
    top = 0.88 * h
    mesh = Mesh().add(
        card,
        box(-x, x, 0, t, -z, z),
        *(box(s * x - t, s * x + t, 0, top, -z, z) for s in (-1, 1)),
        *(box(-x, x, 0, top, s * z - t, s * z + t) for s in (-1, 1)),
    )
    for turn, reach, width in ((0.0, z, x), (180.0, z, x), (90.0, x, z), (270.0, x, z)):
        flap = box(-width + t, width - t, -t, 0, 0, 0.16 * min(w, d)).turned("x", -p.real(10, 50))
        mesh.add(card, flap.moved(0, top, reach).turned("y", turn))
    mesh.add(tape, box(-0.03, 0.03, 0, top, z + t, z + t + 0.001), box(-0.03, 0.03, 0, top, -z - t - 0.001, -z - t))
    return mesh


def cart(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A trolley of three trays on castors."""
    metal = p.of("metal")
    x, z, wheel = w / 2 - 0.02, d / 2 - 0.02, 0.08
    mesh = Mesh().add(
        metal, *(cylinder(sx * x, sz * z, wheel, h, 0.014, segments=6) for sx in (-1, 1) for sz in (-1, 1))
    )
    for y in (0.12, 0.45, 0.78):
        mesh.add(
            metal,
            box(-x, x, y * h, y * h + 0.015, -z, z),
            *(box(-x, x, y * h, y * h + 0.06, s * z - 0.005, s * z + 0.005) for s in (-1, 1)),
        )
    mesh.add(metal, *(tube([(s * x, h - 0.02, -z), (s * x, h - 0.02, z)], 0.014) for s in (-1, 1)))
    tyre = plain("castor", (0.12, 0.12, 0.13))
    return mesh.add(
        tyre,
        *(
            cylinder(0, 0, -0.02, 0.02, wheel / 2, segments=8).turned("z", 90).moved(sx * x, wheel / 2, sz * z)
            for sx in (-1, 1)
            for sz in (-1, 1)
        ),
    )


def _pail(w: float, h: float, d: float, wall: float, foot: float, round_: bool) -> Part:
    """An open vessel with a w x d mouth and straight sides; round or four-sided."""
    inner = 0.5 - wall / max(min(w, d), 0.05)
    profile = [(0, 0), (0.5 * foot, 0), (0.5, h), (inner, h), (inner * foot, 0.04 * h), (0, 0.04 * h)]
    if round_:
        return lathe(profile, 16).scaled(w, 1, d)
    square = lathe([(r * 2**0.5, y) for r, y in profile], 4).turned("y", 45)
    return square.scaled(w, 1, d)


def bin_(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A waste bin: an open pail, or with a lid and a pedal."""
    look = p.own("metal", "plastic") or p.one(
        ((0.68, 0.69, 0.71), (0.18, 0.19, 0.2), (0.30, 0.40, 0.48), (0.88, 0.88, 0.86))
    )
    round_ = abs(w - d) < 0.05 and p.pick(3) > 0
    if p.pick(2) == 0:
        mesh = Mesh().add(look, _pail(w, h, d, 0.012, p.real(0.7, 0.85), round_))
        return mesh.add(
            plain("bin liner", (0.15, 0.15, 0.16)), box(-0.3 * w, 0.3 * w, 0.1 * h, 0.12 * h, -0.3 * d, 0.3 * d)
        )
    lid = p.one(((0.15, 0.15, 0.17), (0.45, 0.46, 0.48), (0.75, 0.3, 0.24)))
    pedal = plain("pedal", (0.15, 0.15, 0.16))
    if round_:
        dome = lathe([(0, 0.84 * h), (0.5, 0.84 * h), (0.5, 0.88 * h), (0.4, 0.96 * h), (0.2, h), (0, h)], 16).scaled(
            w, 1, 0.94 * d
        )
        mesh = Mesh().add(
            look, lathe([(0, 0.03 * h), (0.48, 0.03 * h), (0.48, 0.84 * h), (0, 0.84 * h)], 16).scaled(w, 1, 0.94 * d)
        )
        return mesh.add(lid, dome).add(pedal, box(-0.05, 0.05, 0, 0.02, 0.4 * d, d / 2))
    mesh = Mesh().add(look, soft_box(-0.49 * w, 0.49 * w, 0, 0.86 * h, -0.48 * d, 0.48 * d, 0.03))
    return mesh.add(lid, soft_box(-w / 2, w / 2, 0.84 * h, h, -d / 2, d / 2, 0.04)).add(
        pedal, box(-0.2 * w, 0.2 * w, 0.72 * h, 0.76 * h, 0.47 * d, 0.495 * d)
    )


def hamper(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A laundry basket with a rim and some cloth in it."""
    weave = p.own("fabric", "plastic", "wicker") or p.textured("wicker", (0.78, 0.66, 0.48), 0.3)
    round_ = abs(w - d) < 0.05
    mesh = Mesh().add(weave, _pail(w, 0.97 * h, d, 0.015, 0.82, round_))
    heap = soft_box(-0.4 * w, 0.4 * w, 0.5 * h, 0.98 * h, -0.4 * d, 0.4 * d, 0.12)
    corner = soft_box(-0.1 * w, 0.35 * w, 0.6 * h, h, -0.2 * d, 0.3 * d, 0.08)
    return mesh.add(p.one(FABRICS, "fabric"), heap).add(p.one(BRIGHTS, "fabric"), corner)


def bag(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A full bin bag, tied at its neck."""
    foil = plain("bin bag", (0.10, 0.10, 0.11) if p.pick(2) else (0.24, 0.26, 0.28))
    body = [
        (0, 0),
        (0.40, 0),
        (0.48, 0.12 * h),
        (0.5, 0.35 * h),
        (0.42, 0.6 * h),
        (0.22, 0.76 * h),
        (0.08, 0.82 * h),
        (0.07, 0.85 * h),
        (0.18, 0.98 * h),
        (0.12, h),
        (0, 0.9 * h),
    ]
    whole = lathe(curve(body, 3), 18)
    angle = np.arctan2(whole.vertices[:, 0], whole.vertices[:, 2])
    crease = 1 + 0.05 * np.sin(5 * angle) * np.sin(3 * np.pi * whole.vertices[:, 1] / h)
    vertices = whole.vertices * np.stack([crease, np.ones_like(crease), crease], 1)
    return Mesh().add(foil, Part(vertices, whole.normals, whole.uv, whole.faces).scaled(w, 1, d))


BUILDERS = {
    "Dresser": dresser,
    "ShelvingUnit": shelving,
    "TVStand": tv_stand,
    "Safe": safe,
    "Box": carton,
    "Cart": cart,
    "GarbageCan": bin_,
    "LaundryHamper": hamper,
    "GarbageBag": bag,
}
