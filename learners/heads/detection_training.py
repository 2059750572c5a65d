"""Transfer to detection: boxes come from label maps, after augmentation, so that they enclose what is still visible."""

from __future__ import annotations

import copy
from collections.abc import Collection

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..encoders.frame_encoder import FrameEncoder
from ..metrics.boxes import boxes_of, number_objects
from .box_detector import BoxDetector
from .cascade import CascadeDetector
from .cascade_config import CascadeConfig
from .detection import Detector
from .detection_config import DetectionConfig
from .transfer import LabelledFrames, Progress, augment, train
from .transfer_config import TransferConfig

MIN_PIXELS = 4
"""Objects with fewer visible pixels get no box."""


def fine_tune_detector(
    encoder: FrameEncoder,
    labelled: LabelledFrames,
    classes: Collection[int],
    config: TransferConfig | None = None,
    head: DetectionConfig | CascadeConfig | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> BoxDetector:
    """A detector of `classes` on a copy of `encoder`, trained on `labelled`; one seed gives one result.

    `head` decides which: Detector, or CascadeDetector for a CascadeConfig. It predicts those of the classes that
    occur in `labelled`. ValueError where none does, or there are no instances; ImportError as CascadeDetector.
    """
    config = config or TransferConfig()
    objects, table = number_objects(labelled.semantic, labelled.instances(), classes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        kind: type[BoxDetector] = CascadeDetector if isinstance(head, CascadeConfig) else Detector
        detector = kind(copy.deepcopy(encoder), table[1:].unique().tolist(), head)
        masks = kind is CascadeDetector

        def loss(picks: NDArray[np.int64], generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
            rgb, visible = augment(
                torch.from_numpy(labelled.rgb[picks]), objects[picks].long(), config.augment, generator
            )
            device = next(detector.head.parameters()).device
            return detector.loss(rgb.to(device), boxes_of(visible.to(device), table, MIN_PIXELS, masks))

        train(detector, len(labelled.rgb), loss, config, seed, progress)
    return detector
