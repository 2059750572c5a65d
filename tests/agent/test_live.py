"""Acting, remembering and learning in turns: what is owed, what is kept apart, and going on after a stop."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch

from testspace.agent.actor import Actor
from testspace.agent.episode import EpisodeConfig
from testspace.agent.fusion.semantic_map import SemanticMap
from testspace.agent.live import AlternatingAgent, Rollout
from testspace.agent.policies import make_policy
from testspace.agent.trainer import Trainer
from testspace.core.frame import Camera
from testspace.envs.generator import generate_house
from testspace.envs.gym_envs.house_env import HouseEnv
from testspace.envs.gym_envs.measured_world import MeasuredWorld
from testspace.learners.choices import EvictionName
from testspace.learners.data.replay_buffer import ReplayBuffer
from testspace.learners.objectives.tst import TSTLearner
from testspace.learners.objectives.tst_config import TSTConfig
from testspace.learners.training.fit import RunningMeans

pytestmark = pytest.mark.usefixtures("small_networks")

CONFIG = EpisodeConfig(frames=60, rollout=20, learning_starts=30, replay_ratio=2.0)
SIZES = TSTConfig(image_size=16, batch_size=8, decoder_layers=1, input_budget=2, target_budget=4, warmup_steps=2)


def eighths_of_red(frames: Mapping[str, torch.Tensor]) -> np.ndarray:
    """Probabilities of a network whose classes are eight shades of red."""
    return np.eye(8, dtype=np.float32)[frames["rgb"].numpy()[..., 0] // 32]


def begin(
    folder: Path,
    policy: str = "frontier",
    keep_all: bool = True,
    pseudolabels: bool = False,
    config: EpisodeConfig = CONFIG,
) -> AlternatingAgent:
    env = HouseEnv(generate_house(4, rooms=1), camera=Camera(16, 16), max_steps=1000)
    buffer = ReplayBuffer(folder / "buffer", config.capacity, 16, 16, resume=True, eviction=config.eviction)
    mix_in = torch.zeros(5, 16, 16, 3, dtype=torch.uint8)

    def admit(poses: np.ndarray) -> np.ndarray:
        return np.ones(len(poses), bool) if keep_all else poses[:, 3] < 180

    guesses = SemanticMap(eighths_of_red, range(8), env.camera) if pseudolabels else None
    learner = TSTLearner(replace(SIZES, pseudolabel_classes=8 if pseudolabels else 0), 0)
    actor = Actor(env, make_policy(policy, env), buffer, admit, config, folder / "agent", 0, guesses)
    return AlternatingAgent(actor, Trainer(buffer, learner, mix_in, config, folder / "agent", 0, guesses))


def test_learning_begins_late_and_keeps_the_replay_ratio(tmp_path: Path) -> None:
    turns: list[Rollout] = []
    life = begin(tmp_path)
    life.live(60, turns.append)
    assert [turn.frame for turn in turns] == [20, 40, 60]
    assert [bool(turn.losses) for turn in turns] == [False, True, True]
    assert life.trainer.learner.steps * SIZES.batch_size == 60 * CONFIG.replay_ratio
    assert [turn.coverage for turn in turns] == sorted(turn.coverage for turn in turns)
    assert len(life.path) == 60


def test_what_is_not_admitted_is_lived_and_not_stored(tmp_path: Path) -> None:
    life = begin(tmp_path, keep_all=False)
    life.live(40, lambda turn: None)
    stored = life.buffer.all()["pose"].numpy()
    assert (stored[:, 3] < 180).all()
    assert life.frame - life.buffer.total_seen == 40 - len(stored) > 0


class Killed(BaseException):
    """Stands for kill -9: nothing is stored after it."""


@pytest.mark.parametrize(
    ("policy", "moment"),
    [
        *(("frontier", moment) for moment in ("acting", "acted", "learning", "learned")),
        *((policy, "acted") for policy in ("coverage", "novelty", "random", "dense", "curiosity")),
    ],
)
def test_a_killed_life_ends_as_one_that_never_was(
    policy: str, moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(CONFIG, memory=25, eviction="balanced")
    monkeypatch.setattr("testspace.agent.trainer.FIRST_STORE", 0.0)  # after the first step, and then seldom
    expected: dict[int, Rollout] = {}
    straight = begin(tmp_path / "straight", policy, config=config, pseudolabels=True)
    straight.live(60, lambda rollout: expected.update({rollout.frame: rollout}))
    found: dict[int, Rollout] = {}
    for kill in range(2):
        life = begin(tmp_path / "killed", policy, config=config, pseudolabels=True)
        with monkeypatch.context() as patch, suppress(Killed):
            _kill_at(patch, life, moment, 2 + kill)
            life.live(60, lambda rollout: found.setdefault(rollout.frame, rollout))
    life = begin(tmp_path / "killed", policy, config=config, pseudolabels=True)
    life.live(60, lambda rollout: found.setdefault(rollout.frame, rollout))
    for one in (life, straight):
        assert one.trainer.learner.steps * SIZES.batch_size == 60 * CONFIG.replay_ratio
    assert life.path == straight.path
    for key, values in straight.buffer.all().items():
        assert torch.equal(life.buffer.all()[key], values), key
    assert life.trainer.semantic_map is not None
    assert straight.trainer.semantic_map is not None
    for name, array in straight.trainer.semantic_map.arrays().items():
        np.testing.assert_array_equal(life.trainer.semantic_map.arrays()[name], array, strict=True)
    weights = straight.trainer.learner.model.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in life.trainer.learner.model.state_dict().items())
    assert sorted(found) == sorted(expected)
    for frame, rollout in expected.items():
        mine = found[frame]
        assert (mine.coverage, mine.buffer_coverage, mine.collisions, mine.losses) == (
            rollout.coverage, rollout.buffer_coverage, rollout.collisions, rollout.losses
        )  # fmt: skip


def _kill_at(patch: pytest.MonkeyPatch, life: AlternatingAgent, moment: str, count: int) -> None:
    """Kill it when it does this for the `count`th time."""
    calls = iter(range(1, 1000))

    def dying(owner: Any, name: str, after: bool) -> None:
        inner = getattr(owner, name)

        def call(*arguments: Any) -> Any:
            dies = next(calls) == count
            if dies and not after:
                raise Killed
            result = inner(*arguments)
            if dies:
                raise Killed
            return result

        patch.setattr(owner, name, call)

    if moment == "acting":  # frames are overwritten, and not flushed yet
        dying(life.buffer, "extend", True)
    elif moment == "acted":
        dying(life.actor, "act", True)
    elif moment == "learning":
        dying(life.trainer.learner, "step", False)
    else:
        dying(life.trainer, "store", True)


@pytest.mark.parametrize("policy", ["frontier", "random"])
def test_a_life_goes_on_from_its_last_turn(policy: str, tmp_path: Path) -> None:
    first = begin(tmp_path, policy)
    first.live(40, lambda turn: None)
    again = begin(tmp_path, policy)
    assert again.frame == 40
    assert again.trainer.learner.steps == first.trainer.learner.steps
    assert again.path == first.path
    np.testing.assert_array_equal(again.actor.observation["pose"], first.actor.observation["pose"])
    np.testing.assert_array_equal(again.actor.observation["rgb"], first.actor.observation["rgb"])
    assert (again.map.state == first.map.state).all()
    assert again.map.corner.tolist() == first.map.corner.tolist()
    for mine, theirs in zip(
        again.trainer.learner.model.parameters(), first.trainer.learner.model.parameters(), strict=True
    ):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("replay", get_args(EvictionName))
def test_a_life_of_little_memory_goes_on_too(replay: EvictionName, tmp_path: Path) -> None:
    config = replace(CONFIG, memory=15, eviction=replay)
    turns: list[Rollout] = []
    begin(tmp_path, config=config).live(40, turns.append)
    again = begin(tmp_path, config=config)  # most of what it knows of the floor it has no frame of any more
    assert (again.frame, len(again.buffer), again.frame - again.buffer.total_seen) == (40, 15, 0)
    again.live(60, turns.append)
    straight = begin(tmp_path / "straight", config=config)
    straight.live(60, lambda turn: None)
    assert torch.equal(again.buffer.all()["step"], straight.buffer.all()["step"])
    assert [turn.coverage for turn in turns] == sorted(turn.coverage for turn in turns)
    assert all(0 < turn.buffer_coverage <= 1 for turn in turns)


def test_running_means_and_pace() -> None:
    means = RunningMeans()
    assert (means.means(), means.samples_per_s()) == ({}, 0.0)
    means.add({"loss": 3.0}, samples=8)
    means.add({"loss": 1.0}, samples=8)
    means.seconds = 4.0
    assert (means.means(), means.samples_per_s()) == ({"loss": 2.0}, 4.0)


def test_frames_flushed_after_the_last_checkpoint_are_kept(tmp_path: Path) -> None:
    life = begin(tmp_path)
    life.live(20, lambda turn: None)
    life.actor.act(20)  # killed here: the frames are flushed, the learner is not stored
    again = begin(tmp_path)
    assert again.frame == 40
    assert len(again.buffer) == 40
    again.live(60, lambda turn: None)
    assert again.buffer.all()["step"].tolist() == list(range(60))


def test_pseudolabels_are_learned_and_rebuilt_when_a_life_goes_on(tmp_path: Path) -> None:
    turns: list[Rollout] = []
    first = begin(tmp_path, pseudolabels=True)
    first.live(40, turns.append)
    assert 0 < turns[-1].losses["loss_semantic"] < 3
    again = begin(tmp_path, pseudolabels=True)
    assert first.trainer.semantic_map is not None
    assert again.trainer.semantic_map is not None
    frames = first.buffer.get(range(40))
    assert torch.equal(again.trainer.semantic_map.labels(frames), first.trainer.semantic_map.labels(frames))
    assert "semantic" not in frames


def test_pseudolabels_and_their_map_come_together(tmp_path: Path) -> None:
    life = begin(tmp_path)
    semantic_map = SemanticMap(eighths_of_red, range(8), life.env.camera)
    with pytest.raises(ValueError, match="together"):
        Trainer(life.buffer, life.trainer.learner, None, CONFIG, tmp_path / "other", 0, semantic_map)


def test_a_drifting_actor_stores_corrected_poses_and_goes_on_after_a_stop(tmp_path: Path) -> None:
    def actor(folder: Path) -> Actor:
        env = MeasuredWorld(HouseEnv(generate_house(4, rooms=1), camera=Camera(32, 32), light="direct"), "odometry", 1)
        buffer = ReplayBuffer(folder / "buffer", 60, 32, 32, resume=True)
        policy = make_policy("random", env)
        return Actor(env, policy, buffer, lambda poses: np.ones(len(poses), bool), CONFIG, folder / "agent", 0)

    whole = actor(tmp_path / "whole")
    whole.act(15)
    assert whole.localiser is not None
    np.testing.assert_array_equal(whole.observation["pose"], whole.localiser.pose.astype(np.float32))
    whole.act(15)
    actor(tmp_path / "parts").act(15)
    resumed = actor(tmp_path / "parts")
    resumed.act(15)
    ours, theirs = (one.buffer.all(("pose",))["pose"].numpy() for one in (whole, resumed))
    np.testing.assert_array_equal(ours[:16], theirs[:16])  # the first frame after the stop lies where it would have
    known, again = (one.localiser.arrays()["points"] for one in (whole, resumed) if one.localiser is not None)
    np.testing.assert_array_equal(known[:20], again[:20])
