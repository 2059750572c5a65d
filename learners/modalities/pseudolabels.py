"""Pseudolabel modalities (Section 4.3): feature maps of any network on the rgb, trained or untrained (Appendix J).

    features = feature_map("efficientnet", efficientnet_lite(image_size=64))
    register(features)
    learner = TSTLearner(TSTConfig(modalities=(*SENSORY, "efficientnet")))

The network is any FrameEncoder (`generalists`: timm's ViTs from a hub or a folder; EfficientNet-Lite0 offline); its map
is computed from each frame's rgb as it is learned from, or read from the frames where they hold it under that name.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ..encoders.frame_encoder import FrameEncoder
from ..nn.precision import autocast
from .modality import Modality


def feature_map(name: str, network: FrameEncoder, image_size: int) -> Modality:
    """The network's features on frames of image_size x image_size pixels, as a modality of one token for each of them.

    The network is frozen. ValueError where its grid is not square or does not divide the frames.
    """
    rows, columns = network.grid
    if rows != columns or image_size % rows:
        raise ValueError(f"pseudolabels: a map of {rows} x {columns} does not divide frames of {image_size} pixels")
    network.requires_grad_(False).eval()

    def compute(rgb: Tensor) -> Tensor:
        with torch.no_grad(), autocast(rgb.device.type):
            return network.to(rgb.device)(rgb).float().unflatten(1, (rows, columns))

    return Modality(name, network.dim, standardised, draw_features, compute, stride=image_size // rows)


def standardised(features: Tensor) -> Tensor:
    """Features (B, h, w, C) to (B, C, h, w), each place to zero mean and unit deviation over its channels."""
    return F.layer_norm(features.float(), features.shape[-1:]).permute(0, 3, 1, 2)


def draw_features(maps: Tensor) -> Tensor:
    """Maps (B, C, h, w) as uint8 rgb (B, h, w, 3): their three strongest principal components over the batch."""
    flat = maps.float().permute(0, 2, 3, 1).flatten(0, 2)
    centred = flat - flat.mean(0)
    _, _, directions = torch.linalg.svd(centred.T @ centred)
    shown = centred @ directions[:3].T
    low, high = shown.amin(0), shown.amax(0)
    image = F.pad((shown - low) / (high - low).clamp_min(1e-6), (0, 3 - shown.shape[1]))
    return (image * 255).round().to(torch.uint8).view(maps.shape[0], *maps.shape[2:], 3)
