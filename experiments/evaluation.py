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
from ..learners.heads.segmentation_training import fine_tune_segmenter
from ..learners.metrics.segmentation import SegmentationScore, segmentation_score
from ..learners.model import Encoder
from ..learners.transfer import LabelledFrames
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
        truth: Labels | None,
        seed: int,
        progress: Progress,
    ) -> None:
        """truth: None where the place has no labels; then nothing is scored, and the report shows predictions only."""
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
            segmenter = fine_tune_segmenter(
                encoder,
                self.labelled if own is None else self.labelled.join(own),
                len(CLASSES),
                self.preset.transfer,
                seed=self.seed,
                progress=lambda done, total, metrics: advance(done, total, f"loss {metrics['loss']:.2f}"),
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
        if self.truth is None:
            self._write_pictures(None, None)
            return
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
        self._write_pictures(self.truth.semantic, result.semantic)
        before, after = self._score(segmenter.predict(views)), self._score(result.semantic)
        assert before is not None
        self._log(
            method,
            life.frame,
            after,
            before={"miou": before.miou, "pixel_accuracy": before.pixel_accuracy},
            views=len(views),
            reconstruction_loss=[float(result.loss_before.mean()), float(result.loss_after.mean())],
            seconds_per_frame=result.seconds_per_frame,
            seconds=time.perf_counter() - started,
        )

    def scores(self) -> dict[str, Any]:
        """The last score of every method, for the summary."""
        last = {row["method"]: row for row in self.run.logged("evaluation") if "miou" in row}
        return {
            method: {key: value for key, value in row.items() if key not in ("kind", "method")}
            for method, row in last.items()
        }

    def segmenter(self, method: str) -> Segmenter:
        """The last one of this method."""
        size = self.preset.learner
        return Segmenter.load(self.run.path / "segmenters" / method, Encoder(size.size, size.image_size, size.patch))

    def _score(self, predicted: NDArray[np.int16]) -> SegmentationScore | None:
        """Score predictions of the first views, as many as there are; None without labels."""
        if self.truth is None:
            return None
        truth = self.truth.semantic[: len(predicted)]
        return segmentation_score(predicted, truth, len(CLASSES), MIN_SHARE, self.learnable)

    def _log(self, method: str, frame: int, score: SegmentationScore | None, **more: Any) -> None:
        if score is None:
            self.run.log("evaluation", frame, method=method, **more)
            return
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

    def _write_pictures(self, truth: NDArray[np.int16] | None, after_ttt: NDArray[np.int16] | None) -> None:
        """Store held-out frames with truth and predictions for the report: those that show the most classes."""
        told = self.segmenter("specialist").predict(self.views["rgb"]) if truth is None else truth
        shown = [len(np.unique(view)) for view in (told if after_ttt is None else told[: len(after_ttt)])]
        chosen = np.argsort(shown)[::-1][:PICTURES]
        arrays: dict[str, Any] = {key: self.views[key][chosen] for key in ("rgb", "depth", "normals", "edges")}
        for method in ("scratch", "specialist"):
            arrays[f"prediction_{method}"] = self.segmenter(method).predict(arrays["rgb"])
        if truth is not None:
            arrays["truth"] = truth[chosen]
        if after_ttt is not None:
            arrays["prediction_specialist_ttt"] = after_ttt[chosen]
        folder = self.run.path / "report_data"
        folder.mkdir(exist_ok=True)
        np.savez_compressed(folder / "panels.npz", **arrays)
