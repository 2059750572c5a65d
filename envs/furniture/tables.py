"""Tables, desks and counters. The top's upper face is the top of the box unless a desk carries a hutch."""

from __future__ import annotations

import numpy as np

from ..scene import Material
from .joinery import fronts, legs
from .palette import Palette, plain
from .rests import RESTS
from .shapes import Mesh, Part, box, cylinder, lathe, soft_box


def _round_top(w: float, d: float, y0: float, y1: float) -> Part:
    edge = min(0.012, 0.4 * (y1 - y0))
    return lathe([(0, y0), (0.496, y0), (0.5, y0 + edge), (0.5, y1 - edge), (0.496, y1), (0, y1)], 24).scaled(w, 1, d)


def _looks(p: Palette) -> tuple[Material, Material]:
    """Top and frame."""
    top = p.own("wood", "marble", "granite", "glass", "plastic") or p.of("wood")
    frame = p.own("metal") or p.own("wood", "plastic", skip=1) or (p.of("metal") if p.pick(3) == 0 else top)
    return top, frame


def table(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A dining table: four legs with an apron, a pedestal, or trestles."""
    top, frame = _looks(p)
    thick = float(np.clip(0.05 * h, 0.02, 0.045))
    round_top = abs(w - d) < 0.04 * w and p.pick(5) < 2
    mesh = Mesh()
    if round_top:
        mesh.add(top, _round_top(w, d, h - thick, h))
    else:
        mesh.add(top, box(-w / 2, w / 2, h - thick, h, -d / 2, d / 2))
    kind = p.pick(6)
    if round_top or (kind == 0 and max(w, d) < 1.3):
        r = 0.5 * min(w, d)
        post = [
            (0, 0),
            (0.55 * r, 0),
            (0.5 * r, 0.03),
            (0.09, 0.08),
            (0.05, 0.4 * h),
            (0.07, 0.8 * h),
            (0.3 * r, h - thick),
            (0, h - thick),
        ]
        return mesh.add(frame, lathe(post, 14))
    if kind >= 4:
        return mesh.add(frame, *_trestles(w, h - thick, d, panels=kind == 5))
    inset = 0.0 if kind == 1 else min(0.04, 0.2 * w, 0.2 * d)
    thickness = float(np.clip(p.real(0.05, 0.085) * min(w, d), 0.035, 0.09))
    mesh.add(frame, *legs(w - 2 * inset, d - 2 * inset, h - thick, thickness, kind == 2, 0.6 if kind >= 2 else 1.0))
    x, z, low = w / 2 - inset - 0.02, d / 2 - inset - 0.02, h - thick - 0.08
    mesh.add(
        frame,
        *(box(-x, x, low, h - thick, s * z - 0.01, s * z + 0.01) for s in (-1, 1)),
        *(box(s * x - 0.01, s * x + 0.01, low, h - thick, -z, z) for s in (-1, 1)),
    )
    return mesh


def _trestles(w: float, h: float, d: float, panels: bool) -> list[Part]:
    """Two supports under the ends of a table's longer side and a rail between them: boards, or a post on a foot."""
    long, wide, thick = max(w, d), min(w, d), 0.05
    x, reach = 0.36 * long, 0.4 * wide
    parts = [box(-x, x, 0.45 * h, 0.45 * h + 0.09, -0.015, 0.015)]
    for at in (-x, x):
        if panels:
            parts.append(box(at - thick / 2, at + thick / 2, 0, h, -reach, reach))
            continue
        parts += [
            box(at - thick, at + thick, 0, 0.06, -reach, reach),
            box(at - thick, at + thick, h - 0.05, h, -reach, reach),
            box(at - 0.8 * thick, at + 0.8 * thick, 0.06, h - 0.05, -0.09, 0.09),
        ]
    return parts if w >= d else [part.turned("y", 90) for part in parts]


def low_table(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A coffee or side table: open with a lower shelf, round, or with drawers."""
    top, frame = _looks(p)
    thick = float(np.clip(0.06 * h, 0.018, 0.04))
    kind = p.pick(4)
    if abs(w - d) < 0.03 * w and kind == 0:
        mesh = Mesh().add(top, _round_top(w, d, h - thick, h))
        return mesh.add(
            frame,
            *legs(0.72 * w, 0.72 * d, h - thick, 0.04, True, 0.6),
            _round_top(0.7 * w, 0.7 * d, 0.3 * h, 0.3 * h + 0.015),
        )
    mesh = Mesh().add(top, box(-w / 2, w / 2, h - thick, h, -d / 2, d / 2))
    if kind == 1 and w < 1.1 and h > 0.35:
        foot = 0.12
        mesh.add(frame, *legs(w - 0.02, d - 0.02, foot, 0.04))
        mesh.add(top, box(-w / 2 + 0.01, w / 2 - 0.01, foot, h - thick, -d / 2 + 0.01, d / 2 - 0.035))
        rows = max(1, round((h - foot) / 0.22))
        fronts(
            mesh, (-w / 2 + 0.02, w / 2 - 0.02, foot + 0.01, h - thick), d / 2 - 0.035, (1, rows), frame, p.of("metal")
        )
        return mesh
    leg = float(np.clip(0.08 * min(w, d), 0.025, 0.06))
    mesh.add(frame, *legs(w - 0.01, d - 0.01, h - thick, leg))
    if kind >= 2:
        mesh.add(
            frame, box(-w / 2 + leg / 2, w / 2 - leg / 2, 0.25 * h, 0.25 * h + 0.018, -d / 2 + leg / 2, d / 2 - leg / 2)
        )
    x, z = w / 2 - leg, d / 2 - leg
    mesh.add(frame, *(box(-x, x, h - thick - 0.04, h - thick, s * z - 0.008, s * z + 0.008) for s in (-1, 1)))
    return mesh


def desk(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A desk with a drawer block; what rises above 85 cm becomes a hutch of shelves at the back."""
    top, frame = _looks(p)
    work = h if h < 0.95 else min(RESTS.get(p.asset.asset_id, 0.75), 0.9 * h)
    thick, z0, z1 = 0.03, -d / 2, d / 2
    mesh = Mesh().add(top, box(-w / 2, w / 2, work - thick, work, z0, z1))
    block = float(np.clip(0.3 * w, 0.25, 0.5))
    side = 1 if p.pick(2) else -1
    x0, x1 = sorted((side * w / 2, side * (w / 2 - block)))
    if p.pick(4) and w > 0.9:
        mesh.add(frame, box(x0 + 0.01, x1 - 0.01, 0, work - thick, z0 + 0.02, z1 - 0.06))
        fronts(mesh, (x0 + 0.02, x1 - 0.02, 0.05, work - thick - 0.01), z1 - 0.06, (1, 3), top, p.of("metal"))
        far = sorted((-side * (w / 2 - 0.03), -side * w / 2))
        mesh.add(frame, box(far[0], far[1], 0, work - thick, z0 + 0.02, z1 - 0.04))
    else:
        mesh.add(frame, *legs(w - 0.02, d - 0.02, work - thick, 0.05))
    mesh.add(frame, box(-w / 2 + 0.03, w / 2 - 0.03, 0.45 * work, work - thick, z0 + 0.03, z0 + 0.045))
    if work < h:
        depth = min(0.28, 0.5 * d)
        mesh.add(
            top,
            *(box(x, x + 0.02, work, h, z0, z0 + depth) for x in (-w / 2, w / 2 - 0.02)),
            box(-w / 2, w / 2, h - 0.02, h, z0, z0 + depth),
            box(-w / 2, w / 2, work, h, z0, z0 + 0.012),
        )
        shelves = max(1, round((h - work) / 0.4))
        mesh.add(
            top, *(box(-w / 2, w / 2, y, y + 0.018, z0, z0 + depth) for y in np.linspace(work, h, shelves + 1)[1:-1])
        )
    return mesh


def counter(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A kitchen counter: a stone top on cupboards, straight, as an L (arm on the left seen from the front) or a C."""
    stone = p.own("marble", "granite", "porcelain") or p.of("marble", "granite")
    wood, metal = p.own("wood") or p.of("wood"), p.of("metal")
    arm, thick, kick = 0.61, 0.04, 0.09
    shape = p.asset.asset_id.split("_")[1][:1] if "_" in p.asset.asset_id else "I"
    deep = shape in "LC" and d > arm + 0.1 and "Island" not in p.asset.asset_id
    back = arm if deep else d
    runs = [(-w / 2, w / 2, -d / 2, -d / 2 + back, 0)]
    if deep:
        runs.append((-w / 2, -w / 2 + arm, -d / 2 + arm, d / 2, 1))
        if shape == "C":
            runs.append((w / 2 - arm, w / 2, -d / 2 + arm, d / 2, -1))
    mesh = Mesh()
    dark = plain("kick board", (0.12, 0.11, 0.1))
    for x0, x1, z0, z1, way in runs:
        mesh.add(stone, box(x0, x1, h - thick, h, z0, z1))
        lip = 0.03
        a, b, c, e = (
            (x0, x1, z0, z1 - lip) if way == 0 else (x0 + (lip if way < 0 else 0), x1 - (lip if way > 0 else 0), z0, z1)
        )
        mesh.add(wood, box(a, b, kick, h - thick, c, e))
        mesh.add(dark, box(a + 0.02, b - 0.02, 0, kick, c + 0.02, e - 0.04))
        front = Mesh()
        length = (x1 - x0) if way == 0 else (z1 - z0)
        start = arm if way == 0 and deep else 0.0
        stop = length - (arm if way == 0 and shape == "C" and deep else 0.0)
        if stop - start < 0.15:
            continue
        columns = max(1, round((stop - start) / 0.46))
        area = (start - length / 2 + 0.01, stop - length / 2 - 0.01)
        face = wood
        fronts(front, (*area, kick + 0.01, h - thick - 0.2), 0.0, (columns, 1), face, metal, doors=True)
        fronts(front, (*area, h - thick - 0.19, h - thick - 0.01), 0.0, (columns, 1), face, metal)
        for part, material in front.parts:
            if way == 0:
                mesh.add(material, part.moved((x0 + x1) / 2, 0, e))
            else:
                mesh.add(material, part.turned("y", 90.0 * way).moved(b if way > 0 else a, 0, (z0 + z1) / 2))
    if shape == "I" and "Island" not in p.asset.asset_id and w > 1.5 and p.pick(2):
        mesh.add(
            p.paint("metal", (0.2, 0.2, 0.22)),
            *(cylinder(x, 0, h - 0.002, h + 0.0005, 0.09, segments=14) for x in (-0.16, 0.16)),
        )
    return mesh


def dog_bed(w: float, h: float, d: float, p: Palette) -> Mesh:
    """A cushion inside a padded rim."""
    rim, pad = p.of("fabric"), p.paint("fabric", (0.82, 0.77, 0.68))
    t = 0.16 * min(w, d)
    mesh = Mesh().add(
        pad, soft_box(-w / 2 + 0.5 * t, w / 2 - 0.5 * t, 0, 0.6 * h, -d / 2 + 0.5 * t, d / 2 - 0.5 * t, 0.04)
    )
    mesh.add(rim, *(soft_box(x, x + t, 0, h, -d / 2, d / 2, 0.45 * t) for x in (-w / 2, w / 2 - t)))
    mesh.add(rim, soft_box(-w / 2, w / 2, 0, h, -d / 2, -d / 2 + t, 0.45 * t))
    return mesh.add(rim, soft_box(-w / 2, w / 2, 0, 0.7 * h, d / 2 - t, d / 2, 0.35 * t))


BUILDERS = {
    "DiningTable": table,
    "CoffeeTable": low_table,
    "SideTable": low_table,
    "Desk": desk,
    "CounterTop": counter,
    "DogBed": dog_bed,
}
