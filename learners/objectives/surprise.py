"""Prediction error of a masked model on one frame: the reward of a curious agent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from ..choices import SENSORY
from ..masked.masking import split_patches
from ..modalities.modality import find

if TYPE_CHECKING:
    from .tst import TSTLearner

MASKS = 8
"""Number of masks averaged over: the same for every frame, so that frames can be compared."""


@torch.no_grad()
def surprise(learner: TSTLearner, frame: Mapping[str, NDArray[np.generic]], masks: int = MASKS) -> float:
    """Masked loss of the learner on one frame of the contract (H, W, ...), mean over modalities and `masks`.

    Neither the learner's random state nor its training mode changes. Raises RuntimeError before its tokenizers are
    fitted.
    """
    if not learner.has_tokenizers:
        raise RuntimeError("surprise: the learner predicts tokens, and its tokenizers are not fitted yet")
    cfg, model = learner.config, learner.model
    generator = torch.Generator().manual_seed(learner.seed)
    tensors = {name: torch.as_tensor(frame[name]).to(learner.device) for name in SENSORY}
    frames = {name: value.expand(masks, *value.shape) for name, value in tensors.items()}
    training = model.training
    model.eval()
    try:
        if cfg.objective == "mae":
            view = split_patches(masks, model.patches, cfg.mask_ratio, generator)
            return float(model.reconstruct_rgb(frames["rgb"], *view))
        frames |= {modality.name: modality.sense(frames) for modality in find(cfg.modalities)}
        ids = {number: frames[model.names[number]].cpu() for number in learner.masking.sequences.modalities}
        losses = model.losses(frames, *learner.masking.draw(masks, generator, ids))
    finally:
        model.train(training)
    return float(torch.stack(list(losses.values())).mean())
