"""The acting half of the live agent: it follows the policy and writes what it sees to the replay buffer.

What the agent knows beside its frames (its maps, its path, its policy's plans) is written just before the buffer's
flush, into a file of its own for each flush, and the flush says how far the agent had come. A resumed agent acts as one
that never stopped.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.frame import Frame
from ..core.storage import DamagedError, read_arrays, write_arrays
from ..envs.gym_envs.world import ChangingWorld, DriftingWorld, ResumableWorld, World
from ..envs.simulator import stack_frames
from ..learners.data.replay_buffer import ReplayBuffer, as_stored
from .episode import EpisodeConfig
from .fusion.semantic_map import SemanticMap
from .mapping.localiser import Localiser
from .mapping.occupancy_map import OccupancyMap, coverage, view_coverage
from .policies import Policy
from .policies.protocol import HasMap, Resumable, step_or_teleport, unwrapped

Admit = Callable[[NDArray[np.float32]], NDArray[np.bool_]]
"""Which of the poses (N, 6) may enter the replay buffer: those that are not too near to a held-out view."""

TELEPORTED = -1
"""Stands for the action of a policy that gives a pose."""


class Acted(NamedTuple):
    """The acting of one rollout."""

    collisions: int
    """Moves that were blocked."""
    simulator_fps: float
    """Frames acted and rendered per second."""
    acting_s: float = 0.0
    """Seconds of acting and rendering, the replay buffer included."""
    fusing_s: float = 0.0
    """Seconds of the semantic map."""


class Stored(Protocol):
    """What is kept in an agent's file: a map, a policy."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Its state."""

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Continue from what `arrays` gave."""


def agent_file(folder: Path, frame: int) -> Path:
    """What the agent knew when it had seen so many frames."""
    return folder / f"agent-{frame:08d}.npz"


def part_of(stored: Mapping[str, NDArray[Any]], name: str) -> dict[str, NDArray[Any]]:
    """The arrays of one part, stored as NAME/..., by their own names."""
    prefix = f"{name}/"
    return {key.removeprefix(prefix): value for key, value in stored.items() if key.startswith(prefix)}


def read_agent(buffer: ReplayBuffer, folder: Path) -> dict[str, NDArray[Any]]:
    """What the agent knew at the buffer's last flush; none before the first.

    Where that is damaged, the buffer is rewound to the flush before, and a line on stderr says so. DamagedError where
    that is damaged too.
    """
    if not buffer.note:
        return {}
    try:
        return read_arrays(agent_file(folder, buffer.note["frame"]))
    except DamagedError as error:
        if not buffer.rewind():
            raise DamagedError(f"{error}; the frames are whole, but the agent cannot go on from them") from None
        print(f"{error}; going on from frame {buffer.note.get('frame', 0)}", file=sys.stderr, flush=True)
        return read_agent(buffer, folder)


class Actor:
    """An agent in a test space, with its policy, its maps and its replay buffer.

    It starts a new episode, or resumes after the last rollout that was stored. A `semantic_map` is updated with
    every frame that is stored.
    """

    def __init__(
        self,
        env: World,
        policy: Policy,
        buffer: ReplayBuffer,
        admit: Admit,
        config: EpisodeConfig,
        folder: Path,
        seed: int,
        semantic_map: SemanticMap | None = None,
    ) -> None:
        self.env, self.policy, self.buffer, self.admit = env, policy, buffer, admit
        self.config, self.folder = config, folder
        self.map, self.semantic_map = OccupancyMap(env.camera), semantic_map
        self.path: list[tuple[float, float]] = []
        self.actions: list[int] = []
        """What it did before every frame; TELEPORTED where it was put elsewhere."""
        self.frame = 0
        """Frames seen so far."""
        self.halted: Callable[[], bool] = lambda: False
        """Whether to stop in the middle of a rollout."""
        self.acted: Acted | None = None
        """The last rollout."""
        self.localiser: Localiser | None = None
        """Where the world's poses drift, what finds out where the agent is."""
        if isinstance(env, DriftingWorld) and env.drifting:
            self.localiser = Localiser(env.camera)
        policy.reset(seed)
        stored = read_agent(buffer, folder)
        if not buffer.note:
            observation, self.info = env.reset()
            self.observation = self._located(observation)
            return
        note = buffer.note
        self.frame, self.acted = note["frame"], Acted(**note["acted"])
        try:
            self.path = [tuple(place) for place in stored["path"].tolist()]
            self.actions = stored["actions"].tolist()
            for name, one in self._parts().items():
                one.restore(part_of(stored, name))
        except KeyError as error:
            raise DamagedError(f"{agent_file(folder, self.frame)}: it lacks {error}; start anew elsewhere") from None
        observation, self.info = env.reset(options={key: note[key] for key in ("body", "pose") if key in note})
        self.observation = observation if self.localiser is None else self._at(observation, self.localiser.pose)

    def act(self, frames: int) -> Acted:
        """One rollout of `frames` frames, fewer where `halted` says so; what was seen is stored."""
        rollout: list[Frame] = []
        poses: list[NDArray[np.floating]] = []  # true ones, by which frames are kept apart from held-out views
        collisions, start = 0, time.perf_counter()
        while len(rollout) < frames and not self.halted():
            action = self.policy.act(self.observation, self.info)
            observation, _, _, truncated, self.info = step_or_teleport(self.env, action)
            self.observation = self._located(observation)
            collisions += bool(self.info["collision"])
            self.map.update(self.observation)
            self.path.append((float(self.observation["pose"][0]), float(self.observation["pose"][2])))
            self.actions.append(TELEPORTED if isinstance(action, np.ndarray) else int(action))
            rollout.append(self.observation)
            poses.append(self.info.get("true_pose", self.observation["pose"]))
            if truncated:
                raise RuntimeError("the environment's budget of steps is shorter than the episode")
        if not rollout:
            return Acted(0, 0.0)
        fps, fusing = len(rollout) / (time.perf_counter() - start), 0.0
        batch = stack_frames(rollout)
        batch["step"] = np.arange(self.frame, self.frame + len(rollout), dtype=np.int64)
        admitted = self.admit(np.array(poses, np.float32))
        if admitted.any():
            stored = {key: torch.from_numpy(value[admitted]) for key, value in batch.items()}
            self.buffer.extend(stored)
            if self.semantic_map is not None:
                begun = time.perf_counter()
                self.semantic_map.add(as_stored(stored))  # as the learner will look them up
                fusing = time.perf_counter() - begun
        self.frame += len(rollout)
        self.acted = Acted(collisions, fps, time.perf_counter() - start - fusing, fusing)
        self._store(self.acted)
        return self.acted

    def change_house(self, house: Any) -> float:
        """Put another state of the house around the agent, in a ChangingWorld; returns how far it had to move, in
        metres."""
        observation, self.info = cast(ChangingWorld, self.env).change(house)
        self.observation = self._located(observation)
        return float(self.info["displaced"])

    def _located(self, observation: Frame) -> Frame:
        """The next frame, at the pose that the localiser gives it."""
        return observation if self.localiser is None else self._at(observation, self.localiser.locate(observation))

    @staticmethod
    def _at(observation: Frame, pose: NDArray[np.float64]) -> Frame:
        return {**observation, "pose": pose.astype(np.float32)}

    def coverage(self) -> tuple[float, float]:
        """Share of the reachable floor that was seen, and share of its views that the buffer holds a frame of."""
        held = view_coverage(self.buffer.all(("pose",))["pose"].numpy(), self.env.floor)
        return coverage(self.map, self.env.floor), held

    def _parts(self) -> dict[str, Stored]:
        """What a resumed agent needs, by name."""
        parts: dict[str, Stored] = {"map": self.map}
        policy = unwrapped(self.policy)
        if isinstance(policy, Resumable):
            parts["policy"] = policy
        elif isinstance(policy, HasMap):
            parts["policy"] = policy.map
        if self.semantic_map is not None:
            parts["semantic"] = self.semantic_map
        if self.localiser is not None:
            parts["localiser"] = self.localiser
        return parts

    def _store(self, acted: Acted) -> None:
        """Make what was acted and seen survive a crash."""
        self.folder.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, NDArray[Any]] = {
            "path": np.array(self.path, np.float64).reshape(-1, 2), "actions": np.array(self.actions, np.int64)
        }  # fmt: skip
        for name, one in self._parts().items():
            arrays |= {f"{name}/{key}": value for key, value in one.arrays().items()}
        before = self.buffer.note.get("frame", 0)
        write_arrays(agent_file(self.folder, self.frame), arrays)
        self.buffer.note = self._note(acted)
        self.buffer.flush()
        for file in self.folder.glob("agent-*.npz"):
            if file not in (agent_file(self.folder, before), agent_file(self.folder, self.frame)):
                file.unlink()

    def _note(self, acted: Acted) -> dict[str, Any]:
        """How far the agent has come: what the buffer stores with the frames."""
        note = {"frame": self.frame, "pose": self.observation["pose"].tolist(), "acted": acted._asdict()}
        return {**note, "body": self.env.body_state()} if isinstance(self.env, ResumableWorld) else note
