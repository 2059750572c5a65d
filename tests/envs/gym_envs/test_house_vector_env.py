"""The batched environment against single ones, and all of Gymnasium's ways to make many of them."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from two_rooms import two_rooms

from testspace.core.frame import Camera
from testspace.envs.gym_envs.continuous_env import ContinuousHouseEnv
from testspace.envs.gym_envs.house_env import OBSERVED, HouseEnv
from testspace.envs.gym_envs.house_vector_env import ContinuousHouseVectorEnv, HouseVectorEnv

SMALL = Camera(16, 12)
ID = "testspace/House-v0"


def _same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    assert set(a) == set(b) == set(OBSERVED)
    for key in OBSERVED:
        assert a[key].dtype == b[key].dtype
        np.testing.assert_array_equal(a[key], b[key], err_msg=key)


def test_agents_see_what_single_environments_see_also_where_episodes_begin_anew() -> None:
    houses = [two_rooms(), two_rooms(chair_yaw=0.0)]
    many = HouseVectorEnv(5, houses, SMALL, max_steps=6)
    alone = [HouseEnv(houses[i % 2], SMALL, max_steps=6, threads=1) for i in range(5)]
    seen, infos = many.reset(seed=3)
    single = [env.reset(seed=3 + i)[0] for i, env in enumerate(alone)]
    ended, rng = [False] * 5, np.random.default_rng(0)
    collisions = 0
    for _ in range(16):
        assert many.observation_space.contains(seen)
        for i in range(5):
            _same({key: seen[key][i] for key in seen}, single[i])
        actions = rng.integers(0, 5, 5)
        seen, rewards, terminated, truncated, infos = many.step(actions)
        for i, env in enumerate(alone):
            if ended[i]:
                single[i], info = env.reset()
                ended[i] = False
            else:
                single[i], _, _, ended[i], info = env.step(int(actions[i]))
            assert (truncated[i], infos["collision"][i], infos["step"][i]) == (ended[i], *info.values())
            collisions += info["collision"]
        assert not rewards.any()
        assert not terminated.any()
    assert collisions, "the walk must run into something to show that collisions are told"
    assert np.abs(single[0]["rgb"].astype(int) - single[1]["rgb"]).max() > 0


def test_observations_of_earlier_steps_stay_as_they_were() -> None:
    envs = HouseVectorEnv(2, two_rooms(), SMALL)
    first, _ = envs.reset(seed=0)
    kept = {key: value.copy() for key, value in first.items()}
    envs.step([2, 2])
    _same(first, kept)


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP, AutoresetMode.DISABLED])
@pytest.mark.parametrize("name", [ID, "testspace/House-continuous-v0"])
def test_episodes_end_as_in_gymnasiums_own_vector_environment(name: str, mode: AutoresetMode) -> None:
    options: dict[str, Any] = {"house": two_rooms(), "camera": SMALL, "max_steps": 3}
    single = HouseEnv if name == ID else ContinuousHouseEnv
    reference = SyncVectorEnv([lambda: single(**options)] * 2, autoreset_mode=mode)
    many = gymnasium.make_vec(name, 2, autoreset_mode=mode, **options)
    assert isinstance(many.unwrapped, HouseVectorEnv)
    assert many.metadata["autoreset_mode"] is mode
    many.action_space.seed(0)
    seen, expected = many.reset(seed=5)[0], reference.reset(seed=5)[0]
    for _ in range(8):
        _same(seen, expected)
        actions = many.action_space.sample()
        (seen, *_, ended, infos), (expected, *_, told, about) = many.step(actions), reference.step(actions)
        np.testing.assert_array_equal(ended, told)
        assert infos.keys() == about.keys()
        if mode is AutoresetMode.SAME_STEP and ended.any():
            for i in range(2):
                _same(infos["final_obs"][i], about["final_obs"][i])
            np.testing.assert_array_equal(infos["final_info"]["step"], about["final_info"]["step"])
        if mode is AutoresetMode.DISABLED and ended.any():
            with pytest.raises(gymnasium.error.ResetNeeded):
                many.step(actions)
            _same(seen, expected)
            mask = {"options": {"reset_mask": np.array(ended)}}
            seen, expected = many.reset(**mask)[0], reference.reset(**mask)[0]


def test_the_others_stay_as_they_are_where_some_are_reset() -> None:
    many = ContinuousHouseVectorEnv(2, two_rooms(), SMALL, autoreset_mode="Disabled")
    many.reset(seed=0)
    before = many.step(np.full((2, 2), 0.5, np.float32))[0]
    after, infos = many.reset(options={"reset_mask": np.array([True, False])})
    _same({key: value[1] for key, value in after.items()}, {key: value[1] for key, value in before.items()})
    assert infos["step"][0] == 0
    with pytest.raises(ValueError, match="reset_mask must be bool"):
        many.reset(options={"reset_mask": [1, 0]})


def test_torchrls_own_check_passes() -> None:
    pytest.importorskip("torchrl")
    from torchrl.envs import GymWrapper
    from torchrl.envs.utils import check_env_specs

    many = HouseVectorEnv(2, two_rooms(), SMALL, max_steps=3, autoreset_mode=AutoresetMode.SAME_STEP)
    check_env_specs(GymWrapper(many))


@pytest.mark.parametrize("mode", ["sync", "vector_entry_point", None])
def test_gymnasium_makes_it_and_says_how_it_starts_anew(mode: str | None) -> None:
    envs = gymnasium.make_vec(ID, 3, vectorization_mode=mode, house=two_rooms(), camera=SMALL, render_mode="rgb_array")
    assert isinstance(envs, HouseVectorEnv) == (mode != "sync")
    assert envs.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    assert envs.metadata["render_modes"] == ["rgb_array"]
    reference = HouseVectorEnv(3, two_rooms(), SMALL)
    _same(envs.reset(seed=1)[0], reference.reset(seed=1)[0])
    _same(envs.step(np.array([2, 0, 4]))[0], reference.step(np.array([2, 0, 4]))[0])
    pictures = envs.render()
    assert pictures is not None
    assert [picture.shape for picture in pictures] == [(12, 16, 3)] * 3
    assert envs.observation_space["rgb"].shape == (3, 12, 16, 3)
    envs.close()


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_environments_in_other_processes_see_the_same(context: str) -> None:
    """The parent has rendered before it forks: its Embree scene and threads must not be in the children's way."""
    reference = HouseVectorEnv(2, two_rooms(), SMALL)
    expected, _ = reference.reset(seed=4)
    envs = gymnasium.make_vec(
        ID, 2, vectorization_mode="async", vector_kwargs={"context": context}, house=two_rooms(), camera=SMALL
    )
    _same(envs.reset(seed=4)[0], expected)
    _same(envs.step(np.array([1, 0]))[0], reference.step([1, 0])[0])
    envs.close()


def test_another_house_is_entered_by_all_and_seen() -> None:
    other = two_rooms(chair_yaw=30.0)
    envs = HouseVectorEnv(2, two_rooms(), SMALL)
    envs.reset(seed=0)
    seen, _ = envs.reset(seed=0, options={"house": other})
    _same(seen, HouseVectorEnv(2, other, SMALL).reset(seed=0)[0])
    with pytest.raises(ValueError, match="for one house, here are 2"):
        HouseVectorEnv(2, [two_rooms(), other], SMALL).reset(options={"house": other})


def test_wrong_use_is_refused() -> None:
    with pytest.raises(ValueError, match="1 agent and 1 house"):
        HouseVectorEnv(0, two_rooms(), SMALL)
    envs = HouseVectorEnv(2, two_rooms(), SMALL)
    with pytest.raises(gymnasium.error.ResetNeeded):
        envs.step([0, 0])
    with pytest.raises(ValueError, match="3 seeds for 2 agents"):
        envs.reset(seed=[1, 2, 3])
    envs.reset(seed=0)
    with pytest.raises(ValueError, match="1 actions for 2 agents"):
        envs.step([0])
    with pytest.raises(ValueError, match="action must be 0 to 4, got 9"):
        envs.step([0, 9])


def test_antialias_smooths_the_colour_of_all_agents_and_nothing_else() -> None:
    plain, smooth = HouseVectorEnv(2, 7), HouseVectorEnv(2, 7, antialias=2)
    before, after = plain.reset(seed=0)[0], smooth.reset(seed=0)[0]
    alone = HouseEnv(7, antialias=2).reset(seed=1)[0]
    assert (before["rgb"] != after["rgb"]).mean() > 0.1
    assert np.array_equal(after["rgb"][1], alone["rgb"])
    for key in ("depth", "normals", "pose"):
        assert np.array_equal(before[key], after[key])
