"""Pseudolabel networks as modalities, by one string each: what command lines take (Section 4.3).

dinov2=features:vit_small_patch14_dinov2.lvd142m           timm, weights from the hub
clip=features:vit_base_patch16_clip_224.openai=FOLDER      timm, weights of a folder with model.safetensors
lite=efficientnet                                          EfficientNet-Lite0, from its package, offline
sam_edges=sam:facebook/sam-vit-base                        transformers, from the hub or a folder
boxes=boxes:FOLDER                                         a detector of transformers
masks=masks:nvidia/segformer-b0-finetuned-ade-512-512      a segmenter of transformers
"""

from __future__ import annotations

from collections.abc import Callable

from ..encoders.timm_encoders import efficientnet_lite, timm_encoder
from .hub_networks import detected_boxes, sam_edges, semantic_masks
from .modality import MODALITIES, SEQUENCES, Modality, register
from .pseudolabels import feature_map
from .sequences import SequenceModality


class NetworkError(ValueError):
    """A network that cannot become a modality."""


FEATURE_PIXELS = 224
"""Side of the frames that feature networks see, in pixels."""
_Make = Callable[[str, str, int, int], Modality | SequenceModality]
_registered: dict[str, str] = {}


def register_network(text: str, image_size: int, patch: int) -> str:
    """Register the modality that NAME=KIND[:SOURCE] describes, and return its name for TSTConfig.modalities.

    `image_size`, `patch`: of the learner's frames, in pixels; feature maps have one token for each patch. NetworkError
    for another form or kind, or a name that is taken; GeneralistError for a network that cannot be loaded.
    """
    name, equals, network = text.partition("=")
    kind, _, source = network.partition(":")
    if not equals or kind not in _KINDS or not name.isidentifier() or (not source and kind != "efficientnet"):
        raise NetworkError(f"network {text!r} is not NAME=KIND:SOURCE, with KIND one of {', '.join(_KINDS)}")
    if _registered.get(name) == text:
        return name
    if name in MODALITIES or name in SEQUENCES:
        raise NetworkError(f"network {text!r}: there is another modality '{name}'")
    register(_KINDS[kind](name, source, image_size, image_size // patch))
    _registered[name] = text
    return name


def _features(name: str, source: str, image_size: int, grid: int) -> Modality:
    model, _, weights = source.partition("=")
    return feature_map(name, timm_encoder(model, FEATURE_PIXELS, weights or None), image_size, grid)


def _efficientnet(name: str, source: str, image_size: int, grid: int) -> Modality:
    return feature_map(name, efficientnet_lite(FEATURE_PIXELS), image_size, grid)


_KINDS: dict[str, _Make] = {
    "features": _features,
    "efficientnet": _efficientnet,
    "sam": lambda name, source, image_size, grid: sam_edges(name, source),
    "boxes": lambda name, source, image_size, grid: detected_boxes(name, source),
    "masks": lambda name, source, image_size, grid: semantic_masks(name, source),
}
