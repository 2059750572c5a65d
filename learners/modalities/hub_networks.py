"""Pseudolabels of networks from the transformers library (extra `pseudolabels`): SAM edges, boxes, semantic masks.

    register(sam_edges("sam_edges", "facebook/sam-vit-base"))
    register(detected_boxes("boxes", "my_folders/detr"))
    register(semantic_masks("masks", "nvidia/segformer-b0-finetuned-ade-512-512"))
    learner = TSTLearner(TSTConfig(modalities=(*SENSORY, "sam_edges", "boxes", "masks")))

Each takes the name of a hub repository or a local folder, reads safetensors only and runs no code of theirs. Images are
scaled to the network's square input, and normalised according to its preprocessor_config.json.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ..encoders.timm_encoders import GeneralistError
from ..encoders.torchvision_guard import ensure_torchvision
from .modality import MODALITIES, Modality
from .sequences import SequenceModality, boxes, write_boxes

_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CODE_WIDTH = 16
"""Channels that encode a class id for networks that take images (4M learns 64 of them)."""


def sam_edges(name: str, source: str | Path, points: int = 8, least: float = 0.88) -> Modality:
    """Outlines of what SAM finds at a grid of points x points, uint8 (B, H, W) of 0 or 255, as a modality.

    Of each point the mask counts that SAM itself trusts most, if its predicted IoU is `least` or more (SAM's default).
    """
    network, prepare = _load("SamModel", source)
    side = int(network.config.vision_config.image_size)
    centres = (torch.arange(points) + 0.5) * side / points
    grid = torch.stack(torch.meshgrid(centres, centres, indexing="xy"), -1).view(1, -1, 1, 2)

    def compute(rgb: Tensor) -> Tensor:
        points_in = grid.expand(len(rgb), -1, -1, -1).to(rgb.device)
        outputs = network.to(rgb.device)(pixel_values=prepare(rgb, side), input_points=points_in)
        best = outputs.iou_scores.argmax(-1, keepdim=True)
        masks = outputs.pred_masks.gather(2, best[..., None, None].expand(-1, -1, -1, *outputs.pred_masks.shape[-2:]))
        trusted = outputs.iou_scores.gather(2, best) >= least
        scaled = F.interpolate(masks[:, :, 0].float(), rgb.shape[1:3], mode="bilinear", align_corners=False)
        return outlines((scaled > 0) & trusted[..., None])

    edges = MODALITIES["edges"]
    return Modality(name, 1, edges.normalise, edges.draw, compute)


def outlines(masks: Tensor) -> Tensor:
    """Outlines of masks bool (B, K, H, W): their pixels with a neighbour outside, uint8 (B, H, W) of 0 or 255."""
    inside = masks.float()
    eroded = -F.max_pool2d(-F.pad(inside, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    return ((inside - eroded) > 0).any(1).to(torch.uint8) * 255


def detected_boxes(
    name: str, source: str | Path, most: int = 20, least: float = 0.6, side: int = 512, bins: int = 1000
) -> SequenceModality:
    """Boxes of a detector that answers queries (DETR, YOLOS, RT-DETR, ...), as a sequence: see `sequences.boxes`.

    The `most` best of a score of `least` or more, as 4M; images are scaled to side x side.
    """
    network, prepare = _load("AutoModelForObjectDetection", source)
    classes = int(network.config.num_labels)

    def compute(rgb: Tensor) -> Tensor:
        outputs = network.to(rgb.device)(pixel_values=prepare(rgb, side))
        corners, labels, there = best_boxes(outputs.logits, outputs.pred_boxes, classes, most, least)
        return write_boxes(corners, labels, there, sequence, bins)

    sequence = boxes(name, classes, most, bins, compute)
    return sequence


def best_boxes(logits: Tensor, centred: Tensor, classes: int, most: int, least: float) -> tuple[Tensor, Tensor, Tensor]:
    """Of queries' logits (B, Q, C) and boxes (B, Q, 4) as centre and size: corners, classes, and where there is a box.

    C is `classes`, each yes or no; or one more, the last for none of them. Corners (B, K, 4) lie in 0..1.
    """
    scores = logits.float().softmax(-1)[..., :-1] if logits.shape[-1] == classes + 1 else logits.float().sigmoid()
    score, label = scores[..., :classes].max(-1)
    score, order = score.topk(min(most, score.shape[1]), dim=1)
    centre, size = centred.float().gather(1, order[..., None].expand(-1, -1, 4)).split(2, dim=-1)
    corners = torch.cat([centre - size / 2, centre + size / 2], dim=-1).clamp(0, 1)
    return corners.cpu(), label.gather(1, order).cpu(), (score >= least).cpu()


def semantic_masks(name: str, source: str | Path, side: int = 512) -> Modality:
    """Class ids int64 (B, H, W) of a segmenter (SegFormer, UPerNet, Mask2Former, MaskFormer, ...), as a modality.

    To the learner each id is a fixed random direction in CODE_WIDTH channels; predictions are drawn as the nearest
    class. Images are scaled to side x side.
    """
    network, prepare = _load("segmentation", source)
    classes = int(network.config.num_labels)
    codes = class_codes(classes)
    colours = torch.randint(40, 256, (classes, 3), generator=torch.Generator().manual_seed(1)).to(torch.uint8)

    def compute(rgb: Tensor) -> Tensor:
        outputs = network.to(rgb.device)(pixel_values=prepare(rgb, side))
        scores = outputs.logits if hasattr(outputs, "logits") else of_queries(outputs)
        return F.interpolate(scores.float(), rgb.shape[1:3], mode="bilinear", align_corners=False).argmax(1)

    def normalise(ids: Tensor) -> Tensor:
        return codes.to(ids.device)[ids.long()].permute(0, 3, 1, 2)

    def draw(image: Tensor) -> Tensor:
        nearest = torch.einsum("bchw,kc->bkhw", image.float().cpu(), codes).argmax(1)
        return colours[nearest]

    return Modality(name, CODE_WIDTH, normalise, draw, compute)


def class_codes(classes: int) -> Tensor:
    """A direction for each class, float32 (classes, CODE_WIDTH), of length sqrt(CODE_WIDTH); always the same."""
    drawn = torch.randn(classes, CODE_WIDTH, generator=torch.Generator().manual_seed(0))
    return F.normalize(drawn, dim=-1) * CODE_WIDTH**0.5


def of_queries(outputs: Any) -> Tensor:
    """Scores (B, classes, h, w) of segmenters by queries: each mask, weighed by its class (Cheng et al., 2021)."""
    likely = outputs.class_queries_logits.float().softmax(-1)[..., :-1]
    return torch.einsum("bqc,bqhw->bchw", likely, outputs.masks_queries_logits.float().sigmoid())


def _load(kind: str, source: str | Path) -> tuple[Any, Callable[[Tensor, int], Tensor]]:
    """The frozen network, and what makes pixel values of rgb uint8 (B, H, W, 3) for it; GeneralistError without."""
    ensure_torchvision()
    try:
        import transformers
    except ImportError:
        raise GeneralistError("pseudolabels: they need transformers: pip install 'testspace[pseudolabels]'") from None
    try:
        if kind == "segmentation":
            config = transformers.AutoConfig.from_pretrained(source)
            architectures = " ".join(config.architectures or ())
            kind = "AutoModelForSemanticSegmentation"
            if "Universal" in architectures or "ForInstanceSegmentation" in architectures:
                kind = "AutoModelForUniversalSegmentation"
        network = getattr(transformers, kind).from_pretrained(source, use_safetensors=True)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise GeneralistError(
            f"pseudolabels: {source} cannot be had as a {kind}; name a hub repository or a folder that holds "
            f"config.json and model.safetensors of one: {' '.join(str(error).split())[:200]}"
        ) from error
    network.requires_grad_(False).eval()
    mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in _normalisation(source))

    def prepare(rgb: Tensor, side: int) -> Tensor:
        image = rgb.permute(0, 3, 1, 2).float() / 255
        scaled = F.interpolate(image, (side, side), mode="bilinear", align_corners=False, antialias=True)
        return (scaled - mean.to(rgb.device)) / deviation.to(rgb.device)

    return network, prepare


def _normalisation(source: str | Path) -> tuple[Any, Any]:
    """Mean and deviation of the channels, in 0..1: what preprocessor_config.json says, else ImageNet's."""
    from transformers import ImageProcessingMixin

    try:
        settings, _ = ImageProcessingMixin.get_image_processor_dict(source)
    except OSError:
        return _IMAGENET
    if not settings.get("do_normalize", True):
        return (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    return settings.get("image_mean", _IMAGENET[0]), settings.get("image_std", _IMAGENET[1])
