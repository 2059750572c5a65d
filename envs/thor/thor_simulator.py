"""AI2-THOR as a Simulator, and as an environment with AI2-THOR's own movement."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ...core.frame import Camera, Frame, Labels
from ..assembly.building import build_scene
from ..floor import ReachableFloor
from ..gym_envs.motion import Action, Motion
from ..house.house import House
from ..perturbations import Perturbation
from ..scene import Scene, empty_scene
from ..simulator import check_poses, stack_frames, stack_labels
from .session import RESTARTS, SeededChanges, ThorSession
from .thor_changes import enter
from .thor_conventions import EYES, PIVOT, frame_of, labels_of, pose_of, to_thor
from .thor_errors import ThorError
from .thor_places import find_place

GRID = 0.25
"""Metres between AI2-THOR's reachable positions."""


class ThorSimulator:
    """A house or scene in AI2-THOR: frames from any place, at its agent's eye height, without roll."""

    def __init__(
        self, place: str | House, camera: Camera | None = None, *, options: dict[str, Any] | None = None,
        restarts: int = RESTARTS,
    ) -> None:  # fmt: skip
        """place: see `places.find_place`. options, restarts: see ThorSession, whose errors are raised."""
        self.house, scene = find_place(place)
        self.camera = camera or Camera()
        self.source = place if isinstance(place, str) else place.source
        self.session = ThorSession(scene, self.camera, options, restarts)
        self.start = pose_of(self.session.event.metadata)
        """AI2-THOR's start pose of the agent, (6,), standing on the floor, with pitch 0."""
        self.start[[1, 4]] = PIVOT + EYES, 0.0
        self.state: tuple[SeededChanges, ...] = ()
        """The changes applied to its house."""

    def changed(self, changes: Sequence[Perturbation], seed: int) -> ThorSimulator:
        """The same place after one more change, in the same session, which switches between the states on use."""
        other = copy.copy(self)
        other.__dict__.pop("floor", None)
        other.state = (*self.state, (tuple(changes), seed))
        return other

    @cached_property
    def floor(self) -> ReachableFloor:
        """AI2-THOR's reachable positions as a raster of GRID."""
        enter(self.session, self.state)
        event = self.session.act("GetReachablePositions")
        positions = event.metadata.get("actionReturn") or []
        if not positions:
            raise ThorError(f"{self.source}: AI2-THOR finds no position that the agent can reach:"
                            f" {event.metadata.get('errorMessage') or 'it gives no reason'}")  # fmt: skip
        places = np.array([(place["x"], -place["z"]) for place in positions])
        level = float(np.median([place["y"] for place in positions])) - PIVOT
        low = places.min(axis=0)
        cells = np.round((places - low) / GRID).astype(np.int64)
        reachable = np.zeros((cells[:, 1].max() + 1, cells[:, 0].max() + 1), np.bool_)
        reachable[cells[:, 1], cells[:, 0]] = True
        origin = low - GRID / 2
        return ReachableFloor((float(origin[0]), float(origin[1])), GRID, reachable, 0.2, level)

    def render(self, poses: NDArray[Any]) -> Frame:
        """Frames seen from x, z, yaw and pitch of the poses (N, 6); `pose` is the actual pose of the camera."""
        return stack_frames([frame_of(self.put(pose)) for pose in check_poses(poses)])

    def render_with_labels(self, poses: NDArray[Any]) -> tuple[Frame, Labels]:
        """The same frames with their ground truth, for evaluation only."""
        events = [self.put(pose, renderInstanceSegmentation=True) for pose in check_poses(poses)]
        labels = [labels_of(event) for event in events]
        return (
            stack_frames([frame_of(event) for event in events]),
            stack_labels(labels),
        )

    def put(self, pose: NDArray[np.float64], **more: Any) -> Any:
        """The event of moving the agent to a pose (6,) in this state of the house; ThorError if it cannot be there."""
        enter(self.session, self.state)
        event = self.session.act("TeleportFull", **to_thor(pose), **more)
        if not event.metadata["lastActionSuccess"]:
            raise ThorError(f"{self.source}: AI2-THOR cannot put the agent at x={pose[0]:.2f}, z={pose[2]:.2f}:"
                            f" {event.metadata.get('errorMessage')}")  # fmt: skip
        if event.metadata["agent"]["position"]["y"] < -1:
            raise ThorError(f"{self.source}: AI2-THOR's agent fell through the floor at x={pose[0]:.2f},"
                            f" z={pose[2]:.2f}; there is no floor there")  # fmt: skip
        return event


class ThorEnv:
    """An agent that moves in AI2-THOR by its own actions. The action space is HouseEnv's (`Action`).

    The simulator renders from this same agent: if it was used between two steps, the agent is first moved back.
    """

    def __init__(self, simulator: ThorSimulator, step: float = GRID, turn: float = 30.0, look: float = 30.0) -> None:
        """step in metres, turn and look in degrees."""
        self.simulator = simulator
        self.motion = Motion(step=step, turn=turn, look=look, camera_height=PIVOT + EYES)
        self.action_space = spaces.Discrete(len(Action))
        self._moves: dict[Action, tuple[str, dict[str, float]]] = {
            Action.MOVE_AHEAD: ("MoveAhead", {"moveMagnitude": step}),
            Action.ROTATE_LEFT: ("RotateLeft", {"degrees": turn}),
            Action.ROTATE_RIGHT: ("RotateRight", {"degrees": turn}),
            Action.LOOK_UP: ("LookUp", {"degrees": look}),
            Action.LOOK_DOWN: ("LookDown", {"degrees": look}),
        }
        self._step = 0
        self._event: Any = None

    @property
    def camera(self) -> Camera:
        """The camera of every observation."""
        return self.simulator.camera

    @property
    def floor(self) -> ReachableFloor:
        """AI2-THOR's reachable floor."""
        return self.simulator.floor

    @cached_property
    def scene(self) -> Scene:
        """Our triangles of the house (for the plan in reports); empty for a scene of iTHOR."""
        house = self.simulator.house
        return build_scene(house) if house is not None else empty_scene(self.simulator.source)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Frame, dict[str, Any]]:
        """Put the agent at `options["pose"]` (6,), at a reachable place drawn by `seed`, or where AI2-THOR starts it;
        with `options["house"]` in that state of the house (`ThorSimulator.changed`)."""
        self._step, options = 0, options or {}
        if "house" in options:
            self.simulator = options["house"]
        pose = self.simulator.start
        if "pose" in options:
            pose = np.asarray(options["pose"], np.float64)
        elif seed is not None:
            rng = np.random.default_rng(seed)
            cells = np.argwhere(self.floor.reachable)
            x, z = self.floor.from_cells(cells[rng.integers(len(cells))])
            yaw = self.motion.turn * int(rng.integers(max(1, int(360 / self.motion.turn))))
            pose = np.array([x, 0, z, yaw, 0, 0])
        self._event = self.simulator.put(pose)
        return frame_of(self._event), self._info()

    def change(self, house: ThorSimulator) -> tuple[Frame, dict[str, Any]]:
        """Change the house to another state (`ThorSimulator.changed`); the agent stays where it is."""
        pose, self.simulator = pose_of(self._event.metadata), house
        self._event = self.simulator.put(pose)
        return frame_of(self._event), {**self._info(), "displaced": 0.0}

    def step(self, action: np.int64 | int) -> tuple[Frame, float, bool, bool, dict[str, Any]]:
        """Do one action; a move that AI2-THOR refuses is a collision and does not move the agent. The info's `error`
        holds AI2-THOR's words about an action that it refused."""
        session = self.simulator.session
        if session.event is not self._event:
            self.simulator.put(pose_of(self._event.metadata))
        name, arguments = self._moves[Action(int(action))]
        return self._done(session.act(name, **arguments))

    def teleport(self, pose: NDArray[Any]) -> tuple[Frame, float, bool, bool, dict[str, Any]]:
        """Move the agent to a pose (6,) at once; y and roll are ignored. ThorError if it cannot be there."""
        return self._done(self.simulator.put(np.asarray(pose, np.float64)))

    def _done(self, event: Any) -> tuple[Frame, float, bool, bool, dict[str, Any]]:
        self._event = event
        self._step += 1
        return frame_of(event), 0.0, False, False, self._info()

    def _info(self) -> dict[str, Any]:
        metadata = self._event.metadata
        return {
            "collision": metadata["lastAction"] == "MoveAhead" and not metadata["lastActionSuccess"],
            "error": "" if metadata["lastActionSuccess"] else str(metadata.get("errorMessage")),
            "step": self._step,
            "restarts": self.simulator.session.restarts,
        }
