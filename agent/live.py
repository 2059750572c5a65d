"""Living in a house: the agent acts, remembers and learns, turn by turn, in one process.

    environment -> Frame -> policy -> action, and Frame -> replay buffer -> learner

Acting and learning alternate at a stated replay ratio. What the agent has stored is safe after every turn: a run that
is
killed goes on from there, its map rebuilt from its own stored frames.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..envs.frame import Frame
from ..envs.world import World
from ..learners.buffer import ReplayBuffer
from ..learners.modalities import PSEUDOLABEL
from ..learners.pretrain import TSTLearner
from ..learners.transfer import LabelledFrames
from .mapping import OccupancyMap, coverage
from .policies import Policy
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


@dataclass
class Turn:
    """What one turn of acting and learning came to; handed to the watcher of a life."""

    frame: int
    """Frames lived so far."""
    coverage: float
    """Share of the reachable floor that the agent's own depth has seen."""
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
        self._resume()

    @property
    def refused(self) -> int:
        """Frames that were lived but not stored, since they lie too near to an evaluation view."""
        return self.frame - self.buffer.total_seen

    def _resume(self) -> None:
        """Begin the life, or go on where the last turn that was stored ends."""
        self.policy.reset(self.seed)
        kept = self.folder / "learner"
        if not kept.exists() and (self.folder / "learner.old").exists():
            os.rename(self.folder / "learner.old", kept)  # killed between the two renames of `_store`
        if kept.exists():
            self.learner.load(kept)
            state = json.loads((kept / "life.json").read_text())
            self.frame = state["frame"]
            self.path = [tuple(place) for place in state["path"]]
        if not len(self.buffer):
            self.observation, self.info = self.env.reset()
            return
        stored = self.buffer.all(("depth", "pose", "step"))
        planned_on = getattr(self.policy, "map", None)
        maps = [self.map, planned_on] if isinstance(planned_on, OccupancyMap) else [self.map]
        for depth, pose in zip(stored["depth"].numpy(), stored["pose"].numpy(), strict=True):
            for known in maps:
                known.update({"depth": depth, "pose": pose})
        if self.semantic_map is not None:
            for slots in torch.arange(len(self.buffer)).split(self.config.turn):
                self.semantic_map.add(self.buffer.get(slots))
        self.frame = max(self.frame, int(stored["step"][-1]) + 1)
        self.observation, self.info = self.env.reset(options={"pose": stored["pose"][-1].numpy()})

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

    def live(self, until: int, watch: Callable[[Turn], None]) -> None:
        """Act and learn until the agent has lived `until` frames; `watch` is called after each turn."""
        while self.frame < until:
            acted = self._act(min(self.config.turn, until - self.frame))
            losses, samples_per_s = self._learn()
            self._store()
            watch(Turn(self.frame, coverage(self.map, self.env.floor), *acted, samples_per_s, losses))

    def _act(self, frames: int) -> tuple[int, float]:
        """Live the next frames; returns collisions and frames a second."""
        seen: list[Frame] = []
        collisions, start = 0, time.perf_counter()
        for _ in range(frames):
            self.observation, _, _, truncated, self.info = self.env.step(self.policy.act(self.observation, self.info))
            collisions += bool(self.info["collision"])
            self.map.update(self.observation)
            self.path.append((float(self.observation["pose"][0]), float(self.observation["pose"][2])))
            seen.append(self.observation)
            if truncated:
                raise RuntimeError("the environment's budget of steps is shorter than the life")
        fps = frames / (time.perf_counter() - start)
        batch = {key: np.stack([frame[key] for frame in seen]) for key in seen[0]}
        batch["step"] = np.arange(self.frame, self.frame + frames, dtype=np.int64)
        admitted = self.admit(batch["pose"])
        if admitted.any():
            self.buffer.extend({key: value[admitted] for key, value in batch.items()})
            if self.semantic_map is not None:  # of what is stored, so that a life that goes on finds the same map
                last = torch.arange(self.buffer.total_seen - int(admitted.sum()), self.buffer.total_seen)
                self.semantic_map.add(self.buffer.get(last % self.buffer.capacity))
        self.frame += frames
        self.buffer.flush()
        return collisions, fps

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
        """Make the learner and the agent's state survive a crash: a new folder is written, then takes the old one's
        place."""
        new, kept, old = (self.folder / name for name in ("learner.new", "learner", "learner.old"))
        shutil.rmtree(new, ignore_errors=True)
        self.learner.save(new)
        state = {"frame": self.frame, "path": self.path}
        (new / "life.json").write_text(json.dumps(state))
        shutil.rmtree(old, ignore_errors=True)
        if kept.exists():
            os.rename(kept, old)
        os.rename(new, kept)
        shutil.rmtree(old, ignore_errors=True)
