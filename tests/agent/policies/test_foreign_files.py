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
from testspace.agent.policies.sb3 import _read


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


def test_a_plain_policy_is_read(tmp_path: Path) -> None:
    weights, kwargs, frames, _ = _read(write(tmp_path, {"policy_kwargs": {"net_arch": {"pi": [64, 64], "vf": [8]}}}))
    assert list(weights) == ["q_net.0.weight"]
    assert kwargs["net_arch"]["pi"] == [64, 64]
    assert not frames


@pytest.mark.parametrize(("data", "weights", "says"), [
    ([], None, "data is no JSON object"), ("{", None, "damaged"), ("[" * 100_000, None, "damaged"),
    ({"policy_kwargs": [1]}, None, "policy_kwargs is no JSON object"),
    ({"policy_kwargs": {"net_arch": [10**12]}}, None, "layer sizes"),
    ({"policy_kwargs": {"net_arch": {"pi": [True]}}}, None, "layer sizes"),
    ({"policy_kwargs": {"net_arch": [64] * 20_000}}, None, "more than 64 layers"),
    ({"policy_kwargs": {"net_arch": [65536] * 3}}, None, "weights"),
    ({"observation_space": [1]}, {1: torch.ones(1)}, "named tensors"), ({}, {"a": 1}, "named tensors"),
    ({}, {"a": torch.tensor([1.0, float("nan")])}, "not finite"),
])  # fmt: skip
def test_what_is_wrong_is_one_line(tmp_path: Path, data: Any, weights: Any, says: str) -> None:
    with pytest.raises(PolicyError, match=says) as caught:
        _read(write(tmp_path, data, weights))
    assert str(caught.value).startswith(str(tmp_path / "p.zip"))
    assert "\n" not in str(caught.value)


def test_bombs_and_damage_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="grows more than 400 times"):
        _read(write(tmp_path, " " * 4_000_000 + "{}"))
    file = write(tmp_path, {})
    data = bytearray(file.read_bytes())
    at = data.index(b"PK\x01\x02")
    data[at + 10] = 99  # an unknown compression
    file.write_bytes(data)
    with pytest.raises(PolicyError, match="damaged"):
        _read(file)


@pytest.mark.parametrize("output", [[float("nan")], [0, 1, float("inf"), 0, 0], [7], [-1], [1, 2, 3], ["a"]])
def test_an_onnx_policy_must_give_an_action(output: list[Any]) -> None:
    policy = ONNXPolicy.__new__(ONNXPolicy)
    policy._inputs, policy._states, policy._size = {}, {}, None
    policy._session = SimpleNamespace(run=lambda *_: [np.array(output)])
    with pytest.raises(PolicyError, match="the ONNX policy"):
        policy.act({}, {})  # type: ignore[typeddict-item]  # none of it is read
