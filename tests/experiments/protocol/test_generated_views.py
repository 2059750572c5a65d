"""Views of generated houses: reproducible, as the simulator has them, and free of what must not be known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from testspace.datasets.generated import HOUSES_FROM
from testspace.envs.assembly.building import build_scene
from testspace.envs.generator import generate_house
from testspace.envs.house.assets import assets
from testspace.envs.house.classes import CLASS_ID, CLASSES
from testspace.experiments.generalist.exclusion import excluded_assets
from testspace.experiments.protocol import generated_views as houses
from testspace.experiments.protocol.generated_views import house_views
from testspace.experiments.protocol.transfer_set import house_assets
from testspace.learners.generalist.views import LAYOUT, Views


@pytest.fixture(scope="module")
def views() -> Views:
    return house_views(0, 3, (), 16)


def test_views_are_the_same_each_time(views: Views) -> None:
    for mine, again in zip(views, house_views(0, 3, (), 16), strict=True):
        np.testing.assert_array_equal(mine, again)
    assert not np.array_equal(views.rgb, house_views(1, 3, (), 16).rgb)
    assert not np.array_equal(views.rgb, house_views(0, 4, (), 16).rgb)


def test_what_views_hold(views: Views) -> None:
    assert [(array.shape, array.dtype) for array in views] == [
        ((16, *shape), np.dtype(dtype)) for shape, dtype in LAYOUT
    ]
    assert views.semantic.max() < len(CLASSES)
    assert (views.semantic > 0).mean() > 0.9
    assert views.rgb.std((1, 2, 3)).min() > 0
    lengths = np.linalg.norm(views.normals.astype(np.float32) / 127, axis=-1)
    assert np.isin(np.round(lengths, 1), (0.0, 1.0)).all()
    standard = np.isclose(views.camera[:, 3], 1.0)
    assert standard.sum() == 8
    assert (np.abs(views.camera[standard, 0] - 1.5) < 0.1).all()
    holes = (views.depth == 0).mean((1, 2))
    assert (holes > 0.02).any()  # a stereo camera's
    assert (holes < 0.02).any()


def test_floor_lies_where_depth_and_camera_say(views: Views) -> None:
    """Depth, camera and labels agree: what is labelled as floor is at height 0."""
    down = 32 - np.arange(64) - 0.5
    found = []
    for depth, semantic, (height, pitch, roll, tangent) in zip(views.depth, views.semantic, views.camera, strict=True):
        if roll == 0:  # exact
            rise = np.cos(np.radians(pitch)) * down * tangent / 32 + np.sin(np.radians(pitch))
            metres = height + depth.astype(np.float64) * rise[:, None]
            found.append(np.abs(metres[(semantic == CLASS_ID["Floor"]) & (depth > 0)]))
    assert found
    assert np.median(np.concatenate(found)) < 0.01


def test_no_type_vanishes_with_the_excluded_assets() -> None:
    shared = [generate_house(seed) for seed in (1, 2)]
    excluded, kept = excluded_assets(shared)
    types = {entry.asset_id: entry.type for entry in assets().values()}
    assert {types[name] for name in types.keys() - excluded} == set(types.values())
    assert not excluded & kept
    assert excluded | kept == house_assets(shared[0]) | house_assets(shared[1])
    house = generate_house(HOUSES_FROM, exclude_assets=excluded)
    assert not house_assets(house) & excluded


def test_another_variant_is_another_look_in_the_same_box() -> None:
    house = generate_house(5)
    usual, other = build_scene(house), build_scene(house, variant=3)
    assert [one.size for one in usual.instances] == [one.size for one in other.instances]
    assert usual.vertices.shape != other.vertices.shape or not np.array_equal(usual.vertices, other.vertices)
    again = build_scene(house, variant=3)
    np.testing.assert_array_equal(other.vertices, again.vertices)


def test_external_views_are_made_once_and_none_has_the_test_spaces_assets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TESTSPACE_CACHE", str(tmp_path))
    own = house_assets(generate_house(5))
    done: list[int] = []
    first = houses.external_views(2, 6, own, 0, lambda number, total: done.append(number))
    assert done == [1, 2]
    again = houses.external_views(2, 6, own, 0, lambda number, total: done.append(number))
    assert done == [1, 2]
    for mine, stored in zip(first.arrays, again.arrays, strict=True):
        np.testing.assert_array_equal(mine, stored)
    alone = house_views(500, 1, own, 6)
    np.testing.assert_array_equal(first.rgb[6:], alone.rgb)
    assert not np.array_equal(first.rgb[:6], house_views(0, 0, own, 6).rgb)  # not what a generalist was trained on


def test_floors_face_up_and_ceilings_down_in_the_prior(views: Views) -> None:
    lift = houses.surface_prior(views).lift
    up_low, down_high = 40, 0 * 40 + 26  # facing up below 0.1 m; facing down at 2.6 m
    floor, ceiling = CLASS_ID["Floor"], CLASS_ID["Ceiling"]
    assert lift[up_low, floor] > 2
    assert lift[up_low, floor] > 5 * lift[down_high, floor]
    assert lift[:40, ceiling].max() > 2
