"""The generalist as it is used, rather than trained: a quarter less time a frame, and the same answers."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import fuse_conv_bn_eval

from ...core.frame import Camera
from ..nn.precision import bf16_is_fast
from .geometry import CHANNELS, geometry_channels, mirrored_geometry
from .network import Generalist
from .packed import pack
from .views import PIXELS, PLACES

_BATCH = 50
"""Frames that the network sees at once."""
_AT_PIXELS = 8
"""Frames whose probabilities are in memory at every pixel."""


def folded(network: Generalist, dtype: torch.dtype | None = None, packed: bool = True) -> Generalist:
    """A copy in evaluation mode in which each batch norm is part of the convolution before it. It cannot be trained.

    dtype: of its weights and logits; None is bfloat16 where that is fast, else float32. packed: on the CPU, with
    convolutions that cannot be exported; see `packed`.
    """
    made = copy.deepcopy(network).eval().requires_grad_(False)
    for part in made.modules():
        if isinstance(part, nn.Sequential):
            _fold(part)
    precision = dtype or (torch.bfloat16 if bf16_is_fast() else torch.float32)
    made = made.to(precision).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if packed and made.logits.weight.device.type == "cpu":
        side = 32 * network.config.grid  # of the rgb that it is made for
        rgb, geometry = torch.zeros(1, side, side, 3, dtype=torch.uint8), torch.zeros(1, CHANNELS, side // 2, side // 2)
        pack(made, rgb, geometry)
    return made


def _fold(layers: nn.Sequential) -> None:
    """Put each batch norm of the sequence into the convolution before it; a layer that does nothing takes its place."""
    for index, layer in enumerate(layers):
        before = layers[index - 1]
        if isinstance(layer, nn.BatchNorm2d) and isinstance(before, nn.Conv2d):
            layers[index - 1] = fuse_conv_bn_eval(before, layer)
            layers[index] = nn.Identity()


@torch.inference_mode()
def predict_frames(
    network: Generalist, frames: Mapping[str, Tensor], camera: Camera, depth: bool = True, mirrored: bool = False
) -> Tensor:
    """Class probabilities float32 (N, classes - 1, h, w), void left out, of frames of the contract with `pose`.

    network: `folded`, on any device. frames: PIXELS x PIXELS, by this camera, on the CPU, as what is returned. depth:
    look at depth and normals too, or at rgb alone. mirrored: the mean of this and of what it says of their mirror
    images, which takes twice the time.
    """
    parts = (_predict(network, part, camera, depth, mirrored) for part in _split(frames, _BATCH))
    return torch.cat([part.cpu() for part in parts])


@torch.inference_mode()
def probabilities_at(network: Generalist, frames: Mapping[str, Tensor], camera: Camera, depth: bool = True) -> Tensor:
    """As `predict_frames`, spread bilinearly to every pixel: float32 (N, classes - 1, H, W). Mind the memory."""
    return torch.cat([_at_pixels(network, part, camera, depth).cpu() for part in _split(frames, _AT_PIXELS)])


@torch.inference_mode()
def classify_frames(
    network: Generalist, frames: Mapping[str, NDArray[Any]], camera: Camera, depth: bool = True
) -> NDArray[np.int16]:
    """Class ids int16 (N, H, W), never void, of frames of the contract with `pose`; see `predict_frames`.

    Without depth `rgb` is all that the frames need.
    """
    tensors = {key: torch.from_numpy(np.ascontiguousarray(value)) for key, value in frames.items()}
    parts = (_at_pixels(network, part, camera, depth).argmax(1) + 1 for part in _split(tensors, _AT_PIXELS))
    return torch.cat([part.to(torch.int16).cpu() for part in parts]).numpy()


def _split(frames: Mapping[str, Tensor], size: int) -> Iterator[dict[str, Tensor]]:
    for start in range(0, len(frames["rgb"]), size):
        yield {key: value[start : start + size] for key, value in frames.items()}


def _predict(
    network: Generalist, frames: Mapping[str, Tensor], camera: Camera, depth: bool, mirrored: bool = False
) -> Tensor:
    """`predict_frames` of frames that the network sees at once, on its device."""
    device = network.logits.weight.device
    rgb = frames["rgb"].to(device)
    geometry = frame_geometry(frames, camera).to(device) if depth else None
    probabilities = network(rgb, geometry)[:, 1:].float().softmax(1)
    if mirrored:
        flipped = network(rgb.flip(2), None if geometry is None else mirrored_geometry(geometry))
        probabilities = (probabilities + flipped.flip(3)[:, 1:].float().softmax(1)) / 2
    return probabilities


def _at_pixels(network: Generalist, frames: Mapping[str, Tensor], camera: Camera, depth: bool) -> Tensor:
    """`probabilities_at` of frames that the network sees at once, on its device."""
    probabilities = _predict(network, frames, camera, depth)
    return F.interpolate(probabilities, frames["rgb"].shape[1:3], mode="bilinear", align_corners=False)


def frame_geometry(frames: Mapping[str, Tensor], camera: Camera) -> Tensor:
    """Geometry channels float32 (N, 5, PLACES, PLACES) of frames of the contract, PIXELS x PIXELS, with `pose`."""
    every = PIXELS // PLACES
    tangent = float(np.tan(np.radians(camera.vertical_fov) / 2))
    depth, normals = frames["depth"][:, ::every, ::every], frames["normals"][:, ::every, ::every]
    return geometry_channels(depth, normals, frames["pose"].numpy(), tangent)
