"""The kernels that bake light: direct light of lamps and sun, one bounce from the surroundings, and smoothing.

Samples are independent, and their rays depend on their number only, so that results do not depend on threads.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from ...core.jit import kernel
from . import embree
from .embree import DIRECTION, FACE, LANES, NORMAL, U, V
from .lampkernel import SHADOW_OFFSET, lamp_at, lamp_light, sun_light
from .sky import sky_light
from .surfaces import baked_light

LIVE, OUTSIDE, HIDDEN, BETWEEN = 0, 1, 2, 3
"""States of samples: to be baked; outdoors; never seen, filled from the samples around; between live samples, so that
only direct light is baked."""
UNDECIDED, FILLED = 4, 10


@kernel
def direct_light(tables, blockers, memory, positions, normals, state, spots, first, last, light):
    """Fill light (S, 3) of the samples first ... last - 1 with the light of lamps and suns, softly shadowed.

    spots (16, 3): points of a ball; the first and last eight, by the lamp's radius, are where the two lamps of a
    sample's grid square shine from, and all sixteen spread the sun. Outdoors nothing casts shadows.
    """
    for i in range(first, last):
        light[i, 0], light[i, 1], light[i, 2] = 0.0, 0.0, 0.0
        if state[i] == HIDDEN:
            continue
        nx, ny, nz = normals[i, 0], normals[i, 1], normals[i, 2]
        offset = np.float32(SHADOW_OFFSET)
        px, py, pz = positions[i, 0] + offset * nx, positions[i, 1] + offset * ny, positions[i, 2] + offset * nz
        slots = tables.grid.shape[2]
        for slot in range(slots + tables.suns.shape[0]):
            if slot < slots:
                if state[i] == OUTSIDE:
                    continue
                lamp = lamp_at(tables, slot, px, pz)
                r, g, b, lx, ly, lz = lamp_light(tables, lamp, px, py, pz, nx, ny, nz, nx, ny, nz)
                spread = np.float32(0.10)
            else:
                sun = slot - slots
                r, g, b, lx, ly, lz = sun_light(tables, sun, px, py, pz, nx, ny, nz, nx, ny, nz, state[i] != OUTSIDE)
                spread = np.float32(8.0)
            if r + g + b < np.float32(1e-4):
                continue
            share = np.float32(1.0)
            if state[i] != OUTSIDE:
                for lane in range(LANES):
                    embree.set_segment(
                        memory, lane, px, py, pz,
                        lx + spread * spots[lane, 0], ly + spread * spots[lane, 1], lz + spread * spots[lane, 2],
                    )  # fmt: skip
                embree.trace_segments(blockers, memory, True)
                clear = 0
                for lane in range(LANES):
                    clear += embree.is_clear(memory, lane)
                share = np.float32(clear) / np.float32(LANES)
            light[i, 0] += r * share
            light[i, 1] += g * share
            light[i, 2] += b * share


@kernel
def gathered_light(
    tables, glow, view, memory, positions, normals, state, rays, turns, ambient, outside, first, last, light
):
    """Fill light (S, 3) of the samples first ... last - 1 with light reflected by the surroundings: one bounce.

    tables hold the direct light. glow (M, 4): each material's mean albedo and emission. rays (R, 3):
    directions about +z, by the cosine, R a multiple of 16; turns (64, 2): cosines and sines by which samples turn them.
    ambient: linear light of all further bounces where the rays hit. outside: factor by which the sky lights more than
    it is seen. A sample that sees many back faces is inside an object: its state becomes HIDDEN.
    """
    floats = memory.floats
    one = np.float32(1.0)
    for i in range(first, last):
        if state[i] != LIVE:
            continue
        nx, ny, nz = normals[i, 0], normals[i, 1], normals[i, 2]
        # an orthonormal basis about the normal (Duff et al. 2017)
        sign = one if nz >= 0 else -one
        p = -one / (sign + nz)
        q = nx * ny * p
        ux, uy, uz = one + sign * nx * nx * p, sign * q, -sign * nx
        vx, vy, vz = q, sign + ny * ny * p, -ny
        turn = (i * 40503 >> 4) & 63
        c, s = turns[turn, 0], turns[turn, 1]
        offset = np.float32(SHADOW_OFFSET)
        px, py, pz = positions[i, 0] + offset * nx, positions[i, 1] + offset * ny, positions[i, 2] + offset * nz
        red, green, blue = np.float32(0.0), np.float32(0.0), np.float32(0.0)
        backs = 0
        for begin in range(0, rays.shape[0], LANES):
            for lane in range(LANES):
                x = c * rays[begin + lane, 0] - s * rays[begin + lane, 1]
                y = s * rays[begin + lane, 0] + c * rays[begin + lane, 1]
                z = rays[begin + lane, 2]
                floats[0, lane], floats[1, lane], floats[2, lane] = px, py, pz
                floats[DIRECTION, lane] = x * ux + y * vx + z * nx
                floats[DIRECTION + 1, lane] = x * uy + y * vy + z * ny
                floats[DIRECTION + 2, lane] = x * uz + y * vz + z * nz
            embree.intersect(view, memory, LANES, False)
            for lane in range(LANES):
                face = memory.ints[FACE, lane]
                dx, dy, dz = floats[DIRECTION, lane], floats[DIRECTION + 1, lane], floats[DIRECTION + 2, lane]
                if face < 0:
                    r, g, b = sky_light(tables.sky, dx, dy, dz)
                    r, g, b = outside * r, outside * g, outside * b
                elif floats[NORMAL, lane] * dx + floats[NORMAL + 1, lane] * dy + floats[NORMAL + 2, lane] * dz > 0:
                    backs += 1
                    continue
                else:
                    w1, w2 = floats[U, lane], floats[V, lane]
                    r, g, b = baked_light(tables, face, one - w1 - w2, w1, w2)
                    material = tables.faces[face, 3]
                    extra = glow[material, 3] + ambient
                    r, g, b = r + extra, g + extra, b + extra
                    r, g, b = glow[material, 0] * r, glow[material, 1] * g, glow[material, 2] * b
                red += r
                green += g
                blue += b
        if backs * 2 > rays.shape[0]:
            state[i] = HIDDEN
            continue
        share = one / np.float32(rays.shape[0] - backs)
        light[i, 0], light[i, 1], light[i, 2] = red * share, green * share, blue * share


@kernel
def smooth_charts(columns, rows, first, state, light, out):
    """Fill out (K, 3) with the mean, weighted by nearness, of the live texels within two texels of each visible one.

    Where every other texel is live this interpolates between them. A texel between hidden ones is hidden too, if no
    live one is near.
    """
    for chart in range(len(first)):
        w, h, base = columns[chart], rows[chart], first[chart]
        for y in range(h):
            for x in range(w):
                i = base + y * w + x
                out[i, 0], out[i, 1], out[i, 2] = light[i, 0], light[i, 1], light[i, 2]
                if state[i] != LIVE and state[i] != BETWEEN:
                    continue
                total, r, g, b = 0.0, 0.0, 0.0, 0.0
                for yy in range(max(0, y - 2), min(h, y + 3)):
                    for xx in range(max(0, x - 2), min(w, x + 3)):
                        j = base + yy * w + xx
                        if state[j] == LIVE:
                            weight = (3.0 - abs(yy - y)) * (3.0 - abs(xx - x))
                            total += weight
                            r += weight * light[j, 0]
                            g += weight * light[j, 1]
                            b += weight * light[j, 2]
                if total > 0:
                    out[i, 0], out[i, 1], out[i, 2] = r / total, g / total, b / total
                else:
                    state[i] = HIDDEN


@kernel
def hide_between(columns, rows, first, state, direct):
    """Hide texels between live ones that no lamp reaches, if a hidden one is next to them: they are inside the same
    object."""
    for chart in range(len(first)):
        w, h, base = columns[chart], rows[chart], first[chart]
        for y in range(h):
            for x in range(w):
                i = base + y * w + x
                if state[i] != BETWEEN or direct[i, 0] + direct[i, 1] + direct[i, 2] > 0:
                    continue
                for yy in range(max(0, y - 1), min(h, y + 2)):
                    for xx in range(max(0, x - 1), min(w, x + 2)):
                        j = base + yy * w + xx
                        if state[j] == HIDDEN:
                            state[i] = UNDECIDED
        for i in range(base, base + w * h):
            if state[i] == UNDECIDED:
                state[i] = HIDDEN


@kernel
def fill_charts(columns, rows, first, state, light, reach):
    """Give hidden texels the mean of the visible ones next to them, ring after ring up to `reach` texels away."""
    for chart in range(len(first)):
        w, h, base = columns[chart], rows[chart], first[chart]
        for ring in range(reach):
            changed = False
            for y in range(h):
                for x in range(w):
                    i = base + y * w + x
                    if state[i] != HIDDEN:
                        continue
                    total, r, g, b = 0, 0.0, 0.0, 0.0
                    for yy in range(max(0, y - 1), min(h, y + 2)):
                        for xx in range(max(0, x - 1), min(w, x + 2)):
                            j = base + yy * w + xx
                            if state[j] != HIDDEN and state[j] < FILLED + ring:
                                total += 1
                                r += light[j, 0]
                                g += light[j, 1]
                                b += light[j, 2]
                    if total:
                        light[i, 0], light[i, 1], light[i, 2] = r / total, g / total, b / total
                        state[i] = FILLED + ring  # filled in this ring: no source before the next
                        changed = True
            if not changed:
                break
