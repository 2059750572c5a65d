"""A run in which nothing can be seen stops with one line that says why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh

from testspace.core.errors import UserError
from testspace.core.frame import Camera
from testspace.experiments.run.sight_check import check_frames, check_sight
from testspace.experiments.run.world_factory import OpenSpace, View, open_space

ROOM = trimesh.creation.box(bounds=[[-2, 0, -2.5], [2, 2.5, 2.5]])


def opened(folder: Path, mesh: trimesh.Trimesh) -> OpenSpace:
    mesh.export(folder / "room.glb")
    return open_space("raycast", str(folder / "room.glb"), 0, View(Camera(24, 24), 1.5, "direct"), 10)


def test_a_room_passes(tmp_path: Path) -> None:
    space = opened(tmp_path, ROOM)
    views, _ = space.draw_views(6, np.random.default_rng(0), [])
    check_sight(views, space)


def test_an_open_plain_is_told_with_what_there_is_and_what_helps(tmp_path: Path) -> None:
    space = opened(tmp_path, ROOM)
    views, _ = space.draw_views(6, np.random.default_rng(0), [])
    with pytest.raises(UserError) as caught:
        check_sight({**views, "depth": np.zeros_like(views["depth"])}, space)
    line = str(caught.value)
    for part in ("100% of the pixels of 6 views", "0.0% show the floor", "4.0 x 2.5 x 5.0 m", "--up", "--allow-blind"):
        assert part in line
    assert "\n" not in line
    far = {**views, "pose": views["pose"] + np.array([0, 50, 0, 0, 0, 0], np.float32)}
    with pytest.raises(UserError, match="heights seen: 50"):
        check_sight(far, space)


def test_options_of_meshes_are_refused_elsewhere() -> None:
    camera = Camera(8, 8)
    for view, words in (
        (View(camera, 1.5, "direct", up="z"), "--up is for mesh files"),
        (View(camera, 1.5, "direct", scale=0.001), "--scale is for mesh files"),
        (View(camera, 1.5, "direct", storey=1), "--storey is for mesh files"),
    ):
        with pytest.raises(UserError, match=words):
            open_space("raycast", None, 0, view, 10)


def test_millimetres_and_another_axis(tmp_path: Path) -> None:
    mesh = ROOM.copy()
    mesh.apply_scale(1000)
    mesh.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2, [1, 0, 0]))
    mesh.export(tmp_path / "room.glb")
    view = View(Camera(8, 8), 1.5, "direct", up="z", scale=0.001)
    space = open_space("raycast", str(tmp_path / "room.glb"), 0, view, 10)
    assert space.env.floor.area == pytest.approx(3.6 * 4.6, rel=0.05)


def test_a_recording_that_stands_still_is_told_before_it_is_trained_on(tmp_path: Path) -> None:
    space = replace(opened(tmp_path, ROOM), poses=np.zeros((12, 6)))
    with pytest.raises(
        UserError, match="only 0 of its 12 frames are apart from the 1 held-out views, and 4 are needed"
    ):
        check_frames(np.zeros((1, 6)), space)
    check_frames(np.zeros((0, 6)), space)  # nothing can be scored, so nothing is held out
