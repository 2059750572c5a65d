"""Baked light: soft shadows of lamps and sun, and one reflection between surfaces, for a whole Scene at once.

Samples are the texels of the charts (`charts`) and all other vertices. Each receives the direct light of the lamps near
it and of the sun, then, by rays over its hemisphere, light reflected once by the surfaces around it; a constant
replaces all later reflections. The result is cached on disk, since a house's light does not change.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...core.cache import cache_folder, code_key, read_cached, store
from ..house.classes import CLASS_ID
from . import bakekernel, embree
from .bakekernel import BETWEEN, HIDDEN, LIVE, OUTSIDE
from .charts import AWAY, find_charts, indoors
from .kernel import Tables
from .surfaces import TEXEL_STEP
from .texels import MIP_OFFSETS

if TYPE_CHECKING:
    from ..scene import Scene

TEXEL_RAYS, VERTEX_RAYS = 16, 32
"""Rays over the hemisphere of a sample, multiples of 16: fewer for texels, which are smoothed over their neighbours."""
AMBIENT = 0.35
"""Linear light of all but the first reflection, where a sample's rays hit."""
FILL = 0.07
"""Linear light added to every sample, so that no corner of a lit house is black."""
WINDOW_GLOW = 2.5
"""Factor by which the sky behind a window lights a room more than it is seen."""
OUTDOOR = (0.55, 0.60, 0.66)
"""Linear light of the sky outdoors."""
CACHE_BYTES = 512 * 2**20
"""Size of the cache of baked light; the least recently used files are deleted first. A furnished house of six rooms
takes about 3 MB."""
SAMPLES_A_TURN = 4096
"""Samples in one unit of a thread's work."""


def with_light(
    scene: Scene, tables: Tables, view: Callable[[], embree.Mesh], blockers: embree.Mesh, threads: int, cache: bool
) -> Tables:
    """The tables with baked light: from the cache, or baked and stored there.

    view and blockers: the meshes that rays and shadow rays intersect, both without glass. The number of threads
    does not change the result.
    """
    cache = cache and code_key(__name__) is not None
    file = cache_folder() / "light" / f"{_digest(scene)}.npz"
    stored = _read(file, tables) if cache else None
    if stored is None:
        stored = _bake(scene, tables, view(), blockers, threads)
        if cache:
            _write(file, stored)
    return _apply(tables, stored)


@dataclass(frozen=True)
class _Stored:
    """Baked light in the form that the tables and the file hold."""

    faces: NDArray[np.int32]
    """(F, 5): vertices, first texel, columns of the chart."""
    copies: NDArray[np.int32]
    """(D,): the vertices that are copied after the others."""
    light: NDArray[np.float32]
    """(V + D, 3): columns 5 to 7 of the vertices."""
    charts: NDArray[np.uint16]
    """(K, 4): texels."""


def _apply(tables: Tables, stored: _Stored) -> Tables:
    faces = tables.faces.copy()
    faces[:, :3], faces[:, 6:8] = stored.faces[:, :3], stored.faces[:, 3:]
    vertices = np.concatenate([tables.vertices, tables.vertices[stored.copies]])
    vertices[:, 5:8] = stored.light
    tints = tables.tints
    if len(tints):
        tints = np.concatenate([tints, tints[stored.copies]])
    return tables._replace(faces=faces, vertices=vertices, tints=tints, charts=np.ascontiguousarray(stored.charts))


def _bake(scene: Scene, tables: Tables, view: embree.Mesh, blockers: embree.Mesh, threads: int) -> _Stored:
    charts = find_charts(scene)
    texels = len(charts.positions)
    positions = np.concatenate([charts.positions, _drawn_in(scene)])
    normals = np.concatenate([charts.normals, scene.normals])
    state = np.full(len(positions), LIVE, np.uint8)
    state[~indoors(scene, positions + AWAY * normals)] = OUTSIDE
    state[:texels][~charts.covered] = HIDDEN
    loose = np.unique(scene.faces[charts.face_chart < 0])
    unused = np.ones(len(scene.vertices), np.bool_)
    unused[loose] = False
    state[texels:][unused] = HIDDEN

    on_chart = charts.face_chart >= 0
    faces = np.concatenate([charts.faces, np.full((len(scene.faces), 2), (-1, 0), np.int32)], axis=1)
    faces[on_chart, 3] = charts.first[charts.face_chart[on_chart]]
    faces[on_chart, 4] = charts.columns[charts.face_chart[on_chart]]
    flat = np.unique(charts.faces[on_chart])

    def layout(light: NDArray[np.float32]) -> _Stored:
        vertex_light = np.concatenate([light[texels:], np.zeros((len(charts.copies), 3), np.float32)])
        vertex_light[flat, :2] = charts.vertex_texel[flat]
        steps = np.zeros((texels, 4), np.uint16)
        steps[:, :3] = np.clip(np.round(light[:texels] / TEXEL_STEP), 0, 65535)
        return _Stored(faces, charts.copies, vertex_light, steps)

    direct = np.zeros(positions.shape, np.float32)
    _share_out(
        threads, 0, len(positions), partial(bakekernel.direct_light, tables, blockers.handle),
        (positions, normals, state, _ball(16)), direct,
    )  # fmt: skip
    between = np.zeros(len(positions), np.bool_)
    between[:texels] = (state[:texels] == LIVE) & ~charts.coarse
    state[between] = BETWEEN
    bounced = np.zeros(positions.shape, np.float32)
    bounced[state == OUTSIDE] = OUTDOOR
    lit, glow = _apply(tables, layout(direct)), _glow(scene, tables)
    outside = np.float32(WINDOW_GLOW if scene.rooms else 1.0)
    for first, last, rays in ((0, texels, TEXEL_RAYS), (texels, len(positions), VERTEX_RAYS)):
        _share_out(
            threads, first, last, partial(bakekernel.gathered_light, lit, glow, view.handle),
            (positions, normals, state, _hemisphere(rays), _turns(), np.float32(AMBIENT), outside), bounced,
        )  # fmt: skip
    bakekernel.hide_between(charts.columns, charts.rows, charts.first, state[:texels], direct)
    smooth = np.zeros((texels, 3), np.float32)
    bakekernel.smooth_charts(charts.columns, charts.rows, charts.first, state[:texels], bounced[:texels], smooth)
    bounced[:texels] = smooth
    bounced += FILL
    light = direct + bounced
    bakekernel.fill_charts(charts.columns, charts.rows, charts.first, state[:texels], light[:texels], 4)
    _blend_vertices(scene.faces[~on_chart], state[texels:] != HIDDEN, direct[texels:], bounced[texels:], light[texels:])
    return layout(light)


def _share_out(
    threads: int, first: int, last: int, kernel: Any, arguments: tuple[Any, ...], light: NDArray[np.float32]
) -> None:
    """Run a kernel over the samples first ... last - 1, SAMPLES_A_TURN at a time."""

    def run(start: int) -> None:
        kernel(embree.scratch(), *arguments, start, min(start + SAMPLES_A_TURN, last), light)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run, range(first, last, SAMPLES_A_TURN)))


def _blend_vertices(
    faces: NDArray[np.int32],
    seen: NDArray[np.bool_],
    direct: NDArray[np.float32],
    bounced: NDArray[np.float32],
    light: NDArray[np.float32],
) -> None:
    """Fill light (V, 3) with direct and half-smoothed bounced light; hidden vertices take the light of their
    neighbours."""
    pairs = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    pairs = np.concatenate([pairs, pairs[:, ::-1]])
    mean, known = _mean_about(pairs, seen, bounced)
    blend = np.where((seen & known)[:, None], 0.5 * bounced + 0.5 * mean, bounced)
    light[:] = np.where(seen[:, None], direct + blend, 0)
    for _ in range(3):
        mean, known = _mean_about(pairs, seen, light)
        fill = ~seen & known
        light[fill] = mean[fill]
        seen = seen | fill
    light[~seen] = AMBIENT


def _mean_about(
    pairs: NDArray[np.int32], seen: NDArray[np.bool_], light: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(V, 3) mean light of the seen vertices that each shares an edge with, and (V,) whether there are any."""
    use = pairs[seen[pairs[:, 1]]]
    count = np.bincount(use[:, 0], minlength=len(seen))
    total = [np.bincount(use[:, 0], light[use[:, 1], axis], minlength=len(seen)) for axis in range(3)]
    return np.stack(total, axis=1) / np.maximum(count, 1)[:, None], count > 0


def _drawn_in(scene: Scene) -> NDArray[np.float32]:
    """(V, 3): vertices moved a little towards the middle of their triangles, away from corners."""
    middles = scene.vertices[scene.faces].mean(axis=1)
    total, count = np.zeros(scene.vertices.shape), np.zeros(len(scene.vertices))
    for corner in scene.faces.T:
        count += np.bincount(corner, minlength=len(count))
        for axis in range(3):
            total[:, axis] += np.bincount(corner, middles[:, axis], minlength=len(count))
    way = total / np.maximum(count, 1)[:, None] - scene.vertices
    way[count == 0] = 0
    length = np.linalg.norm(way, axis=1)
    step = np.minimum(0.2, 0.015 / np.maximum(length, 1e-9))
    return (scene.vertices + way * step[:, None]).astype(np.float32)


def _glow(scene: Scene, tables: Tables) -> NDArray[np.float32]:
    """(M, 4): each material's mean albedo, and the light it emits as a multiple of it."""
    coarsest = tables.texels[:, MIP_OFFSETS[-1]]
    mean = np.stack([coarsest & 255, coarsest >> 8 & 255, coarsest >> 16 & 255], axis=1) / 255
    rows = []
    for number, material in enumerate(scene.materials):
        colour = np.square(material.rgb) * (np.square(mean[material.texture]) if material.texture >= 0 else 1.0)
        if len(tables.tints) and (scene.face_material == number).any():
            colour = colour * tables.tints[scene.faces[scene.face_material == number]].mean(axis=(0, 1))
        rows.append((*np.minimum(colour, 0.85), material.emission))
    return np.array(rows, np.float32).reshape(-1, 4)


def _ball(count: int) -> NDArray[np.float32]:
    """(count, 3) points spread evenly over the unit sphere (Fibonacci's spiral)."""
    k = np.arange(count) + 0.5
    height, turn = 1 - 2 * k / count, np.pi * (1 + 5**0.5) * k
    radius = np.sqrt(1 - height**2)
    return np.stack([radius * np.cos(turn), height, radius * np.sin(turn)], axis=1).astype(np.float32)


def _hemisphere(count: int) -> NDArray[np.float32]:
    """(count, 3) directions about +z, spread by the cosine (Fibonacci's spiral on the disc, lifted)."""
    k = np.arange(count) + 0.5
    radius, turn = np.sqrt(k / count), np.pi * (1 + 5**0.5) * k
    rays = np.stack([radius * np.cos(turn), radius * np.sin(turn), np.sqrt(1 - radius**2)], axis=1)
    return np.ascontiguousarray(rays, np.float32)


def _turns() -> NDArray[np.float32]:
    """(64, 2) cosines and sines of 64 angles."""
    angle = np.arange(64) * (2 * np.pi / 64)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)


def _digest(scene: Scene) -> str:
    """Digest of everything that baked light depends on: the code and the scene."""
    parts = hashlib.sha256(f"{code_key(__name__)}".encode())
    for array in (scene.vertices, scene.normals, scene.faces, scene.face_material, scene.textures):
        parts.update(np.ascontiguousarray(array).data)
    for extra in (scene.vertex_colour, scene.texture_alpha, None if scene.texture_alpha is None else scene.uv):
        if extra is not None:
            parts.update(np.ascontiguousarray(extra).data)
    things = (scene.materials, scene.lights, [i for i in scene.instances if i.class_id == CLASS_ID["Window"]])
    parts.update(repr([[astuple(thing) for thing in kind] for kind in things]).encode())
    for room in scene.rooms:
        parts.update(np.ascontiguousarray(room.polygon).data)
    return parts.hexdigest()[:32]


def _read(file: Path, tables: Tables) -> _Stored | None:
    """Contents of the file; None if it is missing, damaged or does not fit the tables."""
    arrays = read_cached(file)
    try:
        stored = _Stored(*(arrays[name] for name in ("faces", "copies", "light", "charts")))
    except KeyError:
        return None
    if not _fits(stored, tables):
        return None
    with contextlib.suppress(OSError):
        os.utime(file)
    return stored


def _fits(stored: _Stored, tables: Tables) -> bool:
    """Whether all shapes are right and every index is within its table."""
    faces, copies, light, charts = stored.faces, stored.copies, stored.light, stored.charts
    kinds: list[tuple[NDArray[Any], type, int]] = [(faces, np.int32, 5), (light, np.float32, 3), (charts, np.uint16, 4)]
    if any(a.dtype != kind or a.ndim != 2 or a.shape[1] != width for a, kind, width in kinds):
        return False
    known = len(tables.vertices)
    if copies.dtype != np.int32 or copies.ndim != 1 or ((copies < 0) | (copies >= known)).any():
        return False
    if len(faces) != len(tables.faces) or len(light) != known + len(copies) or not np.isfinite(light).all():
        return False
    if faces[:, :3].min() < 0 or faces[:, :3].max() >= len(light):
        return False
    flat = faces[faces[:, 3] >= 0]
    place = light[flat[:, :3], :2]
    corner = place.max(axis=1, initial=0).astype(np.int64) + 1
    last = flat[:, 3] + corner[:, 1] * flat[:, 4] + corner[:, 0]
    return bool((flat[:, 4] > 1).all() and (place >= 0).all() and (last < len(charts)).all())


def _write(file: Path, stored: _Stored) -> None:
    """Store baked light, whole or not at all; a cache that cannot be written costs time later and nothing else."""
    arrays = {"faces": stored.faces, "copies": stored.copies, "light": stored.light, "charts": stored.charts}
    if store(file, lambda out: np.savez(out, **arrays)):  # type: ignore[arg-type]  # numpy's own stub of **kwds
        with contextlib.suppress(OSError):
            _prune(file.parent)


def _prune(folder: Path) -> None:
    """Delete the least recently used files, down to CACHE_BYTES; the newest one is never deleted."""
    files = sorted(((path.stat(), path) for path in folder.glob("*.npz")), key=lambda entry: -entry[0].st_mtime_ns)
    total = 0
    for number, (status, path) in enumerate(files):
        total += status.st_size
        if number and total > CACHE_BYTES:
            path.unlink(missing_ok=True)
