"""Segmentation as a robot's loop calls it: colour in, with depth or without, and class ids out.

perception = Perception.shipped()
labels = perception(rgb)                                    # uint8 (H, W, 3) to int16 (H, W)
labels = perception(rgb, depth, Viewpoint(60, 1.2, -10))    # depth in metres, float (H, W)
print(perception.classes[labels[0, 0]])
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open

from . import pictures
from .inference import folded
from .network import Generalist
from .pictures import PictureError, Viewpoint
from .weights import SHIPPED, WeightsError, load_weights, read_provenance

__all__ = ["Perception", "PictureError", "Viewpoint"]


class Perception:
    """Class ids and probabilities of pictures of any size, by one network. May be called by several threads."""

    def __init__(self, network: Generalist, classes: Sequence[str], dtype: torch.dtype | None = None) -> None:
        """A copy of the network is made for inference.

        classes: names of its logits, void first. dtype: in which it computes; None is bfloat16 where that is fast, else
        float32. ValueError where the names are not as many as the logits.
        """
        if len(classes) != network.config.classes:
            raise ValueError(f"perception: {len(classes)} class names for {network.config.classes} logits")
        self.classes = tuple(classes)
        """Name of each class id; 0 is void."""
        self.network = folded(network, dtype)

    @classmethod
    def shipped(cls, classes: Sequence[str] | None = None, dtype: torch.dtype | None = None) -> Self:
        """By the weights that come with the package; the rest as `load`."""
        with as_file(files(__package__) / SHIPPED) as file:
            return cls.load(file, classes, dtype)

    @classmethod
    def load(cls, file: Path | str, classes: Sequence[str] | None = None, dtype: torch.dtype | None = None) -> Self:
        """By a file of weights, as `testspace pretrain-generalist` and `weights.save_weights` leave them.

        classes: names that the file must have; None takes the file's own. WeightsError, one line, where the file is
        missing, damaged, of another version or of other classes. Nothing in the file is run.
        """
        names = tuple(classes) if classes is not None else stored_classes(Path(file))
        return cls(load_weights(Path(file), names), names, dtype)

    def __call__(
        self,
        rgb: NDArray[np.uint8],
        depth: NDArray[np.floating[Any]] | None = None,
        viewpoint: Viewpoint | None = None,
    ) -> NDArray[np.int16]:
        """Class ids int16 (H, W), never void, of rgb uint8 (H, W, 3).

        depth: float (H', W'), metres along the optical axis, of the same view in any size; 0 and what is not finite is
        no return. viewpoint: of the camera, used with depth; None is `Viewpoint()`: 90 degrees, 1.5 m, level.
        PictureError for other arrays, and for pictures that are too small or too long.
        """
        return self.batch(*_one(rgb, depth, viewpoint))[0]

    def batch(
        self,
        rgb: NDArray[np.uint8],
        depth: NDArray[np.floating[Any]] | None = None,
        viewpoints: Sequence[Viewpoint] | None = None,
    ) -> NDArray[np.int16]:
        """Class ids int16 (B, H, W) of pictures of one size: rgb (B, H, W, 3), depth (B, H', W'), one viewpoint
        each."""
        return pictures.segment(self.network, rgb, depth, viewpoints)

    def probabilities(
        self,
        rgb: NDArray[np.uint8],
        depth: NDArray[np.floating[Any]] | None = None,
        viewpoint: Viewpoint | None = None,
    ) -> NDArray[np.float32]:
        """Probabilities float32 (C, h, w) by class id, void's 0, as the network gives them: the shorter side has 32
        places, each a square of the picture. Takes what a call takes."""
        chances = pictures.probabilities(self.network, *_one(rgb, depth, viewpoint))[0].numpy()
        return np.concatenate([np.zeros_like(chances[:1]), chances])


def stored_classes(file: Path) -> tuple[str, ...]:
    """The class names in a file of weights, void first. WeightsError where they cannot be read."""
    read_provenance(file)  # whether it is a file of weights, of a size that is read
    with safe_open(file, "pt") as stored:
        text = (stored.metadata() or {}).get("classes", "")
    try:
        names = json.loads(text)
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise WeightsError(f"{file}: its metadata are damaged: classes")
    return tuple(names)


def _one(
    rgb: NDArray[np.uint8], depth: NDArray[np.floating[Any]] | None, viewpoint: Viewpoint | None
) -> tuple[NDArray[np.uint8], NDArray[np.floating[Any]] | None, list[Viewpoint] | None]:
    """One picture as a batch of it."""
    if rgb.ndim != 3:
        raise PictureError(f"rgb is {rgb.dtype} {rgb.shape}, expected uint8 (H, W, 3)")
    if depth is not None and depth.ndim != 2:
        raise PictureError(f"depth is {depth.dtype} {depth.shape}, expected floating-point numbers (H, W)")
    views = None if viewpoint is None else [viewpoint]
    return rgb[None], None if depth is None else depth[None], views
