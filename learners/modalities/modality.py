"""Modalities: how each is sensed or computed, normalised for a network, cut into patches, and drawn for a person.

A registry: `register(Modality(...))` adds one, and then `TSTConfig(modalities=("rgb", ..., name))` can choose it.
Sensory ones are read from the frames; a pseudolabel modality (Section 4.3) is computed from the frames' rgb, see
`pseudolabels`; a sequence (boxes) is a `sequences.SequenceModality`, registered in the same place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from .sequences import SequenceModality

NEAR, FAR = 0.1, 20.0
"""Range that depth is clamped to, in metres; no return (0) counts as FAR."""
_LOG_DEPTH_MEAN, _LOG_DEPTH_STD = 0.8, 0.7  # of log metres; rooms: e^0.8 = 2.2 m, a factor of 2 either way
_RGB_MEAN, _RGB_STD = 0.5, 0.25


def mirror_image(image: Tensor) -> Tensor:
    """(B, H, W, ...) left to right."""
    return image.flip(2)


@dataclass(frozen=True)
class Modality:
    """One kind of image, or of map, of a Frame."""

    name: str
    """Its key in a Frame."""
    channels: int
    """Channels C after `normalise`."""
    normalise: Callable[[Tensor], Tensor]
    """Its tensor (B, H, W) or (B, H, W, C) to float32 (B, C, H, W), near zero mean and unit deviation."""
    draw: Callable[[Tensor], Tensor]
    """A normalised image, or a prediction of one, (B, C, H, W), to uint8 rgb (B, H, W, 3)."""
    compute: Callable[[Tensor], Tensor] | None = None
    """Function of a pseudolabel modality from rgb uint8 (B, H, W, 3) to its tensor, run without gradients. None for
    modalities that are sensed."""
    stride: int = 1
    """Pixels of rgb per element of the map, along each side: 1 for images, 8, 16, ... for feature maps."""
    mirror: Callable[[Tensor], Tensor] = mirror_image
    """Function to the tensor that a mirrored camera would have sensed."""

    def sense(self, frames: Mapping[str, Tensor]) -> Tensor:
        """Its tensor of a batch of frames: read from them, else computed from their rgb.

        ValueError where the frames lack it and it cannot be computed.
        """
        if self.name in frames:
            return frames[self.name]
        if self.compute is None:
            raise ValueError(f"modalities: the frames hold no '{self.name}', and it cannot be computed from rgb")
        with torch.no_grad():
            return self.compute(frames["rgb"])

    def of(self, frames: Mapping[str, Tensor]) -> Tensor:
        """This modality of a batch of frames, normalised: float32 (B, C, H, W). ValueError as `sense`."""
        return self.normalise(self.sense(frames))

    def side(self, patch: int) -> int:
        """Elements of its map along a side of a token's patch, where rgb has `patch` pixels there; never below 1."""
        return max(1, patch // self.stride)

    def grid(self, height: int, width: int, patch: int) -> tuple[int, int]:
        """Rows and columns of its tokens for frames of height x width pixels; ValueError where they do not divide."""
        pixels = self.side(patch) * self.stride
        if height % pixels or width % pixels or (self.stride < patch and patch % self.stride):
            raise ValueError(
                f"modalities: {self.name} has a token for {pixels} x {pixels} pixels, "
                f"which does not divide frames of {height} x {width}"
            )
        return height // pixels, width // pixels


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


def _mirror_normals(normals: Tensor) -> Tensor:
    return normals.flip(2) * torch.tensor([-1.0, 1.0, 1.0], device=normals.device)


PSEUDOLABEL = "semantic"
"""Pseudolabel modality of the agent's semantic map: class ids (B, H, W) predicted from rgb, 0 where unknown."""
MODALITIES: dict[str, Modality] = {
    modality.name: modality
    for modality in (
        Modality("rgb", 3, _normalise_rgb, _draw_rgb),
        Modality("depth", 1, _normalise_depth, _draw_depth),
        Modality("normals", 3, _normalise_normals, _draw_normals, mirror=_mirror_normals),
        Modality("edges", 1, _normalise_edges, _draw_edges),
    )
}
"""The registry of images and maps, by name."""
SEQUENCES: dict[str, SequenceModality] = {}
"""The registry of sequences, by name."""


def register(modality: Modality | SequenceModality) -> None:
    """Add a custom modality, which TSTConfig.modalities can then name.

    Raises ValueError where another modality has the name.
    """
    registry: dict[str, Modality] | dict[str, SequenceModality]
    registry = MODALITIES if isinstance(modality, Modality) else SEQUENCES
    if modality.name == PSEUDOLABEL or {**MODALITIES, **SEQUENCES}.get(modality.name, modality) is not modality:
        raise ValueError(f"modalities: there is another '{modality.name}'")
    registry[modality.name] = modality  # type: ignore[assignment]


def find(names: tuple[str, ...]) -> tuple[Modality | SequenceModality, ...]:
    """The modalities of these names, in this order; ValueError for an unknown name, a repeated one, or without rgb."""
    known: dict[str, Modality | SequenceModality] = {**MODALITIES, **SEQUENCES}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"modalities: no '{unknown[0]}'; there are {', '.join(known)}")
    if names[:1] != ("rgb",) or len(set(names)) != len(names):
        raise ValueError(f"modalities: name rgb first, and each one once, not {', '.join(names) or 'none'}")
    return tuple(known[name] for name in names)


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


def flip(frames: Mapping[str, Tensor], which: Tensor) -> dict[str, Tensor]:
    """Mirror the frames where `which` (bool (B,)) left to right, each modality in its own way."""
    flipped = {}
    for name, value in frames.items():
        if name in MODALITIES or name in SEQUENCES or name == PSEUDOLABEL:
            known = MODALITIES.get(name) or SEQUENCES.get(name)
            image = value.clone()
            image[which] = (known.mirror if known else mirror_image)(image[which])
            flipped[name] = image
    return flipped


def crop(frames: Mapping[str, Tensor], least: float, generator: torch.Generator) -> dict[str, Tensor]:
    """A random window of each frame, scaled to full size: its sides are the frame's times `least` to 1.

    All modalities of a frame share the window: rgb is interpolated, of all else the nearest value is taken, unchanged.
    ValueError where frames hold a sequence, which describes the whole frame.
    """
    whole = [name for name in frames if name in SEQUENCES]
    if whole:
        raise ValueError(f"modalities: frames with '{whole[0]}' cannot be cropped; set min_crop to 1, or compute it")
    batch = len(frames["rgb"])
    side = least + (1 - least) * torch.rand(batch, 1, generator=generator)
    corner = torch.rand(batch, 2, 1, generator=generator) * (1 - side)[:, None]
    cropped = {}
    for name, value in frames.items():
        rows, columns = (
            corner[:, axis] + side * (torch.arange(length) + 0.5) / length
            for axis, length in enumerate(value.shape[1:3])
        )  # in 0..1 of the frame
        if name == "rgb":
            lines = [2 * places - 1 for places in (columns, rows)]
            shape = (-1, len(rows[0]), len(columns[0]))
            grid = torch.stack([lines[0][:, None].expand(shape), lines[1][:, :, None].expand(shape)], -1)
            image = F.grid_sample(
                value.permute(0, 3, 1, 2).float(), grid.to(value.device), padding_mode="border", align_corners=False
            )
            cropped[name] = image.permute(0, 2, 3, 1).round().to(torch.uint8)
        else:
            row, column = ((places * n).long() for places, n in zip((rows, columns), value.shape[1:3], strict=True))
            cropped[name] = value[torch.arange(batch)[:, None, None], row[:, :, None], column[:, None, :]]
    return cropped


def jitter(rgb: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Change light, contrast and tint of uint8 rgb (B, H, W, 3), each image by its own factors in 1 +- strength."""
    batch = rgb.shape[0]
    factors = (1 + strength * (2 * torch.rand(batch, 1, 1, 5, generator=generator) - 1)).to(rgb.device)
    light, contrast, tint = factors[..., :1], factors[..., 1:2], 1 + (factors[..., 2:] - 1) / 2
    image = rgb.to(torch.float32)
    mean = image.mean(dim=(1, 2), keepdim=True)
    # (image - mean) * contrast + mean, then light and tint: one multiplication and one addition for each pixel
    gain = light * tint
    return image.mul_(contrast * gain).add_(mean * (1 - contrast) * gain).clamp_(0, 255).to(torch.uint8)
