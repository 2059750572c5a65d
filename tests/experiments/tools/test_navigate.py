"""`testspace navigate`: scores of an episode against closed forms, and what it says of wrong input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from testspace.agent.policies.point_goal import PointGoalPolicy
from testspace.agent.policies.protocol import PolicyError
from testspace.agent.rewards import DONE, PointGoal
from testspace.core.frame import Camera
from testspace.envs.generator import generate_house
from testspace.envs.gym_envs.house_env import HouseEnv
from testspace.experiments.cli import main as cli

STRAIGHT = '''
class Straight:
    """Turns to the goal and walks straight at it; says Done beside it."""

    def act(self, observation, info):
        metres, bearing = observation["goal"]
        if metres <= 0.4:
            return 5
        if abs(bearing) > 15:
            return 2 if bearing > 0 else 1
        return 0


class Quits:
    def act(self, observation, info):
        return 5


class Invents:
    def act(self, observation, info):
        return 6
'''


def navigate(*words: str) -> None:
    cli.main(["navigate", "--house", "5", "--camera", "32x32", "--episodes", "3", "--max-actions", "200", *words])


@pytest.fixture
def policies(tmp_path: Path) -> str:
    file = tmp_path / "mine.py"
    file.write_text(STRAIGHT)
    return str(file)


def test_scores_of_episodes_are_those_of_the_task(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "scores.json"
    navigate("--house", "6", "--json", str(file))
    stored = json.loads(file.read_text())
    assert stored["settings"]["policy"] == "point-goal"
    rows = stored["episodes"]
    assert [(row["house"], row["episode"]) for row in rows] == [(house, k) for house in "56" for k in range(3)]
    for row in rows:
        assert row["success"] == 1.0
        assert 0.5 < row["spl"] <= 1.0
        assert 0 < row["metres"] <= 0.25 * row["actions"] + 1e-3
    table = capsys.readouterr().out
    assert f"| all | 100.0 | {100 * sum(row['spl'] for row in rows) / 6:.1f} |" in table
    assert "Means over 6 episodes: success and SPL" in table


def test_the_same_seed_gives_every_policy_the_same_goals(tmp_path: Path, policies: str) -> None:
    """Who quits at once has not walked; who walks straight needs at least the actions that the straight line takes."""
    scores = {}
    for name in ("Straight", "Quits"):
        file = tmp_path / f"{name}.json"
        navigate("--policy", f"{policies}:{name}", "--json", str(file))
        scores[name] = json.loads(file.read_text())["episodes"]
    assert all(row["actions"] == 1 and row["metres"] == row["spl"] == row["success"] == 0 for row in scores["Quits"])
    env = PointGoal(HouseEnv(generate_house(5), camera=Camera(32, 32), light="direct"))
    for episode, row in enumerate(scores["Straight"]):
        frame, _ = env.reset(seed=episode)
        if row["success"]:
            assert row["metres"] >= frame["goal"][0] - 0.4 - 1e-3
            assert row["actions"] > row["metres"] / 0.25
    assert any(row["success"] for row in scores["Straight"])


def test_coverage_is_of_the_floor_seen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "scores.json"
    navigate("--task", "explore", "--json", str(file))
    rows = json.loads(file.read_text())["episodes"]
    assert all(row["actions"] == 200 and 0.5 < row["coverage"] <= 1 and "spl" not in row for row in rows)
    assert "coverage in percent" in capsys.readouterr().out


def test_an_object_is_a_goal_too(tmp_path: Path, policies: str) -> None:
    file = tmp_path / "scores.json"
    navigate("--task", "object", "--policy", f"{policies}:Quits", "--json", str(file))
    assert all(row["actions"] == 1 for row in json.loads(file.read_text())["episodes"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--task", "object"], "--task object needs a --policy that knows objects"),
        (["--camera", "32"], "--camera 32: two numbers of pixels from 8 to 1024"),
        (["--fov", "200"], "--fov must lie between 1 and 170 degrees, got 200"),
        (["--episodes", "0"], "give at least one --house, one of --episodes"),
        (["--seed", "-1"], "--seed must be 0 or more, got -1"),
        (["--policy", "nobody"], "no policy 'nobody'"),
        (["--policy", "FILE:Invents"], "action 6 is not one of 0 MOVE_AHEAD"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    words: list[str], says: str, policies: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        navigate(*(word.replace("FILE", policies) for word in words))
    said = capsys.readouterr().err
    assert says in said
    assert "Traceback" not in said


def test_without_a_goal_the_policy_says_what_it_needs() -> None:
    env = HouseEnv(generate_house(5), camera=Camera(32, 32), light="direct")
    frame, info = env.reset(seed=0)
    policy = PointGoalPolicy(env.camera, env.motion)
    with pytest.raises(PolicyError, match="a task that gives a point as goal"):
        policy.act(frame, info)
    there = {**frame, "goal": frame["pose"][:2] * 0}
    assert policy.act(there, info) == DONE
