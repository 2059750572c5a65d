"""Perception in the loop: encoders are transferred on D_t and tested on held-out frames of the house, with the same
recipe.

Truth of the test space lives here and in the report, and nowhere else.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..agent.live import Life
from ..envs.classes import CLASSES
from ..envs.frame import Frame, Labels
from ..learners.heads.segmentation import Segmenter
from ..learners.metrics.segmentation import SegmentationScore, segmentation_score
from ..learners.model import Encoder
from ..learners.transfer import LabelledFrames, fine_tune
from ..learners.ttt import refit_decoder, ttt_predict
from .presets import Preset
from .progress import Progress
from .run_folder import RunFolder

MIN_SHARE = 0.002
"""A class enters the mean of mIoU where it fills this share of the labelled evaluation pixels or more."""
PICTURES = 6
"""Held-out frames shown in the report."""


class Evaluation:
    """Tests encoders on the held-out views of one house, and keeps what the report shows of them."""

    def __init__(
        self,
        run: RunFolder,
        preset: Preset,
        labelled: LabelledFrames,
        views: Frame,
        truth: Labels,
        seed: int,
        progress: Progress,
    ) -> None:
        self.run, self.preset, self.labelled, self.views, self.truth = run, preset, labelled, views, truth
        self.seed, self.progress = seed, progress
        self.learnable = labelled.classes()

    def transfer(self, method: str, frame: int, encoder: Encoder, own: LabelledFrames | None = None) -> None:
        """Fine-tune a head on a copy of the encoder with D_t, and log its score at this frame of the agent's life.

        `own`: the agent's frames with their pseudolabels, which then stand beside D_t. One recipe and one number of
        steps for all.
        """
        if self.run.logged("evaluation", method=method, frame=frame):
            return
        started = time.perf_counter()
        with self.progress.stage(f"transfer of {method} at {frame}") as advance:
            segmenter = fine_tune(
                encoder,
                self.labelled if own is None else self.labelled.join(own),
                len(CLASSES),
                self.preset.transfer,
                self.seed,
                lambda done, total, metrics: advance(done, total, f"loss {metrics['loss']:.2f}"),
            )
        segmenter.save(self.run.path / "segmenters" / method)
        predicted = segmenter.predict(self.views["rgb"])
        self._log(method, frame, self._score(predicted), seconds=time.perf_counter() - started)

    def test_time_training(self, life: Life) -> None:
        """TTT-MAE (Appendix T) of the last specialist, reset for each frame, on the first `ttt_frames` held-out views.

        Fine-tuning has moved the encoder away from its reconstruction decoder, so the decoder is fitted to it again
        first,
        on unlabelled frames only: half of the replay buffer, half of the transfer set.
        """
        method, config = "specialist_ttt", self.preset.ttt
        if self.run.logged("evaluation", method=method):
            return
        started = time.perf_counter()
        segmenter = self.segmenter("specialist")
        generator = torch.Generator().manual_seed(self.seed)
        transfer_rgb = torch.from_numpy(self.labelled.rgb)

        def sample(n: int) -> Tensor:
            drawn = torch.randint(len(transfer_rgb), (n // 2,), generator=generator)
            return torch.cat([life.buffer.sample(n - n // 2)["rgb"], transfer_rgb[drawn]])

        with self.progress.stage("decoder for test-time training") as advance:
            model = refit_decoder(
                life.learner.model, segmenter.encoder, sample, config, self.seed,
                lambda done, total, loss: advance(done, total, f"loss {loss:.2f}"),
            )  # fmt: skip
        views = self.views["rgb"][: self.preset.ttt_frames]
        with self.progress.stage("test-time training") as advance:
            result = ttt_predict(segmenter, model, views, config, self.seed, advance)
        self._write_pictures(result.semantic)
        before = self._score(segmenter.predict(views))
        self._log(
            method,
            life.frame,
            self._score(result.semantic),
            before={"miou": before.miou, "pixel_accuracy": before.pixel_accuracy},
            views=len(views),
            reconstruction_loss=[float(result.loss_before.mean()), float(result.loss_after.mean())],
            seconds_per_frame=result.seconds_per_frame,
            seconds=time.perf_counter() - started,
        )

    def scores(self) -> dict[str, Any]:
        """The last score of every method, for the summary."""
        last = {row["method"]: row for row in self.run.logged("evaluation")}
        return {
            method: {key: value for key, value in row.items() if key not in ("kind", "method")}
            for method, row in last.items()
        }

    def segmenter(self, method: str) -> Segmenter:
        """The last one of this method."""
        size = self.preset.learner
        return Segmenter.load(self.run.path / "segmenters" / method, Encoder(size.size, size.image_size, size.patch))

    def _score(self, predicted: NDArray[np.int16]) -> SegmentationScore:
        """Score predictions of the first views, as many as there are."""
        truth = self.truth.semantic[: len(predicted)]
        return segmentation_score(predicted, truth, len(CLASSES), MIN_SHARE, self.learnable)

    def _log(self, method: str, frame: int, score: SegmentationScore, **more: Any) -> None:
        self.run.log(
            "evaluation",
            frame,
            method=method,
            miou=score.miou,
            pixel_accuracy=score.pixel_accuracy,
            per_class={CLASSES[c]: iou for c, iou in score.per_class.items()},
            counted=[CLASSES[c] for c in score.counted],
            **more,
        )

    def _write_pictures(self, after_ttt: NDArray[np.int16]) -> None:
        """Store held-out frames with truth and predictions for the report: those that show the most classes."""
        shown = [len(np.unique(view)) for view in self.truth.semantic[: len(after_ttt)]]
        chosen = np.argsort(shown)[::-1][:PICTURES]
        arrays: dict[str, Any] = {key: self.views[key][chosen] for key in ("rgb", "depth", "normals", "edges")}
        for method in ("scratch", "specialist"):
            arrays[f"prediction_{method}"] = self.segmenter(method).predict(arrays["rgb"])
        folder = self.run.path / "report_data"
        folder.mkdir(exist_ok=True)
        np.savez_compressed(
            folder / "panels.npz",
            truth=self.truth.semantic[chosen],
            prediction_specialist_ttt=after_ttt[chosen],
            **arrays,
        )
