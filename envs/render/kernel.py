"""The fused kernel of the ray-cast simulator: rays, all modalities of their hits, and the encoding of colours.

It renders tiles of 4 x 4 pixels, whose rays make one Embree packet, from the ray to the finished pixel, so that little
is stored in between. It releases the GIL, and tiles are independent, so that results do not depend on how they are
divided among threads.

A pixel shows the first surface that its ray hits. Holes of cut-outs do not exist for any ray (`cutouts`). Glass does:
depth, normals and labels are the glass's, as for a body that bumps into it. Only colour looks through: rgb is `opacity`
of the glass's own light plus the rest of what is behind it, layer by layer, with the sky behind all. Lamps, sun and
baked light ignore glass. A packet without glass takes one turn of the loop.

The parts of `render` are inlined by numba, and cost nothing.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...core.jit import inlined, kernel
from . import embree
from .embree import DIRECTION, FACE, FAR, U, V
from .lampkernel import SHADOW_OFFSET, lamp_at, lamp_light, sun_light
from .sky import sky_light
from .surfaces import albedo, baked_light, geometric_normal, glass_opacity, shading_normal
from .texels import encoded

TILE = 4
"""Columns and rows of pixels in a tile."""
LAYERS = 12
"""Largest number of panes behind each other that a ray passes; the last one counts as opaque."""
LANE_VALUES = 23
"""Values kept of a lane, by their first index: its light, at 0, and those named below."""
_ALBEDO = 3  # negative: no surface, so no lamp shines on it
_POINT, _GEOMETRIC, _SHADING = 6, 9, 12  # where the shadow rays start, and the two normals there
_SHARE = 15  # light of one lamp, until its shadow ray is traced
_OPACITY, _REST, _SUM = 18, 19, 20  # of the layer; the share that the layers so far let through; their light
FAINTEST = 5e-3
"""Linear light below which a lamp's share of a pixel is not worth a shadow ray."""


class Tables(NamedTuple):
    """A Scene laid out for the kernels; all float32 and C-contiguous unless said otherwise."""

    faces: NDArray[np.int32]
    """(F, 8): three vertices, material, instance, class, and for faces on a chart of baked light its first texel and
    its columns; first texel -1 for others. Half a cache line."""
    vertices: NDArray[np.float32]
    """(V, 8): normal, uv, then the baked light, linear rgb, or, on a chart, column and row of its texels."""
    tints: NDArray[np.float32]
    """(V, 3): linear colour that multiplies the material's, or (0, 3) where the Scene has none."""
    materials: NDArray[np.float32]
    """(M, 8): linear albedo, emission, repeats a metre, texture or -1, opacity, unused."""
    texels: NDArray[np.uint32]
    """(T, 21845): the pyramid of each texture, level after level."""
    charts: NDArray[np.uint16]
    """(K, 4): baked light on the charts, rgb in steps of TEXEL_STEP, unused; row by row, chart by chart."""
    lamps: NDArray[np.float32]
    """(L, 8): position, linear rgb, 1 / range^2, unused."""
    suns: NDArray[np.float32]
    """(S, 6): unit vector towards the light, linear rgb."""
    openings: NDArray[np.float32]
    """(O, 8): centre, half sides, cosine and sine of yaw of the boxes through which sunlight can enter."""
    grid: NDArray[np.int16]
    """(nz, nx, K): the lamps that can light each square of the floor plan, strongest first, -1 = none."""
    grid_frame: NDArray[np.float32]
    """(3,): x and z of the outer corner of square [0, 0], side."""
    ambient: NDArray[np.float32]
    """(2, 3): linear light from below and from above, where none is baked."""
    sky: NDArray[np.float32]
    """(rows, columns, 3): linear colour of the background, all around, straight up in row 0 (`envs.render.sky`)."""
    encode: NDArray[np.uint8]
    """(4096,): 8-bit value by the square root of linear light, up to ENCODE_MAX."""


class Images(NamedTuple):
    """Rendered images, (N, H, W, ...), in the dtypes of the frame contract."""

    rgb: NDArray[np.uint8]
    depth: NDArray[np.float32]
    normals: NDArray[np.float32]
    semantic: NDArray[np.int16]
    instance: NDArray[np.int32]


BAKED, DIRECT, UNSHADOWED = 0, 1, 2
"""Light from the baked tables; ambient light and lamps with shadow rays; the same without shadow rays."""


@kernel
def render(tables, view, blockers, memory, lanes, mode, origins, rotations, focal, first, last, images):
    """Render the tiles first ... last - 1 (frame by frame, row of tiles by row of tiles) into `images`.

    view and blockers: the meshes that camera rays and shadow rays intersect. memory: this thread's packets; lanes: its
    float32 (LANES, LANE_VALUES). origins (N, 3) and rotations (N, 3, 3) are the cameras', focal is in pixels.
    """
    height, width = images.depth.shape[1], images.depth.shape[2]
    per_pixel = 1.0 / focal
    for tile in range(first, last):
        frame, top, left, rows, columns = _tile_at(tile, height, width)
        count = rows * columns
        _aim(memory, origins, rotations, frame, height, width, per_pixel, top, left, columns, count)
        embree.intersect(view, memory, count, True)
        layer = 0
        while True:
            panes = 0
            for lane in range(count):
                # unsigned, so that look-ups need no test for negative indices
                row, column = np.uintp(top + lane // columns), np.uintp(left + lane % columns)
                panes += _shade(
                    tables, memory, lanes, mode, origins, rotations, np.float32(per_pixel), images,
                    np.uintp(frame), row, column, lane, layer,
                )  # fmt: skip
            if mode != BAKED:
                _add_lamps(tables, blockers, memory, lanes, count, mode == DIRECT)
            if layer == 0 and panes == 0:
                break
            remaining = _composite(memory, lanes, count, layer)
            layer += 1
            if remaining == 0:
                break
            embree.intersect_behind(view, memory)
        for lane in range(count):
            row, column = np.uintp(top + lane // columns), np.uintp(left + lane % columns)
            for channel in range(3):
                images.rgb[np.uintp(frame), row, column, channel] = encoded(tables.encode, lanes[lane, channel])


@inlined
def _tile_at(tile, height, width):
    """Frame, first row, first column, rows and columns of a tile; those at the right and bottom may be smaller."""
    across, down = (width + TILE - 1) // TILE, (height + TILE - 1) // TILE
    frame = tile // (across * down)
    rest = tile - frame * across * down
    top = rest // across * TILE
    left = (rest - rest // across * across) * TILE
    return frame, top, left, min(TILE, height - top), min(TILE, width - left)


@inlined
def _aim(memory, origins, rotations, frame, height, width, per_pixel, top, left, columns, count):
    """Set the rays of a tile's pixels.

    Directions keep a forward component of 1, so that the distance along a ray is planar depth.
    """
    floats = memory.floats
    r00, r01, r02 = rotations[frame, 0, 0], rotations[frame, 0, 1], rotations[frame, 0, 2]
    r10, r11, r12 = rotations[frame, 1, 0], rotations[frame, 1, 1], rotations[frame, 1, 2]
    r20, r21, r22 = rotations[frame, 2, 0], rotations[frame, 2, 1], rotations[frame, 2, 2]
    ex, ey, ez = origins[frame, 0], origins[frame, 1], origins[frame, 2]
    for lane in range(count):
        row = lane // columns
        x = np.float32((left + (lane - row * columns) + 0.5 - 0.5 * width) * per_pixel)
        y = np.float32((0.5 * height - (top + row) - 0.5) * per_pixel)
        floats[0, lane], floats[1, lane], floats[2, lane] = ex, ey, ez
        floats[DIRECTION, lane] = x * r00 + y * r01 - r02
        floats[DIRECTION + 1, lane] = x * r10 + y * r11 - r12
        floats[DIRECTION + 2, lane] = x * r20 + y * r21 - r22


@inlined
def _shade(
    tables, memory, lanes, mode, origins, rotations, footprint, images, image, row, column, lane, layer
):  # fmt: skip
    """Light of the surface that a lane's ray hits in this layer, without that of lamps; 1 where it is glass, else 0.

    The first layer also fills the pixel's depth, normal and labels.
    """
    one, floats = np.float32(1.0), memory.floats
    if layer > 0 and not embree.is_traced(memory, lane):
        lanes[lane, _ALBEDO] = -one
        return 0
    dx, dy, dz = floats[DIRECTION, lane], floats[DIRECTION + 1, lane], floats[DIRECTION + 2, lane]
    hit = memory.ints[FACE, lane]
    lanes[lane, _OPACITY] = one
    if hit < 0:
        if layer == 0:
            _clear_pixel(images, image, row, column)
        lanes[lane, 0], lanes[lane, 1], lanes[lane, 2] = sky_light(tables.sky, dx, dy, dz)
        lanes[lane, _ALBEDO] = -one
        return 0
    face, t = np.uintp(hit), floats[FAR, lane]
    w1, w2 = floats[U, lane], floats[V, lane]
    w0 = one - w1 - w2
    gx, gy, gz, facing = geometric_normal(floats, lane, dx, dy, dz)
    nx, ny, nz = shading_normal(tables, face, w0, w1, w2, gx, gy, gz, dx, dy, dz)
    if layer == 0:
        images.depth[image, row, column] = t
        images.instance[image, row, column] = tables.faces[face, 4]
        images.semantic[image, row, column] = tables.faces[face, 5]
        for axis in range(3):  # from the world into the camera frame
            images.normals[image, row, column, axis] = (
                rotations[image, 0, axis] * nx + rotations[image, 1, axis] * ny + rotations[image, 2, axis] * nz
            )

    material = np.uintp(tables.faces[face, 3])
    length = np.sqrt(dx * dx + dy * dy + dz * dz)
    red, green, blue = albedo(tables, face, material, w0, w1, w2, t * footprint, -facing / length)
    opacity = tables.materials[material, 6]
    if opacity < one:
        lanes[lane, _OPACITY] = glass_opacity(opacity, -(nx * dx + ny * dy + nz * dz) / length)
    emission = tables.materials[material, 3]
    if mode == BAKED:
        er, eg, eb = baked_light(tables, face, w0, w1, w2)
        lanes[lane, 0] = red * (emission + er)
        lanes[lane, 1] = green * (emission + eg)
        lanes[lane, 2] = blue * (emission + eb)
    else:
        up = np.float32(0.5) + np.float32(0.5) * ny
        ambient = tables.ambient
        lanes[lane, 0] = red * (emission + ambient[0, 0] + up * (ambient[1, 0] - ambient[0, 0]))
        lanes[lane, 1] = green * (emission + ambient[0, 1] + up * (ambient[1, 1] - ambient[0, 1]))
        lanes[lane, 2] = blue * (emission + ambient[0, 2] + up * (ambient[1, 2] - ambient[0, 2]))
        lanes[lane, _ALBEDO], lanes[lane, _ALBEDO + 1], lanes[lane, _ALBEDO + 2] = red, green, blue
        lanes[lane, _POINT] = origins[image, 0] + t * dx + gx * np.float32(SHADOW_OFFSET)
        lanes[lane, _POINT + 1] = origins[image, 1] + t * dy + gy * np.float32(SHADOW_OFFSET)
        lanes[lane, _POINT + 2] = origins[image, 2] + t * dz + gz * np.float32(SHADOW_OFFSET)
        lanes[lane, _GEOMETRIC], lanes[lane, _GEOMETRIC + 1], lanes[lane, _GEOMETRIC + 2] = gx, gy, gz
        lanes[lane, _SHADING], lanes[lane, _SHADING + 1], lanes[lane, _SHADING + 2] = nx, ny, nz
    return 1 if opacity < one else 0


@inlined
def _clear_pixel(images, image, row, column):
    """Depth, normal and labels of a pixel whose ray hits nothing."""
    images.depth[image, row, column] = 0.0
    images.semantic[image, row, column] = 0
    images.instance[image, row, column] = 0
    for axis in range(3):
        images.normals[image, row, column, axis] = 0.0


@inlined
def _composite(memory, lanes, count, layer):
    """Add each traced lane's light to its sum, beneath the layers before it; the number of lanes that see further.

    The sums stand where the light of the layer stood.
    """
    remaining = 0
    for lane in range(count):
        if layer == 0:
            lanes[lane, _REST] = 1.0
            for channel in range(3):
                lanes[lane, _SUM + channel] = 0.0
        if embree.is_traced(memory, lane):
            rest = lanes[lane, _REST]
            share = rest * lanes[lane, _OPACITY] if layer < LAYERS - 1 else rest
            lanes[lane, _REST] = rest - share
            for channel in range(3):
                lanes[lane, _SUM + channel] += share * lanes[lane, channel]
            if rest - share > np.float32(FAINTEST):
                remaining += 1
            else:
                embree.exclude(memory, lane)
        for channel in range(3):
            lanes[lane, channel] = lanes[lane, _SUM + channel]
    return remaining


@inlined
def _add_lamps(tables, blockers, memory, lanes, count, with_shadows):
    """Add to each lane the light of the lamps near it and of the suns, where nothing blocks it."""
    slots = tables.grid.shape[2]
    for slot in range(slots + tables.suns.shape[0]):
        embree.clear_segments(memory)
        segments = 0
        for lane in range(count):
            if lanes[lane, _ALBEDO] < 0:
                continue
            px, py, pz = lanes[lane, _POINT], lanes[lane, _POINT + 1], lanes[lane, _POINT + 2]
            gx, gy, gz = lanes[lane, _GEOMETRIC], lanes[lane, _GEOMETRIC + 1], lanes[lane, _GEOMETRIC + 2]
            nx, ny, nz = lanes[lane, _SHADING], lanes[lane, _SHADING + 1], lanes[lane, _SHADING + 2]
            if slot < slots:
                r, g, b, lx, ly, lz = lamp_light(
                    tables, lamp_at(tables, slot, px, pz), px, py, pz, gx, gy, gz, nx, ny, nz
                )
            else:
                r, g, b, lx, ly, lz = sun_light(tables, slot - slots, px, py, pz, gx, gy, gz, nx, ny, nz, with_shadows)
            r, g, b = r * lanes[lane, _ALBEDO], g * lanes[lane, _ALBEDO + 1], b * lanes[lane, _ALBEDO + 2]
            if r + g + b < np.float32(FAINTEST):
                continue
            if with_shadows:
                embree.set_segment(memory, lane, px, py, pz, lx, ly, lz)
                lanes[lane, _SHARE], lanes[lane, _SHARE + 1], lanes[lane, _SHARE + 2] = r, g, b
                segments += 1
            elif slot < slots:
                lanes[lane, 0] += r
                lanes[lane, 1] += g
                lanes[lane, 2] += b
        if segments == 0:
            continue
        embree.trace_segments(blockers, memory, True)
        for lane in range(count):
            if embree.is_clear(memory, lane):
                for channel in range(3):
                    lanes[lane, channel] += lanes[lane, _SHARE + channel]
