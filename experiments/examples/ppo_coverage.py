"""PPO of Stable-Baselines3 learns to explore: paid for coverage, seeing its own map, in generated houses.

    pip install 'testspace[sb3]'
    python -m testspace.experiments.examples.ppo_coverage ppo.zip
    testspace run --policy ppo.zip --seed 7 --preset smoke --out runs/ppo

It trains in houses of the split "train" and prints, for houses of the split "test", the coverage of itself and of the
random policy after as many steps from the same starts.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from ...agent.mapping.egocentric import EgocentricObservation
from ...agent.policies import make_policy
from ...agent.rewards import CoverageReward
from ...core.frame import Camera
from ...envs.generator import generate_house
from ...envs.gym_envs.house_env import HouseEnv

CAMERA = Camera(24, 24)
"""Enough depth for a map: the policy sees nothing else of the frames."""
EPISODE = 300
"""Steps of an episode, in training and in the test."""
ROLLOUT = 2304
"""Steps of all houses together between two updates of the network."""


@dataclass(frozen=True)
class PPOExample:
    """What to train, and where to leave it."""

    file: tyro.conf.Positional[Path]
    """Zip to write."""
    steps: int = 120_000
    """Steps of the environments together."""
    seed: int = 0
    """Seed of the network, of its actions and of the starts."""
    houses: int = 24
    """Houses to train in, side by side; with few, it learns these houses rather than to explore."""
    test_houses: int = 8
    """Houses to test in, none of them trained in."""


def body(split: str, number: int) -> HouseEnv:
    """The house of that number of a split, with the agent in it; light is not looked at."""
    house = generate_house(number, rooms=4, split=split)
    return HouseEnv(house, camera=CAMERA, light="direct", max_steps=EPISODE, threads=1)


def train(config: PPOExample) -> None:
    """Train, and write the zip."""
    import torch
    from stable_baselines3 import PPO
    from stable_baselines3.common.monitor import Monitor
    from stable_baselines3.common.vec_env import DummyVecEnv

    torch.set_num_threads(1)  # the network is small: waking threads costs more than they spare
    worlds = [
        EgocentricObservation(CoverageReward(body("train", number), collision_penalty=0.1))
        for number in range(config.houses)
    ]
    model = PPO(
        "MlpPolicy",
        DummyVecEnv([partial(Monitor, world) for world in worlds]),
        n_steps=ROLLOUT // config.houses,
        batch_size=256,
        n_epochs=4,
        learning_rate=5e-4,
        gamma=0.98,
        ent_coef=0.01,
        policy_kwargs={"net_arch": [128, 128]},
        seed=config.seed,
        device="cpu",
    )
    start = time.perf_counter()

    def tell(local: dict[str, Any], _: dict[str, Any]) -> bool:
        done = model.num_timesteps
        if done % (10 * ROLLOUT) < config.houses and model.ep_info_buffer:
            seconds = time.perf_counter() - start
            reward = np.mean([episode["r"] for episode in model.ep_info_buffer])
            left = seconds * (config.steps - done) / done
            print(f"{done} steps, {seconds:.0f} s, {left:.0f} s left: reward {reward:.1f}", file=sys.stderr)
        return True

    model.learn(config.steps, callback=tell)
    model.save(config.file)


def covered(policy: str, env: HouseEnv, seeds: Sequence[int]) -> list[float]:
    """Coverage, 0 to 1, at the end of an episode from each seed's start."""
    world, shares = CoverageReward(env), []
    for seed in seeds:
        acting = make_policy(policy, env, seed)
        frame, info = world.reset(seed=seed)
        acting.reset(seed)
        ended = False
        while not ended:
            frame, _, _, ended, info = world.step(acting.act(frame, info))
        shares.append(info["coverage"])
    return shares


def main(config: PPOExample) -> None:
    """Train and compare."""
    start = time.perf_counter()
    train(config)
    print(f"trained for {config.steps} steps in {time.perf_counter() - start:.0f} s: {config.file}")
    print(f"coverage after {EPISODE} steps, mean of 3 starts:")
    means: dict[str, list[float]] = {str(config.file): [], "random": []}
    for number in range(config.test_houses):
        env = body("test", number)
        for name, shares in means.items():
            shares.append(float(np.mean(covered(name, env, range(3)))))
        results = "   ".join(f"{Path(name).stem} {shares[-1]:.1%}" for name, shares in means.items())
        print(f"  house {number} of split test, {env.floor.area:.0f} m2: {results}", flush=True)
    print("  all: " + "   ".join(f"{Path(name).stem} {np.mean(shares):.1%}" for name, shares in means.items()))


if __name__ == "__main__":
    main(tyro.cli(PPOExample))
