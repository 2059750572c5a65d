"""Things with a plug: kitchen and laundry machines, screens, computers."""

from __future__ import annotations

import numpy as np

from ..scene import Material
from .joinery import knob, legs
from .palette import BRIGHTS, Palette, plain
from .shapes import Mesh, box, curve, cylinder, join, lathe, quad, soft_box, tube

_DARK = plain("dark glass", (0.07, 0.08, 0.10))
_CASES = ((0.93, 0.93, 0.92), (0.66, 0.67, 0.69), (0.16, 0.16, 0.18), (0.70, 0.18, 0.16), (0.86, 0.82, 0.70))


def _case(p: Palette) -> Material:
    """A casing: white, steel, black, red or cream."""
    k = p.pick(len(_CASES))
    return p.paint("metal" if k == 1 else "plastic", _CASES[k])


def _screen(p: Palette, x0: float, x1: float, y0: float, y1: float, z: float, on: bool, shows: str = "screen") -> Mesh:
    """A lit or dark display that faces +z; `shows` names the texture."""
    look = Material("screen on", (1.0, 1.0, 1.0), p.textured(shows).texture, 1.0, 0.35) if on else _DARK
    rim = 0.5 / 128
    uv = [(rim, 1 - rim), (1 - rim, 1 - rim), (1 - rim, rim), (rim, rim)]
    return Mesh().add(look, quad([(x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)], uv))


def fridge(w: float, h: float, d: float, p: Palette) -> Mesh:
    """Doors above each other or side by side, bar handles; some with an ice dispenser."""
    case, handle = _case(p), p.paint("metal", (0.62, 0.63, 0.65))
    z1 = d / 2 - 0.06
    mesh = Mesh().add(case, box(-w / 2, w / 2, 0.03, h, -d / 2, z1 - 0.05))
    mesh.add(plain("fridge foot", (0.1, 0.1, 0.1)), box(-w / 2 + 0.03, w / 2 - 0.03, 0, 0.04, -d / 2 + 0.03, z1 - 0.08))
    if w > 0.85:
        doors = [(-w / 2, -0.004, 0.06, h), (0.004, w / 2, 0.06, h)]
        if p.pick(2):
            doors = [(-w / 2, -0.004, 0.4 * h, h), (0.004, w / 2, 0.4 * h, h), (-w / 2, w / 2, 0.06, 0.4 * h - 0.008)]
    else:
        split = p.real(0.6, 0.72) * h if p.pick(2) else p.real(0.3, 0.4) * h
        doors = [(-w / 2, w / 2, 0.06, split - 0.004), (-w / 2, w / 2, split + 0.004, h)]
    for k, (x0, x1, y0, y1) in enumerate(doors):
        mesh.add(case, soft_box(x0, x1, y0, y1, z1 - 0.05, z1, 0.012))
        if x1 - x0 > 0.95 * w and w > 0.85:
            mesh.add(
                handle,
                box(-0.3 * w, 0.3 * w, y1 - 0.08, y1 - 0.055, z1 + 0.02, d / 2),
                *(box(s * 0.28 * w - 0.01, s * 0.28 * w + 0.01, y1 - 0.08, y1 - 0.055, z1, d / 2) for s in (-1, 1)),
            )
            continue
        at = x1 - 0.07 if x0 < -0.01 and x1 < w / 4 else x0 + 0.05
        reach = (y1 - y0) * 0.3
        middle = (y0 + y1) / 2
        mesh.add(
            handle,
            box(at, at + 0.022, middle - reach, middle + reach, z1 + 0.02, d / 2),
            *(box(at, at + 0.022, middle + s * reach - 0.012, middle + s * reach + 0.012, z1, d / 2) for s in (-1, 1)),
        )
        if k == 0 and w > 0.85:
            mesh.add(_DARK, box(x0 + 0.12, x0 + 0.3, 0.56 * h, 0.72 * h, z1, z1 + 0.004))
    return mesh


def television(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A flat screen on a foot (none when the box is shallow: it hangs on a wall)."""
    frame = p.paint("plastic", (0.12, 0.12, 0.13) if p.pick(3) else (0.45, 0.46, 0.48))
    standing = d > 0.12
    low = 0.1 * h if standing else 0.0
    thick = min(0.05, d)
    z1 = thick / 2 if standing else d / 2
    mesh = Mesh().add(frame, soft_box(-w / 2, w / 2, low, h, z1 - thick, z1 - 0.002, 0.012))
    rim = 0.03 * h + 0.008
    mesh.extend(
        _screen(
            p,
            -w / 2 + rim,
            w / 2 - rim,
            low + 1.6 * rim,
            h - rim,
            z1,
            p.pick(4) == 0,
            f"picture {6 * p.pick(3) + 3 * p.pick(2)}",
        )
    )
    if standing:
        mesh.add(frame, box(-0.05 * w, 0.05 * w, 0, low + 0.1 * h, -0.03, 0.01))
        mesh.add(frame, lathe([(0, 0), (0.5, 0), (0.5, 0.012), (0.42, 0.02), (0, 0.02)], 18).scaled(0.5 * w, 1, d))
    return mesh


def laptop(w: float, h: float, d: float, p: Palette) -> Mesh:
    """Keyboard half and lid, open as far as the box allows."""
    case = p.paint("metal", ((0.72, 0.73, 0.75), (0.25, 0.26, 0.28), (0.86, 0.84, 0.80))[p.pick(3)])
    if h < 0.12 * d:
        return Mesh().add(case, soft_box(-w / 2, w / 2, 0, h, -d / 2, d / 2, 0.01))
    t, hinge = 0.018, -d / 2 + min(0.5 * d, 0.32 * h)
    mesh = Mesh().add(case, soft_box(-w / 2, w / 2, 0, t, hinge, d / 2, 0.006))
    keys = p.textured("keys", (0.2, 0.2, 0.22), 0.3)
    mesh.add(keys, box(-0.43 * w, 0.43 * w, t - 0.002, t + 0.002, hinge + 0.04, hinge + 0.55 * (d / 2 - hinge)))
    mesh.add(
        plain("touchpad", (0.55, 0.56, 0.58)),
        box(-0.13 * w, 0.13 * w, t - 0.002, t + 0.001, hinge + 0.62 * (d / 2 - hinge), hinge + 0.92 * (d / 2 - hinge)),
    )
    length = float(np.hypot(h - t, hinge + d / 2))
    lean = -float(np.degrees(np.arctan2(hinge + d / 2, h - t)))
    lid = Mesh().add(case, soft_box(-w / 2, w / 2, 0, length, -0.012, 0, 0.005))
    lid.extend(_screen(p, -0.47 * w, 0.47 * w, 0.06 * length, 0.95 * length, 0.001, True))
    for part, look in lid.parts:
        mesh.add(look, part.turned("x", lean).moved(0, t, hinge))
    return mesh


def desktop(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A monitor next to a tower."""
    case = p.paint("metal", (0.78, 0.79, 0.81))
    tower = min(0.22, 0.25 * w)
    mesh = Mesh().add(case, soft_box(w / 2 - tower, w / 2, 0, 0.8 * h, -d / 2, d / 2, 0.01))
    right = w / 2 - tower - 0.04
    middle = (right - w / 2) / 2
    mesh.add(
        case,
        soft_box(-w / 2, right, 0.22 * h, h, -0.02, 0.02, 0.01),
        box(middle - 0.03, middle + 0.03, 0, 0.3 * h, -0.03, 0),
        box(middle - 0.13, middle + 0.13, 0, 0.012, -0.4 * d, 0.4 * d),
    )
    return mesh.extend(_screen(p, -w / 2 + 0.015, right - 0.015, 0.3 * h, h - 0.015, 0.021, True))


def microwave(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A box with a dark door, a bar handle and a key pad."""
    case, z1 = _case(p), d / 2 - 0.025
    mesh = Mesh().add(case, soft_box(-w / 2, w / 2, 0.01, h, -d / 2, z1, 0.012), *legs(0.9 * w, 0.8 * d, 0.02, 0.03))
    split = 0.24 * w
    mesh.add(_DARK, box(-w / 2 + 0.03, split - 0.03, 0.16 * h, 0.86 * h, z1 - 0.002, z1 + 0.004))
    mesh.add(
        plain("key pad", (0.25, 0.26, 0.28)), box(split + 0.02, w / 2 - 0.02, 0.1 * h, 0.9 * h, z1 - 0.002, z1 + 0.003)
    )
    mesh.add(
        plain("clock", (0.3, 0.85, 0.55), 0.5), box(split + 0.035, w / 2 - 0.035, 0.74 * h, 0.84 * h, z1, z1 + 0.005)
    )
    mesh.add(p.paint("metal", (0.7, 0.7, 0.72)), box(split - 0.02, split, 0.15 * h, 0.85 * h, z1, d / 2))
    return mesh


def toaster(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A rounded body along its longer side, with two slots, a lever and a dial."""
    if w < d:
        turned = toaster(d, h, w, p)
        return Mesh([(part.turned("y", 90), look) for part, look in turned.parts])
    case, black = _case(p), plain("toaster black", (0.1, 0.1, 0.1))
    mesh = Mesh().add(case, soft_box(-0.47 * w, 0.45 * w, 0.04 * h, h, -d / 2, d / 2, 0.25 * d))
    mesh.add(
        black,
        box(-0.46 * w, 0.44 * w, 0, 0.06 * h, -0.44 * d, 0.44 * d),
        *(box(-0.32 * w, 0.3 * w, h - 0.006, h + 0.0005, s * 0.2 * d - 0.012, s * 0.2 * d + 0.012) for s in (-1, 1)),
        box(0.44 * w, w / 2, 0.6 * h, 0.68 * h, -0.1 * d, 0.1 * d),
    )
    return mesh.add(p.paint("metal", (0.8, 0.8, 0.8)), knob(0, 0, 0, 0.02).turned("y", 90).moved(0.45 * w, 0.3 * h, 0))


def coffee_machine(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A column at the back, a head above, a plate with a pot below."""
    case, metal = _case(p), p.paint("metal", (0.7, 0.7, 0.72))
    mesh = Mesh().add(
        case,
        soft_box(-w / 2, w / 2, 0, 0.12 * h, -d / 2, d / 2, 0.02),
        soft_box(-w / 2, w / 2, 0, h, -d / 2, -0.08 * d, 0.02),
        soft_box(-w / 2, w / 2, 0.68 * h, h, -d / 2, 0.42 * d, 0.03),
    )
    mesh.add(_DARK, box(-0.3 * w, 0.3 * w, 0.78 * h, 0.92 * h, 0.42 * d - 0.002, 0.42 * d + 0.004))
    r = 0.3 * min(w, 0.5 * d)
    y = 0.12 * h
    pot = lathe([(0, y), (r, y), (1.1 * r, y + 0.2 * h), (0.7 * r, y + 0.42 * h), (0, y + 0.42 * h)], 12).moved(
        z=0.18 * d
    )
    mesh.add(plain("coffee pot", (0.18, 0.11, 0.08)), pot)
    mesh.add(metal, cylinder(0, 0.18 * d, y + 0.42 * h, y + 0.47 * h, 0.75 * r))
    return mesh.add(
        plain("pot handle", (0.1, 0.1, 0.1)),
        tube(
            [
                (0, y + 0.36 * h, 0.18 * d + 0.8 * r),
                (0, y + 0.34 * h, 0.18 * d + 1.7 * r),
                (0, y + 0.1 * h, 0.18 * d + 1.6 * r),
                (0, y + 0.08 * h, 0.18 * d + r),
            ],
            0.008,
        ),
    )


def washer(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A front loader: a white block with a round door and a panel."""
    white = p.paint("porcelain", (0.92, 0.92, 0.91))
    z1, top = d / 2 - 0.05, h if h < 0.95 else 0.9
    mesh = Mesh().add(white, soft_box(-w / 2, w / 2, 0, top, -d / 2, z1, 0.012))
    if top < h:
        mesh.add(white, box(-w / 2, w / 2, top - 0.03, h, -d / 2, -d / 2 + 0.12))
        mesh.add(
            plain("panel", (0.3, 0.31, 0.33)),
            box(-0.46 * w, 0.46 * w, top + 0.03, h - 0.03, -d / 2 + 0.12, -d / 2 + 0.125),
        )
    r, y = 0.3 * w, 0.48 * top
    ring = lathe([(0, 0), (r, 0), (r, 0.03), (0.78 * r, 0.045), (0.74 * r, 0.02), (0, 0.02)], 20).turned("x", 90)
    mesh.add(p.paint("metal", (0.7, 0.71, 0.73)), ring.moved(0, y, z1))
    mesh.add(_DARK, cylinder(0, 0, 0, 0.026, 0.74 * r, segments=20).turned("x", 90).moved(0, y, z1))
    mesh.add(plain("panel", (0.3, 0.31, 0.33)), box(-0.1 * w, 0.44 * w, 0.87 * top, 0.95 * top, z1 - 0.002, z1 + 0.003))
    return mesh.add(p.paint("metal", (0.7, 0.71, 0.73)), knob(-0.25 * w, 0.91 * top, z1, 0.03))


def kettle(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A round body with a spout to the left and a bow handle."""
    metal, grip = p.of("metal"), p.one(BRIGHTS)
    r = 0.4 * min(w, d)
    body = [(0, 0), (0.9 * r, 0), (r, 0.1 * h), (0.85 * r, 0.4 * h), (0.45 * r, 0.56 * h), (0, 0.58 * h)]
    mesh = Mesh().add(
        metal,
        lathe(curve(body), 18),
        tube([(0.7 * r, 0.2 * h, 0), (1.15 * r, 0.42 * h, 0), (1.3 * r, 0.5 * h, 0)], 0.14 * r),
    )
    arc = [(0.75 * r * np.cos(a), 0.45 * h + 0.5 * h * np.sin(a), 0) for a in np.linspace(0.1, np.pi - 0.1, 8)]
    return mesh.add(grip, tube(arc, 0.08 * r), cylinder(0, 0, 0.56 * h, 0.64 * h, 0.1 * r))


def vacuum(w: float, h: float, d: float, p: Palette) -> Mesh:
    """An upright cleaner."""
    case, black = p.one(BRIGHTS), plain("vacuum black", (0.12, 0.12, 0.13))
    mesh = Mesh().add(black, soft_box(-w / 2, w / 2, 0, 0.13 * h, 0, d / 2, 0.03))
    mesh.add(case, soft_box(-0.3 * w, 0.3 * w, 0.1 * h, 0.62 * h, -0.3 * d, 0.15 * d, 0.06))
    mesh.add(plain("dust cup", (0.6, 0.68, 0.7)), cylinder(0, 0.1 * d, 0.2 * h, 0.45 * h, 0.2 * w))
    return mesh.add(
        black,
        join([tube([(0, 0.6 * h, -0.2 * d), (0, 0.95 * h, -0.42 * d), (0, h - 0.02, -0.3 * d)], 0.02)]),
        *(
            cylinder(0, 0, -0.02, 0.02, 0.07 * h, segments=10).turned("z", 90).moved(s * 0.3 * w, 0.07 * h, -0.3 * d)
            for s in (-1, 1)
        ),
    )


BUILDERS = {
    "Fridge": fridge,
    "Television": television,
    "Laptop": laptop,
    "Desktop": desktop,
    "Microwave": microwave,
    "Toaster": toaster,
    "CoffeeMachine": coffee_machine,
    "WashingMachine": washer,
    "ClothesDryer": washer,
    "Kettle": kettle,
    "VacuumCleaner": vacuum,
}
