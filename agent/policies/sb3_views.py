"""Observations as a policy of Stable-Baselines3 was trained on them: channels first, stacked by VecFrameStack, and
normalized by VecNormalize, in either order."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ...core.frame import FRAME_SPEC, Camera
from ..mapping.egocentric import SPACE
from .protocol import PolicyError
from .resolution import check_shape
from .sb3_zip import SAFE_ALTERNATIVE, Part
from .vec_normalize import Statistics

MAX_STACK, MAX_SIDE = 64, 4096
"""Observations that are stacked, and pixels of a picture's side."""


class TrainedViews:
    """Turns observations into a policy's inputs, and keeps the stack."""

    def __init__(self, parts: Mapping[str, Part], statistics: Statistics | None, camera: Camera, file: Path) -> None:
        """PolicyError if `parts` is made neither of a Frame of the camera's shape nor of EgocentricObservation."""
        self.stack, self.size = _stack(parts, camera), None
        """Observations that are stacked, and height and width of the pictures, where there are any."""
        if set(parts) & set(FRAME_SPEC):
            self.size = _size(parts, self.stack)
            if max(self.size) > MAX_SIDE:
                raise PolicyError(
                    f"{file}: pictures of {self.size[1]} x {self.size[0]} pixels; {MAX_SIDE} are the most"
                )
            check_shape(str(file), *self.size, camera)
        self._parts, self._statistics = parts, statistics
        self._single = {key: _single(key, part, self.size) for key, part in parts.items()}
        for key, part in parts.items():
            if self._stacked_shape(key) != part.shape:
                raise PolicyError(
                    f"{file}: it was trained on {key or 'an observation'} of {part.shape}, which is neither a Frame,"
                    f" nor EgocentricObservation's {SPACE.shape}, nor stacked by VecFrameStack; {SAFE_ALTERNATIVE}"
                )
        if statistics is not None:
            self._check(statistics, file)
        self.reset()

    @property
    def space(self) -> spaces.Space[Any]:
        """The observation space of the policy."""
        boxes: dict[str, spaces.Space[Any]] = {
            key: spaces.Box(0, 255, part.shape, np.uint8)
            if part.picture
            else spaces.Box(-1e6, 1e6, part.shape, np.float32)
            for key, part in self._parts.items()
        }
        return boxes[""] if "" in boxes else spaces.Dict(boxes)

    def reset(self) -> None:
        """Empty the stack: what was not seen is zeros, as in VecFrameStack."""
        self._seen = {
            key: np.zeros(part.shape, np.uint8 if part.picture else np.float32) for key, part in self._parts.items()
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The stack; see `protocol.Resumable`."""
        return {f"stack_{key}": value for key, value in self._seen.items()} if self.stack > 1 else {}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """See `protocol.Resumable`."""
        self._seen = {key: arrays.get(f"stack_{key}", value).copy() for key, value in self._seen.items()}

    def _check(self, statistics: Statistics, file: Path) -> None:
        """PolicyError for statistics of other observations than the policy's."""
        for key, mean in statistics.means.items():
            part = self._parts.get(key)
            if part is None or part.picture or mean.shape not in (self._single[key], part.shape):
                raise PolicyError(
                    f"{statistics.file}: statistics of {key or 'an observation'} {mean.shape}, which {file.name} was"
                    " not trained with; take one of the two files into another folder"
                )

    def see(self, values: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The policy's inputs after one more observation, by key; without a batch axis."""
        inputs = {}
        for key in self._parts:
            value = values[key]
            if value.ndim == 3 and self._first(key):
                value = value.transpose(2, 0, 1)
            value = self._normalized(key, value)
            axis = 0 if self._first(key) else -1
            seen = np.roll(self._seen[key], -value.shape[axis], axis)
            np.moveaxis(seen, axis, 0)[-value.shape[axis] :] = np.moveaxis(value, axis, 0)
            self._seen[key] = seen
            inputs[key] = self._normalized(key, seen) if self.stack > 1 else seen
        return inputs

    def _first(self, key: str) -> bool:
        return _channels_first(key, self._parts[key])

    def _normalized(self, key: str, value: NDArray[Any]) -> NDArray[Any]:
        """The value, normalized if there are statistics of its shape: of one observation, or of a stack."""
        known = self._statistics
        if known is None or key not in known.means or known.means[key].shape != value.shape:
            return value
        return known.normalized(key, value)

    def _stacked_shape(self, key: str) -> tuple[int, ...]:
        shape = list(self._single[key])
        shape[0 if self._first(key) else -1] *= self.stack
        return tuple(shape)


def _channels_first(key: str, part: Part) -> bool:
    """Whether a picture's channels are the first axis: always in those that Stable-Baselines3 convolves."""
    has_channels = key in FRAME_SPEC and FRAME_SPEC[key][1] and len(part.shape) == 3
    return bool(has_channels and (part.picture or part.shape[0] == min(part.shape)))


def _stack(parts: Mapping[str, Part], camera: Camera) -> int:
    """How many observations are stacked; 1 where none are."""
    for key, part in sorted(parts.items(), key=lambda one: one[0] in ("depth", "edges")):  # these tell it less well
        *_, last = part.shape
        if key == "":
            number = last / SPACE.shape[0]
        elif key == "pose":
            number = last / 6
        elif key in FRAME_SPEC and FRAME_SPEC[key][1]:
            number = part.shape[0 if _channels_first(key, part) else -1] / 3
        else:
            number = round(last * camera.height / (part.shape[0] * camera.width))
        return min(max(1, int(number)), MAX_STACK)
    return 1


def _size(parts: Mapping[str, Part], stack: int) -> tuple[int, int]:
    """Height and width of the pictures, as the first one tells them."""
    key, part = next((key, part) for key, part in parts.items() if key in FRAME_SPEC)
    shape = (*part.shape, 1, 1)
    if not FRAME_SPEC[key][1]:
        return shape[0], max(1, shape[1] // stack)
    return (shape[1], shape[2]) if _channels_first(key, part) else (shape[0], shape[1])


def _single(key: str, part: Part, size: tuple[int, int] | None) -> tuple[int, ...]:
    """The shape of one observation; () for a key that is not in a Frame."""
    if key in FRAME_SPEC:
        assert size is not None
        shape = (*size, *FRAME_SPEC[key][1])
        return (shape[2], *size) if _channels_first(key, part) else shape
    return {"": SPACE.shape, "pose": (6,)}.get(key, (0,))
