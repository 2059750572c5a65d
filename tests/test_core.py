"""The package without the extra `learn`: houses, renderer, environments and policies work, and the rest says what it
needs in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from testspace.core.errors import LEARNER_PACKAGES, one_line

ROOT = Path(__file__).resolve().parents[1]
NEEDS_TORCH = {
    "agent.policies.sb3", "agent.policies.sb3_zip", "agent.policies.sb3_views", "agent.policies.tensordict",
    "agent.rewards.surprise_reward", "datasets.torch_views",
}  # fmt: skip
"""Modules of the core's rooms that only serve the learner's libraries."""
ROOMS = ("core", "datasets", "envs", "agent/mapping", "agent/policies", "agent/rewards", "experiments/cli")


HIDE = f"""
import sys
class Hide:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in {LEARNER_PACKAGES!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hide)
"""


def without_learner(code: str) -> subprocess.CompletedProcess[str]:
    """Run code where importing a package of the extra `learn` fails as if it were not installed."""
    return subprocess.run([sys.executable, "-c", HIDE + code], capture_output=True, text=True, check=False)


def test_houses_environments_policies_and_rewards_need_no_learner() -> None:
    names = [
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for room in ROOMS
        for file in sorted((ROOT / room).rglob("*.py"))
    ]
    code = f"""
from importlib import import_module
for name in {sorted(set(names) - NEEDS_TORCH)!r}:
    import_module("testspace." + name)
import gymnasium, testspace
from testspace.agent.rewards import CoverageReward
env = CoverageReward(gymnasium.make("testspace/House-v0", house=7, camera=testspace.Camera(24, 24), light="direct"))
policy = testspace.make_policy("frontier", env.unwrapped)
frame, info = env.reset(seed=0)
for _ in range(5):
    frame, _, _, _, info = env.step(policy.act(frame, info))
print(frame["depth"].shape, info["coverage"] > 0)
try:
    testspace.Segmenter
except ModuleNotFoundError as error:
    print(error)
"""
    done = without_learner(code)
    assert done.stdout.splitlines() == [
        "(24, 24) True",
        "this needs the learner, and torch is not installed: pip install 'testspace[learn]'",
    ], done.stderr


def test_commands_of_the_learner_say_what_to_install() -> None:
    code = """
from testspace.experiments.cli.main import main
for words in (
    ["run", "--seed", "7", "--out", "nowhere"], ["demo", "--no-view"], ["segment", ".", "--out", "nowhere"],
    ["export-onnx", "--out", "nowhere.onnx"], ["pretrain", "nano", "--out", "nowhere"],
):
    try:
        main(words)
    except SystemExit as end:
        print(words[0], end.code)
main(["experiment", "list"])
"""
    done = without_learner(code)
    said = "testspace: error: this needs the learner, and torch is not installed: pip install 'testspace[learn]'"
    assert done.stderr.splitlines() == [said] * 5, done.stderr
    assert done.stdout.splitlines()[:5] == [
        f"{name} 2" for name in ("run", "demo", "segment", "export-onnx", "pretrain")
    ]


@pytest.mark.parametrize("name", LEARNER_PACKAGES)
def test_every_package_of_the_learner_is_named(name: str) -> None:
    assert name in str(one_line(ModuleNotFoundError(f"No module named '{name}.x'", name=f"{name}.x")))
    assert one_line(ModuleNotFoundError("No module named 'numba'", name="numba")) is None
