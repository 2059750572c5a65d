"""Conversion of other data sets' camera axes, world axes and rotations to the frame contract's (right-handed, metres).

Camera axes: "opencv" (x right, y down, z into the picture) or "opengl" (x right, y up, z to the viewer, ours; ARKit's
too). World axes: "y" or "z" up; z-up (x, y, z) becomes (x, z, -y).
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..core.frame import rotation

CameraAxes = Literal["opencv", "opengl"]
Up = Literal["y", "z"]

_FLIP = np.diag([1.0, -1.0, -1.0])
_Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
NOT_A_ROTATION = 0.01
"""How far R^T R may be from one before a pose is refused: poses are stored with few digits."""


def to_contract(poses: NDArray[np.float64], axes: CameraAxes, up: Up) -> NDArray[np.float64]:
    """Camera-to-world matrices (N, 4, 4) in the frame contract's axes, from a data set's axes."""
    world = _Z_UP if up == "z" else np.eye(3)
    turned = world @ poses[:, :3, :3] @ (_FLIP if axes == "opencv" else np.eye(3))
    return _matrices(turned, poses[:, :3, 3] @ world.T)


def from_contract(poses: NDArray[np.float64], axes: CameraAxes, up: Up) -> NDArray[np.float64]:
    """The inverse of `to_contract`."""
    world = _Z_UP.T if up == "z" else np.eye(3)
    turned = world @ poses[:, :3, :3] @ (_FLIP if axes == "opencv" else np.eye(3))
    return _matrices(turned, poses[:, :3, 3] @ world.T)


def from_quaternions(positions: NDArray[Any], quaternions: NDArray[Any]) -> NDArray[np.float64]:
    """Matrices (N, 4, 4) from positions (N, 3) and quaternions x, y, z, w (N, 4) of any length; NaN if it is 0."""
    q = np.asarray(quaternions, np.float64)
    length = np.linalg.norm(q, axis=1, keepdims=True)
    x, y, z, w = (q / np.where(length > 0, length, np.nan)).T
    turned = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    return _matrices(np.moveaxis(turned, 2, 0), np.asarray(positions, np.float64))


def to_quaternions(rotations: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit quaternions x, y, z, w (N, 4), w 0 or more, of rotations (N, 3, 3)."""
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_matrix(rotations).as_quat(canonical=True)).reshape(-1, 4)


def from_axis_angles(positions: NDArray[Any], vectors: NDArray[Any]) -> NDArray[np.float64]:
    """Matrices (N, 4, 4) from positions (N, 3) and rotation vectors (N, 3), in radians along the axis."""
    half = np.linalg.norm(np.asarray(vectors, np.float64), axis=1, keepdims=True) / 2
    return from_quaternions(positions, np.concatenate([vectors * np.sinc(half / np.pi) / 2, np.cos(half)], axis=1))


def invert(poses: NDArray[np.float64]) -> NDArray[np.float64]:
    """World-to-camera from camera-to-world matrices (N, 4, 4), or the other way round."""
    turned = np.swapaxes(poses[:, :3, :3], 1, 2)
    return _matrices(turned, -(turned @ poses[:, :3, 3:])[..., 0])


def pose_matrices(poses: NDArray[Any]) -> NDArray[np.float64]:
    """Camera-to-world matrices (N, 4, 4) of the contract's poses (N, 6)."""
    array = np.asarray(poses, np.float64)
    return _matrices(rotation(array), array[:, :3])


def pose_vectors(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """The contract's poses (N, 6) of camera-to-world matrices (N, 4, 4): the inverse of `pose_matrices`.

    Yaw lies in [0, 360), pitch in [-90, 90], roll in (-180, 180]; looking straight up or down, roll is 0.
    """
    right, back = matrices[:, :3, 0], matrices[:, :3, 2]
    level = np.hypot(back[:, 0], back[:, 2])
    pitch = np.arctan2(-back[:, 1], level)
    steep = level < 1e-9
    yaw = np.where(steep, np.arctan2(right[:, 2], right[:, 0]), np.arctan2(-back[:, 0], back[:, 2]))
    flat = np.stack([np.cos(yaw), np.zeros_like(yaw), np.sin(yaw)], axis=1)
    above = np.cross(back, flat)
    roll = np.arctan2((right * above).sum(1), (right * flat).sum(1))
    angles = np.degrees(np.stack([yaw, pitch, np.where(steep, 0.0, roll)], axis=1))
    angles[:, 0] %= 360.0
    return np.concatenate([matrices[:, :3, 3], angles], axis=1)


def are_poses(matrices: NDArray[np.float64]) -> NDArray[np.bool_]:
    """bool (N,): which of the matrices (N, 4, 4) are finite, with a proper rotation."""
    finite: NDArray[np.bool_] = np.asarray(np.isfinite(matrices[:, :3]).all(axis=(1, 2)))
    turned = np.where(finite[:, None, None], matrices[:, :3, :3], np.eye(3))
    product = np.swapaxes(turned, 1, 2) @ turned
    off = np.abs(product - np.eye(3)).max(axis=(1, 2))
    return finite & (off < NOT_A_ROTATION) & (np.linalg.det(turned) > 0)


def _matrices(turned: NDArray[np.float64], moved: NDArray[np.float64]) -> NDArray[np.float64]:
    out = np.zeros((len(turned), 4, 4))
    out[:, :3, :3], out[:, :3, 3], out[:, 3, 3] = turned, moved, 1.0
    return out
