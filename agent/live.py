"""The live agent: it acts, remembers and learns, rollout by rollout, in one process.

    environment -> Frame -> policy -> action, and Frame -> replay buffer -> learner

Acting and learning alternate at a stated replay ratio. What was acted is stored after every rollout, the learner also
in between: a run that is killed resumes from there, and ends as it would have without. `agent.async_live` lets both go
on at the same time.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from ..envs.gym_envs.world import World
from ..learners.data.replay_buffer import ReplayBuffer
from .actor import Actor
from .mapping.occupancy_map import OccupancyMap
from .policies.protocol import UsesLearner, unwrapped
from .trainer import Trainer


@dataclass
class Rollout:
    """Metrics of one rollout and of the training that followed it."""

    frame: int
    """Frames seen so far."""
    coverage: float
    """Share of the reachable floor that the agent's own depth has seen."""
    buffer_coverage: float
    """Share of the views of the reachable floor (places and headings) that the replay buffer holds a frame of."""
    collisions: int
    """Blocked moves in this rollout."""
    simulator_fps: float
    """Frames acted and rendered per second, without training."""
    samples_per_s: float
    """Training samples per second; 0 before learning starts."""
    losses: dict[str, float]
    """Means of the learner's metrics over the rollout's training steps."""
    acting_s: float = 0.0
    """Seconds of acting and rendering."""
    fusing_s: float = 0.0
    """Seconds of adding the frames to the semantic map."""
    learning_s: float = 0.0
    """Seconds of training."""


class LiveAgent(Protocol):
    """What a run needs of an agent, whether it acts and learns by turns or at the same time."""

    trainer: Trainer

    @property
    def env(self) -> World:
        """Its environment."""

    @property
    def map(self) -> OccupancyMap:
        """What it knows of the floor."""

    @property
    def path(self) -> list[tuple[float, float]]:
        """Its place (x, z) at every frame."""

    @property
    def frame(self) -> int:
        """Frames seen so far."""

    def live(self, until: int, on_rollout: Callable[[Rollout], None]) -> None:
        """Act and learn until the agent has seen `until` frames; `on_rollout` is called after each rollout."""

    def change_house(self, house: Any) -> float:
        """Put another state of the house around the agent; returns how far it had to move, in metres."""


class AlternatingAgent:
    """An actor and a trainer that take turns."""

    def __init__(self, actor: Actor, trainer: Trainer) -> None:
        self.actor, self.trainer = actor, trainer
        self._reported = 0  # frames seen by the last rollout that was reported in this session
        if trainer.learner.steps == 0 and trainer.steps_due(max(0, actor.frame - actor.config.rollout)) > 0:
            print(f"{trainer.folder / 'learner'}: gone; it learns anew from the stored frames", file=sys.stderr)
        policy = unwrapped(actor.policy)
        if isinstance(policy, UsesLearner):
            policy.attach_learner(trainer.surprise)

    @property
    def env(self) -> World:
        """The agent's environment."""
        return self.actor.env

    @property
    def map(self) -> OccupancyMap:
        """What it knows of the floor."""
        return self.actor.map

    @property
    def path(self) -> list[tuple[float, float]]:
        """Its place (x, z) at every frame."""
        return self.actor.path

    @property
    def frame(self) -> int:
        """Frames seen so far."""
        return self.actor.frame

    @property
    def buffer(self) -> ReplayBuffer:
        """Its replay buffer."""
        return self.actor.buffer

    def live(self, until: int, on_rollout: Callable[[Rollout], None]) -> None:
        """Act and learn until the agent has seen `until` frames; `on_rollout` is called after each rollout, first
        for the one that a resumed agent had acted last."""
        if self._reported < self.frame <= until:
            self._learn(on_rollout)
        while self.frame < until:
            self.actor.act(min(self.actor.config.rollout, until - self.frame))
            self._learn(on_rollout)

    def _learn(self, on_rollout: Callable[[Rollout], None]) -> None:
        """Learn as much as the last rollout has made due, and report it."""
        trainer, acted = self.trainer, self.actor.acted
        assert acted is not None
        stored = trainer.rollout == self.frame and trainer.learner.steps >= trainer.steps_due(self.frame)
        trainer.begin(self.frame)
        started = time.perf_counter()
        trainer.train(trainer.steps_due(self.frame))
        seconds = time.perf_counter() - started
        if not stored:
            trainer.store()
        seen, held = self.actor.coverage()
        self._reported = self.frame
        on_rollout(
            Rollout(
                self.frame, seen, held, **acted._asdict(), samples_per_s=trainer.means.samples_per_s(),
                losses=trainer.means.means(), learning_s=seconds,
            )
        )  # fmt: skip

    def change_house(self, house: Any) -> float:
        """Put another state of the house around the agent; returns how far it had to move, in metres."""
        return self.actor.change_house(house)


def collect(actor: Actor, until: int, on_rollout: Callable[[Actor], None]) -> None:
    """Act, without any learning, until the actor has seen `until` frames; `on_rollout` is called after each rollout."""
    while actor.frame < until:
        actor.act(min(actor.config.rollout, until - actor.frame))
        on_rollout(actor)
