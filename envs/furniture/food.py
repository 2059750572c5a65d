"""Food."""

from __future__ import annotations

import numpy as np

from .palette import Palette, plain
from .shapes import Mesh, Part, ball, box, cylinder, lathe, soft_box


def _lumpy(part: Part, p: Palette, amount: float) -> Part:
    """The part with its surface moved in and out by waves; normals stay those of the smooth form."""
    a, b, c = (p.real(2, 4) for _ in range(3))
    unit_box = part.vertices / np.abs(part.vertices).max(0)
    wave = np.sin(a * unit_box[:, 0] + 1) * np.sin(b * unit_box[:, 1] + 2) * np.sin(c * unit_box[:, 2] + 3)
    return Part(part.vertices * (1 + amount * wave[:, None]), part.normals, part.uv, part.faces)


def _fruit(w: float, h: float, d: float, dimple: float) -> Part:
    """A round fruit with a dimple on top."""
    profile = [
        (0, 0.03 * h),
        (0.2, 0.0),
        (0.42, 0.18 * h),
        (0.5, 0.5 * h),
        (0.44, 0.78 * h),
        (0.28, 0.96 * h),
        (0.12, (1 - 0.3 * dimple) * h),
        (0, (1 - dimple) * h),
    ]
    return lathe(profile, 14).scaled(w, 1, d)


def apple(w: float, h: float, d: float, p: Palette) -> Mesh:
    """Red, green or yellow, dimpled where the stem stands."""
    skin = p.tinted("apple", ((0.74, 0.14, 0.13), (0.52, 0.70, 0.22), (0.84, 0.62, 0.20))[p.pick(3)])
    stem = cylinder(0.02 * w, 0, 0.78 * h, h, 0.025 * w, segments=5)
    return Mesh().add(skin, _fruit(w, 0.93 * h, d, 0.14)).add(plain("stem", (0.32, 0.22, 0.14)), stem)


def tomato(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A flat red fruit under a calyx of five leaves."""
    mesh = Mesh().add(plain("tomato", (0.82, p.real(0.14, 0.24), 0.12)), _fruit(w, 0.95 * h, d, 0.08))
    star = [box(-0.03 * w, 0.03 * w, 0.9 * h, 0.95 * h, 0, 0.25 * w).turned("y", 72.0 * k) for k in range(5)]
    return mesh.add(plain("calyx", (0.28, 0.48, 0.20)), *star, cylinder(0, 0, 0.9 * h, h, 0.03 * w, segments=5))


def egg(w: float, h: float, d: float, p: Palette) -> Mesh:
    """Standing on its blunt end, white or brown."""
    profile = [
        (0, 0),
        (0.3, 0.06 * h),
        (0.46, 0.24 * h),
        (0.5, 0.42 * h),
        (0.43, 0.66 * h),
        (0.27, 0.88 * h),
        (0.12, 0.98 * h),
        (0, h),
    ]
    shell = p.tinted("egg", ((0.93, 0.88, 0.80), (0.80, 0.60, 0.44))[p.pick(2)])
    return Mesh().add(shell, lathe(profile, 12).scaled(w, 1, d))


def potato(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A lumpy ball with crust."""
    form = _lumpy(ball(0, 0, 0, w / 2, h / 2, d / 2, 12, 7), p, 0.12).moved(y=h / 2)
    return Mesh().add(p.textured("crust", (p.real(0.62, 0.74), 0.52, 0.32), 0.2), form)


def lettuce(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A head of overlapping leaves."""
    light = plain("lettuce heart", (0.70, 0.82, 0.42))
    dark = p.textured("leaf", (p.real(0.36, 0.50), p.real(0.60, 0.72), 0.26), 0.15)
    mesh = Mesh().add(light, ball(0, h / 2, 0, 0.4 * w, 0.42 * h, 0.42 * d, 12, 6))
    leaf = ball(0, 0, 0, 0.28, 0.09, 0.4, 8, 4)
    for k in range(9):
        turned = leaf.turned("z", 40.0 * k).turned("y", 20.0 * (k % 3 - 1))
        angle = np.radians(40.0 * k)
        mesh.add(
            dark,
            turned.scaled(w, h, d).moved(-0.4 * w * np.sin(angle), h / 2 + 0.4 * h * np.cos(angle), 0.06 * d * (k % 3)),
        )
    return mesh


def bread(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A loaf with cuts across its top."""
    crust = p.textured("crust", (0.76, 0.53, 0.28), 0.3)
    mesh = Mesh().add(crust, soft_box(-w / 2, w / 2, 0, 0.96 * h, -d / 2, d / 2, 0.4 * min(w, h)))
    cuts = [
        box(-0.28 * w, 0.28 * w, 0.9 * h, h, f * d - 0.02 * d, f * d + 0.02 * d).turned("y", 12)
        for f in (-0.25, 0.0, 0.25)
    ]
    return mesh.add(plain("cut", (0.90, 0.76, 0.52)), *cuts)


BUILDERS = {
    "Apple": apple,
    "Tomato": tomato,
    "Egg": egg,
    "Potato": potato,
    "Lettuce": lettuce,
    "Bread": bread,
}
