"""Runs that are killed again and again, beside one that never was: nothing is lost, and the result is the same."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...core.storage import read_arrays
from ...learners.data.replay_buffer import ReplayBuffer
from ...learners.nn.checkpoint import load_tensors
from ..rundir.run_folder import read_rows
from .cases import Main, run_quietly

TIMINGS = ("seconds", "fps", "_s", "_per_s", "time", "peak", "simulator_fps", "samples_per_s", "killed")
"""Parts of the names of numbers that say how long something took."""


def run_killed(main: Main, words: Sequence[str], out: Path, seed: int, kills: int, longest: float) -> int:
    """Run `testspace run WORDS --out OUT` and kill it so many times, each after a random part of `longest` seconds;
    then let it end. Returns how often it was really killed. RuntimeError where it ends in an error."""
    rng = np.random.default_rng(seed)
    killed, errors = 0, out.with_suffix(".stderr")
    for number in range(kills + 1):
        command = ["run", *words, "--out", str(out), *(["--resume"] if (out / "config.json").exists() else [])]
        child = run_quietly(lambda command=command: main(command), errors)  # type: ignore[misc]
        deadline = time.monotonic() + (float(rng.uniform(0, longest)) if number < kills else float("inf"))
        status = None
        while status is None and time.monotonic() < deadline:
            done, code = os.waitpid(child, os.WNOHANG)
            status = code if done else None
            time.sleep(0.005)
        if status is None:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            killed += 1
        elif status != 0 or "Traceback" in errors.read_text():
            raise RuntimeError(f"{' '.join(command)}: status {status}: {errors.read_text()[-2000:]}")
        else:
            break
    return killed


def differences(expected: Path, found: Path) -> list[str]:
    """What of a run's result differs from another's, timings aside; empty where they are equal to the byte."""
    wrong = []
    for file in sorted(expected.glob("agent/agent-*.npz")):
        one, other = read_arrays(file), read_arrays(found / file.relative_to(expected))
        wrong += [f"{file.name}/{key}" for key in {*one, *other} if not _same(one.get(key), other.get(key))]
    for name in ("agent/learner/model.safetensors", "agent/learner/optimiser.safetensors"):
        mine, theirs = load_tensors(expected / name), load_tensors(found / name)
        wrong += [f"{name}/{key}" for key in {*mine, *theirs} if not _same(mine.get(key), theirs.get(key))]
    for file in sorted((expected / "segmenters").rglob("*.safetensors")):
        if ".old" not in str(file) and file.read_bytes() != (found / file.relative_to(expected)).read_bytes():
            wrong.append(str(file.relative_to(expected)))
    a, b = (ReplayBuffer.reader(run / "buffer").all(("step", "pose", "rgb", "depth")) for run in (expected, found))
    wrong += [f"buffer/{key}" for key in a if not _same(a[key], b[key])]
    for name in ("map", "panels", "semantic_map"):
        file = Path("report_data") / f"{name}.npz"
        if (expected / file).exists():
            x, y = read_arrays(expected / file), read_arrays(found / file)
            wrong += [f"{file}/{key}" for key in {*x, *y} if not _same(x.get(key), y.get(key))]
    rows = [[_without_timings(row) for row in read_rows(run)[0] if _is_result(row)] for run in (expected, found)]
    for row in rows[0]:
        if rows[1].count(row) != 1:
            wrong.append(f"{rows[1].count(row)} rows like {json.dumps(row)[:120]}")
    wrong += [f"a row too many: {json.dumps(row)[:120]}" for row in rows[1] if row not in rows[0]]
    return wrong


def _is_result(row: dict[str, object]) -> bool:
    return row["kind"] in ("rollout", "evaluation", "change", "original_house")


def _without_timings(value: object) -> object:
    if isinstance(value, dict):
        return {
            key: _without_timings(one)
            for key, one in value.items()
            if not any(key.endswith(part) or (part in ("seconds", "fps") and part in key) for part in TIMINGS)
        }
    return [_without_timings(one) for one in value] if isinstance(value, list) else value


def _same(one: object, other: object) -> bool:
    if one is None or other is None:
        return one is other
    a, b = np.asarray(one), np.asarray(other)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
