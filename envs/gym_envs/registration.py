"""Registers the environments with Gymnasium, without importing them."""

from __future__ import annotations

from gymnasium.envs.registration import register as register_environment
from gymnasium.envs.registration import registry

HOUSE = "testspace/House-v0"
"""The id of HouseEnv."""
CONTINUOUS = "testspace/House-continuous-v0"
"""The id of ContinuousHouseEnv."""


def register() -> None:
    """Register the environments, once.

    Gymnasium 1.0 and later load no plugins by themselves: a program imports `testspace`, or names the module in the id,
    `gymnasium.make("testspace:testspace/House-v0", house=7)`.
    """
    if HOUSE not in registry:
        register_environment(
            HOUSE,
            entry_point="testspace.envs.gym_envs.house_env:HouseEnv",
            vector_entry_point="testspace.envs.gym_envs.house_vector_env:HouseVectorEnv",
        )
    if CONTINUOUS not in registry:
        register_environment(
            CONTINUOUS,
            entry_point="testspace.envs.gym_envs.continuous_env:ContinuousHouseEnv",
            vector_entry_point="testspace.envs.gym_envs.house_vector_env:ContinuousHouseVectorEnv",
        )
