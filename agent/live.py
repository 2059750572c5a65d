"""Living in a house: the agent acts, remembers and learns, turn by turn, in one process.

    environment -> Frame -> policy -> action, and Frame -> replay buffer -> learner

Acting and learning alternate at a stated replay ratio. What the agent has stored is safe after every turn: a run that
is killed goes on from there. What the agent knows beside its frames (its maps, its path) is written just before the
buffer's flush, and the flush says how far the agent had come.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..envs.frame import Frame
from ..envs.simulator import stack_frames
from ..envs.world import ChangingWorld, World
from ..learners.buffer import ReplayBuffer
from ..learners.checkpoint import replace_folder, whole_folder
from ..learners.modalities import PSEUDOLABEL
from ..learners.pretrain import TSTLearner
from ..learners.replay import ReplayName
from ..learners.surprise import surprise
from ..learners.transfer import LabelledFrames
from .mapping import OccupancyMap, coverage, view_coverage
from .policies import Policy
from .policies.protocol import do
from .semantic_map import SemanticMap


@dataclass(frozen=True)
class LifeConfig:
    """How acting and learning share the agent's time."""

    frames: int = 4000
    """Frames the agent lives for."""
    turn: int = 250
    """Frames between two flushes: what a crash can lose."""
    first_frames: int = 500
    """Frames seen before the tokenizers are fitted and learning starts."""
    replay_ratio: float = 24.0
    """Samples the learner draws for each frame lived (the replay ratio of the paper's repeated sampling, made
    explicit)."""
    memory: int | None = None
    """Frames that the replay buffer holds; unset: all that are lived."""
    replay: ReplayName = "ring"
    """What a full buffer overwrites: see `learners.replay`."""

    @property
    def capacity(self) -> int:
        """Frames that the replay buffer holds."""
        return self.memory or self.frames


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


class Life:
    """One agent in one house, with its memory and its learner.

    `mix_in` holds rgb uint8 (M, H, W, 3) of the transfer set, drawn 1/1 beside the agent's own frames (Appendix L,
    U); no
    label comes near it. `admit` says which poses (N, 6) may enter the buffer: evaluation views are kept apart by it.
    """

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
        if (semantic_map is not None) != bool(learner.config.pseudolabel_classes):
            raise ValueError("life: pseudolabel_classes of the learner and a semantic map come together, or neither")
        self.env, self.policy, self.buffer, self.learner = env, policy, buffer, learner
        self.mix_in, self.admit, self.config, self.folder, self.seed = mix_in, admit, config, folder, seed
        self.map, self.semantic_map = OccupancyMap(env.camera), semantic_map
        self.path: list[tuple[float, float]] = []
        self.frame = 0
        meet = getattr(policy, "meet", None)  # a policy that wants to know what the learner predicts badly
        if callable(meet):
            meet(self.surprise)
        self._resume()

    def surprise(self, frame: Frame) -> float | None:
        """How badly the learner predicts a Frame (`learners.surprise`); None while it has learned nothing."""
        return float(surprise(self.learner, frame)) if self.learner.steps else None

    @property
    def refused(self) -> int:
        """Frames that were lived but not stored, since they lie too near to an evaluation view."""
        return self.frame - self.buffer.total_seen

    def _resume(self) -> None:
        """Begin the life, or go on where the last turn that was stored ends."""
        self.policy.reset(self.seed)
        if whole_folder(self.folder / "learner"):
            self.learner.load(self.folder / "learner")
        if not self.buffer.note:
            self.observation, self.info = self.env.reset()
            return
        self.frame = self.buffer.note["frame"]
        with np.load(self.folder / "agent.npz", allow_pickle=False) as stored:
            self.path = [tuple(place) for place in stored["path"][: self.frame].tolist()]
            for name, known in self._known().items():
                prefix = f"{name}/"
                known.restore({key.removeprefix(prefix): stored[key] for key in stored if key.startswith(prefix)})
        self.observation, self.info = self.env.reset(options={"pose": self.buffer.note["pose"]})

    def _known(self) -> dict[str, OccupancyMap | SemanticMap]:
        """The maps that an agent which goes on must have."""
        known: dict[str, OccupancyMap | SemanticMap] = {"map": self.map}
        planned_on = getattr(self.policy, "map", None)
        if isinstance(planned_on, OccupancyMap):
            known["policy"] = planned_on
        if self.semantic_map is not None:
            known["semantic"] = self.semantic_map
        return known

    def pseudolabelled(self, count: int) -> LabelledFrames | None:
        """`count` frames, evenly over all stored (repeated if they are fewer), as the semantic map labels them by now.

        None without a map.
        """
        if self.semantic_map is None or not len(self.buffer):
            return None
        slots = torch.linspace(0, len(self.buffer) - 1, count).round().long()
        rgb, semantic = [], []
        for some in slots.split(self.config.turn):
            frames = self.buffer.get(some)
            rgb.append(frames["rgb"].numpy())
            semantic.append(self.semantic_map.labels(frames).numpy())
        return LabelledFrames(np.concatenate(rgb), np.concatenate(semantic))

    def change_house(self, house: Any) -> float:
        """Put another state of the house round the agent, in a ChangingWorld; returns how far it had to move aside."""
        self.observation, self.info = cast(ChangingWorld, self.env).change(house)
        return float(self.info["displaced"])

    def live(self, until: int, watch: Callable[[Turn], None]) -> None:
        """Act and learn until the agent has lived `until` frames; `watch` is called after each turn."""
        while self.frame < until:
            acted = self._act(min(self.config.turn, until - self.frame))
            losses, samples_per_s = self._learn()
            self._store()
            covered = coverage(self.map, self.env.floor)
            held = view_coverage(self.buffer.all(("pose",))["pose"].numpy(), self.env.floor)
            watch(Turn(self.frame, covered, held, *acted, samples_per_s, losses))

    def _act(self, frames: int) -> tuple[int, float]:
        """Live the next frames; returns collisions and frames a second."""
        seen: list[Frame] = []
        collisions, start = 0, time.perf_counter()
        for _ in range(frames):
            action = self.policy.act(self.observation, self.info)
            self.observation, _, _, truncated, self.info = do(self.env, action)
            collisions += bool(self.info["collision"])
            self.map.update(self.observation)
            self.path.append((float(self.observation["pose"][0]), float(self.observation["pose"][2])))
            seen.append(self.observation)
            if truncated:
                raise RuntimeError("the environment's budget of steps is shorter than the life")
        fps = frames / (time.perf_counter() - start)
        batch = stack_frames(seen)
        batch["step"] = np.arange(self.frame, self.frame + frames, dtype=np.int64)
        admitted = self.admit(batch["pose"])
        if admitted.any():
            stored = {key: torch.from_numpy(value[admitted]) for key, value in batch.items()}
            self.buffer.extend(stored)
            if self.semantic_map is not None:
                self.semantic_map.add(stored)
        self.frame += frames
        self._flush()
        return collisions, fps

    def _flush(self) -> None:
        """Make what was acted and seen survive a crash."""
        self.folder.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, NDArray[Any]] = {"path": np.array(self.path, np.float64).reshape(-1, 2)}
        for name, known in self._known().items():
            arrays |= {f"{name}/{key}": value for key, value in known.arrays().items()}
        unfinished = self.folder / "agent.npz.tmp"
        with unfinished.open("wb") as out:
            np.savez(out, allow_pickle=False, **arrays)
            out.flush()
            os.fsync(out.fileno())
        unfinished.replace(self.folder / "agent.npz")
        self.buffer.note = {"frame": self.frame, "pose": self.observation["pose"].tolist()}
        self.buffer.flush()

    def _learn(self) -> tuple[dict[str, float], float]:
        """Learn what the replay ratio owes for the frames lived so far; returns mean losses and samples a second."""
        if self.frame < min(self.config.first_frames, self.config.frames):
            return {}, 0.0
        if not self.learner.has_tokenizers:
            self.learner.fit_tokenizers(self.buffer.sample)
        owed = int(self.frame * self.config.replay_ratio / self.learner.config.batch_size) - self.learner.steps
        if owed < 1:
            return {}, 0.0
        sums: dict[str, float] = {}
        half = self.learner.config.batch_size // 2
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.learner.steps)
        start = time.perf_counter()
        for _ in range(owed):
            drawn = torch.randint(len(self.mix_in), (half,), generator=generator)
            report = self.learner.step(self._replay(half), self.mix_in[drawn])
            for key, value in report.items():
                sums[key] = sums.get(key, 0.0) + value
        rate = owed * 2 * half / (time.perf_counter() - start)
        return {key: value / owed for key, value in sums.items()}, rate

    def _replay(self, count: int) -> dict[str, Tensor]:
        """Stored frames, with what the semantic map says of them by now."""
        frames = self.buffer.sample(count)
        return frames if self.semantic_map is None else {**frames, PSEUDOLABEL: self.semantic_map.labels(frames)}

    def _store(self) -> None:
        """Make the learner survive a crash."""
        replace_folder(self.folder / "learner", self.learner.save)
