"""Pickles read as data: what numpy and Stable-Baselines3 store is found, and nothing is called."""

from __future__ import annotations

import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from testspace.agent.policies import PolicyError
from testspace.agent.policies.pickled_data import Named, read_pickle, stored_array
from testspace.agent.policies.vec_normalize import find_statistics, read_statistics


class VecNormalize:
    """Stands for Stable-Baselines3's class of this name, which is known by it."""

    def __init__(self, **state: Any) -> None:
        self.__dict__.update(state)


class Payload:
    """Pickled, it writes a file where it is loaded."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)


def moments(mean: Any, variance: Any) -> Any:
    return SimpleNamespace(mean=np.asarray(mean, np.float64), var=np.asarray(variance, np.float64), count=3.0)


def written(file: Path, **changes: Any) -> Path:
    state = {"norm_obs": True, "obs_rms": moments([1.0, 2.0], [4.0, 0.0]), "clip_obs": 10.0, "epsilon": 1e-8}
    file.write_bytes(pickle.dumps(VecNormalize(**{**state, **changes})))
    return file


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_values_are_what_unpickling_gives(protocol: int) -> None:
    value = {"a": [1, -2, 3.5, None, True], "b": ("x", 2**40), "c": {"d": []}, "e": ((), (1, 2, 3))}
    assert read_pickle(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("array", [
    np.arange(6.0).reshape(2, 3), np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.float32([[1.5]]),
    np.array(2.5), np.zeros((0, 3)), np.arange(3, dtype=">f8"),
])  # fmt: skip
def test_arrays_of_floats_are_exact(protocol: int, array: Any) -> None:
    read = stored_array(read_pickle(pickle.dumps(array, protocol)))
    assert read.shape == array.shape
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("array", [np.arange(3), np.array(["a"]), np.array([object], object), "text", None])
def test_other_arrays_are_refused(array: Any) -> None:
    with pytest.raises(ValueError, match="array"):
        stored_array(read_pickle(pickle.dumps(array)))


def test_nothing_is_called(tmp_path: Path) -> None:
    trace = tmp_path / "was-here"
    read = read_pickle(pickle.dumps(Payload(trace)))
    assert isinstance(read, Named)
    assert read.name.endswith("Path.touch")
    assert not trace.exists()
    with pytest.raises(PolicyError, match="not the statistics"):
        read_statistics(written(tmp_path / "evil.pkl", obs_rms=Payload(trace)))
    assert not trace.exists()


@pytest.mark.parametrize(
    "data", [b"", b".", b"N", b"\x80\x04h\x07.", b"(lp0\nI1\na.", b"\x80\x04cos\nsystem\n)R", b"N" * 200_000]
)
def test_damage_is_one_kind_of_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"pickle|instruction|opcode"):
        read_pickle(data)


def test_every_cut_of_a_file_is_told(tmp_path: Path) -> None:
    whole = written(tmp_path / "whole.pkl").read_bytes()
    for end in range(0, len(whole), 7):
        (tmp_path / "cut.pkl").write_bytes(whole[:end])
        with pytest.raises(PolicyError, match="or damaged"):
            read_statistics(tmp_path / "cut.pkl")


def test_statistics_normalize_as_their_formula_says(tmp_path: Path) -> None:
    read = read_statistics(written(tmp_path / "v.pkl"))
    assert read is not None
    np.testing.assert_allclose(read.normalized("", np.array([5.0, 3.0])), [2.0, 10.0])  # (5 - 1) / 2; clipped
    assert read_statistics(written(tmp_path / "v.pkl", norm_obs=False)) is None


@pytest.mark.parametrize(("changes", "says"), [
    ({"obs_rms": moments([1.0, np.nan], [1, 1])}, "no finite numbers"), ({"obs_rms": moments([1.0], [-1])}, "negative"),
    ({"obs_rms": moments([1.0], [1, 1])}, "alike"), ({"clip_obs": 0}, "must be positive"), ({"obs_rms": 3}, "damaged"),
])  # fmt: skip
def test_statistics_that_cannot_be_are_one_line(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(PolicyError, match=says) as caught:
        read_statistics(written(tmp_path / "v.pkl", **changes))
    assert "\n" not in str(caught.value)


def test_statistics_are_found_by_their_usual_names(tmp_path: Path) -> None:
    assert find_statistics(tmp_path / "a_1000_steps.zip") is None
    names = ["vecnormalize.pkl", "a_vecnormalize_1000_steps.pkl", "a_1000_steps_vecnormalize.pkl"]
    for name in names:  # each goes before the ones written earlier
        (tmp_path / name).touch()
        assert find_statistics(tmp_path / "a_1000_steps.zip") == tmp_path / name
