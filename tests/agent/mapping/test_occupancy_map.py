"""The map against a world whose floor and boxes are known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from box_world import BoxWorld
from hypothesis import example, given, settings
from hypothesis import strategies as st

from testspace.agent.mapping.occupancy_map import (
    FREE,
    HEADINGS,
    OCCUPIED,
    UNKNOWN,
    OccupancyMap,
    coverage,
    view_coverage,
)
from testspace.core.frame import Camera
from testspace.envs.floor import ReachableFloor

TABLE = (0.8, 0.0, -1.7, 1.6, 0.7, -1.1)


def look_around(world: BoxWorld) -> OccupancyMap:
    map = OccupancyMap(world.camera)
    for pitch in (0.0, -30.0, -60.0):
        for world.yaw in np.arange(0.0, 360.0, 30.0):
            world.pitch = pitch
            map.update(world.frame())
    return map


def state_at(map: OccupancyMap, x: float, z: float) -> int:
    return int(map.state[map.to_cell(x, z)])


@pytest.mark.parametrize("size", [16, 32, 64, 128])
def test_an_empty_room_is_free_to_its_walls_and_unknown_beyond(size: int) -> None:
    world = BoxWorld(camera=Camera(size, size))
    map = look_around(world)
    points = world.walkable()
    assert map.seen_at(points).all()
    assert all(state_at(map, x, z) == FREE for x, z in points)
    for wall in ((-3.01, 0.0), (3.01, 0.0), (0.0, -3.01), (0.0, 3.01)):
        assert OCCUPIED in {
            state_at(map, wall[0] + dx, wall[1] + dz) for dx in (0, 0.05, -0.05) for dz in (0, 0.05, -0.05)
        }
    assert state_at(map, 3.5, 0.0) == state_at(map, 0.0, -3.5) == UNKNOWN


def test_a_table_is_occupied_and_hides_the_floor_behind_it() -> None:
    map = look_around(BoxWorld(boxes=(TABLE,)))
    assert state_at(map, 0.85, -1.15) == OCCUPIED  # a near corner
    assert state_at(map, 1.2, -1.4) == OCCUPIED  # its top
    assert state_at(map, 0.5, -1.0) == FREE
    # The line of sight over the far edge (1.6, 0.7, -1.7) reaches the floor at 1.5 / (1.5 - 0.7) of its distance.
    assert state_at(map, 1.6 * 1.5, -1.7 * 1.5) == UNKNOWN
    assert state_at(map, 0.0, -2.5) == FREE


def test_a_rug_and_a_lamp_overhead_are_no_obstacles() -> None:
    rug, lamp = (-1.0, 0.0, -2.0, 1.0, 0.05, -1.0), (-0.5, 1.8, 0.8, 0.5, 2.0, 1.6)
    map = look_around(BoxWorld(boxes=(rug, lamp)))
    assert not map.hit[map.to_cell(0.0, -1.5)]
    assert state_at(map, 0.0, -1.5) == FREE
    assert not map.hit[map.to_cell(0.0, 1.2)]


def test_far_floor_has_no_holes_where_pixels_are_sparse() -> None:
    world = BoxWorld(room=(-1.0, -8.0, 1.0, 1.0))
    map = OccupancyMap(world.camera)
    map.update(world.frame())
    middle = np.stack([np.zeros(40), np.linspace(-5.0, -2.0, 40)], -1)
    assert map.seen_at(middle).all()


@settings(max_examples=15, deadline=None)
@example(1.0, 2.0, 0.0, -30.0)  # sees a corner from afar
@given(
    st.floats(-2, 2), st.floats(-2, 2), st.sampled_from([0.0, 30.0, 120.0, 255.0]), st.sampled_from([0.0, -30.0, 30.0])
)
def test_nothing_is_seen_that_is_not_there(x: float, z: float, yaw: float, pitch: float) -> None:
    world = BoxWorld(start=(x, z, yaw))
    world.pitch = pitch
    map = OccupancyMap(world.camera)
    map.update(world.frame())
    seen, hit = map.from_cells(np.argwhere(map.seen)), map.from_cells(np.argwhere(map.hit))
    assert (np.abs(seen) <= 3.051).all()
    # A square of pixels that lies on two walls is filled across their corner, and so cuts it by up to a cell.
    at_corner = (np.abs(hit) > 2.8).all(-1)
    assert (np.abs(np.abs(hit).max(-1) - 3.0) <= np.where(at_corner, 0.151, 0.051)).all()


def test_the_map_grows_and_keeps_what_it_knew() -> None:
    world = BoxWorld(room=(-40.0, -1.0, 40.0, 1.0), start=(0.0, 0.0, 90.0))
    map = OccupancyMap(world.camera)
    map.update(world.frame())
    before = map.from_cells(np.argwhere(map.seen))
    for world.x in (10.0, 30.0, -30.0):
        map.update(world.frame())
    assert map.seen_at(before).all()
    assert map.seen.shape == map.hit.shape == map.stood.shape == map.views.shape[1:]
    assert state_at(map, -25.0, 0.0) == FREE
    assert not map.seen_at(np.array([[1000.0, 0.0]]))[0]


def test_a_blocked_place_is_occupied_and_walked_ways_are_known() -> None:
    map = OccupancyMap(Camera(8, 8))
    map.update(BoxWorld(camera=map.camera).frame())
    map.update(BoxWorld(camera=map.camera, start=(0.25, 0.0, 0.0)).frame())
    assert all(state_at(map, x, 0.0) == FREE for x in np.linspace(0.01, 0.25, 20))
    map.block(0.31, 0.01)
    assert state_at(map, 0.31, 0.01) == OCCUPIED


def test_views_are_counted_by_place_and_heading() -> None:
    world = BoxWorld(start=(0.55, 0.55, 92.0))
    map = OccupancyMap(world.camera)
    for _ in range(3):
        map.update(world.frame())
    world.yaw = 350.0
    map.update(world.frame())
    here = map.to_cell(0.55, 0.55)
    assert map.views.sum() == 4
    assert map.views[(round(92 * HEADINGS / 360), *here)] == 3
    assert map.views[(0, *here)] == 1


def test_coverage_is_the_share_of_reachable_floor_seen() -> None:
    map = OccupancyMap(Camera(8, 8))
    map.update(BoxWorld(camera=map.camera).frame())
    map.seen[:] = False
    rows = map.from_cells(np.argwhere(np.ones_like(map.seen)))
    west = rows[:, 0] < 0
    map.seen.ravel()[west] = True
    floor = ReachableFloor((-1.0, -1.0), 0.05, np.ones((40, 80), np.bool_), 0.2, 0.0)  # x from -1 to 3
    assert coverage(map, floor) == pytest.approx(0.25)
    nothing = ReachableFloor((50.0, 50.0), 0.05, np.ones((4, 4), np.bool_), 0.2, 0.0)
    assert coverage(map, nothing) == 0.0


def test_view_coverage_counts_places_and_headings() -> None:
    floor = ReachableFloor((0.0, 0.0), 0.1, np.ones((20, 10), bool), 0.2, 0.0)  # two squares of a metre
    poses = np.zeros((4, 6), np.float32)
    poses[:, 0] = 0.5
    poses[:, 2] = 0.5, 0.5, 1.5, 7.0
    poses[:, 3] = 0, 90, 90, 0
    assert view_coverage(poses, floor) == 3 / 16  # of 2 x 8; the last lies off the floor
    assert view_coverage(poses[:0], floor) == 0.0
