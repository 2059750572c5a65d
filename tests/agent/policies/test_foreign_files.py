"""Policy files of strangers: whatever is in them, one line and no memory taken."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from testspace.agent.policies import PolicyError
from testspace.agent.policies.onnx import ONNXPolicy
from testspace.agent.policies.sb3_zip import Part, read_zip

BOX = {":type:": "<class 'gymnasium.spaces.box.Box'>", "_shape": [770], "dtype": "float32"}


def packed(weights: Any) -> bytes:
    file = io.BytesIO()
    torch.save(weights, file)
    return file.getvalue()


def write(folder: Path, data: Any, weights: Any = None, how: int = zipfile.ZIP_DEFLATED) -> Path:
    file = folder / "p.zip"
    with zipfile.ZipFile(file, "w", how) as archive:
        archive.writestr("data", json.dumps(data) if not isinstance(data, str) else data)
        archive.writestr("policy.pth", packed({"q_net.0.weight": torch.ones(2, 2)} if weights is None else weights))
    return file


def test_a_plain_policy_isread_zip(tmp_path: Path) -> None:
    kwargs = {"net_arch": {"pi": [64, 64], "vf": [8]}}
    stored = read_zip(write(tmp_path, {"policy_kwargs": kwargs, "observation_space": BOX}))
    assert list(stored.weights) == ["q_net.0.weight"]
    assert stored.kwargs == kwargs
    assert stored.parts == {"": Part((770,), "float32")}


def test_what_training_alone_needs_is_left_out_and_activations_are_named(tmp_path: Path) -> None:
    kwargs = {
        ":type:": "<class 'dict'>", ":serialized:": "never read", "activation_fn": f"{torch.nn.ReLU}",
        "optimizer_class": "<class 'torch.optim.rmsprop.RMSprop'>", "optimizer_kwargs": {"alpha": 0.99},
    }  # fmt: skip
    stored = read_zip(write(tmp_path, {"policy_kwargs": kwargs, "observation_space": BOX}))
    assert stored.kwargs == {"activation_fn": torch.nn.ReLU}
    kwargs["activation_fn"] = "<class 'torch.nn.modules.activation.Softmax2d'>"
    with pytest.raises(PolicyError, match="contain activation_fn as a pickle"):
        read_zip(write(tmp_path, {"policy_kwargs": kwargs, "observation_space": BOX}))


@pytest.mark.parametrize(("data", "weights", "says"), [
    ([], None, "data is no JSON object"), ("{", None, "damaged"), ("[" * 100_000, None, "damaged"),
    ({"policy_kwargs": [1]}, None, "policy_kwargs is no JSON object"),
    ({"policy_kwargs": {"net_arch": [10**12]}}, None, "layer sizes"),
    ({"policy_kwargs": {"net_arch": {"pi": [True]}}}, None, "layer sizes"),
    ({"policy_kwargs": {"net_arch": [64] * 20_000}}, None, "more than 64 layers"),
    ({"policy_kwargs": {"net_arch": [65536] * 3}}, None, "weights"),
    ({"observation_space": [1]}, {1: torch.ones(1)}, "named tensors"), ({}, {"a": 1}, "named tensors"),
    ({}, {"a": torch.tensor([1.0, float("nan")])}, "not finite"), ({}, None, "does not tell an observation space"),
    ({"observation_space": {**BOX, "_shape": [-1]}}, None, "does not tell an observation space"),
    ({"policy_kwargs": {"n_lstm_layers": 10**9}}, {"lstm_actor.weight_ih_l0": torch.ones(4, 1)}, "at most 8"),
])  # fmt: skip
def test_what_is_wrong_is_one_line(tmp_path: Path, data: Any, weights: Any, says: str) -> None:
    with pytest.raises(PolicyError, match=says) as caught:
        read_zip(write(tmp_path, data, weights))
    assert str(caught.value).startswith(str(tmp_path / "p.zip"))
    assert "\n" not in str(caught.value)


def test_bombs_and_damage_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="grows more than 400 times"):
        read_zip(write(tmp_path, " " * 4_000_000 + "{}"))
    with pytest.raises(PolicyError, match="data are larger than 16 MiB"):
        read_zip(write(tmp_path, " " * (2**24 + 1), how=zipfile.ZIP_STORED))
    file = write(tmp_path, {})
    data = bytearray(file.read_bytes())
    at = data.index(b"PK\x01\x02")
    data[at + 10] = 99  # an unknown compression
    file.write_bytes(data)
    with pytest.raises(PolicyError, match="damaged"):
        read_zip(file)


@pytest.mark.parametrize("output", [[float("nan")], [0, 1, float("inf"), 0, 0], [7], [-1], [1, 2, 3], ["a"]])
def test_an_onnx_policy_must_give_an_action(output: list[Any]) -> None:
    policy = ONNXPolicy.__new__(ONNXPolicy)
    policy._inputs, policy._states, policy._size = {}, {}, None
    policy._session = SimpleNamespace(run=lambda *_: [np.array(output)])
    with pytest.raises(PolicyError, match="the ONNX policy"):
        policy.act({}, {})  # type: ignore[typeddict-item]  # none of it is read
