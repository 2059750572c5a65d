"""Where a disc can stand, against areas that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import SceneMaker, rectangle

from testspace.envs.floor import CELL, FloorError, ReachableFloor, build_floor, shut_in
from testspace.envs.scene import Scene

RADIUS = 0.2


def two_rooms(door: float | None, start: tuple[float, float, float] | None = None) -> SceneMaker:
    """Two rooms of 4 x 4 m side by side (x from -4 to 4), a wall between them with a door of that width or none."""
    maker = SceneMaker()
    maker.box("Floor", "Floor", (0, -0.05, 0), (8, 0.1, 4))
    for name, x, z, width, length in (
        ("west", -4.05, 0, 0.1, 4), ("east", 4.05, 0, 0.1, 4), ("north", 0, -2.05, 8, 0.1), ("south", 0, 2.05, 8, 0.1),
    ):  # fmt: skip
        maker.box(name, "Wall", (x, 1.25, z), (width, 2.5, length))
    if door is None:
        maker.box("middle", "Wall", (0, 1.25, 0), (0.1, 2.5, 4))
    else:
        side = (4 - door) / 2
        maker.box("middle0", "Wall", (0, 1.25, -2 + side / 2), (0.1, 2.5, side))
        maker.box("middle1", "Wall", (0, 1.25, 2 - side / 2), (0.1, 2.5, side))
    return maker


ROOMS = [rectangle("a", -4, -2, 0, 2), rectangle("b", 0, -2, 4, 2)]


def test_an_empty_room_is_free_but_for_a_rim_of_the_radius() -> None:
    """4 x 4 m minus a rim of 0.2 m: 3.6 x 3.6 m, within half a cell on each side."""
    maker = SceneMaker()
    maker.box("room", "Floor", (0, 1.25, 0), (4, 2.5, 4), inward=True)
    floor = build_floor(maker.scene([rectangle("a", -2, -2, 2, 2)]), RADIUS)
    assert floor.area == pytest.approx(3.6 * 3.6, abs=4 * 3.6 * CELL)
    assert floor.level == pytest.approx(0.0)
    for x, z, free in (
        (0, 0, True), (1.72, 0, True), (1.88, 0, False), (0, -1.72, True), (0, -1.88, False), (9, 9, False),
    ):  # fmt: skip
        assert floor.contains(x, z) is free, (x, z)


def test_a_post_takes_a_disc_out_of_the_floor() -> None:
    """A post of 0.4 x 0.4 m inflated by 0.2 m: a square with rounded corners, 0.16 + 4 x 0.4 x 0.2 + pi 0.2^2."""
    maker = SceneMaker()
    maker.box("room", "Floor", (0, 1.25, 0), (4, 2.5, 4), inward=True)
    empty = build_floor(maker.scene([rectangle("a", -2, -2, 2, 2)]), RADIUS).area
    maker.box("post", "Box", (0.3, 0.5, 0.1), (0.4, 1.0, 0.4))
    floor = build_floor(maker.scene([rectangle("a", -2, -2, 2, 2)]), RADIUS)
    gone = 0.16 + 4 * 0.4 * 0.2 + np.pi * 0.04
    assert empty - floor.area == pytest.approx(gone, abs=2.4 * CELL)
    assert not floor.contains(0.3, 0.1)
    assert not floor.contains(0.65, 0.1)
    assert floor.contains(0.8, 0.1)
    assert not floor.segment_free((-1.0, 0.1), (1.5, 0.1))
    assert floor.segment_free((-1.0, 1.0), (1.5, 1.0))


def test_only_what_stands_in_the_way_of_the_body_blocks() -> None:
    """A rug and a lamp under the ceiling do not block, a table top does, though no foot of it touches the floor."""
    for height, thickness, blocks in ((0.01, 0.02, False), (0.05, 0.1, False), (0.7, 0.04, True), (2.2, 0.3, False)):
        maker = SceneMaker()
        maker.box("room", "Floor", (0, 1.25, 0), (4, 2.5, 4), inward=True)
        maker.box("thing", "Box", (0, height, 0), (1, thickness, 1))
        floor = build_floor(maker.scene([rectangle("a", -2, -2, 2, 2)]), RADIUS)
        assert floor.contains(0, 0) is not blocks, height


def test_a_door_joins_two_rooms_and_a_slit_does_not() -> None:
    """0.9 m lets a disc of 0.2 m radius through, 0.35 m does not; with no way through, the start decides."""
    through = build_floor(two_rooms(0.9).scene(ROOMS), RADIUS)
    assert through.segment_free((-2, 0), (2, 0))
    assert through.contains(-2, 0)
    assert through.contains(2, 0)
    each_side = 0.9 / 2 - RADIUS
    assert through.contains(0, each_side - 0.06)
    assert not through.contains(0, each_side + 0.06)
    # Each half is 4 m minus the rim, the wall's half thickness and the rim: 3.55 x 3.6; the door adds a corridor.
    assert through.area == pytest.approx(2 * 3.55 * 3.6 + 0.5 * 0.5, abs=8 * 3.6 * CELL)
    for door in (None, 0.35):
        west = build_floor(two_rooms(door).scene(ROOMS, start=(-2, 0, 0)), RADIUS)
        east = build_floor(two_rooms(door).scene(ROOMS, start=(2, 0, 0)), RADIUS)
        assert west.contains(-2, 0)
        assert not west.contains(2, 0)
        assert east.contains(2, 0)
        assert not east.contains(-2, 0)


def test_a_start_inside_furniture_falls_to_the_largest_part() -> None:
    """A start far from any free place is not an error."""
    maker = two_rooms(None)
    maker.box("cupboard", "Box", (-2.5, 0.75, 0), (2.9, 1.5, 3.9))
    floor = build_floor(maker.scene(ROOMS, start=(-2.5, 0, 0)), RADIUS)
    assert floor.contains(2, 0)
    assert not floor.contains(-2, 0)


def test_an_agent_that_cannot_leave_its_room_is_told_which() -> None:
    for door, closed in ((None, "a"), (1.0, None)):
        scene = two_rooms(door, start=(-2, 0, 0)).scene(ROOMS, start=(-2, 0, 0))
        room = shut_in(scene, build_floor(scene, RADIUS))
        assert (room and room.id) == closed


def test_no_floor_is_one_clear_line() -> None:
    """A full room, and a scene in which nothing is level, name the scene."""
    maker = SceneMaker()
    maker.box("hull", "Floor", (0, 1.25, 0), (2, 2.5, 2))
    for number in [n for n, quad in enumerate(maker.quads) if np.ptp(quad[:, 1]) == 0][::-1]:
        maker.quads.pop(number)
        maker.material.pop()
        maker.owner.pop()
    with pytest.raises(FloorError, match=r"made by a test: no reachable floor: no triangle faces up"):
        build_floor(maker.scene())
    maker.box("room", "Floor", (0, 1.25, 0), (2, 2.5, 2), inward=True)
    maker.box("block", "Box", (0, 0.75, 0), (1.8, 1.5, 1.8))
    with pytest.raises(FloorError, match=r"made by a test: no reachable floor.*radius 0\.2 m"):
        build_floor(maker.scene([rectangle("a", -1, -1, 1, 1)]), RADIUS)


@pytest.fixture(scope="module")
def floor() -> ReachableFloor:
    """Two rooms and a door."""
    return build_floor(two_rooms(0.9).scene(ROOMS), RADIUS)


def test_samples_are_reachable_and_even(floor: ReachableFloor) -> None:
    """All of 20,000 places are reachable, seeded, and both rooms get their share."""
    places = floor.sample(20_000, np.random.default_rng(3))
    assert floor.contains_points(places).all()
    np.testing.assert_array_equal(places, floor.sample(20_000, np.random.default_rng(3)))
    west = floor.from_cells(np.argwhere(floor.reachable))[:, 0] < 0
    assert (places[:, 0] < 0).mean() == pytest.approx(west.mean(), abs=0.02)


def test_cells_and_points_are_each_others_inverse(floor: ReachableFloor) -> None:
    """The centre of a cell lies in that cell."""
    cells = np.argwhere(floor.reachable)
    np.testing.assert_array_equal(floor.to_cells(floor.from_cells(cells)), cells)


def test_coarser_cells_hold_the_reachable_ones(floor: ReachableFloor) -> None:
    """Squares of 0.1 m, aligned with the world: each holds a reachable centre, and every centre lies in one."""
    squares = {tuple(square) for square in floor.cells(0.1)}
    centres = floor.from_cells(np.argwhere(floor.reachable))
    assert {tuple(square) for square in np.floor(centres / 0.1).astype(int)} == squares
    assert len(squares) * 0.01 == pytest.approx(floor.area, rel=0.15)


def box_without_rooms(kind: str) -> Scene:
    """A closed room of 4 x 2.5 x 6 m with a table (1 x 1 m) in it and a roof over it, and no word of rooms."""
    maker = SceneMaker()
    maker.box("room", kind, (0, 1.25, 0), (4, 2.5, 6), inward=True)
    maker.box("roof", "void", (0, 2.7, 0), (4.2, 0.2, 6.2))
    maker.box("table", "void", (0, 0.4, 0), (1, 0.8, 1))
    return maker.scene()


@pytest.mark.parametrize("kind", ["void", "Floor"])
def test_a_mesh_without_rooms_has_a_floor(kind: str) -> None:
    """Its lowest large layer that looks up, without what stands on it; labelled or not."""
    floor = build_floor(box_without_rooms(kind), RADIUS)
    assert floor.level == pytest.approx(0, abs=1e-6)
    assert floor.contains(1.5, 2.5)
    assert not floor.contains(0.0, 0.0)
    assert not floor.contains(0.6, 0.0)
    assert not floor.contains(2.3, 0.0)
    free = (4 - 2 * RADIUS) * (6 - 2 * RADIUS) - (1 + 4 * RADIUS + np.pi * RADIUS**2)
    assert floor.area == pytest.approx(free, rel=0.06)


def test_a_mesh_in_centimetres_is_refused() -> None:
    """Its raster would not fit into memory."""
    scene = box_without_rooms("void")
    scene.vertices *= 100
    with pytest.raises(FloorError, match=r"spans 4\d\d x 6\d\d m.*are its units metres"):
        build_floor(scene)
