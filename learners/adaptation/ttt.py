"""Test-time training with masked autoencoding, TTT-MAE (Gandelsman et al., 2022; Appendix T).

Each frame by itself: starting from the transferred weights, the encoder takes a few steps on reconstructing this
frame's masked patches, many masks at once; then the head, which never moves, predicts on what the encoder has become.
The weights go back before the next frame, so no prediction depends on another frame. Online, they go back only where
the agent enters another room: what one frame taught serves the next.

TTT leans on a reconstruction decoder that fits the encoder. Fine-tuning moves the encoder away from the decoder of
pre-training, and TTT would then pull it back, away from the task. `refit_decoder` repairs this with unlabelled frames
alone; with a head that was trained on a frozen encoder it is not needed.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..encoders.frame_encoder import FrameEncoder
from ..heads.segmentation import Segmenter
from ..masked.encoder import Encoder
from ..masked.masked_model import MaskedModel
from ..masked.masking import split_patches
from ..nn.precision import autocast
from ..nn.schedules import warmup_cosine
from .ttt_config import TTTConfig


@dataclass(frozen=True)
class TTTResult:
    """Predictions after test-time training, and whether it did what it is for: lower the reconstruction loss."""

    semantic: NDArray[np.int16]
    """(N, H, W) class ids."""
    loss_before: NDArray[np.float64]
    """(N,) reconstruction loss of each frame at the first step."""
    loss_after: NDArray[np.float64]
    """(N,) the same after the last step, on the same masks."""
    seconds_per_frame: float
    """What it costs."""


def ttt_predict(
    segmenter: Segmenter,
    model: MaskedModel,
    rgb: NDArray[np.uint8] | Tensor,
    config: TTTConfig | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    rooms: Sequence[int] | None = None,
) -> TTTResult:
    """Predict each frame of rgb uint8 (N, H, W, 3) after training the segmenter's encoder on it.

    `model` is the pre-trained model, or what `refit_decoder` returned: its decoder is used, on the segmenter's device.
    Neither argument changes. The masks follow from `seed` and are the same for every frame. With `rooms`, a number for
    each frame, weights and momentum are reset only where it changes (online). ValueError where there are not N of them.
    """
    config, started = config or TTTConfig(), time.perf_counter()
    images = torch.as_tensor(rgb)
    if rooms is not None and len(rooms) != len(images):
        raise ValueError(f"test-time training: {len(rooms)} rooms for {len(images)} frames")
    working = copy.deepcopy(segmenter).requires_grad_(False).eval()
    learner = _with_encoder(model, working.encoder)
    moving = [*working.encoder.parameters(), learner.mask_token]
    start, device = [parameter.detach().clone() for parameter in moving], learner.mask_token.device
    for parameter in moving:
        parameter.requires_grad_(True)

    predicted, before, after = [], [], []
    for done, frame in enumerate(images.split(1)):
        if rooms is None or done == 0 or rooms[done] != rooms[done - 1]:
            with torch.no_grad():
                for parameter, value in zip(moving, start, strict=True):
                    parameter.copy_(value)
            optimizer = torch.optim.SGD(moving, lr=config.learning_rate, momentum=config.momentum)
        generator = torch.Generator().manual_seed(seed)
        copies = frame.to(device).expand(config.masks, -1, -1, -1)
        probe = split_patches(config.masks, learner.patches, config.mask_ratio, generator)
        before.append(_probe(learner, copies, probe))
        for step in range(config.steps):
            visible, hidden = (
                probe if step == 0 else split_patches(config.masks, learner.patches, config.mask_ratio, generator)
            )
            with autocast(copies.device.type):
                loss = learner.reconstruct_rgb(copies, visible, hidden)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        after.append(_probe(learner, copies, probe))
        predicted.append(working.predict(frame))
        if progress is not None:
            progress(done + 1, len(images))
    semantic = np.concatenate(predicted) if predicted else np.zeros(tuple(images.shape[:3]), np.int16)
    seconds = (time.perf_counter() - started) / max(1, len(images))
    return TTTResult(semantic, np.array(before), np.array(after), seconds)


def refit_decoder(
    model: MaskedModel,
    encoder: FrameEncoder,
    sample: Callable[[int], Tensor],
    config: TTTConfig | None = None,
    seed: int = 0,
    progress: Callable[[int, int, float], None] | None = None,
) -> MaskedModel:
    """A copy of `model` around a copy of the transferred `encoder`, which stays fixed; the rgb decoder is fitted to it.

    `sample(n)` gives rgb uint8 (n, H, W, 3), unlabelled: frames of the replay buffer, of the transfer set, or both.
    `progress` receives the steps done, the steps in all and the loss.
    """
    config = config or TTTConfig()
    learner = _with_encoder(model, copy.deepcopy(encoder))
    decoder = (learner.context, learner.decoder, learner.decoder_norm, learner.heads[learner.rgb_target])
    trained = [learner.mask_token, *(p for part in decoder for p in part.parameters())]
    for parameter in trained:
        parameter.requires_grad_(True)
    optimizer = torch.optim.AdamW(trained, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    generator = torch.Generator().manual_seed(seed)
    for step in range(config.refit_steps):
        rgb = sample(config.refit_batch).to(learner.mask_token.device)
        visible, hidden = split_patches(len(rgb), learner.patches, config.mask_ratio, generator)
        with autocast(rgb.device.type):
            loss = learner.reconstruct_rgb(rgb, visible, hidden)
        for group in optimizer.param_groups:
            group["lr"] = warmup_cosine(config.refit_learning_rate, step, 0, config.refit_steps)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        if progress is not None:
            progress(step + 1, config.refit_steps, loss.item())
    return learner.requires_grad_(False)


def _with_encoder(model: MaskedModel, encoder: FrameEncoder) -> MaskedModel:
    """A frozen copy of `model` around this very `encoder`; ValueError where it is none of a masked model."""
    if not isinstance(encoder, Encoder):
        raise ValueError(f"test-time training: a {type(encoder).__name__} has no masked patches to reconstruct")
    learner = copy.deepcopy(model)
    learner.encoder = encoder
    return learner.to(encoder.positions.device).requires_grad_(False).eval()


@torch.no_grad()
def _probe(model: MaskedModel, rgb: Tensor, masks: tuple[Tensor, Tensor]) -> float:
    with autocast(rgb.device.type):
        return float(model.reconstruct_rgb(rgb, *masks))
