"""Small things: paper, pocket devices, toys, cleaning."""

from __future__ import annotations

import numpy as np

from ..materials.materials import shifted
from ..scene import Material
from .palette import BRIGHTS, FABRICS, SPINES, Palette, plain
from .shapes import Mesh, ball, box, cylinder, join, lathe, soft_box, tube


def book(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A closed book on its back, its spine on the left; thick boxes become a pile."""
    mesh = Mesh()
    count = max(1, min(4, round(h / 0.06)))
    for k in range(count):
        cover = p.one(SPINES, "paper")
        y0, y1 = k * h / count, (k + 1) * h / count
        t = 0.14 * (y1 - y0)
        x0, x1 = -w / 2, w / 2 - 0.06 * w * (k > 0)
        z0, z1 = -d / 2, d / 2 - 0.05 * d * (k > 0)
        mesh.add(
            cover,
            box(x0, x1, y0, y0 + t, z0, z1),
            box(x0, x1, y1 - t, y1, z0, z1),
            box(x0, x0 + 0.03 * w, y0 + t, y1 - t, z0, z1),
        )
        mesh.add(
            plain("pages", (0.93, 0.90, 0.82)),
            box(x0 + 0.03 * w, x1 - 0.03 * w, y0 + t, y1 - t, z0 + 0.02 * d, z1 - 0.02 * d),
        )
        if k == count - 1:
            title = p.one(((0.95, 0.93, 0.86), (0.90, 0.74, 0.30)), "paper")
            mesh.add(
                title,
                box(-0.28 * w, 0.32 * w, y1 - t, y1 + 0.002, -0.28 * d, -0.12 * d),
                box(-0.2 * w, 0.24 * w, y1 - t, y1 + 0.002, 0.2 * d, 0.26 * d),
            )
    return mesh


def newspaper(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A folded sheet with print on it."""
    sheet = p.textured("text", (0.90, 0.88, 0.83), 0.35)
    return Mesh().add(sheet, soft_box(-w / 2, w / 2, 0, h, -d / 2, d / 2, 0.3 * h))


def _slab_with(w: float, h: float, d: float, body: Material, face: Material, share: float) -> Mesh:
    """A flat rounded body with a plate set into its top."""
    mesh = Mesh().add(body, soft_box(-w / 2, w / 2, 0, 0.97 * h, -d / 2, d / 2, 0.4 * h))
    return mesh.add(face, box(-share * w / 2, share * w / 2, 0.9 * h, h, -share * d / 2, share * d / 2))


def phone(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A slab with round edges and a dark glass on top, nine tenths as wide and deep."""
    body = p.one(((0.12, 0.12, 0.13), (0.80, 0.80, 0.82), (0.80, 0.66, 0.58), (0.22, 0.30, 0.44)))
    return _slab_with(w, h, d, body, plain("phone glass", (0.05, 0.06, 0.09)), 0.9)


def remote(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A bar with rows of buttons, one of them red."""
    mesh = Mesh().add(
        p.one(((0.14, 0.14, 0.15), (0.60, 0.61, 0.63), (0.90, 0.90, 0.88))),
        soft_box(-w / 2, w / 2, 0, 0.88 * h, -d / 2, d / 2, 0.3 * h),
    )
    keys = [
        box(x * w - 0.09 * w, x * w + 0.09 * w, 0.8 * h, h, z * d - 0.025 * d, z * d + 0.025 * d)
        for x in (-0.26, 0.0, 0.26)
        for z in (-0.2, -0.1, 0.0, 0.1, 0.2)
    ]
    mesh.add(plain("keys", (0.45, 0.46, 0.5)), *keys)
    return mesh.add(plain("power key", (0.85, 0.16, 0.14)), box(-0.36 * w, -0.16 * w, 0.8 * h, h, -0.42 * d, -0.36 * d))


def card(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A flat card with a magnetic stripe and a chip."""
    mesh = Mesh().add(p.one(BRIGHTS), box(-w / 2, w / 2, 0, 0.9 * h, -d / 2, d / 2))
    return mesh.add(
        plain("stripe", (0.12, 0.12, 0.12)), box(-w / 2 + 0.001, w / 2 - 0.001, 0.85 * h, h, -0.36 * d, -0.18 * d)
    ).add(plain("chip", (0.85, 0.70, 0.34)), box(-0.36 * w, -0.2 * w, 0.85 * h, h, 0.0, 0.2 * d))


def disc(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A shiny ring with a hole of a sixth of its width."""
    rim = [(0.08, 0), (0.5, 0), (0.5, h), (0.08, h), (0.08, 0)]
    return Mesh().add(p.paint("metal", (0.80, 0.84, 0.90)), lathe(rim, 20).scaled(w, 1, d))


def keys(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A ring with two keys and a tag."""
    metal = p.paint("metal", (0.76, 0.72, 0.60))
    s, t = min(w, d), max(h, 0.004)
    circle = [(0.22 * s * np.cos(a) - 0.2 * w, t / 2, 0.22 * s * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 13)[:-1]]
    mesh = Mesh().add(metal, tube(circle, 0.35 * t, 5, closed=True))
    for turn in (-22, 14):
        key = join(
            [
                cylinder(0.14 * w, 0, 0, 0.6 * t, 0.12 * s, segments=10),
                box(0.2 * w, 0.62 * w, 0, 0.5 * t, -0.03 * s, 0.03 * s),
                box(0.5 * w, 0.55 * w, 0, 0.5 * t, 0.03 * s, 0.1 * s),
            ]
        )
        mesh.add(metal, key.turned("y", turn))
    tag = soft_box(-0.5 * w, -0.25 * w, 0, t, 0.1 * s, 0.45 * s, 0.3 * t)
    return mesh.add(p.one(BRIGHTS), tag)


def basketball(w: float, h: float, d: float, p: Palette) -> Mesh:
    """An orange ball with black seams."""
    mesh = Mesh().add(p.textured("crust", (0.86, 0.42, 0.16), 0.1), ball(0, 0, 0, w / 2, h / 2, d / 2, 18, 10))
    circle = [(0.498 * w * np.cos(a), 0.0, 0.498 * d * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 19)[:-1]]
    seam = tube(circle, 0.012 * w, 5, closed=True)
    return mesh.add(plain("seam", (0.10, 0.08, 0.07)), seam, seam.turned("x", 90), seam.turned("z", 90))


def teddy(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A sitting bear."""
    fur = p.textured("carpet", shifted(((0.62, 0.42, 0.24), (0.80, 0.66, 0.46))[p.pick(2)], p.asset.asset_id), 0.3)
    pale, dark = plain("muzzle", (0.86, 0.74, 0.56)), plain("bear eye", (0.08, 0.06, 0.05))
    mesh = Mesh().add(
        fur,
        ball(0, 0.32 * h, -0.1 * d, 0.3 * w, 0.3 * h, 0.32 * d),
        ball(0, 0.75 * h, 0, 0.27 * w, 0.22 * h, 0.28 * d),
        *(ball(s * 0.22 * w, 0.93 * h, -0.02 * d, 0.1 * w, 0.08 * h, 0.07 * d, 8, 5) for s in (-1, 1)),
        *(ball(s * 0.36 * w, 0.42 * h, 0.05 * d, 0.14 * w, 0.1 * h, 0.2 * d, 10, 5) for s in (-1, 1)),
        *(ball(s * 0.24 * w, 0.1 * h, 0.28 * d, 0.13 * w, 0.1 * h, 0.24 * d, 10, 5) for s in (-1, 1)),
    )
    mesh.add(pale, ball(0, 0.7 * h, 0.24 * d, 0.12 * w, 0.09 * h, 0.12 * d, 10, 5))
    return mesh.add(
        dark,
        ball(0, 0.73 * h, 0.35 * d, 0.04 * w, 0.03 * h, 0.03 * d, 8, 4),
        *(ball(s * 0.1 * w, 0.81 * h, 0.24 * d, 0.03 * w, 0.025 * h, 0.03 * d, 8, 4) for s in (-1, 1)),
    )


def tissues(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A printed box with a tissue that sticks out of its slot."""
    paper = plain("tissue", (0.96, 0.96, 0.95))
    mesh = Mesh().add(p.motif(BRIGHTS[p.pick(len(BRIGHTS))], 0.2), box(-w / 2, w / 2, 0, 0.62 * h, -d / 2, d / 2))
    tuft = lathe([(0, 0.6 * h), (0.14, 0.6 * h), (0.22, 0.86 * h), (0.1, 0.8 * h), (0.06, h), (0, 0.84 * h)], 7)
    return mesh.add(paper, tuft.scaled(w, 1, d))


def sponge(w: float, h: float, d: float, p: Palette) -> Mesh:
    """Yellow foam under a green scourer."""
    mesh = Mesh().add(p.textured("speckle", (0.95, 0.83, 0.30), 0.1), box(-w / 2, w / 2, 0, 0.75 * h, -d / 2, d / 2))
    return mesh.add(plain("scourer", (0.22, 0.48, 0.28)), box(-w / 2, w / 2, 0.75 * h, h, -d / 2, d / 2))


def cloth(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A crumpled cloth: soft folds side by side."""
    look = p.motif(FABRICS[p.pick(len(FABRICS))], 0.2) if p.pick(2) else p.one(BRIGHTS, "fabric")
    mesh = Mesh().add(look, soft_box(-w / 2, w / 2, 0, 0.5 * h, -d / 2, d / 2, 0.2 * h))
    for x, turn in ((-0.22, 14), (0.1, -20), (0.28, 8)):
        mesh.add(look, ball(0, 0, 0, 0.1 * w, 0.6 * h, 0.42 * d, 8, 6).turned("y", turn).moved(x * w, 0.4 * h, 0))
    return mesh


def brush(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A coloured back with a block of bristles below it."""
    mesh = Mesh().add(p.one(BRIGHTS), soft_box(-w / 2, w / 2, 0.5 * h, h, -d / 2, d / 2, 0.2 * h))
    return mesh.add(plain("bristles", (0.90, 0.88, 0.78)), box(-0.42 * w, 0.42 * w, 0, 0.5 * h, -0.42 * d, 0.42 * d))


def boots(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A pair of rubber boots."""
    look = p.one(((0.30, 0.22, 0.16), (0.16, 0.16, 0.17), (0.72, 0.56, 0.20), (0.24, 0.36, 0.28)), "leather")
    mesh = Mesh()
    for s in (-1, 1):
        x0, x1 = sorted((s * 0.04 * w, s * 0.5 * w))
        mesh.add(
            look,
            soft_box(x0, x1, 0.04 * h, 0.32 * h, -d / 2, d / 2, 0.1 * d),
            soft_box(x0, x1, 0.1 * h, h, -d / 2, 0.1 * d, 0.1 * d),
        )
        mesh.add(plain("sole", (0.12, 0.11, 0.10)), box(x0, x1, 0, 0.06 * h, -d / 2, 0.48 * d))
    return mesh


def foil(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A roll in its long box."""
    return (
        Mesh()
        .add(p.motif(BRIGHTS[p.pick(len(BRIGHTS))], 0.2), box(-w / 2, w / 2, 0, 0.9 * h, -d / 2, d / 2))
        .add(p.paint("metal", (0.82, 0.83, 0.85)), box(-0.48 * w, 0.48 * w, 0.85 * h, h, -0.3 * d, 0.3 * d))
    )


def switch(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A plate with one rocker or two."""
    plate = p.tinted("switch", ((0.93, 0.93, 0.91), (0.88, 0.84, 0.74), (0.62, 0.62, 0.62))[p.pick(3)])
    mesh = Mesh().add(plate, box(-w / 2, w / 2, 0, h, -d / 2, 0.1 * d))
    places = ((0.0,), (-0.2, 0.2))[p.pick(2)]
    half = 0.16 if len(places) == 1 else 0.13
    rockers = [box((x - half) * w, (x + half) * w, 0.3 * h, 0.7 * h, 0.1 * d, d / 2) for x in places]
    return mesh.add(plain("rocker", (0.82, 0.82, 0.80)), *rockers)


def shower_head(w: float, h: float, d: float, p: Palette) -> Mesh:
    """An arm from the wall with a rose that looks down."""
    metal = p.paint("metal", (0.76, 0.77, 0.79))
    r = 0.45 * min(w, d)
    rose = lathe([(0, 0), (r, 0), (r, 0.12 * h), (0.3 * r, 0.4 * h), (0, 0.4 * h)], 16).moved(z=d / 2 - r)
    return Mesh().add(
        metal, rose, tube([(0, 0.92 * h, -d / 2), (0, 0.92 * h, 0.1 * d), (0, 0.35 * h, d / 2 - r)], 0.14 * r)
    )


BUILDERS = {
    "Book": book,
    "Newspaper": newspaper,
    "CellPhone": phone,
    "RemoteControl": remote,
    "CreditCard": card,
    "CD": disc,
    "KeyChain": keys,
    "BasketBall": basketball,
    "TeddyBear": teddy,
    "TissueBox": tissues,
    "DishSponge": sponge,
    "Cloth": cloth,
    "ScrubBrush": brush,
    "Boots": boots,
    "AluminumFoil": foil,
    "LightSwitch": switch,
    "ShowerHead": shower_head,
}
