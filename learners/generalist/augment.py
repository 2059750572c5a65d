"""Augmentation of stored views into training batches: random mirroring, colour jitter and modality dropout.

The only source of randomness is the generator passed in, so a batch is a function of its views and the seed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .geometry import geometry_channels, mirrored_geometry

_ONLY_RGB, _ONLY_GEOMETRY = 0.4, 0.1
"""Fractions of the samples without geometry and without rgb; the others have both."""
_BRIGHTNESS, _CONTRAST, _SATURATION, _TINT = 0.3, 0.25, 0.3, 0.08
"""Largest relative change, up or down; the tint is drawn for each colour channel."""
_GAMMA = 0.25
"""Largest change of the logarithm of the exponent, up or down."""
_NOISE = 4.0
"""Largest standard deviation of the pixel noise, on the scale of 0 to 255."""


class Batch(NamedTuple):
    """B training samples."""

    rgb: Tensor
    """uint8 (B, H, W, 3)."""
    geometry: Tensor
    """float32 (B, 5, h, w), see `geometry`."""
    labels: Tensor
    """int64 (B, h, w) class ids, 0 = void."""
    has_rgb: Tensor
    """bool (B,)."""
    has_geometry: Tensor
    """bool (B,)."""


def augment(
    rgb: NDArray[np.uint8],
    semantic: NDArray[np.integer],
    depth: NDArray[np.floating],
    normals: NDArray[np.floating],
    camera: NDArray[np.floating],
    generator: torch.Generator,
) -> Batch:
    """A batch from views: rgb (B, H, W, 3), classes and depth (B, h, w), normals (B, h, w, 3) in the camera frame.

    camera: (B, 4), height above the floor (metres), pitch and roll (degrees), tangent of half the vertical field of
    view.
    """
    count = len(rgb)
    poses = np.zeros((count, 6))
    poses[:, [1, 4, 5]] = camera[:, :3]
    geometry = geometry_channels(torch.from_numpy(depth), torch.from_numpy(normals), poses, camera[:, 3])
    pixels, labels = torch.from_numpy(rgb), torch.from_numpy(semantic.astype(np.int64))
    mirrored = torch.rand(count, generator=generator) < 0.5
    pixels = torch.where(mirrored.view(-1, 1, 1, 1), pixels.flip(2), pixels)
    labels = torch.where(mirrored.view(-1, 1, 1), labels.flip(2), labels)
    geometry = torch.where(mirrored.view(-1, 1, 1, 1), mirrored_geometry(geometry), geometry)
    kind = torch.rand(count, generator=generator)
    has_rgb, has_geometry = kind >= _ONLY_GEOMETRY, kind < 1 - _ONLY_RGB
    return Batch(jitter_colours(pixels, generator), geometry, labels, has_rgb, has_geometry)


def jitter_colours(rgb: Tensor, generator: torch.Generator) -> Tensor:
    """rgb uint8 (B, H, W, 3) with random exposure, tint, gamma, saturation, contrast and noise."""
    count = len(rgb)

    def factor(limit: float, channels: int = 1) -> Tensor:
        return 1 + limit * (2 * torch.rand(count, 1, 1, channels, generator=generator) - 1)

    x = rgb.to(torch.float32) / 255 * factor(_BRIGHTNESS) * factor(_TINT, 3)
    exponent = torch.exp(_GAMMA * (2 * torch.rand(count, 1, 1, 1, generator=generator) - 1))
    x = x.clamp(0, 1) ** exponent
    grey = x.mean(3, keepdim=True)
    x = grey + (x - grey) * factor(_SATURATION)
    mean = x.mean((1, 2, 3), keepdim=True)
    x = mean + (x - mean) * factor(_CONTRAST)
    strength = _NOISE / 255 * torch.rand(count, 1, 1, 1, generator=generator)
    x = x + strength * torch.randn(x.shape, generator=generator)
    return (x * 255).round_().clamp_(0, 255).to(torch.uint8)
