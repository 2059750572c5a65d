"""The head of Cascade Mask R-CNN, of torchvision's parts; `cascade` says so where its operators do not load.

Boxes are in units (`PATCH` to a patch). Class 0 is the background in here, and the k-th class is k + 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.detection._utils import BalancedPositiveNegativeSampler, BoxCoder
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNConvFCHead
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.roi_heads import maskrcnn_inference, maskrcnn_loss, paste_masks_in_image
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead
from torchvision.ops import MultiScaleRoIAlign, batched_nms, box_iou, clip_boxes_to_image

from ..metrics.boxes import Boxes
from ..nn.precision import autocast
from .cascade_config import PATCH, CascadeConfig
from .pyramid import ChannelNorm, SimplePyramid

_POOLED, _MASK = 7, 14  # cells of a box's features, and of a mask's: Mask R-CNN
_CODES = ((10.0, 10.0, 5.0, 5.0), (20.0, 20.0, 10.0, 10.0), (30.0, 30.0, 15.0, 15.0))
# Weights of a box's shift and growth, stage by stage, as the steps get smaller: Cascade R-CNN.


@dataclass(frozen=True)
class Matched:
    """Proposals of a frame, and the object of each."""

    boxes: Tensor
    """float32 (R, 4), in units."""
    classes: Tensor
    """int64 (R,): 0 where no object is."""
    objects: Tensor
    """int64 (R,): which of the frame's objects; 0 too where none is."""


class Stage(nn.Module):
    """Features of boxes (R, width, 7, 7) to logits (R, 1 + K) and steps (R, 4), one for all classes."""

    def __init__(self, n_classes: int, config: CascadeConfig, codes: tuple[float, float, float, float]) -> None:
        super().__init__()
        inputs, widths = (config.width, _POOLED, _POOLED), [config.width] * config.convolutions
        self.trunk = FastRCNNConvFCHead(inputs, widths, [config.hidden], ChannelNorm)
        self.logits, self.steps = nn.Linear(config.hidden, 1 + n_classes), nn.Linear(config.hidden, 4)
        self.coder = BoxCoder(codes)
        for layer, std in ((self.logits, 0.01), (self.steps, 0.001)):
            nn.init.normal_(layer.weight, std=std)
            nn.init.zeros_(layer.bias)

    def forward(self, pooled: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        hidden = self.trunk(pooled)
        return self.logits(hidden), self.steps(hidden)

    def aim(self, boxes: Tensor, objects: Tensor) -> Tensor:
        """The steps that lead from boxes (R, 4) to objects (R, 4)."""
        steps: Tensor = self.coder.encode_single(objects, boxes)
        return steps

    def moved(self, boxes: Tensor, steps: Tensor) -> Tensor:
        """Where the steps lead from boxes (R, 4)."""
        moved: Tensor = self.coder.decode_single(steps, boxes)
        return moved


class CascadeHead(nn.Module):
    """The pyramid of an encoder's features (B, N, dim), and what reads boxes and masks off its maps."""

    def __init__(self, dim: int, grid: tuple[int, int], n_classes: int, config: CascadeConfig) -> None:
        super().__init__()
        if not 1 <= len(config.overlaps) <= len(_CODES):
            raise ValueError(f"cascade: 1 to {len(_CODES)} overlaps, one a stage, got {config.overlaps}")
        self.config, self.size = config, (PATCH * grid[0], PATCH * grid[1])
        self.pyramid = SimplePyramid(dim, grid, config.width, config.scales)
        self.names = [str(level) for level in range(len(config.scales))]
        anchors = AnchorGenerator(
            tuple((config.anchor * PATCH / scale,) for scale in config.scales),
            ((0.5, 1.0, 2.0),) * len(config.scales),
        )
        most = {"training": config.proposals, "testing": config.proposals}
        self.proposer = RegionProposalNetwork(
            anchors, RPNHead(config.width, 3), fg_iou_thresh=0.7, bg_iou_thresh=0.3,
            batch_size_per_image=config.samples, positive_fraction=0.5, pre_nms_top_n=most, post_nms_top_n=most,
            nms_thresh=0.7,
        )  # fmt: skip
        self.sampler = BalancedPositiveNegativeSampler(config.samples, 0.25)
        self.pool = MultiScaleRoIAlign(self.names, _POOLED, sampling_ratio=2)
        self.stages = nn.ModuleList(
            Stage(n_classes, config, codes) for codes, _ in zip(_CODES, config.overlaps, strict=False)
        )
        self.mask_pool = MultiScaleRoIAlign(self.names, _MASK, sampling_ratio=2)
        self.mask_head = nn.Sequential(
            MaskRCNNHeads(config.width, [config.width] * config.convolutions, 1, ChannelNorm),
            MaskRCNNPredictor(config.width, config.width, 1 + n_classes),
        )

    def losses(self, maps: Sequence[Tensor], truth: Boxes, units: Tensor) -> dict[str, Tensor]:
        """The losses of maps (B, width, h, w) with true boxes and masks in pixels, of `units` (4,) each."""
        frames = [truth.of(frame) for frame in range(len(maps[0]))]
        objects = [(each.corners * units, each.classes + 1) for each in frames]
        proposals, proposal_losses = self.proposer(
            self._images(maps), self._named(maps), [{"boxes": own} for own, _ in objects]
        )
        losses = {
            "objectness": proposal_losses["loss_objectness"],
            "proposals": proposal_losses["loss_rpn_box_reg"],
        }
        proposals = [torch.cat(pair) for pair in zip(proposals, (own for own, _ in objects), strict=True)]
        first = [
            self._sampled(match(boxes, *own, self.config.overlaps[0]))
            for boxes, own in zip(proposals, objects, strict=True)
        ]
        matched = first
        for number, (stage, overlap) in enumerate(zip(self._stages(), self.config.overlaps, strict=True), 1):
            if number > 1:
                matched = [
                    match(boxes[_wide(boxes)], *own, overlap) for boxes, own in zip(proposals, objects, strict=True)
                ]
            boxes = [each.boxes for each in matched]
            logits, steps, proposals = self._through(stage, maps, boxes)
            classes = torch.cat([each.classes for each in matched])
            goals = [_of(own, each.objects) for (own, _), each in zip(objects, matched, strict=True)]
            aim = stage.aim(torch.cat(boxes), torch.cat(goals))
            positive, count = classes > 0, max(1, len(classes))
            losses[f"classes {number}"] = F.cross_entropy(logits, classes, reduction="sum") / count
            losses[f"boxes {number}"] = F.l1_loss(steps[positive], aim[positive], reduction="sum") / count
        losses["masks"] = self._mask_loss(maps, first, frames, units)
        return losses

    def detect(self, maps: Sequence[Tensor]) -> Boxes:
        """Boxes in units, each frame's best first; classes count from 0."""
        boxes, _ = self.proposer(self._images(maps), self._named(maps))
        likely = torch.zeros(())
        for stage in self._stages():
            logits, _, boxes = self._through(stage, maps, boxes)
            likely = likely + logits.softmax(1) / len(self.stages)
        parts = []
        for frame, (corners, scores) in enumerate(zip(boxes, likely.split([len(b) for b in boxes]), strict=True)):
            row, kind = (scores[:, 1:] >= self.config.min_score).nonzero(as_tuple=True)
            own, scored = corners[row], scores[row, kind + 1]
            kept = batched_nms(own, scored, kind, self.config.max_iou)[: self.config.per_frame]
            parts.append(Boxes(torch.full_like(kept, frame), own[kept], kind[kept], scored[kept]))
        return Boxes.join(parts)

    def masks(self, maps: Sequence[Tensor], boxes: Boxes, units: Tensor, size: tuple[int, int]) -> Tensor:
        """Masks, bool (M, *size), of boxes in units of which a pixel has `units` (4,)."""
        own = [boxes.of(frame) for frame in range(len(maps[0]))]
        logits = self._mask_logits(maps, [each.corners for each in own])
        shares = maskrcnn_inference(logits, [each.classes + 1 for each in own])
        parts = [
            paste_masks_in_image(share, each.corners / units, size)[:, 0] > 0.5
            for share, each in zip(shares, own, strict=True)
        ]
        return torch.cat(parts)

    def _stages(self) -> Iterator[Stage]:
        for stage in self.stages:
            assert isinstance(stage, Stage)
            yield stage

    def _through(
        self, stage: Stage, maps: Sequence[Tensor], boxes: list[Tensor]
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Logits and steps of boxes, and where the steps lead to."""
        pooled, share = self._pooled(self.pool, maps, boxes), 1 / len(self.stages)
        pooled = share * pooled + (1 - share) * pooled.detach()  # stages share the gradient of the maps, as Detectron2
        with autocast(pooled.device.type):
            logits, steps = (output.float() for output in stage(pooled))
        moved = clip_boxes_to_image(stage.moved(torch.cat(boxes), steps.detach()), self.size)
        return logits, steps, list(moved.split([len(each) for each in boxes]))

    def _sampled(self, matched: Matched) -> Matched:
        """Sampled proposals to learn from; degenerate boxes are left out."""
        (objects,), (rest,) = self.sampler([torch.where(_wide(matched.boxes), matched.classes, -1)])
        chosen = (objects + rest).bool()
        return Matched(matched.boxes[chosen], matched.classes[chosen], matched.objects[chosen])

    def _mask_loss(
        self, maps: Sequence[Tensor], matched: Sequence[Matched], frames: Sequence[Boxes], units: Tensor
    ) -> Tensor:
        positive = [each.classes > 0 for each in matched]
        boxes = [each.boxes[one] for each, one in zip(matched, positive, strict=True)]
        logits = self._mask_logits(maps, boxes)
        masks = [each.masks for each in frames]
        objects = [each.objects[one] for each, one in zip(matched, positive, strict=True)]
        loss: Tensor = maskrcnn_loss(
            logits, [each / units for each in boxes], masks, [each.classes + 1 for each in frames], objects
        )
        return loss

    def _mask_logits(self, maps: Sequence[Tensor], boxes: list[Tensor]) -> Tensor:
        pooled = self._pooled(self.mask_pool, maps, boxes)
        with autocast(pooled.device.type):
            logits: Tensor = self.mask_head(pooled)
        return logits.float()

    def _pooled(self, pool: MultiScaleRoIAlign, maps: Sequence[Tensor], boxes: list[Tensor]) -> Tensor:
        pooled: Tensor = pool(self._named(maps), boxes, [self.size] * len(boxes))
        return pooled

    def _named(self, maps: Sequence[Tensor]) -> dict[str, Tensor]:
        return dict(zip(self.names, maps, strict=True))

    def _images(self, maps: Sequence[Tensor]) -> ImageList:
        """Stand-ins for images, of which only the size is used."""
        return ImageList(maps[0].new_empty(()).expand(len(maps[0]), 1, *self.size), [self.size] * len(maps[0]))


def match(boxes: Tensor, corners: Tensor, classes: Tensor, overlap: float) -> Matched:
    """Of each of boxes (R, 4) the object (`corners` (M, 4), `classes` (M,) from 1) that it overlaps by most, where
    that is `overlap` or more."""
    if not len(corners):
        nothing = torch.zeros(len(boxes), dtype=torch.int64, device=boxes.device)
        return Matched(boxes, nothing, nothing)
    best, objects = box_iou(corners, boxes).max(0)
    return Matched(boxes, torch.where(best >= overlap, classes[objects], 0), objects)


def _of(corners: Tensor, objects: Tensor) -> Tensor:
    """The boxes of these objects; of a frame without any, zeros, which nothing is learned from."""
    return corners[objects] if len(corners) else corners.new_zeros(len(objects), 4)


def _wide(boxes: Tensor) -> Tensor:
    """Whether a box has an area to speak of: a step from one that has not is not finite."""
    return ((boxes[:, 2:] - boxes[:, :2]) > 1e-2).all(1)
