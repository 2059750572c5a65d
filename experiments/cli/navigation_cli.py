"""`testspace navigate`: policies judged without learning."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import tyro


def navigate(
    *,
    house: tyro.conf.UseAppendAction[Annotated[tuple[str, ...], tyro.conf.arg(metavar="FILE[:LINE]|SEED")]] = (),
    task: Literal["explore", "point", "object"] = "point",
    policy: str | None = None,
    episodes: int = 10,
    max_actions: int = 500,
    camera: str = "64x64",
    fov: float = 90.0,
    seed: int = 0,
    json: Path | None = None,
) -> None:
    """Judge a navigation policy over episodes: success and SPL on a goal, or coverage. Nothing is learned.

    Args:
        house: FILE.json, FILE.jsonl[.gz]:LINE, or the seed of a generated house. May be repeated.
        task: point (go to a place given by distance and bearing), object (to an object of a class), or explore. A goal
            is in the observation as `goal`; action 5, Done, ends the episode.
        policy: A policy as for `testspace run --policy`, or point-goal, which plans on its own map. Default: point-goal
            for points, frontier to explore.
        episodes: Episodes in each house; their starts and goals follow from the seed, whatever the policy.
        max_actions: Actions after which an episode has failed, or ends exploring.
        camera: Pixels of the agent's camera, WIDTHxHEIGHT.
        fov: Its vertical field of view, in degrees.
        seed: Seed of starts, goals and policy.
        json: File for the scores of every episode.
    """
    from ..tools.navigate import NavigateConfig, navigate

    config = NavigateConfig(
        houses=house, task=task, policy=policy, episodes=episodes, max_actions=max_actions, camera=camera, fov=fov,
        seed=seed, json_file=json,
    )  # fmt: skip
    print(navigate(config))
