"""What a reinforcement learner is paid for: by sums that telescope, by counts, and in a room known in closed form."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from scenes import box_room

from testspace.agent.mapping.egocentric import EgocentricObservation
from testspace.agent.mapping.occupancy_map import OccupancyMap, coverage
from testspace.agent.rewards import DONE, CoverageReward, NoveltyReward, ObjectGoal, PointGoal, SurpriseReward, spl
from testspace.agent.rewards.viewpoints import distance_to_box
from testspace.core.frame import Camera
from testspace.envs.gym_envs.house_env import HouseEnv
from testspace.envs.gym_envs.motion import Action
from testspace.envs.house.classes import CLASS_ID
from testspace.envs.scene import Instance
from testspace.learners.objectives.surprise import surprise
from testspace.learners.objectives.tst import TSTLearner
from testspace.learners.objectives.tst_config import TSTConfig

SMALL = Camera(16, 16)
TINY = TSTConfig(
    image_size=16, batch_size=16, decoder_layers=1, input_budget=4, target_budget=8, warmup_steps=2, jitter=0,
    mirror=False,
)  # fmt: skip
MakeReward = Any


@pytest.fixture(scope="module")
def house() -> HouseEnv:
    return HouseEnv(7, camera=SMALL, light="direct", max_steps=400)


@pytest.fixture(scope="module")
def room() -> HouseEnv:
    """4 x 6 m, with a box at (0.6, -1)."""
    return HouseEnv.from_scene(box_room(), camera=Camera(32, 32), light="direct", max_steps=100)


def test_what_coverage_pays_is_what_was_covered(house: HouseEnv) -> None:
    env = CoverageReward(house, scale=100.0)
    rng, known = np.random.default_rng(0), OccupancyMap(house.camera)
    frame, info = env.reset(seed=3)
    known.update(frame)
    first = coverage(known, house.floor)
    assert info["coverage"] == pytest.approx(first)
    paid = []
    for _ in range(150):
        frame, reward, _, _, info = env.step(int(rng.integers(3)))
        known.update(frame)
        paid.append(reward)
        assert info["coverage"] == pytest.approx(coverage(known, house.floor))
    assert min(paid) >= 0
    assert sum(paid) == pytest.approx(100 * (info["coverage"] - first))
    assert sum(paid) > 5
    assert env.reset(seed=3)[1]["coverage"] == pytest.approx(first)


def test_bumps_cost_what_they_are_said_to(house: HouseEnv) -> None:
    env = CoverageReward(house, scale=0.0, collision_penalty=0.5)
    env.reset(seed=0)
    steps = [env.step(action) for action in [Action.MOVE_AHEAD, Action.ROTATE_RIGHT] * 20]
    assert {(info["collision"], reward) for _, reward, _, _, info in steps} == {(True, -0.5), (False, 0.0)}


def test_novelty_pays_by_the_times_a_view_was_had(house: HouseEnv) -> None:
    env = NoveltyReward(house)
    frame, _ = env.reset(seed=1)
    times: Counter[int] = Counter()
    times[round(float(frame["pose"][3]) / 45) % 8] += 1
    for _ in range(36):  # three times round
        frame, reward, _, _, _ = env.step(Action.ROTATE_RIGHT)
        heading = round(float(frame["pose"][3]) / 45) % 8
        times[heading] += 1
        assert reward == pytest.approx(times[heading] ** -0.5)
    assert max(times.values()) > 3


def test_surprise_pays_the_learners_loss_once_it_has_learned(house: HouseEnv) -> None:
    import torch

    learner = TSTLearner(TINY, 0)
    env = SurpriseReward(house, learner, masks=2)
    frame, _ = env.reset(seed=0)
    assert env.step(Action.ROTATE_LEFT)[1] == 0.0
    learner.step({key: torch.as_tensor(frame[key]).expand(16, *frame[key].shape) for key in frame if key != "pose"})
    frame, reward, _, _, _ = env.step(Action.ROTATE_LEFT)
    assert reward == surprise(learner, frame, 2) > 0


@pytest.mark.parametrize(
    ("success", "shortest", "walked", "expected"),
    [(True, 2.0, 2.0, 1.0), (True, 2.0, 4.0, 0.5), (True, 2.0, 1.9, 1.0), (False, 2.0, 2.0, 0.0), (True, 0, 0, 1.0)],
)
def test_spl_is_the_papers(success: bool, shortest: float, walked: float, expected: float) -> None:
    assert spl(success, shortest, walked) == expected


def follow(env: gymnasium.Env[Any, Any], walk: int) -> tuple[float, dict[str, Any]]:
    """Turn by the goal's bearing and walk, so many actions, then Done: rewards added up, and the last info."""
    frame, info = env.reset(seed=1, options={"pose": (-1.2, 0, 2.4, 0, 0, 0)})
    total = 0.0
    for _ in range(walk):
        _, bearing = frame["goal"]
        action = Action.MOVE_AHEAD if abs(bearing) <= 15 else 1 + (bearing > 0)
        frame, reward, terminated, _, info = env.step(int(action))
        assert not terminated
        total += float(reward)
        if frame["goal"][0] < 0.3:
            break
    frame, reward, terminated, _, info = env.step(DONE)
    assert terminated
    return total + float(reward), info


def test_who_walks_straight_to_the_point_has_nearly_full_spl() -> None:
    env = PointGoal(HouseEnv.from_scene(box_room(with_box=False), camera=SMALL, light="direct"), step_penalty=0.0)
    total, info = follow(env, 60)
    start = np.array([-1.2, 2.4])
    shortest = float(np.linalg.norm(env.point - start))
    assert shortest >= 1.0
    assert info["success"] is True
    assert info["spl"] > 0.85
    assert total == pytest.approx(10 + shortest - info["distance"], abs=0.1)  # the room is open: ways are straight
    assert info["distance"] < 0.4


def test_done_too_early_fails(room: HouseEnv) -> None:
    env = PointGoal(room, step_penalty=0.5)
    total, info = follow(env, 0)
    assert (total, info["success"], info["spl"]) == (-0.5, False, 0.0)
    assert info["distance"] >= 1.0


def test_the_bearing_is_degrees_to_turn_right(room: HouseEnv) -> None:
    env = PointGoal(room)
    frame, _ = env.reset(seed=4, options={"pose": (0, 0, 0, 210, 0, 0)})
    away, bearing = frame["goal"]
    yaw = np.radians(210 + bearing)
    np.testing.assert_allclose(away * np.array([np.sin(yaw), -np.cos(yaw)]), env.point, atol=1e-5)
    turned = env.step(Action.ROTATE_RIGHT)[0]["goal"]
    assert (bearing - turned[1]) % 360 == pytest.approx(30, abs=1e-3)


def object_goal(room: HouseEnv, pose: tuple[float, ...]) -> dict[str, Any]:
    """Start at a pose and say Done at once."""
    env = ObjectGoal(room, ["Box"])
    frame, _ = env.reset(seed=0, options={"pose": pose})
    assert frame["goal"] == CLASS_ID["Box"]
    return env.step(DONE)[4]


def test_an_object_is_reached_where_it_is_near_and_in_view(room: HouseEnv) -> None:
    assert object_goal(room, (0.6, 0, 0.1, 0, -30, 0))["success"]
    assert not object_goal(room, (0.6, 0, 0.1, 180, -30, 0))["success"]  # behind its back
    far = object_goal(room, (0.6, 0, 2.6, 0, -30, 0))
    assert (far["success"], far["spl"]) == (False, 0.0)
    # From there straight on to a metre before the box, whose near corner lies at -1 + 0.4 sin 30 + 0.25 cos 30.
    nearest = 2.6 - (-1 + 0.4 * np.sin(np.pi / 6) + 0.25 * np.cos(np.pi / 6)) - 1.0
    assert far["distance"] == pytest.approx(nearest, abs=0.25)


def test_the_distance_to_a_turned_box_on_the_plan() -> None:
    thing = Instance("box", 1, (1.0, 0.5, 2.0), (2.0, 1.0, 1.0), 90.0)  # its long side runs along z
    places = np.array([[1.0, 2.0], [1.0, 3.5], [2.0, 2.0], [2.0, 3.5]])
    np.testing.assert_allclose(distance_to_box(thing, places), [0, 0.5, 0.5, np.sqrt(0.5)], atol=1e-9)


def test_goals_are_drawn_by_the_seed_and_far_enough(house: HouseEnv) -> None:
    env = ObjectGoal(house)
    drawn = []
    for seed in (0, 1, 2, 3, 0):
        _, info = env.reset(seed=seed)
        drawn.append(env.target)
        assert 1.0 <= info["distance"] < 50
    assert drawn[0] == drawn[4]
    assert len(set(drawn)) > 1


def test_goals_that_cannot_be_are_told(room: HouseEnv) -> None:
    with pytest.raises(ValueError, match="no class 'Unicorn'"):
        ObjectGoal(room, ["Unicorn"])
    with pytest.raises(ValueError, match="no such object that can be reached"):
        ObjectGoal(room, ["Sofa"]).reset()


WRAPPERS: dict[str, MakeReward] = {
    "no reward": lambda env: env,
    "coverage": CoverageReward,
    "coverage seen from above": lambda env: EgocentricObservation(CoverageReward(env)),
    "novelty": NoveltyReward,
    "surprise": lambda env: SurpriseReward(env, TSTLearner(TINY, 0)),
    "point": PointGoal,
    "object": partial(ObjectGoal, classes=["Box"]),
}


@pytest.mark.parametrize("name", WRAPPERS)
@pytest.mark.filterwarnings("ignore:.*different from the unwrapped version")
def test_gymnasium_and_torchrl_accept_each(name: str) -> None:
    from torchrl.envs import GymWrapper
    from torchrl.envs.utils import check_env_specs

    body = HouseEnv.from_scene(box_room(), camera=SMALL, light="direct", max_steps=50)
    check_env(WRAPPERS[name](body), skip_render_check=True)
    check_env_specs(GymWrapper(WRAPPERS[name](body)), seed=0)
