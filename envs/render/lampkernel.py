"""Unoccluded light of lamps and sun on a point, for the kernels."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from ...core.jit import inlined

SHADOW_OFFSET = 2e-3
"""Offset of shadow rays along the geometric normal, in metres: no acne, no visible gap."""
WRAP = 0.15
"""Wrap lighting: how far light reaches beyond a surface's horizon, since lamps are shades with a size, not points."""
FAR_AWAY = 1e3
"""Metres along which sunlight can be blocked."""


@inlined
def lamp_at(tables, slot, x, z):
    """The lamp in a slot of the grid at (x, z), or -1."""
    grid, corner = tables.grid, tables.grid_frame
    column, row = np.floor((x - corner[0]) / corner[2]), np.floor((z - corner[1]) / corner[2])
    lamp = np.int64(-1)
    if column >= 0 and row >= 0 and row < grid.shape[0] and column < grid.shape[1]:
        lamp = np.int64(grid[np.int64(row), np.int64(column), slot])
    return lamp


@inlined
def lamp_falloff(square, inverse_square):
    """Share of a lamp's light at a squared distance: 1 / (1 + 25 s), s = (distance / range)^2, eased to 0 at the range.

    Unity's falloff of point lights, so that a house's intensities have the same meaning in both.
    """
    share = square * inverse_square
    if share >= 1:
        return np.float32(0.0)
    edge = np.float32(1.0) - share * share
    return edge * edge / (np.float32(1.0) + np.float32(25.0) * share)


@inlined
def lamp_light(tables, lamp, px, py, pz, gx, gy, gz, nx, ny, nz):
    """Linear rgb of a lamp's light on a point, and the vector to the lamp; g: geometric, n: shading normal."""
    zero = np.float32(0.0)
    if lamp < 0:
        return zero, zero, zero, zero, zero, zero
    lamps = tables.lamps
    lx, ly, lz = lamps[lamp, 0] - px, lamps[lamp, 1] - py, lamps[lamp, 2] - pz
    if lx * gx + ly * gy + lz * gz <= 0:
        return zero, zero, zero, lx, ly, lz
    square = lx * lx + ly * ly + lz * lz
    lambert = (lx * nx + ly * ny + lz * nz) / np.sqrt(square)
    lambert = max(zero, lambert + np.float32(WRAP)) * np.float32(1 / (1 + WRAP))
    strength = lambert * lamp_falloff(square, lamps[lamp, 6])
    return lamps[lamp, 3] * strength, lamps[lamp, 4] * strength, lamps[lamp, 5] * strength, lx, ly, lz


@inlined
def sun_light(tables, sun, px, py, pz, gx, gy, gz, nx, ny, nz, through_windows):
    """Linear rgb of a sun's light on a point (with `through_windows`, only through windows), and a long vector towards
    it."""
    zero = np.float32(0.0)
    suns = tables.suns
    lx, ly, lz = suns[sun, 0], suns[sun, 1], suns[sun, 2]
    strength = zero
    if lx * gx + ly * gy + lz * gz > 0:
        strength = max(zero, lx * nx + ly * ny + lz * nz)
        if strength > 0 and through_windows and not through_opening(tables.openings, px, py, pz, lx, ly, lz):
            strength = zero
    far = np.float32(FAR_AWAY)
    return suns[sun, 3] * strength, suns[sun, 4] * strength, suns[sun, 5] * strength, lx * far, ly * far, lz * far


@inlined
def through_opening(openings, px, py, pz, dx, dy, dz):
    """Whether a ray intersects one of the boxes (slab test in each box's own axes)."""
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
