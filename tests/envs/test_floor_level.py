"""Rooms that stand too low, upside down, or on each other, and whose triangles are wound the wrong way round."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from testspace.core.frame import Camera
from testspace.envs.assembly.building import load_scene
from testspace.envs.floor_level import floor_level, on_floor
from testspace.envs.gym_envs.house_env import HouseEnv
from testspace.envs.meshes import MeshError, MeshWarning


def room(height: float = 0.0, invert: bool = True) -> Any:
    """A closed room of 4 x 2.5 x 5 m; `invert`: seen from inside, as it should be."""
    box = trimesh.creation.box(bounds=[[-2, height, -2.5], [2, height + 2.5, 2.5]])
    if invert:
        box.invert()
    return box


@pytest.mark.parametrize("height", [-1.5, 0.0, 7.25])
@pytest.mark.parametrize("invert", [True, False])
def test_the_floor_becomes_zero_however_it_is_wound(tmp_path: Path, height: float, invert: bool) -> None:
    room(height, invert).export(tmp_path / "a.glb")
    scene = load_scene(tmp_path / "a.glb")
    np.testing.assert_allclose(scene.vertices.min(axis=0), (-2, 0, -2.5), atol=1e-6)
    assert scene.instances[1].center == pytest.approx((0, 1.25, 0), abs=1e-6)
    env = HouseEnv.from_scene(scene, camera=Camera(16, 16), light="direct")
    frame, _ = env.reset(seed=0)
    assert frame["pose"][1] == pytest.approx(1.5)
    assert (frame["depth"] > 0).all()


@pytest.mark.parametrize(("up", "turn"), [("z", [1, 0, 0, np.pi / 2]), ("-y", [1, 0, 0, np.pi])])
def test_other_axes_that_point_up(tmp_path: Path, up: Any, turn: list[float]) -> None:
    table = trimesh.creation.box(bounds=[[0.5, 0, 1], [1.5, 0.7, 2]])
    whole = trimesh.util.concatenate([room(), table])
    whole.export(tmp_path / "right.glb")
    right = load_scene(tmp_path / "right.glb")
    whole.apply_transform(trimesh.transformations.rotation_matrix(turn[3], turn[:3]))
    whole.export(tmp_path / "turned.glb")
    turned = load_scene(tmp_path / "turned.glb", up=up)
    np.testing.assert_allclose(turned.vertices[turned.faces], right.vertices[right.faces], atol=1e-5)


def test_a_slab_is_walked_on_its_top_and_storeys_are_counted(tmp_path: Path) -> None:
    slabs = [trimesh.creation.box(bounds=[[-3, y - 0.3, -3], [3, y, 3]]) for y in (1.0, 3.8, 6.6)]  # the last: a roof
    trimesh.util.concatenate(slabs).export(tmp_path / "a.ply")
    with pytest.warns(MeshWarning, match=r"2 storeys \(floors at 0\.0, 2\.8 m\): the agent walks on storey 0"):
        scene = load_scene(tmp_path / "a.ply", up="y")
    assert scene.vertices[:, 1].min() == pytest.approx(-0.3, abs=1e-6)


def test_another_storey_is_walked_on_and_becomes_zero(tmp_path: Path) -> None:
    slabs = [trimesh.creation.box(bounds=[[-3, y - 0.3, -3], [x, y, 3]]) for y, x in ((1.0, 3), (3.8, 1), (6.6, 3))]
    trimesh.util.concatenate(slabs).export(tmp_path / "a.ply")
    with pytest.warns(MeshWarning, match=r"floors at -2\.8, 0\.0 m\): the agent walks on storey 1"):
        env = HouseEnv(tmp_path / "a.ply", camera=Camera(16, 16), light="direct", up="y", storey=1)
    assert env.scene.vertices[:, 1].min() == pytest.approx(-3.1, abs=1e-6)
    assert env.floor.level == pytest.approx(0, abs=1e-6)
    assert 15 < env.floor.area < 24  # of 4 x 6 m, less the agent's radius at the edges; the lower one has 36
    frame, _ = env.reset(seed=0)
    assert frame["pose"][1] == pytest.approx(1.5)
    for wrong in (2, -1):
        with pytest.raises(MeshError, match=f"no storey {wrong}: it has 2 storeys"):
            load_scene(tmp_path / "a.ply", up="y", storey=wrong)
    with pytest.raises(ValueError, match="up, scale and storey are for meshes"):
        HouseEnv(4, storey=1)


def test_what_has_no_level_triangle_stays(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    scene = load_scene(tmp_path / "a.obj")
    assert floor_level(scene) is None
    assert on_floor(scene) == (scene, ())
