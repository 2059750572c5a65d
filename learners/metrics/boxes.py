"""Boxes of objects: out of label maps, their overlap, and non-maximum suppression in plain torch.

A box is left, top, right, bottom in pixels, edges of pixels: an object that fills one pixel at row 3, column 5 has the
box (5, 3, 6, 4).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Boxes:
    """Boxes of many frames, in one list."""

    frame: Tensor
    """int64 (M,): the frame that each is in, ascending."""
    corners: Tensor
    """float32 (M, 4): left, top, right, bottom, in pixels."""
    classes: Tensor
    """int64 (M,): class ids."""
    scores: Tensor
    """float32 (M,) in 0..1; 1 for boxes that are true."""
    masks: Tensor | None = None
    """bool (M, H, W), where there are any: the pixels of each object."""

    def __len__(self) -> int:
        return len(self.frame)

    def where(self, chosen: Tensor) -> Boxes:
        """Those that `chosen` (bool (M,), or indices) picks."""
        masks = None if self.masks is None else self.masks[chosen]
        return Boxes(self.frame[chosen], self.corners[chosen], self.classes[chosen], self.scores[chosen], masks)

    def of(self, frame: int) -> Boxes:
        """Those of one frame."""
        return self.where(self.frame == frame)

    @classmethod
    def join(cls, parts: Collection[Boxes]) -> Boxes:
        """All of `parts`, in their order; frames keep their numbers, and masks are left out."""
        if not parts:
            nothing = torch.zeros(0, dtype=torch.int64)
            return cls(nothing, torch.zeros(0, 4), nothing, torch.zeros(0))
        fields = zip(*((part.frame, part.corners, part.classes, part.scores) for part in parts), strict=True)
        return cls(*(torch.cat(values) for values in fields))


def number_objects(semantic: Any, instance: Any, classes: Collection[int]) -> tuple[Tensor, Tensor]:
    """A number for each object of each frame, from label maps (N, H, W): objects int32 (N, H, W), and the classes.

    Objects are the instances of `classes`, counted from 1 through all frames; all else, void too, is 0. An instance
    has one class (the scene gives it); where its pixels disagree, the highest id counts. The second tensor, int64
    (objects + 1,), is the class of each number, 0 of number 0. ValueError where the maps differ in shape.
    """
    kinds, instances = torch.as_tensor(semantic).long(), torch.as_tensor(instance).long()
    if kinds.shape != instances.shape or kinds.ndim != 3:
        raise ValueError(
            f"boxes: semantic {tuple(kinds.shape)} and instance {tuple(instances.shape)} must be one (N, H, W)"
        )
    chosen = torch.isin(kinds, torch.tensor(sorted(classes), dtype=torch.int64)) & (instances > 0)
    frames = torch.arange(len(kinds))[:, None, None].expand_as(kinds)
    keys = (frames * (int(instances.max()) + 1 if instances.numel() else 1) + instances)[chosen]
    unique, number = keys.unique(return_inverse=True)
    table = torch.zeros(len(unique) + 1, dtype=torch.int64)
    table.scatter_reduce_(0, number + 1, kinds[chosen], "amax")
    objects = torch.zeros(kinds.shape, dtype=torch.int32)
    objects[chosen] = (number + 1).to(torch.int32)
    return objects, table


def boxes_of(objects: Tensor, table: Tensor, min_pixels: int = 1, masks: bool = False) -> Boxes:
    """The boxes of what `number_objects` numbered, of what is visible of it: `min_pixels` or more; with their `masks`.

    objects: integers (N, H, W), also after a crop or a flip; table: int64, the class of each number, 0 of number 0.
    """
    count, height, width = objects.shape
    numbers = objects.long()
    frames = torch.arange(count, device=objects.device)[:, None, None].expand_as(numbers)
    seen, place = (frames * len(table) + numbers).flatten().unique(return_inverse=True)
    rows = torch.arange(height, device=objects.device)[None, :, None].expand_as(numbers).flatten()
    columns = torch.arange(width, device=objects.device)[None, None].expand_as(numbers).flatten()
    sides = []
    for index, how in ((columns, "amin"), (rows, "amin"), (columns, "amax"), (rows, "amax")):
        side = torch.zeros(len(seen), dtype=torch.int64, device=objects.device)
        sides.append(side.scatter_reduce_(0, place, index, how, include_self=False) + (how == "amax"))
    number = seen % len(table)
    kept = (number > 0) & (place.bincount(minlength=len(seen)) >= min_pixels)
    corners = torch.stack(sides, 1).float()
    classes = table.to(objects.device)[number]
    boxes = Boxes(seen // len(table), corners, classes, torch.ones(len(seen), device=objects.device)).where(kept)
    return replace(boxes, masks=numbers[boxes.frame] == number[kept][:, None, None]) if masks else boxes


def overlap(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Intersection over union, and its generalisation GIoU (Rezatofighi et al., 2019), of boxes (..., 4), broadcast.

    GIoU takes off the share of the smallest box around both that neither covers: it is in -1..1, and has a gradient
    where boxes do not meet. A box without area has IoU 0.
    """
    low = torch.maximum(first[..., :2], second[..., :2])
    high = torch.minimum(first[..., 2:], second[..., 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    union = _area(first) + _area(second) - shared
    around = (torch.maximum(first[..., 2:], second[..., 2:]) - torch.minimum(first[..., :2], second[..., :2])).prod(-1)
    iou = shared / union.clamp(min=1e-9)
    return iou, iou - (around - union) / around.clamp(min=1e-9)


def suppress(corners: Tensor, classes: Tensor, threshold: float) -> Tensor:
    """Greedy non-maximum suppression: bool (..., n) of the boxes (..., n, 4) to keep, which come best first.

    From the best on, a box goes where one that is kept, of its own class, overlaps it by more than `threshold`. Exactly
    that follows here from repeating "a box stays if no better one that stands overlaps it" until nothing changes: after
    round i the first i boxes are settled, and mostly a few rounds settle all.
    """
    iou = overlap(corners[..., :, None, :], corners[..., None, :, :])[0]
    rivals = ((iou > threshold) & (classes[..., :, None] == classes[..., None, :])).triu(1)  # (better, worse)
    kept = torch.ones_like(classes, dtype=torch.bool)
    while True:
        settled = ~(rivals & kept[..., :, None]).any(-2)
        if torch.equal(settled, kept):
            return kept
        kept = settled


def _area(corners: Tensor) -> Tensor:
    return (corners[..., 2:] - corners[..., :2]).clamp(min=0).prod(-1)
