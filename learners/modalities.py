"""The sensory modalities: how each is normalised for a network, cut into patches, and drawn for a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

NEAR, FAR = 0.1, 20.0
"""Metres: depth is clamped to this range; no return (0) counts as FAR, since nothing was met up to there."""
_LOG_DEPTH_MEAN, _LOG_DEPTH_STD = 0.8, 0.7  # of log metres; rooms: e^0.8 = 2.2 m, a factor of 2 either way
_RGB_MEAN, _RGB_STD = 0.5, 0.25


@dataclass(frozen=True)
class Modality:
    """One kind of image of a Frame."""

    name: str
    """Its key in a Frame."""
    channels: int
    """Channels C after `normalise`."""
    normalise: Callable[[Tensor], Tensor]
    """The contract's tensor (B, H, W) or (B, H, W, 3) to float32 (B, C, H, W), near zero mean and unit deviation."""
    draw: Callable[[Tensor], Tensor]
    """A normalised image, or a prediction of one, (B, C, H, W), to uint8 rgb (B, H, W, 3)."""

    def of(self, frames: Mapping[str, Tensor]) -> Tensor:
        """This modality of a batch of frames, normalised: float32 (B, C, H, W). KeyError where the frames lack it."""
        return self.normalise(frames[self.name])


def _normalise_rgb(rgb: Tensor) -> Tensor:
    return rgb.permute(0, 3, 1, 2).to(torch.float32).mul_(1 / 255 / _RGB_STD).sub_(_RGB_MEAN / _RGB_STD)


def _draw_rgb(image: Tensor) -> Tensor:
    return _to_uint8(image.permute(0, 2, 3, 1) * _RGB_STD + _RGB_MEAN)


def _normalise_depth(depth: Tensor) -> Tensor:
    # Log-metric, unlike 4M's standardisation per image: an agent in one house can learn true sizes and distances.
    metres = depth.masked_fill(depth <= 0, FAR).clamp_(NEAR, FAR)
    return metres.log_().sub_(_LOG_DEPTH_MEAN).div_(_LOG_DEPTH_STD)[:, None]


def depth_metres(image: Tensor) -> Tensor:
    """Normalised depth (B, 1, H, W) back to metres, float32 (B, H, W)."""
    return (image[:, 0] * _LOG_DEPTH_STD + _LOG_DEPTH_MEAN).exp()


def _draw_depth(image: Tensor) -> Tensor:
    near, far = torch.tensor([0.3, 10.0]).log()
    grey = 1 - (image * _LOG_DEPTH_STD + _LOG_DEPTH_MEAN - near) / (far - near)  # near is bright
    return _to_uint8(grey.permute(0, 2, 3, 1).expand(-1, -1, -1, 3))


def _normalise_normals(normals: Tensor) -> Tensor:
    return normals.permute(0, 3, 1, 2).to(torch.float32)


def _draw_normals(image: Tensor) -> Tensor:
    return _to_uint8(image.permute(0, 2, 3, 1) * 0.5 + 0.5)


def _normalise_edges(edges: Tensor) -> Tensor:
    return (edges > 127).to(torch.float32)[:, None]


def _draw_edges(image: Tensor) -> Tensor:
    return _to_uint8(image.permute(0, 2, 3, 1).expand(-1, -1, -1, 3))


def _to_uint8(unit: Tensor) -> Tensor:
    return unit.float().clamp(0, 1).mul(255).round().to(torch.uint8)


MODALITIES: dict[str, Modality] = {
    modality.name: modality
    for modality in (
        Modality("rgb", 3, _normalise_rgb, _draw_rgb),
        Modality("depth", 1, _normalise_depth, _draw_depth),
        Modality("normals", 3, _normalise_normals, _draw_normals),
        Modality("edges", 1, _normalise_edges, _draw_edges),
    )
}
"""The sensory modalities by name; rgb is the first, since it is what the encoder sees after transfer."""
PSEUDOLABEL = "semantic"
"""The pseudolabel modality (Section 4.3): class ids (B, H, W) that a network guesses from rgb, 0 where it does not."""


def patchify(image: Tensor, patch: int) -> Tensor:
    """(B, C, H, W) to patches (B, N, patch * patch * C), row by row; H and W are multiples of `patch`."""
    batch, channels, height, width = image.shape
    grid = image.reshape(batch, channels, height // patch, patch, width // patch, patch)
    return grid.permute(0, 2, 4, 3, 5, 1).reshape(batch, -1, patch * patch * channels)


def unpatchify(patches: Tensor, patch: int, height: int, width: int) -> Tensor:
    """Patches (B, N, patch * patch * C) back to (B, C, height, width)."""
    batch = patches.shape[0]
    grid = patches.reshape(batch, height // patch, width // patch, patch, patch, -1)
    return grid.permute(0, 5, 1, 3, 2, 4).reshape(batch, -1, height, width)


def flip(frames: Mapping[str, Tensor], chosen: Tensor) -> dict[str, Tensor]:
    """Mirror the frames where `chosen` (bool (B,)) left to right; x of the normals changes its sign with it."""
    flipped = {}
    for name in (*MODALITIES, PSEUDOLABEL):
        if name in frames:
            image = frames[name].clone()
            mirrored = image[chosen].flip(2)
            image[chosen] = mirrored * torch.tensor([-1.0, 1.0, 1.0]) if name == "normals" else mirrored
            flipped[name] = image
    return flipped


def jitter(rgb: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Change light, contrast and tint of uint8 rgb (B, H, W, 3), each image by its own factors in 1 +- strength."""
    batch = rgb.shape[0]
    factors = 1 + strength * (2 * torch.rand(batch, 1, 1, 5, generator=generator) - 1)
    light, contrast, tint = factors[..., :1], factors[..., 1:2], 1 + (factors[..., 2:] - 1) / 2
    image = rgb.to(torch.float32)
    mean = image.mean(dim=(1, 2), keepdim=True)
    # (image - mean) * contrast + mean, then light and tint: one multiplication and one addition for each pixel
    gain = light * tint
    return image.mul_(contrast * gain).add_(mean * (1 - contrast) * gain).clamp_(0, 255).to(torch.uint8)
