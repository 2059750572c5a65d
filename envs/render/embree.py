"""Embree's packets of 16 rays, called from numba kernels through the library that embreex is linked with.

embreex traces one ray a call. Rays of neighbouring pixels take nearly the same path through the tree of boxes, and
Embree traverses it once for 16 of them if they are flagged as coherent: five to six times as fast in furnished houses.
The layouts below are those of Embree 4's ``rtcore_ray.h`` and ``rtcore_common.h``.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import ctypes
import sys
import weakref
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from embreex import rtcore_scene
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from ...core.jit import inlined, kernel
from .cutouts import Cutouts, described, filter_address

LANES = 16
"""Rays in a packet."""
ORIGIN, NEAR, DIRECTION, FAR, MASK, NORMAL, U, V, FACE, GEOMETRY = 0, 3, 4, 8, 9, 12, 15, 16, 17, 18
"""Rows of a packet, each of LANES values of 4 bytes: vectors take three. FACE, MASK and GEOMETRY are int32."""
_SHADOW, _VALID, _SHADOW_VALID, _COHERENT = 24, 48, 49, 50
ROWS = 52

_COHERENT_FLAG = 1 << 16
_ROBUST = 4
_TRIANGLES, _INDICES, _VERTICES, _UINT3, _FLOAT3 = 0, 0, 1, 0x5003, 0x9003


class EmbreeError(RuntimeError):
    """The Embree library of embreex cannot be used; the message says why."""


@cache
def _library() -> ctypes.CDLL:
    """The Embree library, which embreex's own module depends on."""
    module = Path(rtcore_scene.__file__)
    library = ctypes.CDLL(str(module))
    if sys.platform == "win32":  # there a module's symbols do not reach through to the libraries that it depends on
        found = sorted((module.parent.parent / "embreex.libs").glob("embree4*.dll"))
        library = ctypes.CDLL(str(found[0])) if found else library
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "rtcNewDevice": (pointer, [ctypes.c_char_p]),
        "rtcNewScene": (pointer, [pointer]),
        "rtcSetSceneFlags": (None, [pointer, ctypes.c_int]),
        "rtcCommitScene": (None, [pointer]),
        "rtcReleaseScene": (None, [pointer]),
        "rtcNewGeometry": (pointer, [pointer, ctypes.c_int]),
        "rtcSetSharedGeometryBuffer": (
            None, [pointer, ctypes.c_int, ctypes.c_uint, ctypes.c_int, pointer, size, size, size],
        ),
        "rtcCommitGeometry": (None, [pointer]),
        "rtcAttachGeometry": (ctypes.c_uint, [pointer, pointer]),
        "rtcSetGeometryUserData": (None, [pointer, pointer]),
        "rtcSetGeometryIntersectFilterFunction": (None, [pointer, pointer]),
        "rtcSetGeometryOccludedFilterFunction": (None, [pointer, pointer]),
        "rtcReleaseGeometry": (None, [pointer]),
        "rtcGetDeviceError": (ctypes.c_int, [pointer]),
        "rtcIntersect16": (None, [pointer] * 4),
        "rtcOccluded16": (None, [pointer] * 4),
    }  # fmt: skip
    for name, (result, arguments) in signatures.items():
        try:
            function = getattr(library, name)
        except AttributeError as error:
            raise EmbreeError(
                f"embreex at {module.parent} does not give access to {name} of Embree 4; "
                "install a wheel of embreex 4.4 or later"
            ) from error
        function.restype, function.argtypes = result, arguments
    return library


@cache
def _device() -> int:
    """The process's one Embree device, which is never released: with a second one that is limited to one thread, a
    worker of Embree's own scheduler spins from then on, and takes a whole core from the renderer."""
    device: int | None = _library().rtcNewDevice(b"threads=1")
    if not device:
        raise EmbreeError(f"Embree could not start (error {_library().rtcGetDeviceError(None)})")
    return device


class Handle(NamedTuple):
    """Addresses that a kernel needs to trace rays through one mesh; valid while its `Mesh` lives."""

    scene: np.uintp
    intersect: np.uintp
    occluded: np.uintp


class Mesh:
    """An Embree scene of one mesh; face numbers are primitive numbers. Built by one thread, the same every time."""

    def __init__(
        self,
        vertices: NDArray[np.float32],
        faces: NDArray[np.int32],
        keep: NDArray[np.bool_] | None = None,
        cutouts: Cutouts | None = None,
    ) -> None:
        """vertices (V, 3) and faces (F, 3), which must be within bounds: Embree does not check. keep (F,): the faces
        to build, None for all. cutouts: their holes."""
        library = _library()
        whole = np.ones(len(faces), np.bool_) if keep is None else keep.copy()
        holed = np.zeros(len(faces), np.bool_) if cutouts is None else whole & cutouts.faces
        whole &= ~holed
        # A face that is left out has its corners at a NaN vertex: Embree drops it, and face numbers stay. It
        # reads 16 bytes for each vertex, so the last one needs 4 more behind it.
        nowhere = np.array([np.nan] * 3 + [0.0], np.float32)
        self._vertices = np.concatenate([np.ascontiguousarray(vertices, np.float32).ravel(), nowhere])
        device = _device()
        scene = library.rtcNewScene(device)
        library.rtcSetSceneFlags(scene, _ROBUST)
        self._faces = []
        self._cutouts = None if cutouts is None else (cutouts, described(cutouts))
        for part in (whole, holed):
            if not part.any():
                continue
            kept = np.where(part[:, None], faces, len(vertices)) if not part.all() else faces
            self._faces.append(np.ascontiguousarray(kept, np.int32))
            geometry = library.rtcNewGeometry(device, _TRIANGLES)
            vertices_at, faces_at = self._vertices.ctypes.data, self._faces[-1].ctypes.data
            library.rtcSetSharedGeometryBuffer(geometry, _VERTICES, 0, _FLOAT3, vertices_at, 0, 12, len(vertices) + 1)
            library.rtcSetSharedGeometryBuffer(geometry, _INDICES, 0, _UINT3, faces_at, 0, 12, len(faces))
            if part is holed and self._cutouts is not None:
                library.rtcSetGeometryUserData(geometry, self._cutouts[1].ctypes.data)
                library.rtcSetGeometryIntersectFilterFunction(geometry, filter_address())
                library.rtcSetGeometryOccludedFilterFunction(geometry, filter_address())
            library.rtcCommitGeometry(geometry)
            library.rtcAttachGeometry(scene, geometry)
            library.rtcReleaseGeometry(geometry)
        library.rtcCommitScene(scene)
        error = library.rtcGetDeviceError(device)
        if error:
            raise EmbreeError(f"Embree could not build a mesh of {len(faces)} triangles (error {error})")
        self.handle = Handle(
            np.uintp(scene), np.uintp(_address(library.rtcIntersect16)), np.uintp(_address(library.rtcOccluded16))
        )
        weakref.finalize(self, library.rtcReleaseScene, scene)

    def occluded(self, origins: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
        """bool (n,): whether a triangle blocks each segment from origins (n, 3) along vectors (n, 3).

        Fastest where neighbours in the arrays take nearly the same path."""
        blocked = np.zeros(len(origins), np.bool_)
        _segments(
            self.handle,
            scratch(),
            np.ascontiguousarray(origins, np.float32),
            np.ascontiguousarray(vectors, np.float32),
            blocked,
        )
        return blocked


def _address(function: Any) -> int:
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    return address


class Scratch(NamedTuple):
    """Memory for one thread's packets: one of primary rays, one of shadow rays, valid lanes, flags."""

    floats: NDArray[np.float32]
    """(ROWS, LANES), on a 64-byte boundary, as Embree wants it: rows 0 to 23 the primary packet, 24 to 47 the other."""
    ints: NDArray[np.int32]
    """The same memory."""
    address: np.uintp
    """Where it begins."""


def scratch() -> Scratch:
    """New packets, with the constant rows set."""
    raw = np.zeros(ROWS * LANES + LANES, np.float32)
    skip = (-raw.ctypes.data % 64) // 4
    floats = raw[skip : skip + ROWS * LANES].reshape(ROWS, LANES)
    ints = floats.view(np.int32)
    ints[MASK] = ints[_SHADOW + MASK] = -1
    # RTCIntersectArguments: ray flags, feature mask (all), then null pointers; once coherent, once not.
    ints[_COHERENT, :2] = _COHERENT_FLAG, -1
    ints[_COHERENT + 1, :2] = 0, -1
    return Scratch(floats, ints, np.uintp(floats.ctypes.data))


def _call_address(typing_context, function, valid, scene, packet, arguments):
    """Call a C function of four pointers, all given as addresses."""

    def generate(context, builder, signature, values):
        byte = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte] * 4).as_pointer()
        target = builder.inttoptr(values[0], kind)
        builder.call(target, [builder.inttoptr(value, byte) for value in values[1:]])
        return context.get_dummy_value()

    return types.void(*[types.uintp] * 5), generate


_call: Any = intrinsic(_call_address)


@inlined
def intersect(handle, memory, count, coherent):
    """Trace the first `count` rays of the primary packet: fills FAR, NORMAL, U, V, FACE (-1: nothing)."""
    for lane in range(LANES):
        memory.ints[_VALID, lane] = -1 if lane < count else 0
        memory.ints[FACE, lane] = -1
        memory.ints[GEOMETRY, lane] = -1
        memory.floats[NEAR, lane] = 0.0
        memory.floats[FAR, lane] = 1e37
    base, row = memory.address, np.uintp(4 * LANES)
    flags = base + row * np.uintp(_COHERENT if coherent else _COHERENT + 1)
    _call(handle.intersect, base + row * np.uintp(_VALID), handle.scene, base, flags)


@inlined
def is_traced(memory, lane):
    """Whether the lane's ray was traced by the last call."""
    return memory.ints[_VALID, lane] != 0


@inlined
def exclude(memory, lane):
    """Exclude the lane's ray from `intersect_behind`."""
    memory.ints[_VALID, lane] = 0


@inlined
def intersect_behind(handle, memory):
    """Continue the rays that were traced and not excluded, from just behind their hits."""
    floats = memory.floats
    for lane in range(LANES):
        if memory.ints[_VALID, lane] != 0:
            memory.ints[FACE, lane] = -1
            memory.ints[GEOMETRY, lane] = -1
            floats[NEAR, lane] = floats[FAR, lane] * np.float32(1 + 1e-5) + np.float32(1e-4)
            floats[FAR, lane] = 1e37
    base, row = memory.address, np.uintp(4 * LANES)
    _call(handle.intersect, base + row * np.uintp(_VALID), handle.scene, base, base + row * np.uintp(_COHERENT))


@inlined
def set_segment(memory, lane, ox, oy, oz, dx, dy, dz):
    """Put a segment into the packet of shadow rays, up to just before its end: distance 1 is the lamp itself."""
    floats = memory.floats
    floats[_SHADOW, lane], floats[_SHADOW + 1, lane], floats[_SHADOW + 2, lane] = ox, oy, oz
    floats[_SHADOW + 4, lane], floats[_SHADOW + 5, lane], floats[_SHADOW + 6, lane] = dx, dy, dz
    floats[_SHADOW + NEAR, lane] = 0.0
    floats[_SHADOW + FAR, lane] = 0.999
    memory.ints[_SHADOW_VALID, lane] = -1


@inlined
def clear_segments(memory):
    """Empty the packet of shadow rays."""
    for lane in range(LANES):
        memory.ints[_SHADOW_VALID, lane] = 0


@inlined
def trace_segments(handle, memory, coherent):
    """Trace the segments of the packet; `is_clear` gives the results."""
    base, row = memory.address, np.uintp(4 * LANES)
    flags = base + row * np.uintp(_COHERENT if coherent else _COHERENT + 1)
    _call(handle.occluded, base + row * np.uintp(_SHADOW_VALID), handle.scene, base + row * np.uintp(_SHADOW), flags)


@inlined
def is_clear(memory, lane):
    """Whether the segment was set and is not blocked (Embree sets a blocked ray's FAR to -inf)."""
    return memory.ints[_SHADOW_VALID, lane] != 0 and memory.floats[_SHADOW + FAR, lane] > 0


@kernel
def _segments(handle, memory, origins, vectors, blocked):
    for first in range(0, len(origins), LANES):
        clear_segments(memory)
        last = min(first + LANES, len(origins))
        for i in range(first, last):
            set_segment(
                memory, i - first, origins[i, 0], origins[i, 1], origins[i, 2],
                vectors[i, 0], vectors[i, 1], vectors[i, 2],
            )  # fmt: skip
        trace_segments(handle, memory, True)
        for i in range(first, last):
            blocked[i] = not is_clear(memory, i - first)
