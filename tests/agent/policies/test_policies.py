"""Who decides: what the explorer finds, that it never stands still for ever, that it beats a walk without a plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from box_world import BoxWorld
from numpy.typing import NDArray

from testspace.agent.mapping.occupancy_map import OccupancyMap, coverage
from testspace.agent.policies import POLICIES, FrontierPolicy, Policy, make_policy
from testspace.agent.policies.protocol import step_or_teleport
from testspace.core.frame import Camera, Frame
from testspace.envs.gym_envs.house_env import HouseEnv

SMALL = Camera(32, 32)
MAZE = (  # two rooms and a corridor behind a door of 0.8 m, with a table
    (-3.0, 0.0, -0.1, 1.0, 2.5, 0.1),
    (1.8, 0.0, -0.1, 3.0, 2.5, 0.1),
    (-1.0, 0.0, -2.0, 0.0, 0.7, -1.2),
    (0.4, 0.0, 1.2, 0.6, 2.5, 3.0),
)


def walk(world: BoxWorld, policy: Any, steps: int) -> tuple[list[int], list[bool], NDArray[np.float64]]:
    """Actions, collisions and poses of a walk."""
    frame, info = world.frame(), {"collision": False}
    actions, collisions, poses = [], [], []
    for _ in range(steps):
        actions.append(policy.act(frame, info))
        frame, info = world.step(actions[-1])
        collisions.append(info["collision"])
        poses.append(frame["pose"].astype(np.float64))
    return actions, collisions, np.array(poses)


def test_the_explorer_finds_every_corner_of_a_world_of_boxes() -> None:
    world = BoxWorld(boxes=MAZE, start=(-2.0, -2.0, 0.0))
    policy = FrontierPolicy(world.camera, world.motion)
    walk(world, policy, 300)
    assert policy.map.seen_at(world.walkable()).mean() > 0.97


def test_what_is_out_of_reach_does_not_take_up_a_life() -> None:
    pen = ((0.9, 0.0, 0.9, 3.0, 0.5, 1.1), (0.9, 0.0, 0.9, 1.1, 0.5, 3.0))  # floor seen over a barrier of 0.5 m
    world = BoxWorld(boxes=pen, start=(-2.0, -2.0, 0.0))
    policy = FrontierPolicy(world.camera, world.motion)
    _, _, poses = walk(world, policy, 2000)
    beside = (np.abs(poses[1000:, [0, 2]] - 1.95) < 1.55).all(1)
    assert beside.mean() < 0.2, "an eighth of the floor that can be walked lies there"


WALKING = sorted(set(POLICIES) - {"dense"})


@pytest.mark.parametrize("name", WALKING)
def test_the_same_seed_gives_the_same_actions(name: str) -> None:
    runs = []
    for seed in (3, 3, 4):
        world = BoxWorld(boxes=MAZE, start=(-2.0, -2.0, 0.0))
        runs.append(walk(world, make_policy(name, world, seed), 120)[0])
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_reset_forgets() -> None:
    world = BoxWorld(boxes=MAZE, start=(-2.0, -2.0, 0.0))
    policy = make_policy("frontier", world, 5)
    first = walk(world, policy, 150)[0]
    policy.reset(5)
    world.x, world.z, world.yaw, world.pitch = -2.0, -2.0, 0.0, 0.0
    assert walk(world, policy, 150)[0] == first


def test_life_goes_on_after_all_is_seen() -> None:
    world = BoxWorld(boxes=MAZE, start=(-2.0, -2.0, 0.0))
    poses = walk(world, FrontierPolicy(world.camera, world.motion), 2500)[2][500:]
    places = {(round(x), round(z)) for x, z in poses[:, [0, 2]]}
    reachable = {(round(x), round(z)) for x, z in world.walkable(0.1)}
    assert len(places) > 0.8 * len(reachable)  # the rest are corners
    assert np.unique(poses[:, 3].round() % 360).size == 12
    headings = np.bincount(np.round(poses[:, 3] / 30).astype(int) % 12, minlength=12) / len(poses)
    assert headings.min() > 0.03
    assert {-60, -30, 0, 30} <= set(poses[:, 4].round().astype(int))
    distinct = len(np.unique(poses.round(2), axis=0))
    assert distinct > 0.7 * len(poses)


@pytest.mark.parametrize("room", [(-0.3, -0.3, 0.3, 0.3), (-0.25, -3.0, 0.25, 3.0)])
def test_a_closet_and_a_corridor_hold_no_one_up(room: tuple[float, float, float, float]) -> None:
    world = BoxWorld(room=room)
    actions = walk(world, FrontierPolicy(world.camera, world.motion), 400)[0]
    assert set(actions) <= set(range(5))


def test_glass_that_depth_does_not_see_stops_no_one_for_ever() -> None:
    class Glass(BoxWorld):
        def free(self, x: float, z: float, radius: float = 0.2) -> bool:
            return super().free(x, z, radius) and not (abs(z + 1.0) < radius and x < 1.0)

    world = Glass(start=(-2.0, 2.0, 0.0))
    _, collisions, poses = walk(world, FrontierPolicy(world.camera, world.motion), 800)
    assert (poses[:, 2] < -1.5).any()  # it found the way around
    assert sum(collisions) < 150


def test_a_policy_of_ones_own_needs_no_base_class() -> None:
    class Spinner:
        def reset(self, seed: int | None = None) -> None: ...

        def act(self, observation: Frame, info: dict[str, Any]) -> int:
            return 2

    spinner: Policy = Spinner()
    assert walk(BoxWorld(), spinner, 12)[2][-1, 3] == 0.0


def test_an_unknown_policy_lists_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"^no policy 'fly'; there are: coverage, .*frontier.*; or FILE.py"):
        make_policy("fly", BoxWorld())


def covered(env: HouseEnv, name: str, steps: int) -> float:
    policy, map = make_policy(name, env, 0), OccupancyMap(env.camera)
    observation, info = env.reset()
    for _ in range(steps):
        map.update(observation)
        observation, _, _, _, info = env.step(policy.act(observation, info))
    return coverage(map, env.floor)


@pytest.mark.parametrize("line", [18, 41])
def test_four_real_rooms_are_covered_and_random_is_beaten(shared_data: Path, line: int) -> None:
    env = HouseEnv(f"{shared_data / 'procthor-houses.jsonl.gz'}:{line}", camera=SMALL)
    assert len(env.house.rooms) == 4
    explored = covered(env, "frontier", 600)
    assert explored >= 0.9
    assert explored > covered(env, "random", 600)


def test_a_generated_house_is_covered() -> None:
    env = HouseEnv(7, camera=SMALL)
    assert covered(env, "frontier", 600) >= 0.9


def test_the_dense_sampler_stands_on_the_floor_and_looks_everywhere() -> None:
    env = HouseEnv(7, camera=Camera(8, 8), light="direct", max_steps=1000)
    policy = make_policy("dense", env, 0)
    poses = np.array([policy.act({}, {}) for _ in range(800)])
    assert env.floor.contains_points(poses[:, [0, 2]]).all()
    assert np.histogram(poses[:, 3], 4, (0, 360))[0].min() > 150  # 200 each, deviation 12
    assert poses[:, 4].min() >= -45
    assert poses[:, 4].max() <= 15
    env.reset()
    frame, _, _, _, info = env.teleport(poses[0])
    np.testing.assert_allclose(frame["pose"], poses[0], atol=1e-4)
    assert info["step"] == 1


def test_the_dense_sampler_needs_to_know_the_floor() -> None:
    with pytest.raises(ValueError, match="'dense' needs the floor"):
        make_policy("dense", BoxWorld())
    nowhere: Any = BoxWorld()
    with pytest.raises(ValueError, match="the policy teleports"):
        step_or_teleport(nowhere, np.zeros(6))
    assert not step_or_teleport(nowhere, 2)[1]["collision"]  # type: ignore[index]  # a BoxWorld's step gives two things


@pytest.mark.parametrize("name", ["coverage", "curiosity", "novelty"])
def test_all_that_walk_find_the_whole_of_a_small_world(name: str) -> None:
    world = BoxWorld(boxes=MAZE, start=(-2.0, -2.0, 0.0))
    policy = make_policy(name, world, 0)
    walk(world, policy, 900)
    assert policy.map.seen_at(world.walkable()).mean() > 0.9  # type: ignore[attr-defined]


def test_curiosity_goes_back_to_what_surprises() -> None:
    def time_in_the_corner(surprising: bool) -> float:
        world = BoxWorld(start=(-2.0, -2.0, 0.0))
        policy = make_policy("curiosity", world, 0)
        if surprising:
            policy.attach_learner(lambda frame: 5.0 if frame["pose"][0] > 1 and frame["pose"][2] > 1 else 1.0)  # type: ignore[attr-defined]
        poses = walk(world, policy, 1200)[2][300:]
        return float(((poses[:, 0] > 1) & (poses[:, 2] > 1)).mean())

    assert time_in_the_corner(True) > 1.5 * time_in_the_corner(False)


def test_novelty_stands_in_more_places_than_the_explorer() -> None:
    visits = {}
    for name in ("novelty", "frontier"):
        poses = walk(BoxWorld(start=(-2.0, -2.0, 0.0)), make_policy(name, BoxWorld(), 1), 600)[2]
        visits[name] = len(np.unique(np.floor(poses[:, [0, 2]] / 0.5), axis=0))
    assert visits["novelty"] > 1.3 * visits["frontier"]
