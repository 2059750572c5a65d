"""Object detection in plain torch, where torchvision's operators are not available (`cascade` needs them).

A simple pyramid (ViTDet) and one anchor-free head for all its levels, as FCOS (Tian et al., 2019): every place predicts
the probability of an object of each class around it, and its box. Departures from the paper's Cascade Mask R-CNN and
from FCOS: one stage, no masks; a box is an offset of its centre and the logarithms of its sides, in cells, so that an
object smaller than a cell has one too; and a class's probability is trained on the overlap of the predicted box with
the true one (quality focal loss, Li et al., 2020) instead of by a centre-ness branch.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..encoders.frame_encoder import FrameEncoder
from ..metrics.boxes import Boxes, overlap, suppress
from ..nn.precision import autocast
from .box_detector import BoxDetector, sides_of
from .detection_config import DetectionConfig
from .pyramid import ChannelNorm, SimplePyramid, centres

_PRIOR = 0.01  # of an object at a place, before training: else the many empty places would swamp the first steps
_CANDIDATES = 200  # boxes of a frame that suppression looks at
_MAX_LOG = 5.0  # of a side in cells: beyond any image, and short of overflow


class DetectionHead(nn.Module):
    """Features (B, N, dim) to logits (B, L, K) of L places, and boxes (B, L, 4) in the image's units, 0..1."""

    def __init__(self, dim: int, grid: tuple[int, int], n_classes: int, config: DetectionConfig) -> None:
        super().__init__()
        self.pyramid = SimplePyramid(dim, grid, config.width, config.scales)
        self.points: Tensor
        self.cells: Tensor
        points, cells = centres(self.pyramid.sizes)
        self.register_buffer("points", points, persistent=False)
        self.register_buffer("cells", cells, persistent=False)
        self.class_tower, self.box_tower = _tower(config), _tower(config)
        self.logits = nn.Conv2d(config.width, n_classes, 3, padding=1)
        self.box = nn.Conv2d(config.width, 4, 3, padding=1)
        self.sides = nn.Parameter(torch.ones(len(config.scales)))  # log of a level's usual side, in cells
        for layer, bias in ((self.logits, -math.log(1 / _PRIOR - 1)), (self.box, 0.0)):
            nn.init.normal_(layer.weight, std=0.01)
            assert layer.bias is not None
            nn.init.constant_(layer.bias, bias)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, N, dim) to logits (B, L, K) and boxes (B, L, 4): x and y of two corners, float32."""
        logits, boxes = [], []
        for level, side in zip(self.pyramid(features), self.sides, strict=True):
            logits.append(self.logits(self.class_tower(level)).flatten(2))
            offset, logs = self.box(self.box_tower(level)).flatten(2).float().split(2, dim=1)
            boxes.append(torch.cat([offset, logs + side], 1))
        predicted = torch.cat(boxes, 2).transpose(1, 2)
        centre = self.points + predicted[..., :2] * self.cells
        half = predicted[..., 2:].clamp(max=_MAX_LOG).exp() * self.cells / 2
        return torch.cat(logits, 2).transpose(1, 2).float(), torch.cat([centre - half, centre + half], -1)


def _tower(config: DetectionConfig) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(config.depth):
        layers += [nn.Conv2d(config.width, config.width, 3, padding=1), ChannelNorm(config.width), nn.GELU()]
    return nn.Sequential(*layers)


class Detector(BoxDetector):
    """An encoder with its detection head."""

    name = "detector"
    config_type = DetectionConfig
    config: DetectionConfig
    head: DetectionHead

    @staticmethod
    def build(encoder: FrameEncoder, n_classes: int, config: DetectionConfig) -> DetectionHead:
        """See BoxDetector."""
        return DetectionHead(encoder.dim, encoder.grid, n_classes, config)

    def forward(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        """rgb uint8 (B, H, W, 3) to logits (B, L, K) and boxes float32 (B, L, 4), in pixels."""
        logits, boxes = self.head(self.encoder(rgb))
        return logits, boxes * sides_of(rgb)

    def loss(self, rgb: Tensor, truth: Boxes) -> tuple[Tensor, dict[str, float]]:
        """See BoxDetector."""
        with autocast(rgb.device.type):
            logits, boxes = self(rgb)
        size = sides_of(rgb)[:2]
        return detection_loss(logits, boxes, self.head.points * size, self.head.cells * size, self.known(truth))

    def detect(self, rgb: Tensor) -> Boxes:
        """See BoxDetector."""
        with autocast(rgb.device.type):
            logits, boxes = self(rgb)
        return decode(logits.cpu(), boxes.cpu(), (int(rgb.shape[1]), int(rgb.shape[2])), self.config)


def decode(logits: Tensor, boxes: Tensor, size: tuple[int, int], config: DetectionConfig) -> Boxes:
    """Boxes of logits (B, L, K) and boxes (B, L, 4) in pixels, clipped to the image (height, width) and suppressed."""
    count, _, kinds = logits.shape
    scores, best = logits.sigmoid().flatten(1).topk(min(_CANDIDATES, logits[0].numel()), 1)
    classes = best % kinds
    corners = boxes.gather(1, (best // kinds)[..., None].expand(-1, -1, 4)).clamp(min=0)
    corners = torch.minimum(corners, torch.tensor([size[1], size[0], size[1], size[0]], dtype=corners.dtype))
    kept = (scores >= config.min_score) & suppress(corners, classes, config.max_iou)
    kept &= kept.cumsum(1) <= config.per_frame
    frame = torch.arange(count)[:, None].expand_as(classes)
    return Boxes(frame[kept], corners[kept], classes[kept], scores[kept])


def detection_loss(
    logits: Tensor, boxes: Tensor, points: Tensor, cells: Tensor, truth: Boxes
) -> tuple[Tensor, dict[str, float]]:
    """Quality focal loss of logits (B, L, K) and GIoU loss of boxes (B, L, 4), by the number of places with an object.

    `points` and `cells` (L, 2) are the places' centres and cells, in pixels; the truth's classes are places in K.
    """
    owner = assign(points, cells, truth, len(logits))  # (B, L)
    frame, place = (owner >= 0).nonzero(as_tuple=True)
    owned = owner[frame, place]
    quality = torch.zeros_like(logits)
    count = max(1, len(owned))
    iou, giou = overlap(boxes[frame, place], truth.corners[owned])
    quality[frame, place, truth.classes[owned]] = iou.detach()
    gap = (quality - logits.detach().sigmoid()).square()
    classes = (gap * F.binary_cross_entropy_with_logits(logits, quality, reduction="none")).sum() / count
    sides = (1 - giou).sum() / count
    overlapping = float(iou.detach().mean()) if len(owned) else 0.0
    return classes + 2 * sides, {"classes": classes.item(), "boxes": sides.item(), "iou": overlapping}


def assign(points: Tensor, cells: Tensor, truth: Boxes, frames: int) -> Tensor:
    """True box that each place is trained to predict: int64 (frames, L), -1 for none. points, cells (L, 2): pixels.

    A box belongs to the finest level where its longer side is at most 8 cells (as FCOS's limits), else to the coarsest.
    There it has the places inside it that are within 1.5 cells of its centre, and always the cell of its centre. A
    place that several boxes claim belongs to the smallest.
    """
    centre = (truth.corners[:, :2] + truth.corners[:, 2:]) / 2
    sides = truth.corners[:, 2:] - truth.corners[:, :2]
    strides = cells.amax(1)  # (L,), from fine to coarse
    levels = strides.unique()
    fits = sides.amax(1)[:, None] <= 8 * levels  # (M, levels)
    stride = levels[torch.where(fits.any(1), fits.int().argmax(1), len(levels) - 1)]
    away = ((points - centre[:, None]).abs() / cells).amax(-1)  # (M, L), in cells
    inside = ((points > truth.corners[:, None, :2]) & (points < truth.corners[:, None, 2:])).all(-1)
    claims = (strides == stride[:, None]) & ((inside & (away < 1.5)) | (away <= 0.5))
    by_size = sides.prod(1).argsort()  # a box's rank by area settles between claims
    rank = torch.empty_like(by_size)
    rank[by_size] = torch.arange(len(by_size), device=rank.device)
    box, place = claims.nonzero(as_tuple=True)
    none = len(truth)
    best = torch.full((frames * len(points),), none, device=points.device)
    best.scatter_reduce_(0, truth.frame[box] * len(points) + place, rank[box], "amin")
    best = best.unflatten(0, (frames, len(points)))
    return torch.where(best < none, torch.cat([by_size, by_size.new_zeros(1)])[best], -1)
