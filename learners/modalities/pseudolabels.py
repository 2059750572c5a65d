"""Pseudolabel modalities (Section 4.3): feature maps of any network on the rgb, trained or untrained (Appendix J).

    network = efficientnet_lite(image_size=128, stride=16)     # 8 x 8 features
    register(feature_map("efficientnet", network, image_size=64))
    learner = TSTLearner(TSTConfig(modalities=(*SENSORY, "efficientnet")))

The network is any FrameEncoder (`timm_encoders`: timm's ViTs from a hub or a folder; EfficientNet-Lite0 offline). Its
map is computed from each frame's rgb during training, or read from frames that hold it under that name.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ..encoders.frame_encoder import FrameEncoder
from ..nn.precision import autocast
from .modality import Modality


def feature_map(name: str, network: FrameEncoder, image_size: int, grid: int | None = None) -> Modality:
    """Features of the network on frames of image_size x image_size pixels, as a modality with one token per feature.

    `grid`: rows and columns of the map; where the network has others, its map is resampled. Without it the network's
    own. The network is frozen. ValueError where the grid is not square or does not divide the frames.
    """
    rows, columns = network.grid
    size = grid or rows
    if rows != columns or image_size % size:
        raise ValueError(
            f"pseudolabels: a map of {size} x {columns if grid is None else size} does not divide frames of "
            f"{image_size} pixels; pass a `grid` that does"
        )
    network.requires_grad_(False).eval()

    def compute(rgb: Tensor) -> Tensor:
        with torch.no_grad(), autocast(rgb.device.type):
            features = network.to(rgb.device)(rgb).float().unflatten(1, (rows, columns))  # (B, rows, columns, C)
        if size == rows:
            return features
        maps = features.permute(0, 3, 1, 2)
        return F.interpolate(maps, (size, size), mode="bilinear", antialias=True).permute(0, 2, 3, 1)

    return Modality(name, network.dim, standardised, draw_features, compute, stride=image_size // size)


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
