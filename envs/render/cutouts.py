"""Cut-outs: where a texture is transparent, no ray hits the surface.

Embree calls a filter for every hit on a face whose texture has holes, and continues the ray if the hit is rejected. So
holes are geometry, decided in one place: camera rays, shadow rays and baked light all pass through them, and depth,
normals and labels are those of the surface behind. The finest texels decide, whatever the distance. Faces without holes
are never filtered.

Glass is different: see `envs.render.kernel`.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import cfunc, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from ..scene import SOLID

if TYPE_CHECKING:
    from ..scene import Scene

carray: Any = numba.carray  # type: ignore[attr-defined]  # numba's stubs do not say that they export it


@dataclass(frozen=True)
class Cutouts:
    """Data by which the filter accepts or rejects a hit."""

    faces: NDArray[np.bool_]
    """(F,): faces whose texture has holes."""
    uv: NDArray[np.float32]
    """(F, 3, 2): texture coordinates of the corners, in texels."""
    texture: NDArray[np.int32]
    """(F,): index into `alpha`."""
    alpha: NDArray[np.uint8]
    """(T, side, side), side a power of two."""


def cutouts_of(scene: Scene) -> Cutouts | None:
    """A Scene's cut-outs; None if no texture has holes."""
    alpha = scene.texture_alpha
    if alpha is None:
        return None
    texture = np.array([material.texture for material in scene.materials], np.int32)[scene.face_material]
    holed = np.append((alpha < SOLID).any(axis=(1, 2)), False)[texture]
    if not holed.any():
        return None
    side = alpha.shape[1]
    scale = np.array([side / max(material.tile, 1e-6) for material in scene.materials], np.float32)
    uv = scene.uv[scene.faces] * scale[scene.face_material, None, None]
    return Cutouts(holed, np.ascontiguousarray(uv, np.float32), np.maximum(texture, 0), np.ascontiguousarray(alpha))


def described(cutouts: Cutouts) -> NDArray[np.int64]:
    """What the filter reads: addresses, valid while `cutouts` lives, and the side of a texture."""
    uv, texture, alpha = cutouts.uv, cutouts.texture, cutouts.alpha
    return np.array([uv.ctypes.data, texture.ctypes.data, alpha.ctypes.data, alpha.shape[1]], np.int64)


def _to_pointer(typing_context, address):
    """An address as a pointer."""

    def generate(context, builder, signature, values):
        return builder.inttoptr(values[0], ir.IntType(8).as_pointer())

    return types.voidptr(types.int64), generate


_pointer: Any = intrinsic(_to_pointer)


def _filter(arguments):
    """RTCFilterFunctionN: clear the `valid` of hits in holes.

    arguments: RTCFilterFunctionNArguments of Embree 4's ``rtcore_common.h``: addresses of valid, the geometry's own
    data (`described`), context, ray and hit, then the number of lanes. A hit holds rows of a value for each lane:
    normal (3), u, v, primitive.
    """
    lanes = np.int64(arguments[5] & 0xFFFFFFFF)
    own = carray(_pointer(arguments[1]), 4, np.int64)
    valid = carray(_pointer(arguments[0]), lanes, np.int32)
    place = carray(_pointer(arguments[4]), 6 * lanes, np.float32)
    number = carray(_pointer(arguments[4]), 6 * lanes, np.int32)
    side = own[3]
    for lane in range(lanes):
        if valid[lane] == 0:
            continue
        b, c, face = place[3 * lanes + lane], place[4 * lanes + lane], np.int64(number[5 * lanes + lane])
        a = np.float32(1.0) - b - c
        uv = carray(_pointer(own[0] + 24 * face), 6, np.float32)
        texture = np.int64(carray(_pointer(own[1] + 4 * face), 1, np.int32)[0])
        column = np.int64(np.floor(a * uv[0] + b * uv[2] + c * uv[4])) & (side - 1)
        row = np.int64(np.floor(a * uv[1] + b * uv[3] + c * uv[5])) & (side - 1)
        texel = own[2] + (texture * side + row) * side + column
        if carray(_pointer(texel), 1, np.uint8)[0] < SOLID:
            valid[lane] = 0


@cache
def filter_address() -> int:
    """Address of the filter, which is compiled for the first Scene with cut-outs."""
    compiled: Any = cfunc(types.void(types.CPointer(types.int64)), cache=True)(_filter)
    _kept.append(compiled)
    return int(compiled.address)


_kept: list[object] = []
"""Compiled filters, which must outlive the meshes that call them."""
