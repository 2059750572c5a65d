"""The fused kernels of the ray-cast simulator: rays, everything that one hit tells, and the encoding of its colour.

Each kernel handles a contiguous run of pixels, releases the GIL, and treats every pixel alone, so that results do not
depend on how pixels are shared out among threads. Light is linear inside; albedo is decoded with a square and the
picture is encoded through a table (gamma 2 and a shoulder for highlights).
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

MIP_SIZES = (128, 64, 32, 16, 8, 4, 2, 1)
MIP_OFFSETS = tuple(sum(size * size for size in MIP_SIZES[:level]) for level in range(len(MIP_SIZES)))
"""Where each level of a texture's pyramid begins in its flat run of texels."""

SHADOW_OFFSET = 2e-3
"""Metres by which shadow rays start off the surface, along its geometric normal: no acne, no visible gap."""
FAINTEST = 5e-3
"""Linear light below which a lamp's share of a pixel is not worth a shadow ray."""
WRAP = 0.15
"""How far light reaches round a surface's own horizon: lamps are shades with a size, not points."""


class Tables(NamedTuple):
    """A Scene laid out for the kernels; all float32 and C-contiguous unless said otherwise."""

    faces: NDArray[np.int32]
    """(F, 4): three vertices, material."""
    face_instance: NDArray[np.int32]
    """(F,)"""
    instance_class: NDArray[np.int16]
    """(I,)"""
    vertices: NDArray[np.float32]
    """(V, 8): normal, uv, three unused: one cache line holds two."""
    materials: NDArray[np.float32]
    """(M, 5): linear albedo, emission, repeats a metre."""
    material_texture: NDArray[np.int32]
    """(M,): texture or -1."""
    texels: NDArray[np.uint8]
    """(T, 21845, 3): the pyramid of each texture, level after level."""
    lamps: NDArray[np.float32]
    """(L, 8): position, linear rgb, 1 / range^2, unused."""
    suns: NDArray[np.float32]
    """(S, 6): unit vector towards the light, linear rgb."""
    openings: NDArray[np.float32]
    """(O, 8): centre, half sides, cosine and sine of yaw of the boxes through which the sun can shine in."""
    grid: NDArray[np.int16]
    """(nz, nx, K): the lamps worth asking in each square of the floor plan, strongest first, -1 = none."""
    grid_frame: NDArray[np.float32]
    """(3,): x and z of the outer corner of square [0, 0], side."""
    ambient: NDArray[np.float32]
    """(2, 3): linear light from below and from above."""
    sky: NDArray[np.float32]
    """(2, 3): linear colour of the void at the horizon and at the zenith."""
    encode: NDArray[np.uint8]
    """(4096,): 8-bit value by the square root of linear light, up to ENCODE_MAX."""


ENCODE_MAX = 8.0
"""Linear light at the end of the encoding table."""


@njit(cache=True, nogil=True)
def make_rays(origins, rotations, first, width, height, focal, ray_origins, ray_directions):
    """Fill (n, 3) rays of the pixels first ... first + n - 1 (frame by frame, row by row from the top).

    Directions keep a forward component of 1, so that the distance along a ray is planar depth.
    """
    for i in range(ray_origins.shape[0]):
        pixel = first + i
        frame = pixel // (width * height)
        rest = pixel - frame * width * height
        row = rest // width
        column = rest - row * width
        x = (column + 0.5 - 0.5 * width) / focal
        y = (0.5 * height - row - 0.5) / focal
        for axis in range(3):
            ray_origins[i, axis] = origins[frame, axis]
            ray_directions[i, axis] = (
                x * rotations[frame, axis, 0] + y * rotations[frame, axis, 1] - rotations[frame, axis, 2]
            )


@njit(cache=True, nogil=True)
def _through_opening(openings, px, py, pz, dx, dy, dz):
    """Whether a ray meets one of the boxes (slab test in each box's own axes)."""
    for k in range(openings.shape[0]):
        c, s = openings[k, 6], openings[k, 7]
        rx, ry, rz = openings[k, 0] - px, openings[k, 1] - py, openings[k, 2] - pz
        ox, oz = c * rx + s * rz, -s * rx + c * rz
        ex, ez = c * dx + s * dz, -s * dx + c * dz
        near, far = np.float32(0.0), np.float32(1e30)
        for axis in range(3):
            o = ox if axis == 0 else (ry if axis == 1 else oz)
            d = ex if axis == 0 else (dy if axis == 1 else ez)
            half = openings[k, 3 + axis]
            if abs(d) < 1e-9:
                if abs(o) > half:
                    near = np.float32(1e30)
            else:
                a, b = (o - half) / d, (o + half) / d
                near, far = max(near, min(a, b)), min(far, max(a, b))
        if near <= far:
            return True
    return False


@njit(cache=True, nogil=True)
def surface(tables, rotations, first, pixels, footprint, primitive, u, v, distance, geometric, origins, directions,
            depth, normals, semantic, instance, light, with_shadows, shadow_origins, shadow_directions, shadow_pixel,
            shadow_light):  # fmt: skip
    """All that the hits of one run of n pixels tell, from Embree's answer; returns how many shadow rays to cast.

    Fills depth (n,) metres, normals (n, 3) in the camera's axes, semantic (n,), instance (n,) and the linear light
    (n, 3) of emission, sky and ambient light. Each lamp or sun that may light a pixel adds a shadow ray (from the
    surface to the lamp, so that distance 1 is the lamp), its pixel and the light it brings where nothing stands
    between; without shadows that light is added at once. `pixels` is how many pixels a frame has, `footprint` the side
    of a pixel at a depth of one metre.
    """
    count = 0
    zero, one = np.float32(0.0), np.float32(1.0)
    for i in range(depth.shape[0]):
        frame = (first + i) // pixels
        dx, dy, dz = directions[i, 0], directions[i, 1], directions[i, 2]
        face = primitive[i]
        if face < 0:
            depth[i], semantic[i], instance[i] = 0.0, 0, 0
            height = dy / np.sqrt(dx * dx + dy * dy + dz * dz)
            height = min(one, max(zero, height * np.float32(2.0)))
            for c in range(3):
                normals[i, c] = 0.0
                light[i, c] = tables.sky[0, c] + height * (tables.sky[1, c] - tables.sky[0, c])
            continue
        depth[i] = distance[i]
        number = tables.face_instance[face]
        instance[i] = number
        semantic[i] = tables.instance_class[number]

        # Geometric normal, turned to the viewer: surfaces are seen from both sides.
        gx, gy, gz = geometric[i, 0], geometric[i, 1], geometric[i, 2]
        scale = one / np.sqrt(gx * gx + gy * gy + gz * gz)
        if gx * dx + gy * dy + gz * dz > 0:
            scale = -scale
        gx, gy, gz = gx * scale, gy * scale, gz * scale
        # Shading normal, on the same side as the geometric one; where it is turned from the viewer all the same (smooth
        # outlines), the geometric one stands in.
        a, b, w2 = tables.faces[face, 0], tables.faces[face, 1], v[i]
        c3, w1 = tables.faces[face, 2], u[i]
        w0 = one - w1 - w2
        nx = w0 * tables.vertices[a, 0] + w1 * tables.vertices[b, 0] + w2 * tables.vertices[c3, 0]
        ny = w0 * tables.vertices[a, 1] + w1 * tables.vertices[b, 1] + w2 * tables.vertices[c3, 1]
        nz = w0 * tables.vertices[a, 2] + w1 * tables.vertices[b, 2] + w2 * tables.vertices[c3, 2]
        square = nx * nx + ny * ny + nz * nz
        if square > np.float32(1e-12):
            scale = one / np.sqrt(square)
            if nx * gx + ny * gy + nz * gz < 0:
                scale = -scale
            nx, ny, nz = nx * scale, ny * scale, nz * scale
            if nx * dx + ny * dy + nz * dz >= 0:
                nx, ny, nz = gx, gy, gz
        else:
            nx, ny, nz = gx, gy, gz
        for c in range(3):
            normals[i, c] = rotations[frame, 0, c] * nx + rotations[frame, 1, c] * ny + rotations[frame, 2, c] * nz

        # Albedo.
        material = tables.faces[face, 3]
        red = tables.materials[material, 0]
        green = tables.materials[material, 1]
        blue = tables.materials[material, 2]
        texture = tables.material_texture[material]
        t = distance[i]
        if texture >= 0:
            repeats = tables.materials[material, 4]
            tu = (w0 * tables.vertices[a, 3] + w1 * tables.vertices[b, 3] + w2 * tables.vertices[c3, 3]) * repeats
            tv = (w0 * tables.vertices[a, 4] + w1 * tables.vertices[b, 4] + w2 * tables.vertices[c3, 4]) * repeats
            facing = -(gx * dx + gy * dy + gz * dz) / np.sqrt(dx * dx + dy * dy + dz * dz)
            texels = t * footprint * repeats * np.float32(128.0) / np.sqrt(max(facing, np.float32(0.01)))
            level = 0
            while texels > np.float32(1.5) and level < 7:
                texels *= np.float32(0.5)
                level += 1
            size = 128 >> level
            mask = size - 1
            offset = MIP_OFFSETS[level]
            fx, fy = tu * size - np.float32(0.5), tv * size - np.float32(0.5)
            floor_x, floor_y = np.floor(fx), np.floor(fy)
            fx -= floor_x
            fy -= floor_y
            x0, y0 = int(floor_x) & mask, int(floor_y) & mask
            x1, y1 = (x0 + 1) & mask, (y0 + 1) & mask
            p00, p01 = offset + y0 * size + x0, offset + y0 * size + x1
            p10, p11 = offset + y1 * size + x0, offset + y1 * size + x1
            q00, q01, q10, q11 = (one - fx) * (one - fy), fx * (one - fy), (one - fx) * fy, fx * fy
            for c in range(3):
                value = (
                    q00 * tables.texels[texture, p00, c]
                    + q01 * tables.texels[texture, p01, c]
                    + q10 * tables.texels[texture, p10, c]
                    + q11 * tables.texels[texture, p11, c]
                ) * np.float32(1 / 255)
                value *= value
                if c == 0:
                    red *= value
                elif c == 1:
                    green *= value
                else:
                    blue *= value

        # Light without shadow rays: what the surface gives off itself, and the ambient light of its hemisphere.
        up = np.float32(0.5) + np.float32(0.5) * ny
        emission = tables.materials[material, 3]
        light[i, 0] = red * (emission + tables.ambient[0, 0] + up * (tables.ambient[1, 0] - tables.ambient[0, 0]))
        light[i, 1] = green * (emission + tables.ambient[0, 1] + up * (tables.ambient[1, 1] - tables.ambient[0, 1]))
        light[i, 2] = blue * (emission + tables.ambient[0, 2] + up * (tables.ambient[1, 2] - tables.ambient[0, 2]))

        px = origins[i, 0] + t * dx + gx * np.float32(SHADOW_OFFSET)
        py = origins[i, 1] + t * dy + gy * np.float32(SHADOW_OFFSET)
        pz = origins[i, 2] + t * dz + gz * np.float32(SHADOW_OFFSET)
        column = int((px - tables.grid_frame[0]) / tables.grid_frame[2])
        row = int((pz - tables.grid_frame[1]) / tables.grid_frame[2])
        lamps = tables.grid.shape[2]
        if row < 0 or column < 0 or row >= tables.grid.shape[0] or column >= tables.grid.shape[1]:
            lamps = 0
        for k in range(lamps + tables.suns.shape[0]):
            if k < lamps:
                lamp = tables.grid[row, column, k]
                if lamp < 0:
                    continue
                lx, ly, lz = tables.lamps[lamp, 0] - px, tables.lamps[lamp, 1] - py, tables.lamps[lamp, 2] - pz
                if lx * gx + ly * gy + lz * gz <= 0:
                    continue
                square = lx * lx + ly * ly + lz * lz
                lambert = (lx * nx + ly * ny + lz * nz) / np.sqrt(square)
                lambert = (lambert + np.float32(WRAP)) * np.float32(1 / (1 + WRAP))
                strength = lambert * lamp_falloff(square, tables.lamps[lamp, 6])
                r, g, bl = tables.lamps[lamp, 3], tables.lamps[lamp, 4], tables.lamps[lamp, 5]
            else:
                sun = k - lamps
                lx, ly, lz = tables.suns[sun, 0], tables.suns[sun, 1], tables.suns[sun, 2]
                if lx * gx + ly * gy + lz * gz <= 0:
                    continue
                strength = lx * nx + ly * ny + lz * nz
                if strength <= 0 or (with_shadows and not _through_opening(tables.openings, px, py, pz, lx, ly, lz)):
                    continue
                r, g, bl = tables.suns[sun, 3], tables.suns[sun, 4], tables.suns[sun, 5]
                lx, ly, lz = lx * np.float32(1e3), ly * np.float32(1e3), lz * np.float32(1e3)
            r, g, bl = r * red * strength, g * green * strength, bl * blue * strength
            if r + g + bl < np.float32(FAINTEST):
                continue
            if with_shadows:
                shadow_origins[count, 0], shadow_origins[count, 1], shadow_origins[count, 2] = px, py, pz
                shadow_directions[count, 0], shadow_directions[count, 1], shadow_directions[count, 2] = lx, ly, lz
                shadow_pixel[count] = i
                shadow_light[count, 0], shadow_light[count, 1], shadow_light[count, 2] = r, g, bl
                count += 1
            elif k < lamps:
                light[i, 0] += r
                light[i, 1] += g
                light[i, 2] += bl
    return count


@njit(cache=True, nogil=True)
def lamp_falloff(square, inverse_square):
    """Share of a lamp's light at a squared distance: 1 / (1 + 25 s), s = (distance / range)^2, eased to 0 at the range.

    Unity's falloff of point lights, so that a house's intensities mean here what they mean there.
    """
    share = square * inverse_square
    if share >= 1:
        return np.float32(0.0)
    edge = np.float32(1.0) - share * share
    return edge * edge / (np.float32(1.0) + np.float32(25.0) * share)


@njit(cache=True, nogil=True)
def add_unshadowed(light, occluded, shadow_pixel, shadow_light):
    """Add the light of the shadow rays that met nothing (Embree's answer: 0 = blocked) to their pixels."""
    for k in range(occluded.shape[0]):
        if occluded[k] != 0:
            i = shadow_pixel[k]
            light[i, 0] += shadow_light[k, 0]
            light[i, 1] += shadow_light[k, 1]
            light[i, 2] += shadow_light[k, 2]


@njit(cache=True, nogil=True)
def encode_colour(table, light, rgb):
    """8-bit colours (n, 3) of linear light (n, 3)."""
    scale = np.float32((table.shape[0] - 1) / np.sqrt(ENCODE_MAX))
    last = table.shape[0] - 1
    for i in range(light.shape[0]):
        for c in range(3):
            rgb[i, c] = table[min(last, int(np.sqrt(light[i, c]) * scale + np.float32(0.5)))]


def encoding_table(exposure: float, shoulder: float = 0.6) -> NDArray[np.uint8]:
    """uint8 (4096,) by sqrt(linear / ENCODE_MAX): exposed, straight up to `shoulder`, then bending towards 1."""
    linear = ENCODE_MAX * np.linspace(0.0, 1.0, 4096) ** 2 * exposure
    room = 1 - shoulder
    bent = np.where(linear > shoulder, 1 - room * np.exp(-(np.maximum(linear, shoulder) - shoulder) / room), linear)
    encoded: NDArray[Any] = np.round(255 * np.sqrt(bent)).astype(np.uint8)
    return encoded


def mip_pyramid(textures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (T, 21845, 3): each texture (128, 128, 3) and its halvings, averaged in linear light, level by level."""
    level = textures.astype(np.float32) ** 2
    levels = [textures.reshape(len(textures), -1, 3)]
    for size in MIP_SIZES[1:]:
        level = level.reshape(len(textures), size, 2, size, 2, 3).mean(axis=(2, 4))
        levels.append(np.round(np.sqrt(level)).astype(np.uint8).reshape(len(textures), -1, 3))
    return np.ascontiguousarray(np.concatenate(levels, axis=1))
