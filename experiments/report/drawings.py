"""Frames and labels as images, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...core.frame import Frame, Labels
from ...envs.house.classes import class_colours
from .report_figures import draw_depth, draw_normals

Image = NDArray[np.uint8]
"""RGB (H, W, 3)."""
OVERLAY = 0.55
"""Share of the class's colour in an overlay."""
GAP = 4
"""White pixels between two images."""


def modalities(frame: Frame, labels: Labels) -> dict[str, Image]:
    """One view as images by name: rgb, depth, normals, edges, semantic, instance."""
    far = float(np.percentile(frame["depth"], 99))
    return {
        "rgb": frame["rgb"],
        "depth": draw_depth(frame["depth"], far),
        "normals": draw_normals(frame["normals"]),
        "edges": np.repeat(frame["edges"][..., None], 3, -1),
        "semantic": class_colours()[labels.semantic],
        "instance": instance_colours(int(labels.instance.max()) + 1)[labels.instance],
    }


def overlay(rgb: Image, labels: NDArray[np.int16]) -> Image:
    """The picture under the colours of its classes, with a dark line where two classes meet."""
    mixed = (1 - OVERLAY) * rgb.astype(np.float32) + OVERLAY * class_colours()[labels]
    edge = np.zeros(labels.shape, bool)
    edge[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    edge[1:] |= labels[1:] != labels[:-1]
    mixed[edge] *= 0.4
    return np.round(mixed).astype(np.uint8)


def instance_colours(count: int) -> Image:
    """uint8 (count, 3): colours by the golden angle, so that those of neighbouring ids differ; 0 is black."""
    hue = np.arange(count) * 0.61803398875 % 1.0
    light = 0.55 + 0.4 * ((np.arange(count) * 7) % 5) / 4
    rgb = light[:, None] * (1 - 0.65 * np.clip(np.abs(hue[:, None] * 6 - [3, 2, 4]) * [-1, 1, 1] + [2, -1, -1], 0, 1))
    rgb[0] = 0
    return np.round(255 * rgb).astype(np.uint8)


def beside(images: Sequence[Image], axis: int = 1) -> Image:
    """Images of equal height side by side (axis 1), or of equal width stacked (axis 0)."""
    white = [np.full((*images[0].shape[:axis], GAP, *images[0].shape[axis + 1 :]), 255, np.uint8)]
    parts = [part for image in images for part in (image, *white)][:-1]
    return np.concatenate(parts, axis)
