"""`testspace navigate`: a policy judged as navigators are: coverage, or success and SPL, over episodes in houses.

Nothing is learned. The agent never sees the truth of a house; the scores do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ...agent.policies import PointGoalPolicy, Policy, make_policy
from ...agent.policies.protocol import step_or_teleport
from ...agent.rewards import CoverageReward, ObjectGoal, PointGoal
from ...core.errors import UserError
from ...core.frame import Camera
from ...core.progress import Progress
from ...core.storage import write_json
from ...core.text_table import markdown
from ...envs.generator.house_reference import find_house
from ...envs.gym_envs.house_env import HouseEnv
from ...envs.gym_envs.motion import DONE

Task = Literal["explore", "point", "object"]
TASKS: dict[Task, Any] = {"explore": CoverageReward, "point": PointGoal, "object": ObjectGoal}
DEFAULT: dict[Task, str] = {"explore": "frontier", "point": "point-goal"}
"""The built-in policy for a task."""
SCORES = ("success", "spl", "coverage", "actions", "metres", "collisions")


@dataclass(frozen=True)
class NavigateConfig:
    """Settings of `testspace navigate`."""

    houses: tuple[str, ...]
    """As `--house` of an experiment."""
    task: Task = "point"
    policy: str | None = None
    """None: `DEFAULT`."""
    episodes: int = 10
    """In each house; episode k starts at a place drawn with seed + k, whatever the policy."""
    max_actions: int = 500
    """Actions after which an episode ends without success."""
    camera: str = "64x64"
    fov: float = 90.0
    seed: int = 0
    json_file: Path | None = None


def navigate(config: NavigateConfig) -> str:
    """The table of scores, one row per house, written to `json_file` too.

    UserError for a task without a policy, a camera that cannot be, and what `find_house` and `make_policy` refuse.
    """
    name = config.policy or DEFAULT.get(config.task)
    if name is None:
        raise UserError("--task object needs a --policy that knows objects: no built-in policy does")
    if not config.houses or config.episodes < 1 or config.max_actions < 1:
        raise UserError("give at least one --house, one of --episodes, and one of --max-actions")
    if config.seed < 0:
        raise UserError(f"--seed must be 0 or more, got {config.seed}")
    camera, rows = _camera(config), []
    with Progress() as progress, progress.stage(f"{config.task} by {name}") as advance:
        for index, house in enumerate(config.houses):
            env = HouseEnv(find_house(house), camera=camera, max_steps=config.max_actions, light="direct")
            world = TASKS[config.task](env)
            policy = _policy(name, env, config)
            try:
                for episode in range(config.episodes):
                    rows.append({"house": house, "episode": episode, **_episode(world, policy, config.seed + episode)})
                    done, total = index * config.episodes + episode + 1, len(config.houses) * config.episodes
                    advance(done, total, Path(house).name)
            finally:
                env.close()
    if config.json_file is not None:
        settings = {**asdict(config), "policy": name, "json_file": None}
        write_json(config.json_file, {"settings": settings, "episodes": rows})
    return _table(config.houses, rows)


def _camera(config: NavigateConfig) -> Camera:
    width, _, height = config.camera.partition("x")
    if not (width.isdigit() and height.isdigit() and 8 <= int(width) <= 1024 and 8 <= int(height) <= 1024):
        raise UserError(f"--camera {config.camera}: two numbers of pixels from 8 to 1024, as in 64x48")
    if not 1 <= config.fov <= 170:
        raise UserError(f"--fov must lie between 1 and 170 degrees, got {config.fov:g}")
    return Camera(int(width), int(height), config.fov)


def _policy(name: str, env: HouseEnv, config: NavigateConfig) -> Policy:
    if name == DEFAULT["point"]:
        return PointGoalPolicy(env.camera, env.motion, config.seed)
    return make_policy(name, env, config.seed, DONE + (config.task != "explore"))


def _episode(world: Any, policy: Policy, seed: int) -> dict[str, float]:
    """The scores of one episode; those that the task does not have are left out."""
    frame, info = world.reset(seed=seed)
    policy.reset(seed)
    actions, collisions, metres, ended = 0, 0, 0.0, False
    while not ended:
        before = frame["pose"][[0, 2]]
        action = policy.act(frame, info)
        frame, _, terminated, truncated, info = step_or_teleport(world, action)
        ended = terminated or truncated
        actions += 1
        collisions += bool(info["collision"])
        metres += float(np.linalg.norm(frame["pose"][[0, 2]] - before))
    scores = {name: float(info[name]) for name in ("success", "spl", "coverage") if name in info}
    return {**scores, "actions": actions, "metres": metres, "collisions": collisions}


def _table(houses: Sequence[str], rows: Sequence[dict[str, Any]]) -> str:
    names = [name for name in SCORES if name in rows[0]]
    lines = [[Path(house).name, *_means([row for row in rows if row["house"] == house], names)] for house in houses]
    if len(houses) > 1:
        lines.append(["all", *_means(rows, names)])
    percent = ", in percent" if "success" in names else " in percent"
    measures = "success and SPL (Anderson et al., 2018)" if "success" in names else "coverage"
    return (
        f"{markdown(['house', *names], lines)}\n\nMeans over {len(rows)} episodes: {measures}{percent}; actions, "
        "metres walked and collisions an episode."
    )


def _means(rows: Iterable[dict[str, Any]], names: Sequence[str]) -> list[str]:
    means = {name: float(np.mean([row[name] for row in rows])) for name in names}
    return [f"{100 * value:.1f}" if name in SCORES[:3] else f"{value:.1f}" for name, value in means.items()]
