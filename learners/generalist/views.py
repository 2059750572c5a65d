"""Labelled views: what the generalist is trained on, whether generated or an agent's own with pseudolabels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...core.frame import Camera

if TYPE_CHECKING:
    from torch import Tensor

PIXELS, PLACES = 128, 64
"""Side of rgb, and of labels, depth and normals, in pixels."""


class Views(NamedTuple):
    """Labelled views, N of them; the dtypes keep them small."""

    rgb: NDArray[np.uint8]
    """(N, 128, 128, 3)."""
    semantic: NDArray[np.uint8]
    """(N, 64, 64) class ids, 0 = void."""
    depth: NDArray[np.float16]
    """(N, 64, 64) metres, 0 = no return."""
    normals: NDArray[np.int8]
    """(N, 64, 64, 3) in the camera frame, times 127."""
    camera: NDArray[np.float32]
    """(N, 4): height above the floor, pitch, roll, tangent of half the vertical field of view."""

    @classmethod
    def of(cls, arrays: Iterable[NDArray[Any]]) -> Views:
        """From arrays in the order of the fields."""
        return cls(*arrays)

    @classmethod
    def empty(cls, count: int) -> Views:
        """Views that are not filled."""
        return cls.of(np.zeros((count, *shape), dtype) for shape, dtype in LAYOUT)

    @classmethod
    def of_frames(cls, frames: Mapping[str, Tensor], semantic: Tensor, camera: Camera) -> Views:
        """Of frames of the contract, PIXELS x PIXELS, with `pose`, and their classes (N, PIXELS, PIXELS), 0 = none."""
        every = PIXELS // PLACES
        pose = frames["pose"].numpy()
        tangent = np.full(len(pose), np.tan(np.radians(camera.vertical_fov) / 2))
        return cls(
            frames["rgb"].numpy(),
            semantic[:, ::every, ::every].numpy().astype(np.uint8),
            frames["depth"][:, ::every, ::every].numpy().astype(np.float16),
            np.round(127 * frames["normals"][:, ::every, ::every].numpy()).astype(np.int8),
            np.column_stack([pose[:, [1, 4, 5]], tangent]).astype(np.float32),
        )

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """The fields, in order."""
        return tuple(self)

    def join(self, other: Views) -> Views:
        """These views, then the others."""
        return Views.of(np.concatenate([mine, more]) for mine, more in zip(self.arrays, other.arrays, strict=True))

    def part(self, chosen: Any) -> Views:
        """Some of the views; of a slice, in the same memory."""
        return Views.of(array[chosen] for array in self)


LAYOUT: tuple[tuple[tuple[int, ...], type], ...] = (
    ((PIXELS, PIXELS, 3), np.uint8),
    ((PLACES, PLACES), np.uint8),
    ((PLACES, PLACES), np.float16),
    ((PLACES, PLACES, 3), np.int8),
    ((4,), np.float32),
)
"""Shape and dtype of one view's arrays, in the order of Views."""


class ViewSet:
    """Views to draw from by index."""

    def __init__(self, views: Views) -> None:
        self.views = views

    def __len__(self) -> int:
        return len(self.views.rgb)

    def __getitem__(self, indices: Tensor) -> Views:
        return self.views.part(indices.numpy())
