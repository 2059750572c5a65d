"""Packets of rays against embreex's own rays, and against geometry known in closed form."""

from __future__ import annotations

import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from scenes import box_room

from testspace.envs.render.embree import Mesh


def segments(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Segments between random places in and around `box_room`."""
    rng = np.random.default_rng(seed)
    ends = rng.uniform((-3, -1, -4), (3, 3.5, 4), (2, count, 3)).astype(np.float32)
    return ends[0], ends[1] - ends[0]


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 4001])
def test_segments_are_blocked_as_embreex_says(count: int) -> None:
    """Whole packets and parts of one."""
    scene = box_room()
    origins, vectors = segments(count)
    peer = EmbreeScene()
    TriangleMesh(peer, scene.vertices, scene.faces)
    reach = np.full(count, 0.999, np.float32)
    truth = np.asarray(peer.run(origins, vectors, dists=reach, query="OCCLUDED")) == 0 if count else np.zeros(0, bool)
    np.testing.assert_array_equal(Mesh(scene.vertices, scene.faces).occluded(origins, vectors), truth)


def test_a_triangle_blocks_what_passes_through_it_and_nothing_else() -> None:
    """The triangle (0, 0), (1, 0), (0, 1) at z = -1: inside where x, y >= 0 and x + y <= 1."""
    mesh = Mesh(np.array([[0, 0, -1], [1, 0, -1], [0, 1, -1]], np.float32), np.array([[0, 1, 2]], np.int32))
    x, y = np.random.default_rng(1).uniform(-0.5, 1.5, (2, 1000))
    inside = (x > 0) & (y > 0) & (x + y < 1)
    origins = np.stack([x, y, np.zeros(1000)], axis=1).astype(np.float32)
    through = np.tile(np.array([0, 0, -2], np.float32), (1000, 1))
    np.testing.assert_array_equal(mesh.occluded(origins, through), inside)
    assert not mesh.occluded(origins, through / 4).any()
    assert not mesh.occluded(origins, -through).any()


def test_no_triangles_block_nothing() -> None:
    """A mesh of glass alone has no shadows to throw."""
    mesh = Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32))
    assert not mesh.occluded(*segments(40)).any()


def test_meshes_come_and_go() -> None:
    """Their memory is Embree's own: many are built, asked and dropped."""
    scene = box_room()
    origins, vectors = segments(64)
    truth = Mesh(scene.vertices, scene.faces).occluded(origins, vectors)
    for _ in range(50):
        mesh = Mesh(scene.vertices.copy(), scene.faces)
        np.testing.assert_array_equal(mesh.occluded(origins, vectors), truth)
        left = weakref.ref(mesh)
        del mesh
        assert left() is None, "kept by a circle of references, so that its memory is given back late"


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the system does not tell a process's threads")
def test_meshes_leave_no_thread_at_work() -> None:
    """A second device of one thread would: Embree's scheduler then keeps a worker that spins (in a process of its own,
    since other libraries' threads come and go here)."""
    program = """
import os
import numpy as np
from testspace.envs.render.embree import Mesh
before = len(os.listdir("/proc/self/task"))
vertices = np.random.default_rng(0).random((60_000, 3), np.float32)
meshes = [Mesh(vertices, np.arange(60_000, dtype=np.int32).reshape(-1, 3)) for _ in range(3)]
print(before, len(os.listdir("/proc/self/task")))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    before, after = done.stdout.split()
    assert before == after
