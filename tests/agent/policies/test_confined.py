"""A policy file cannot take the run with it: it loops, it eats memory, it dies, and the run gets one line."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from testspace.agent.policies import confined, make_policy
from testspace.agent.policies.confined import ConfinedPolicy
from testspace.agent.policies.protocol import PolicyError
from testspace.core.frame import Camera
from testspace.envs.generator import generate_house
from testspace.envs.gym_envs.house_env import HouseEnv

onnx: Any = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def env() -> HouseEnv:
    return HouseEnv(generate_house(4, rooms=1), camera=Camera(16, 16), light="direct")


def model(file: Path, *nodes: Any, **constants: Any) -> Path:
    """An .onnx file with these nodes; the last one gives "scores"."""
    helper, kind = onnx.helper, onnx.TensorProto
    graph = helper.make_graph(
        list(nodes),
        "policy",
        [helper.make_tensor_value_info("pose", kind.FLOAT, [1, 6])],
        [helper.make_tensor_value_info("scores", kind.FLOAT, None)],
        [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    file.write_bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
    )
    return file


def by_pose(file: Path) -> Path:
    """Takes the place's first five numbers for scores."""
    node = onnx.helper.make_node("Slice", ["pose", "start", "end", "axis"], ["scores"])
    return model(file, node, start=np.array([0]), end=np.array([5]), axis=np.array([1]))


def test_it_acts_as_its_graph_and_repeats_itself(tmp_path: Path, env: HouseEnv) -> None:
    policy = make_policy(str(by_pose(tmp_path / "a.onnx")), env)
    observation, info = env.reset()
    for _ in range(3):
        action = policy.act(observation, info)
        assert action == int(observation["pose"][:5].argmax())
        observation, *_, info = env.step(action)  # type: ignore[arg-type]
    assert isinstance(policy.wrapped, ConfinedPolicy)  # type: ignore[attr-defined]
    assert policy.wrapped.arrays() == {}  # type: ignore[attr-defined]


def test_an_endless_loop_is_ended(tmp_path: Path, env: HouseEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    helper, kind = onnx.helper, onnx.TensorProto
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["going"]),
            helper.make_node("Sin", ["x"], ["y"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", kind.INT64, []),
            helper.make_tensor_value_info("go", kind.BOOL, []),
            helper.make_tensor_value_info("x", kind.FLOAT, [1, 6]),
        ],
        [
            helper.make_tensor_value_info("going", kind.BOOL, []),
            helper.make_tensor_value_info("y", kind.FLOAT, [1, 6]),
        ],
    )
    loop = helper.make_node("Loop", ["", "true", "pose"], ["scores"], body=body)
    policy = make_policy(str(model(tmp_path / "loop.onnx", loop, true=np.array(True))), env)
    monkeypatch.setattr(confined, "STEP_SECONDS", 0.5)
    with pytest.raises(PolicyError, match=r"loop\.onnx: the policy took more than 0\.5 s to choose an action"):
        policy.act(*env.reset())


def test_more_memory_than_there_is_for_it_is_refused(tmp_path: Path, env: HouseEnv) -> None:
    shape = np.array([1, 5, 800_000_000])
    nodes = [
        onnx.helper.make_node("ConstantOfShape", ["shape"], ["large"]),
        onnx.helper.make_node("ReduceSum", ["pose"], ["sum"]),
        onnx.helper.make_node("Add", ["large", "sum"], ["added"]),
        onnx.helper.make_node("ReduceMax", ["added"], ["scores"], axes=[2]),
    ]
    began = time.monotonic()
    with pytest.raises(PolicyError):
        make_policy(str(model(tmp_path / "large.onnx", *nodes, shape=shape)), env).act(*env.reset())
    assert time.monotonic() - began < 120


def test_a_process_that_dies_is_one_line(tmp_path: Path, env: HouseEnv) -> None:
    policy = ConfinedPolicy(by_pose(tmp_path / "a.onnx"), env, 0)
    policy._process.kill()
    policy._process.join()
    with pytest.raises(PolicyError, match=r"a\.onnx: the policy's process died"):
        policy.act(*env.reset())
