"""Label propagation (Appendix C): about 20 labelled frames of the test space itself, propagated to all its others.

This is the one exception to "labels of the test space never reach a learner", and it has a name of its own so that
nobody makes it unawares. It is a sandbox for comparing pre-training without the shift from external houses to the test
space, not the setting of the paper's results. Pre-training stays without labels here too: they come in a type that no
other function takes, the replay buffer refuses them, and the only thing to do with them is a head.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..encoders.frame_encoder import FrameEncoder
from ..heads.head_config import HeadConfig
from ..heads.segmentation import Segmenter
from ..heads.segmentation_training import fine_tune_segmenter
from ..heads.transfer import LabelledFrames, Progress
from ..heads.transfer_config import TransferConfig

MOST_FRAMES = 50
"""More is no label propagation: the paper has about 20."""


@dataclass(frozen=True)
class FewLabels:
    """A few labelled frames of the test space. Not `LabelledFrames`: these are for `propagate_labels` alone."""

    rgb: NDArray[np.uint8]
    """(N, H, W, 3) sRGB, N at most `MOST_FRAMES`."""
    semantic: NDArray[np.int16]
    """(N, H, W) class ids, 0 = void."""

    def __post_init__(self) -> None:
        if not 0 < len(self.rgb) <= MOST_FRAMES:
            raise ValueError(
                f"label propagation: takes 1 to {MOST_FRAMES} labelled frames of the test space, got {len(self.rgb)}"
            )
        LabelledFrames(self.rgb, self.semantic)  # their dtypes and shapes


def few_labels(
    rgb: NDArray[np.uint8], semantic: NDArray[np.int16], frames: int = 20
) -> tuple[FewLabels, NDArray[np.int64]]:
    """The labelled frames that a person would label, and the indices of all others, to be evaluated on.

    Greedy: each next frame is the one that shows most pixels of classes not shown yet by as many as 1 % of a frame;
    where none adds a class, the one that shows most classes. No two calls differ.
    """
    counts = np.stack([np.bincount(view.ravel(), minlength=int(semantic.max()) + 1) for view in semantic])[:, 1:]
    least = 0.01 * semantic[0].size
    chosen: list[int] = []
    shown = np.zeros(counts.shape[1])
    for _ in range(min(frames, len(rgb))):
        gain = counts[:, shown < least].sum(1) + (counts >= least).sum(1) / 1000
        gain[chosen] = -1
        chosen.append(int(gain.argmax()))
        shown += counts[chosen[-1]]
    rest = np.setdiff1d(np.arange(len(rgb)), chosen)
    return FewLabels(rgb[chosen], semantic[chosen]), rest


def propagate_labels(
    encoder: FrameEncoder,
    few: FewLabels,
    n_classes: int,
    config: TransferConfig | None = None,
    head: HeadConfig | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Segmenter:
    """A Segmenter on a copy of the pre-trained `encoder`, trained on a few labelled frames of the test space itself.

    Otherwise as `fine_tune_segmenter`. TypeError on labels of any other type: those of external houses are transfer.
    """
    if not isinstance(few, FewLabels):
        raise TypeError(f"label propagation: takes FewLabels, got {type(few).__name__}; use fine_tune_segmenter")
    labelled = LabelledFrames(few.rgb, few.semantic)
    return fine_tune_segmenter(encoder, labelled, n_classes, config, head, seed, progress)
