"""Living in a house: the agent acts, remembers and learns, turn by turn, in one process.

    environment -> Frame -> policy -> action, and Frame -> replay buffer -> learner

Acting and learning alternate at a stated replay ratio. What the agent has stored is safe after every turn: a run that
is killed goes on from there. `agent.async_live` lets both go on at the same time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..core.frame import Frame
from ..envs.gym_envs.world import World
from ..learners.data.replay_buffer import ReplayBuffer
from ..learners.objectives.surprise import surprise
from ..learners.objectives.tst import TSTLearner
from .actor import Acting
from .actor import LifeConfig as LifeConfig
from .fusion.semantic_map import SemanticMap
from .policies import Policy
from .trainer import Learning, Tally


@dataclass
class Turn:
    """What one turn of acting and learning came to; handed to the watcher of a life."""

    frame: int
    """Frames lived so far."""
    coverage: float
    """Share of the reachable floor that the agent's own depth has seen."""
    buffer_coverage: float
    """Share of the views of the reachable floor (places and headings) that the replay buffer holds a frame of."""
    collisions: int
    """Blocked moves in this turn."""
    simulator_fps: float
    """Frames acted and rendered a second, learning not counted."""
    samples_per_s: float
    """Samples learned a second, 0 before learning starts."""
    losses: dict[str, float]
    """Means over the turn of what the learner reports."""


class Life(Acting, Learning):
    """One agent in one house, with its memory and its learner: what `Acting` and `Learning` take."""

    def __init__(
        self,
        env: World,
        policy: Policy,
        buffer: ReplayBuffer,
        learner: TSTLearner,
        mix_in: Tensor,
        admit: Callable[[NDArray[np.float32]], NDArray[np.bool_]],
        config: LifeConfig,
        folder: Path,
        seed: int,
        semantic_map: SemanticMap | None = None,
    ) -> None:
        """`semantic_map` gives the pseudolabels, where the learner wants them: ValueError without it."""
        Learning.__init__(self, buffer, learner, mix_in, config, folder, seed, semantic_map)
        meet = getattr(policy, "meet", None)  # a policy that wants to know what the learner predicts badly
        if callable(meet):
            meet(self.surprise)
        Acting.__init__(self, env, policy, buffer, admit, config, folder, seed, semantic_map)

    def surprise(self, frame: Frame) -> float | None:
        """How badly the learner predicts a Frame (`surprise.surprise`); None while it has learned nothing."""
        return float(surprise(self.learner, frame)) if self.learner.steps else None

    def live(self, until: int, watch: Callable[[Turn], None]) -> None:
        """Act and learn until the agent has lived `until` frames; `watch` is called after each turn."""
        while self.frame < until:
            acted = self.act(min(self.config.turn, until - self.frame))
            losses, samples_per_s = self._learn()
            self._store()
            watch(Turn(self.frame, *self._covered(), *acted, samples_per_s, losses))

    def _learn(self) -> tuple[dict[str, float], float]:
        """Learn what the replay ratio owes for the frames lived so far; returns mean losses and samples a second."""
        if not self._begun(self.frame):
            return {}, 0.0
        if not self.learner.has_tokenizers:
            self.learner.fit_tokenizers(self.buffer.sample)
        owed = max(0, self._owed(self.frame) - self.learner.steps)
        tally = Tally()
        self._steps(owed, tally)
        return tally.means(), tally.samples_per_s()
