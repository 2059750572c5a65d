"""RLlib takes the environments; needs Ray, which pins a Gymnasium of its own and so is no extra."""

from __future__ import annotations

from typing import Any

import pytest
from scenes import box_room

from testspace.agent.mapping.egocentric import EgocentricObservation
from testspace.agent.rewards import CoverageReward, PointGoal
from testspace.core.frame import Camera
from testspace.envs.gym_envs.continuous_env import ContinuousHouseEnv
from testspace.envs.gym_envs.house_env import HouseEnv


@pytest.mark.filterwarnings("ignore")  # Ray's own
@pytest.mark.parametrize("name", ["frames", "coverage", "point", "continuous"])
def test_rllibs_checker_accepts_the_environment(name: str) -> None:
    """RLlib checks environments of several agents only, and makes one of any Gymnasium environment."""
    pytest.importorskip("ray.rllib")
    from ray.rllib.env.multi_agent_env import make_multi_agent
    from ray.rllib.utils.pre_checks.env import check_multiagent_environments

    options: dict[str, Any] = {"camera": Camera(16, 16), "light": "direct", "max_steps": 50}
    makers: dict[str, Any] = {
        "frames": lambda: HouseEnv.from_scene(box_room(), **options),
        "coverage": lambda: EgocentricObservation(CoverageReward(HouseEnv.from_scene(box_room(), **options))),
        "point": lambda: PointGoal(HouseEnv.from_scene(box_room(), **options)),
        "continuous": lambda: ContinuousHouseEnv.from_scene(box_room(), **options),
    }
    env = make_multi_agent(lambda _: makers[name]())({"num_agents": 2})
    check_multiagent_environments(env)
