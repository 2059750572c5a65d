"""Policies that Stable-Baselines3 and sb3-contrib wrote: inputs and choices are those of the library itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch

sb3 = pytest.importorskip("stable_baselines3")
from gymnasium.wrappers import FilterObservation  # noqa: E402
from stable_baselines3.common.vec_env import DummyVecEnv, VecFrameStack, VecNormalize  # noqa: E402

from testspace.agent.mapping.egocentric import EgocentricObservation  # noqa: E402
from testspace.agent.policies import PolicyError  # noqa: E402
from testspace.agent.policies.sb3 import SB3Policy  # noqa: E402
from testspace.core.frame import Camera  # noqa: E402
from testspace.envs.gym_envs.house_env import HouseEnv  # noqa: E402


@pytest.fixture(scope="module")
def env() -> HouseEnv:
    return HouseEnv(7, camera=Camera(40, 40), light="direct", max_steps=10_000)


def parts_of(env: Any, *keys: str) -> Any:
    return FilterObservation(env, list(keys))


def normalized(env: Any, **options: Any) -> Any:
    """Statistics of a few real steps, which are then held."""
    wrapped = VecNormalize(env, **options)
    wrapped.seed(3)
    wrapped.reset()
    for _ in range(6):
        wrapped.step([1])
    wrapped.training = False
    return wrapped


ENVIRONMENTS: dict[str, Any] = {
    "map": lambda env: DummyVecEnv([lambda: EgocentricObservation(env)]),
    "map, normalized": lambda env: normalized(DummyVecEnv([lambda: EgocentricObservation(env)])),
    "map, normalized, stacked": lambda env: VecFrameStack(ENVIRONMENTS["map, normalized"](env), 3),
    "map, stacked, normalized": lambda env: normalized(VecFrameStack(ENVIRONMENTS["map"](env), 3)),
    "depth": lambda env: DummyVecEnv([lambda: parts_of(env, "depth", "pose")]),
    "depth, stacked": lambda env: VecFrameStack(ENVIRONMENTS["depth"](env), 4),
    "rgb, depth normalized, stacked": lambda env: VecFrameStack(
        normalized(DummyVecEnv([lambda: parts_of(env, "rgb", "depth", "pose")]), norm_obs_keys=["depth", "pose"]), 2
    ),
    "rgb stacked, depth normalized": lambda env: normalized(
        VecFrameStack(DummyVecEnv([lambda: parts_of(env, "rgb", "depth")]), 2), norm_obs_keys=["depth"]
    ),
    "edges and normals, stacked": lambda env: VecFrameStack(
        DummyVecEnv([lambda: parts_of(env, "edges", "normals")]), 2
    ),
}


def saved(file: Path, vec_env: Any, algorithm: Any = None, name: str = "", **options: Any) -> Any:
    """A model with random weights, in a zip with the statistics beside it."""
    is_dict = isinstance(vec_env.observation_space, gymnasium.spaces.Dict)
    sizes = {"policy_kwargs": {"net_arch": [8]}, **options}
    model = (algorithm or sb3.PPO)(name or ("MultiInputPolicy" if is_dict else "MlpPolicy"), vec_env, seed=0, **sizes)
    model.save(file)
    if model.get_vec_normalize_env() is not None:
        model.get_vec_normalize_env().save(file.with_name(f"{file.stem}_vecnormalize.pkl"))
    return model


def followed(model: Any, policy: SB3Policy, env: HouseEnv, steps: int = 5) -> Any:
    """For each step of one walk: what the library's own environment gives, and the policy's view of the same frames."""
    vec_env = model.get_env()  # with the transposition that Stable-Baselines3 adds
    vec_env.seed(0)
    theirs = vec_env.reset()
    frame, info = HouseEnv.reset(env, seed=0)
    policy.reset()
    for number in range(steps):
        frames = policy._frames
        ours = policy._views.see(frame if frames else {"": policy._map.see(frame, info)})  # type: ignore[arg-type]
        yield theirs, ours if frames else ours[""]
        theirs, _, _, infos = vec_env.step([1 + number % 2])
        frame, info = env.last_frame, infos[0]


@pytest.fixture
def watched(env: HouseEnv, monkeypatch: pytest.MonkeyPatch) -> HouseEnv:
    """The environment, which remembers its last frame."""
    step = env.step

    def remember(action: Any) -> Any:
        result = step(np.int64(action))
        env.last_frame = {key: value.copy() for key, value in result[0].items()}  # type: ignore[attr-defined]
        return result

    monkeypatch.setattr(env, "step", remember)
    return env


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_inputs_are_those_of_the_library(name: str, tmp_path: Path, watched: HouseEnv) -> None:
    model = saved(tmp_path / "policy.zip", ENVIRONMENTS[name](watched), n_steps=8, batch_size=8)
    policy = SB3Policy(tmp_path / "policy.zip", watched)
    for theirs, ours in followed(model, policy, watched):
        for key in ours if isinstance(ours, dict) else [""]:
            mine, other = (ours[key], theirs[key]) if key else (ours, theirs)
            np.testing.assert_allclose(mine, other[0], rtol=1e-6, atol=1e-6, err_msg=key)
        got, expected = (
            one.get_distribution(one.obs_to_tensor(inputs)[0]).distribution.logits
            for one, inputs in ((policy.policy, ours), (model.policy, theirs))
        )
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


def test_a_stack_goes_on_where_it_was(tmp_path: Path, env: HouseEnv) -> None:
    saved(tmp_path / "p.zip", ENVIRONMENTS["map, normalized, stacked"](env), n_steps=8, batch_size=8)
    first, second = (SB3Policy(tmp_path / "p.zip", env, seed=1) for _ in range(2))
    frame, info = env.reset(seed=0)
    for _ in range(4):
        frame, _, _, _, info = env.step(np.int64(first.act(frame, info)))
    second.restore(first.arrays())
    frame, info = env.reset(seed=1)
    assert [first.act(frame, info) for _ in range(12)] == [second.act(frame, info) for _ in range(12)]


@pytest.mark.parametrize("where", ["map", "depth"])
def test_a_recurrent_policy_chooses_as_the_library(where: str, tmp_path: Path, env: HouseEnv) -> None:
    contrib = pytest.importorskip("sb3_contrib")
    name = "MlpLstmPolicy" if where == "map" else "MultiInputLstmPolicy"
    sizes = {"lstm_hidden_size": 8, "n_lstm_layers": 2, "net_arch": [8]}
    model = saved(
        tmp_path / "p.zip", ENVIRONMENTS[where](env), contrib.RecurrentPPO, name, n_steps=8, policy_kwargs=sizes
    )
    policy = SB3Policy(tmp_path / "p.zip", env, seed=1)
    states = tuple(torch.zeros(model.policy.lstm_hidden_state_shape) for _ in range(2))
    frame, info = env.reset(seed=0)
    for number in range(4):
        seen: Any = {"depth": frame["depth"], "pose": frame["pose"]} if where == "depth" else None
        policy.act(frame, info)
        if seen is None:
            continue
        with torch.no_grad():
            _, states = model.policy.get_distribution(model.policy.obs_to_tensor(seen)[0], states, torch.zeros(1))
        for mine, theirs in zip(policy._state, states, strict=True):
            torch.testing.assert_close(mine, theirs)
        frame, _, _, _, info = env.step(np.int64(number % 3))
    resumed = SB3Policy(tmp_path / "p.zip", env, seed=1)
    resumed.restore(policy.arrays())
    assert [policy.act(frame, info) for _ in range(12)] == [resumed.act(frame, info) for _ in range(12)]
    policy.reset()
    assert not torch.stack(policy._state).any()


@pytest.mark.parametrize("algorithm", ["A2C", "DQN"])
def test_other_algorithms_with_their_defaults_act(algorithm: str, tmp_path: Path, env: HouseEnv) -> None:
    kwargs = {"policy_kwargs": {"net_arch": [8], "activation_fn": torch.nn.ReLU}}
    if algorithm == "DQN":
        kwargs["buffer_size"] = 10  # type: ignore[assignment]
    saved(tmp_path / "p.zip", ENVIRONMENTS["map"](env), getattr(sb3, algorithm), **kwargs)
    policy = SB3Policy(tmp_path / "p.zip", env)
    assert policy.act(*env.reset(seed=0)) in range(6)


def test_statistics_of_another_policy_are_refused(tmp_path: Path, env: HouseEnv) -> None:
    saved(tmp_path / "p.zip", ENVIRONMENTS["map, normalized"](env), n_steps=8, batch_size=8)
    saved(tmp_path / "other.zip", ENVIRONMENTS["depth"](env), n_steps=8, batch_size=8)
    (tmp_path / "p_vecnormalize.pkl").rename(tmp_path / "vecnormalize.pkl")
    with pytest.raises(PolicyError, match=r"vecnormalize\.pkl: statistics of an observation \(770,\), which other"):
        SB3Policy(tmp_path / "other.zip", env)
    SB3Policy(tmp_path / "p.zip", env)


def test_observations_of_another_world_are_refused(tmp_path: Path, env: HouseEnv) -> None:
    box = gymnasium.spaces.Box(-1, 1, (7,), np.float32)
    model = sb3.PPO("MlpPolicy", DummyVecEnv([lambda: gymnasium.wrappers.TransformObservation(
        EgocentricObservation(env), lambda view: view[:7], box
    )]), n_steps=8, batch_size=8)  # fmt: skip
    model.save(tmp_path / "p.zip")
    with pytest.raises(PolicyError, match=r"trained on an observation of \(7,\), which is neither a Frame"):
        SB3Policy(tmp_path / "p.zip", env)
