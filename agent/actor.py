"""The half of a life that acts: it walks with the policy and writes what it sees to the replay buffer.

What the agent knows beside its frames (its maps, its path) is written just before the buffer's flush, and the flush
says how far the agent had come.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.frame import Frame
from ..core.storage import write_arrays
from ..envs.gym_envs.world import ChangingWorld, World
from ..envs.simulator import stack_frames
from ..learners.choices import EvictionName
from ..learners.data.replay_buffer import ReplayBuffer
from .fusion.semantic_map import SemanticMap
from .mapping.occupancy_map import OccupancyMap, coverage, view_coverage
from .policies import Policy
from .policies.protocol import do


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
    replay: EvictionName = "ring"
    """What a full buffer overwrites: see `learners.data.eviction`."""

    @property
    def capacity(self) -> int:
        """Frames that the replay buffer holds."""
        return self.memory or self.frames


class Acting:
    """An agent in a house, with its policy, its maps and its memory.

    `admit` says which poses (N, 6) may enter the buffer: evaluation views are kept apart by it. It begins, or goes on
    where the last turn that was stored ends. A `semantic_map` is told of all that is stored.
    """

    def __init__(
        self,
        env: World,
        policy: Policy,
        buffer: ReplayBuffer,
        admit: Callable[[NDArray[np.float32]], NDArray[np.bool_]],
        config: LifeConfig,
        folder: Path,
        seed: int,
        semantic_map: SemanticMap | None = None,
    ) -> None:
        self.env, self.policy, self.buffer, self.admit = env, policy, buffer, admit
        self.config, self.folder, self.seed = config, folder, seed
        self.map, self.semantic_map = OccupancyMap(env.camera), semantic_map
        self.path: list[tuple[float, float]] = []
        self.frame = 0
        self.acted = (0, 0.0)
        """Collisions, and frames a second, of the last turn."""
        self.halted: Callable[[], bool] = lambda: False
        """Whether to stop in the middle of a turn."""
        policy.reset(seed)
        if not buffer.note:
            self.observation, self.info = env.reset()
            return
        self.frame = buffer.note["frame"]
        with np.load(folder / "agent.npz", allow_pickle=False) as stored:
            self.path = [tuple(place) for place in stored["path"][: self.frame].tolist()]
            for name, known in self._known().items():
                prefix = f"{name}/"
                known.restore({key.removeprefix(prefix): stored[key] for key in stored if key.startswith(prefix)})
        self.observation, self.info = env.reset(options={"pose": buffer.note["pose"]})

    def _known(self) -> dict[str, OccupancyMap | SemanticMap]:
        """The maps that an agent which goes on must have."""
        known: dict[str, OccupancyMap | SemanticMap] = {"map": self.map}
        planned_on = getattr(self.policy, "map", None)
        if isinstance(planned_on, OccupancyMap):
            known["policy"] = planned_on
        if self.semantic_map is not None:
            known["semantic"] = self.semantic_map
        return known

    def change_house(self, house: Any) -> float:
        """Put another state of the house round the agent, in a ChangingWorld; returns how far it had to move aside."""
        self.observation, self.info = cast(ChangingWorld, self.env).change(house)
        return float(self.info["displaced"])

    def _covered(self) -> tuple[float, float]:
        """Share of the floor that was seen, and of the views that the buffer holds."""
        held = view_coverage(self.buffer.all(("pose",))["pose"].numpy(), self.env.floor)
        return coverage(self.map, self.env.floor), held

    def act(self, frames: int) -> tuple[int, float]:
        """Live the next frames, fewer where `halted` says so; returns collisions and frames a second."""
        seen: list[Frame] = []
        collisions, start = 0, time.perf_counter()
        while len(seen) < frames and not self.halted():
            action = self.policy.act(self.observation, self.info)
            self.observation, _, _, truncated, self.info = do(self.env, action)
            collisions += bool(self.info["collision"])
            self.map.update(self.observation)
            self.path.append((float(self.observation["pose"][0]), float(self.observation["pose"][2])))
            seen.append(self.observation)
            if truncated:
                raise RuntimeError("the environment's budget of steps is shorter than the life")
        if not seen:
            return 0, 0.0
        frames = len(seen)
        self.acted = collisions, frames / (time.perf_counter() - start)
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
        return self.acted

    def _flush(self) -> None:
        """Make what was acted and seen survive a crash."""
        self.folder.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, NDArray[Any]] = {"path": np.array(self.path, np.float64).reshape(-1, 2)}
        for name, known in self._known().items():
            arrays |= {f"{name}/{key}": value for key, value in known.arrays().items()}
        write_arrays(self.folder / "agent.npz", arrays)
        self.buffer.note = self._note()
        self.buffer.flush()

    def _note(self) -> dict[str, Any]:
        """How far the agent has come: what the buffer stores with the frames."""
        return {"frame": self.frame, "pose": self.observation["pose"].tolist()}
