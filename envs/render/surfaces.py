"""Surfaces at a ray's hit, for the kernels: normals, albedo, baked light, opacity of glass."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from ...core.jit import inlined
from .embree import NORMAL
from .texels import texel_colour

TEXEL_STEP = 1 / 8192
"""Linear light of one step of a chart's 16-bit values: they end at 8, where the encoding of colours ends too."""


@inlined
def baked_light(tables, face, w0, w1, w2):
    """Linear light on a face at barycentric weights: bilinear on its chart, or between its vertices."""
    vertices, charts = tables.vertices, tables.charts
    a, b, c = np.uintp(tables.faces[face, 0]), np.uintp(tables.faces[face, 1]), np.uintp(tables.faces[face, 2])
    x = w0 * vertices[a, 5] + w1 * vertices[b, 5] + w2 * vertices[c, 5]
    y = w0 * vertices[a, 6] + w1 * vertices[b, 6] + w2 * vertices[c, 6]
    base = tables.faces[face, 6]
    if base < 0:
        return x, y, w0 * vertices[a, 7] + w1 * vertices[b, 7] + w2 * vertices[c, 7]
    columns = tables.faces[face, 7]
    column, row = np.int32(x), np.int32(y)
    fx, fy = x - np.float32(column), y - np.float32(row)
    one, step = np.float32(1.0), np.float32(TEXEL_STEP)
    p = np.uintp(base + row * columns + column)
    q = p + np.uintp(columns)
    p1, q1 = p + np.uintp(1), q + np.uintp(1)
    low, high = (one - fy) * step, fy * step
    wp, wp1, wq, wq1 = (one - fx) * low, fx * low, (one - fx) * high, fx * high
    return (
        wp * charts[p, 0] + wp1 * charts[p1, 0] + wq * charts[q, 0] + wq1 * charts[q1, 0],
        wp * charts[p, 1] + wp1 * charts[p1, 1] + wq * charts[q, 1] + wq1 * charts[q1, 1],
        wp * charts[p, 2] + wp1 * charts[p1, 2] + wq * charts[q, 2] + wq1 * charts[q1, 2],
    )


@inlined
def glass_opacity(opacity, cosine):
    """Share of the glass's own light in a pixel: 1 at grazing angles (Schlick 1994)."""
    one = np.float32(1.0)
    away = one - min(one, cosine)
    square = away * away
    return opacity + (one - opacity) * square * square * away


@inlined
def geometric_normal(floats, lane, dx, dy, dz):
    """Unit normal of the face hit, turned to the viewer, since surfaces are seen from both sides; and its dot product
    with the ray's direction, 0 or less."""
    gx, gy, gz = floats[NORMAL, lane], floats[NORMAL + 1, lane], floats[NORMAL + 2, lane]
    facing = gx * dx + gy * dy + gz * dz
    scale = np.float32(1.0) / np.sqrt(gx * gx + gy * gy + gz * gz)
    if facing > 0:
        scale = -scale
    return gx * scale, gy * scale, gz * scale, facing * scale


@inlined
def shading_normal(tables, face, w0, w1, w2, gx, gy, gz, dx, dy, dz):
    """Unit normal interpolated between the face's vertices, on the side of the geometric one, g.

    Where it is turned from the viewer all the same (smooth outlines), or vanishes, the geometric one replaces it.
    """
    vertices = tables.vertices
    a, b, c = np.uintp(tables.faces[face, 0]), np.uintp(tables.faces[face, 1]), np.uintp(tables.faces[face, 2])
    nx = w0 * vertices[a, 0] + w1 * vertices[b, 0] + w2 * vertices[c, 0]
    ny = w0 * vertices[a, 1] + w1 * vertices[b, 1] + w2 * vertices[c, 1]
    nz = w0 * vertices[a, 2] + w1 * vertices[b, 2] + w2 * vertices[c, 2]
    square = nx * nx + ny * ny + nz * nz
    if square > np.float32(1e-12):
        scale = np.float32(1.0) / np.sqrt(square)
        if nx * gx + ny * gy + nz * gz < 0:
            scale = -scale
        nx, ny, nz = nx * scale, ny * scale, nz * scale
        if nx * dx + ny * dy + nz * dz >= 0:
            nx, ny, nz = gx, gy, gz
    else:
        nx, ny, nz = gx, gy, gz
    return nx, ny, nz


@inlined
def albedo(tables, face, material, w0, w1, w2, span, cosine):
    """Linear albedo: the material's colour times its texture times the vertices' tint.

    span: metres across a pixel at the hit, seen head-on; cosine: of the angle at which the surface is seen.
    """
    a, b, c = np.uintp(tables.faces[face, 0]), np.uintp(tables.faces[face, 1]), np.uintp(tables.faces[face, 2])
    materials, vertices = tables.materials, tables.vertices
    red, green, blue = materials[material, 0], materials[material, 1], materials[material, 2]
    texture = np.int32(materials[material, 5])
    if texture >= 0:
        repeats = materials[material, 4]
        u = (w0 * vertices[a, 3] + w1 * vertices[b, 3] + w2 * vertices[c, 3]) * repeats
        v = (w0 * vertices[a, 4] + w1 * vertices[b, 4] + w2 * vertices[c, 4]) * repeats
        steep = max(cosine, np.float32(0.01))
        texels = span * repeats * np.float32(128.0) / np.sqrt(steep)
        tr, tg, tb = texel_colour(tables.texels, texture, u, v, texels)
        red, green, blue = red * tr, green * tg, blue * tb
    if tables.tints.shape[0]:
        tints = tables.tints
        red *= w0 * tints[a, 0] + w1 * tints[b, 0] + w2 * tints[c, 0]
        green *= w0 * tints[a, 1] + w1 * tints[b, 1] + w2 * tints[c, 1]
        blue *= w0 * tints[a, 2] + w1 * tints[b, 2] + w2 * tints[c, 2]
    return red, green, blue
