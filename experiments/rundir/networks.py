"""The networks that a run stores: where they lie, and how they are read back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.frame import Camera
from ...envs.house.classes import CLASSES
from ...learners.generalist.inference import classify_frames, folded
from ...learners.generalist.weights import load_weights
from ...learners.heads.segmentation import Segmenter
from ...learners.masked.encoder import Encoder


def weights_file(run: Path, method: str) -> Path:
    """Where the network of a method lies that began as the generalist."""
    return run / "segmenters" / f"{method}.safetensors"


def specialist_of(run: Path) -> Callable[[NDArray[np.uint8]], NDArray[np.int16]] | None:
    """Classes int16 (N, H, W) of rgb uint8 (N, H, W, 3) by the specialist that was stored last; None before the first.

    ValueError (WeightsError) where it is damaged.
    """
    folder, file = run / "segmenters" / "specialist", weights_file(run, "specialist")
    if file.is_file():
        network = folded(load_weights(file, CLASSES))
        return lambda rgb: classify_frames(network, {"rgb": rgb}, Camera(rgb.shape[2], rgb.shape[1]), depth=False)
    if folder.is_dir():
        sizes = json.loads((run / "config.json").read_text())["sizes"]["learner"]
        return Segmenter.load(folder, Encoder(sizes["size"], sizes["image_size"], sizes["patch"])).predict
    return None
