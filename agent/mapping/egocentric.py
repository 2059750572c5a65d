"""Egocentric map observations for small policy networks.

An 8 m square of the OccupancyMap around the agent, rotated so that it faces up, as a flat vector. It is computed from
Frames alone, so a policy trained on it works in every simulator.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ...core.frame import Camera, Frame
from .occupancy_map import FREE, OCCUPIED, UNKNOWN, OccupancyMap

SIDE, BIN = 16, 0.5
"""Squares per side of the view, and the side of a square in metres."""
FINE = 3
"""Sample points per side of a square."""
SPACE = spaces.Box(0.0, 1.0, (3 * SIDE * SIDE + 2,), np.float32)
"""Fractions of free, occupied and visited floor, (3, SIDE, SIDE) flattened; then pitch (0 is -90 degrees, 1 is 90),
and whether the last move was blocked."""


class EgocentricMap:
    """Maintains the map and renders the egocentric view."""

    def __init__(self, camera: Camera) -> None:
        """`camera`: intrinsics of the frames."""
        self.camera = camera
        fine = SIDE * FINE
        across = (np.arange(fine) + 0.5) * BIN / FINE - SIDE * BIN / 2
        self._right, self._ahead = np.meshgrid(across, -across)  # (fine, fine): the first row lies farthest ahead
        self.reset()

    def reset(self) -> None:
        """Clear the map."""
        self.map = OccupancyMap(self.camera)

    def see(self, frame: Frame, info: dict[str, Any]) -> NDArray[np.float32]:
        """Process a Frame; returns the view, float32, in SPACE."""
        self.map.update(frame)
        x, _, z, yaw, pitch = (float(number) for number in frame["pose"][:5])
        sine, cosine = np.sin(np.radians(yaw)), np.cos(np.radians(yaw))
        points_x = x + self._ahead * sine + self._right * cosine
        points_z = z - self._ahead * cosine + self._right * sine
        cells = (
            np.floor(np.stack([points_z, points_x]) / self.map.cell).astype(np.int64) - self.map.corner[:, None, None]
        )
        inside = (cells >= 0).all(0) & (cells < np.array(self.map.seen.shape)[:, None, None]).all(0)
        rows, columns = np.where(inside, cells, 0)
        state = np.where(inside, self.map.state[rows, columns], UNKNOWN)
        walked = inside & self.map.stood[rows, columns]
        layers = np.stack([state == FREE, state == OCCUPIED, walked]).reshape(3, SIDE, FINE, SIDE, FINE)
        shares = layers.mean(axis=(2, 4)).ravel()
        return np.append(shares, [(pitch + 90) / 180, bool(info.get("collision"))]).astype(np.float32)


class EgocentricObservation(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Replaces the Frames of HouseEnv, or of a wrapper of it, by EgocentricMap views, float32, in SPACE."""

    def __init__(self, env: gymnasium.Env[Frame, np.int64]) -> None:
        super().__init__(env)
        self.observation_space = SPACE
        body: Any = env.unwrapped
        self.view = EgocentricMap(body.camera)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start an episode with an empty map."""
        frame, info = self.env.reset(seed=seed, options=options)
        self.view.reset()
        return self.view.see(frame, info), info

    def step(self, action: np.int64) -> tuple[NDArray[np.float32], Any, bool, bool, dict[str, Any]]:
        """Take one action."""
        frame, reward, terminated, truncated, info = self.env.step(action)
        return self.view.see(frame, info), reward, terminated, truncated, info
