"""From an encoder to its score: transfer on D_t, segmentation of held-out views, test-time training.

The live run and the cached stages both call these functions; they differ only in what they remember.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...core.progress import Advance
from ...envs.house.classes import CLASSES
from ...learners.adaptation.ttt import TTTResult, refit_decoder, ttt_predict
from ...learners.adaptation.ttt_config import TTTConfig
from ...learners.data.replay_buffer import ReplayBuffer
from ...learners.encoders.frame_encoder import FrameEncoder
from ...learners.heads.head_config import HeadConfig
from ...learners.heads.segmentation import Segmenter
from ...learners.heads.segmentation_training import fine_tune_segmenter
from ...learners.heads.transfer import LabelledFrames
from ...learners.heads.transfer_config import TransferConfig
from ...learners.masked.masked_model import MaskedModel
from ...learners.metrics.miou import segmentation_score

MIN_SHARE = 0.002
"""A class counts in the mean of mIoU where it fills this share of the labelled evaluation pixels or more."""

Score = dict[str, Any]
"""miou, pixel_accuracy, per_class (IoU by class name), counted (names of the classes in the mean)."""


def transfer(
    encoder: FrameEncoder,
    frames: LabelledFrames,
    config: TransferConfig,
    head: HeadConfig,
    seed: int,
    advance: Advance,
) -> Segmenter:
    """A segmenter on a copy of the encoder, fine-tuned on labelled frames (Section 3.2.3)."""
    return fine_tune_segmenter(
        encoder, frames, len(CLASSES), config, head, seed,
        progress=lambda done, total, metrics: advance(done, total, f"loss {metrics['loss']:.2f}"),
    )  # fmt: skip


def score(predicted: NDArray[np.int16], truth: NDArray[np.int16], learnable: Sequence[int]) -> Score:
    """The score of predicted classes (N, H, W), over the `learnable` classes (those of D_t) that are not too rare."""
    found = segmentation_score(predicted, truth, len(CLASSES), MIN_SHARE, learnable)
    return {
        "miou": found.miou,
        "pixel_accuracy": found.pixel_accuracy,
        "per_class": {CLASSES[c]: iou for c, iou in found.per_class.items()},
        "counted": [CLASSES[c] for c in found.counted],
    }


def unlabelled_rgb(buffer: ReplayBuffer | None, external: NDArray[np.uint8], seed: int) -> Callable[[int], Tensor]:
    """Draws n unlabelled frames, rgb uint8 (n, H, W, 3): half of the agent's buffer, half of D_t; all of D_t without a
    buffer."""
    generator, rgb = torch.Generator().manual_seed(seed), torch.from_numpy(external)

    def sample(n: int) -> Tensor:
        own = n // 2 if buffer is not None else 0
        drawn = rgb[torch.randint(len(rgb), (n - own,), generator=generator)]
        return drawn if buffer is None else torch.cat([buffer.sample(own)["rgb"], drawn])

    return sample


class TTTScores(NamedTuple):
    """Test-time training on held-out views: the scores before it, frame by frame, and online (reset in each room)."""

    before: Score
    alone: Score
    online: Score | None
    """None where no rooms are known."""
    result: TTTResult
    """Predictions and losses, frame by frame."""
    seconds_online: float
    """Seconds a frame, online."""


def ttt_scores(
    segmenter: Segmenter,
    model: MaskedModel,
    rgb: NDArray[np.uint8],
    truth: NDArray[np.int16],
    rooms: NDArray[np.int64] | None,
    learnable: Sequence[int],
    sample: Callable[[int], Tensor],
    config: TTTConfig,
    seed: int,
    advance: Advance,
) -> TTTScores:
    """TTT-MAE (Appendix T) of a segmenter, whose encoder came from `model`, on views rgb (N, H, W, 3) in the order
    given.

    Fine-tuning moves the encoder away from its decoder, so the decoder is first fitted to it again on frames of
    `sample`, without labels. `rooms` (N,): the room of each view, whose weights online training resets on entering.
    """
    decoder = refit_decoder(
        model, segmenter.encoder, sample, config, seed,
        lambda done, total, loss: advance(done, total, f"decoder, loss {loss:.2f}"),
    )  # fmt: skip
    alone = ttt_predict(segmenter, decoder, rgb, config, seed, advance)
    online = None if rooms is None else ttt_predict(segmenter, decoder, rgb, config, seed, advance, rooms.tolist())
    return TTTScores(
        score(segmenter.predict(rgb), truth, learnable),
        score(alone.semantic, truth, learnable),
        None if online is None else score(online.semantic, truth, learnable),
        alone,
        0.0 if online is None else online.seconds_per_frame,
    )
