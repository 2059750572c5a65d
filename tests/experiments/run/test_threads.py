"""The number of threads: the faster one is taken, and what the user has set stays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from testspace.experiments.protocol.presets import PRESETS, Preset
from testspace.experiments.run import threads
from testspace.experiments.run.threads import WORTH_ASKING, set_fastest_threads


@pytest.fixture(autouse=True)
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def of_steps(steps: int) -> Preset:
    smoke = PRESETS["smoke"]
    return replace(smoke, transfer=replace(smoke.transfer, steps=steps, batch_size=4))


@pytest.mark.parametrize(("seconds", "chosen"), [({1: 0.1, 2: 0.2}, 1), ({1: 0.2, 2: 0.1}, 2)])
def test_the_faster_number_is_taken(monkeypatch: pytest.MonkeyPatch, seconds: dict[int, float], chosen: int) -> None:
    monkeypatch.setattr(threads, "_seconds_a_step", lambda preset, count: seconds[count])
    assert set_fastest_threads(of_steps(WORTH_ASKING)) == chosen == torch.get_num_threads()


def test_a_real_trial_ends_with_one_of_the_two() -> None:
    assert set_fastest_threads(of_steps(WORTH_ASKING)) in (1, 2)


def test_a_short_run_and_a_number_of_the_users_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_seconds_a_step", lambda *_: pytest.fail("there was a trial"))
    assert set_fastest_threads(of_steps(WORTH_ASKING - 1)) == 2
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert set_fastest_threads(of_steps(WORTH_ASKING)) == 2
