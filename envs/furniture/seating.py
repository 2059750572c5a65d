"""Chairs, armchairs, sofas, stools. As in every family: width, height, depth in metres, front at +z, foot at y = 0."""

from __future__ import annotations

import numpy as np

from ..scene import Material
from .joinery import legs, slats
from .palette import BRIGHTS, FABRICS, Palette
from .rests import rest_height
from .shapes import Mesh, Part, box, cylinder, lathe, soft_box, tube


def chair(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A dining chair (slatted, upholstered or a plastic shell) or an office chair, by name and chance."""
    if "office" in " ".join((p.asset.asset_id, *p.asset.materials)).lower():
        return office_chair(w, h, d, p)
    frame = p.of("wood", "metal", "plastic")
    cushion = p.own("fabric") or (p.one(FABRICS, "fabric") if p.pick(2) else frame)
    seat, leg = rest_height(p.asset.asset_id, "Chair", h) - 0.02, p.real(0.03, 0.045)
    back = -d / 2
    kind = p.pick(3)
    mesh = Mesh().add(frame, *legs(w, d, seat - 0.03, leg, round_legs=kind == 2))
    mesh.add(cushion, soft_box(-w / 2, w / 2, seat - 0.05, seat + 0.02, back, d / 2, 0.025))
    lean = 0.08 * d
    if kind == 0:
        posts = [box(x, x + leg, seat, h, back, back + leg) for x in (-w / 2, w / 2 - leg)]
        mesh.add(frame, *posts, box(-w / 2, w / 2, h - 0.08, h - 0.005, back, back + leg))
        count = 2 + p.pick(3)
        if p.pick(2):
            mesh.add(
                frame, *slats(-w / 2 + leg, w / 2 - leg, seat, h - 0.08, back + 0.006, leg - 0.012, count + 1, True)
            )
        else:
            mesh.add(
                frame, *slats(-w / 2 + leg, w / 2 - leg, seat + 0.1, h - 0.1, back + 0.006, leg - 0.012, count, False)
            )
    elif kind == 1:
        rest = soft_box(-w / 2 + 0.01, w / 2 - 0.01, seat + 0.02, h, back, back + 0.07, 0.03)
        mesh.add(cushion, rest)
    else:
        panel = soft_box(-w / 2, w / 2, seat + 0.14, h, -0.025, 0.025, 0.02).turned("x", -6).moved(z=back + lean + 0.02)
        mesh.add(
            frame,
            *(tube([(x, seat - 0.02, back + 0.04), (x, h - 0.1, back + 0.03)], 0.014, 6) for x in (-w / 3, w / 3)),
        )
        mesh.add(cushion, panel)
    if p.pick(4) == 0 and w > 0.5:
        mesh.add(frame, *_arms(w, d, seat, 0.035))
    return mesh


def _arms(w: float, d: float, seat: float, thick: float) -> list[Part]:
    parts = []
    for x in (-w / 2, w / 2 - thick):
        parts += [
            box(x, x + thick, seat + 0.18, seat + 0.21, -d / 2, 0.4 * d),
            box(x, x + thick, seat, seat + 0.18, 0.3 * d, 0.3 * d + thick),
        ]
    return parts


def office_chair(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A swivel chair on a star foot with castors."""
    cloth, metal = p.of("fabric", "leather"), p.paint("metal", (0.25, 0.25, 0.27))
    seat, reach = rest_height(p.asset.asset_id, "Chair", h) - 0.04, min(w, d) / 2
    mesh = Mesh().add(
        cloth,
        soft_box(-0.45 * w, 0.45 * w, seat - 0.05, seat + 0.04, -0.4 * d, d / 2, 0.03),
        soft_box(-0.42 * w, 0.42 * w, seat + 0.14, h, -d / 2, -d / 2 + 0.08, 0.035),
    )
    mesh.add(
        metal,
        cylinder(0, 0, 0.1, seat - 0.05, 0.03),
        box(-0.03, 0.03, seat - 0.05, seat + 0.3, -0.5 * d + 0.02, -0.5 * d + 0.05),
    )
    mesh.add(metal, *(box(-0.02, 0.02, 0.06, 0.1, 0, reach - 0.03).turned("y", 72.0 * k) for k in range(5)))
    mesh.add(
        p.paint("plastic", (0.1, 0.1, 0.11)),
        *(cylinder(0, reach - 0.03, 0, 0.06, 0.028, segments=6).turned("y", 72.0 * k) for k in range(5)),
    )
    return mesh.add(metal, *_arms(w, 0.8 * d, seat, 0.04))


def _upholstery(p: Palette) -> tuple[Material, Material]:
    """Body and cushion cloth."""
    body = p.own("fabric", "leather") or (p.of("leather") if p.pick(4) == 0 else p.one(FABRICS, "fabric"))
    second = p.own("fabric", "leather", skip=1)
    return body, second or body


def sofa(w: float, h: float, d: float, p: Palette) -> Mesh:
    """Base, back, arms, a cushion for every 70 cm of seat, feet or a plinth; one seat makes it an armchair."""
    body, cloth = _upholstery(p)
    seat = rest_height(p.asset.asset_id, "Sofa", h)
    style = p.pick(4)  # 0 square arms, 1 round arms, 2 thin arms on a frame of wood, 3 arms as high as the back
    arm = float(np.clip(p.real(0.08, 0.14) * w, 0.08, 0.24))
    if style == 2:
        arm = min(arm, 0.09)
    back = float(np.clip(0.24 * d, 0.12, 0.26))
    arm_top, foot = seat + p.real(0.12, 0.24) * (h - seat) + 0.08, p.real(0.05, 0.12)
    arm_top = min(arm_top if style != 3 else h - 0.03, h - 0.02)
    z0, z1 = -d / 2, d / 2
    wood = p.own("wood", "metal") or p.of("wood")
    mesh = Mesh()
    if style == 3:
        mesh.add(wood, box(-w / 2 + 0.04, w / 2 - 0.04, 0, foot, z0 + 0.04, z1 - 0.04))
    else:
        mesh.add(
            wood, *legs(w - 0.06, d - 0.06, foot, 0.055, round_legs=bool(p.pick(2)), foot=0.6 if style == 2 else 1.0)
        )
    mesh.add(
        body,
        soft_box(-w / 2 + 0.01, w / 2 - 0.01, foot, seat - 0.12, z0 + 0.01, z1 - 0.01, 0.02),
        soft_box(-w / 2 + arm - 0.02, w / 2 - arm + 0.02, foot, h, z0, z0 + back, 0.06),
    )
    for x in (-w / 2, w / 2 - arm):
        if style == 2:
            t = 0.045
            rails = [box(x + 0.2 * arm, x + 0.8 * arm, foot, arm_top, z, z + t) for z in (z0 + 0.06, z1 - t - 0.02)]
            mesh.add(wood, *rails, soft_box(x, x + arm, arm_top - 0.04, arm_top, z0 + 0.02, z1, 0.015))
            mesh.add(body, box(x + 0.3 * arm, x + 0.7 * arm, foot, seat, z0 + 0.02, z1 - 0.03))
            continue
        mesh.add(body, soft_box(x, x + arm, foot, arm_top - (0.3 * arm if style == 1 else 0), z0 + 0.01, z1, 0.05))
        if style == 1:
            roll = cylinder(0, 0, z0 + 0.01, z1 - 0.004, 0.56 * arm, segments=14).turned("x", 90)
            mesh.add(body, roll.moved(x + arm / 2, arm_top - 0.56 * arm, 0))
    inner = w - 2 * arm
    count = max(1, round(inner / 0.7))
    for k in range(count):
        x = -inner / 2 + k * inner / count
        mesh.add(cloth, soft_box(x + 0.004, x + inner / count - 0.004, seat - 0.13, seat, z0 + back - 0.02, z1, 0.05))
        rest = soft_box(x + 0.008, x + inner / count - 0.008, 0, max(h - seat - 0.03, 0.1), 0, 0.18, 0.08)
        mesh.add(cloth, rest.turned("x", -9).moved(y=seat - 0.01, z=z0 + back - 0.05))
    return mesh


def stool(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A round or square seat on four legs with rungs."""
    frame = p.of("wood", "metal", "plastic")
    top = p.own("fabric", "leather", "wood") or p.one(BRIGHTS)
    leg = 0.03
    round_seat = abs(w - d) < 0.06 and p.pick(3) > 0
    mesh = Mesh().add(frame, *legs(0.86 * w, 0.86 * d, h - 0.03, leg, round_legs=round_seat))
    low, x, z = 0.3 * h, 0.43 * w - leg, 0.43 * d - leg
    mesh.add(
        frame,
        *(box(-x, x, low, low + 0.02, s * z, s * z + 0.02) for s in (-1, 1)),
        *(box(s * x, s * x + 0.02, low + 0.06, low + 0.08, -z, z) for s in (-1, 1)),
    )
    if round_seat:
        r = 0.5
        seat = lathe([(0, h - 0.05), (0.94 * r, h - 0.05), (r, h - 0.03), (r, h - 0.015), (0.92 * r, h), (0, h)], 16)
        return mesh.add(top, seat.scaled(w, 1, d))
    return mesh.add(top, soft_box(-w / 2, w / 2, h - 0.06, h, -d / 2, d / 2, 0.02))


def ottoman(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A padded block on short feet."""
    body, cloth = _upholstery(p)
    foot = 0.15 * h
    mesh = Mesh().add(p.of("wood"), *legs(w - 0.06, d - 0.06, foot, 0.045))
    mesh.add(body, soft_box(-w / 2 + 0.01, w / 2 - 0.01, foot, 0.75 * h, -d / 2 + 0.01, d / 2 - 0.01, 0.03))
    return mesh.add(cloth, soft_box(-w / 2, w / 2, 0.68 * h, h, -d / 2, d / 2, 0.05))


BUILDERS = {"Chair": chair, "ArmChair": sofa, "Sofa": sofa, "Stool": stool, "Ottoman": ottoman, "Footstool": ottoman}
