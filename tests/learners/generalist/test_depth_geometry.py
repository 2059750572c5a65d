"""Geometry channels by torch alone against those of numpy's normals, on planes and on rough depth with holes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from testspace.core.frame import Camera
from testspace.core.normals import normals_from_depth
from testspace.learners.generalist.depth_geometry import channels_of_depth
from testspace.learners.generalist.geometry import geometry_channels


def expected(depth: np.ndarray, cameras: np.ndarray) -> torch.Tensor:
    h, w = depth.shape[1:]
    parts = []
    for one, (fov, height, pitch, roll) in zip(depth, cameras, strict=True):
        normals = normals_from_depth(one[None], Camera(w, h, float(fov)))
        pose = np.array([[0.0, height, 0.0, 0.0, pitch, roll]])
        tangent = float(np.tan(np.radians(fov) / 2))
        parts.append(geometry_channels(torch.from_numpy(one[None]), torch.from_numpy(normals), pose, tangent))
    return torch.cat(parts)


@pytest.mark.parametrize("shape", [(64, 64), (20, 45)])
def test_channels_are_those_of_numpys_normals(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    cameras = np.array([[90.0, 1.5, 0.0, 0.0], [60.0, 0.4, -35.0, 7.0], [42.0, 2.0, 25.0, -20.0]], np.float32)
    slope = np.linspace(1, 4, shape[0], dtype=np.float32)[:, None] * np.ones(shape, np.float32)
    steps = slope + np.where(np.arange(shape[1]) > shape[1] // 2, 1.5, 0).astype(np.float32)
    rough = rng.uniform(0.3, 6, shape).astype(np.float32)
    depth = np.stack([slope, steps, rough])
    depth[1:] *= rng.random((2, *shape)) > 0.1
    mine = channels_of_depth(torch.from_numpy(depth), torch.from_numpy(cameras))
    assert mine.dtype == torch.float32
    torch.testing.assert_close(mine, expected(depth, cameras), atol=2e-4, rtol=1e-4)


def test_a_picture_without_returns_has_no_geometry() -> None:
    channels = channels_of_depth(torch.zeros(1, 8, 8), torch.tensor([[90.0, 1.5, 0.0, 0.0]]))
    assert channels.shape == (1, 5, 8, 8)
    assert not channels.any()
