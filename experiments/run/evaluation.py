"""Perception in the loop: encoders are transferred on D_t and tested on held-out frames of the house, with the same
recipe.

Truth of the test space lives here and in the report, and nowhere else.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...agent.trainer import Learning
from ...core.frame import Frame, Labels
from ...core.progress import Progress
from ...core.storage import replacing
from ...envs.house.classes import CLASSES
from ...learners.adaptation.ttt import refit_decoder, ttt_predict
from ...learners.heads.segmentation import Segmenter
from ...learners.heads.segmentation_training import fine_tune_segmenter
from ...learners.heads.transfer import LabelledFrames
from ...learners.masked.encoder import Encoder
from ...learners.metrics.miou import SegmentationScore, segmentation_score
from ..protocol.presets import Preset
from ..rundir.run_folder import RunFolder

MIN_SHARE = 0.002
"""A class enters the mean of mIoU where it fills this share of the labelled evaluation pixels or more."""
PICTURES = 6
"""Held-out frames shown in the report."""


def named(score: SegmentationScore) -> dict[str, Any]:
    """A score as JSON, its classes by name: miou, pixel_accuracy, per_class, counted."""
    return {
        "miou": score.miou,
        "pixel_accuracy": score.pixel_accuracy,
        "per_class": {CLASSES[c]: iou for c, iou in score.per_class.items()},
        "counted": [CLASSES[c] for c in score.counted],
    }


class Evaluation:
    """Tests encoders on the held-out views of one house, and keeps what the report shows of them."""

    def __init__(
        self,
        run: RunFolder,
        preset: Preset,
        labelled: LabelledFrames,
        states: Sequence[tuple[Frame, Labels | None]],
        seed: int,
        progress: Progress,
    ) -> None:
        """`states`: the held-out views before the first change of the house and after each, at the same poses.

        Labels are None where the place has none; then nothing is scored, and the report shows predictions only.
        """
        self.run, self.preset, self.labelled, self.states = run, preset, labelled, states
        self.seed, self.progress = seed, progress
        self.learnable = labelled.classes()
        self.change = 0
        """Changes that the house has gone through."""

    @property
    def views(self) -> Frame:
        """The held-out views of the house as it is now."""
        return self.states[self.change][0]

    @property
    def truth(self) -> Labels | None:
        """Their labels, where there are any."""
        return self.states[self.change][1]

    def transfer(self, method: str, frame: int, encoder: Encoder, own: LabelledFrames | None = None) -> None:
        """Fine-tune a head on a copy of the encoder with D_t, and log its score at this frame of the agent's life.

        `own`: the agent's frames with their pseudolabels, which then stand beside D_t. One recipe and one number of
        steps for all.
        """
        if self.run.logged("evaluation", method=method, frame=frame, change=self.change):
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

    def enter(self, change: int, frame: int) -> None:
        """Go on in the house after so many changes: what was learned before is tested there, with no adaptation yet."""
        before, self.change = self.views, change
        truth = self.truth
        assert truth is not None  # only a simulated house changes
        for method in ("scratch", "specialist"):
            if not self.run.logged("evaluation", method=method, frame=frame, change=change):
                score = self._score(self.segmenter(method).predict(self.views["rgb"]))
                self._log(method, frame, score, adapted=False)
        file = self.run.path / "report_data" / f"change_{change}.npz"
        if file.exists():
            return
        moved = np.abs(self.views["rgb"].astype(np.int16) - before["rgb"]).mean((1, 2, 3))
        chosen = np.argsort(-moved, kind="stable")[:PICTURES]
        self._store_pictures(
            file,
            before=before["rgb"][chosen],
            after=self.views["rgb"][chosen],
            truth=truth.semantic[chosen],
            prediction_specialist=self.segmenter("specialist").predict(self.views["rgb"][chosen]),
        )

    def forgetting(self, frame: int) -> dict[str, float]:
        """The last specialist's score in the house as it was before all changes."""
        rows = self.run.logged("original_house", frame=frame)
        if not rows:
            views, truth = self.states[0]
            assert truth is not None
            predicted = self.segmenter("specialist").predict(views["rgb"])
            score = segmentation_score(predicted, truth.semantic, len(CLASSES), MIN_SHARE, self.learnable)
            self.run.log("original_house", frame, miou=score.miou, pixel_accuracy=score.pixel_accuracy)
            rows = self.run.logged("original_house", frame=frame)
        return {key: rows[-1][key] for key in ("miou", "pixel_accuracy")}

    def test_time_training(self, life: Learning) -> None:
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
            self.run.log("evaluation", frame, method=method, change=self.change, **more)
            return
        self.run.log(
            "evaluation",
            frame,
            method=method,
            change=self.change,
            **named(score),
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
        self._store_pictures(self.run.path / "report_data" / "panels.npz", **arrays)

    @staticmethod
    def _store_pictures(file: Path, **arrays: NDArray[Any]) -> None:
        file.parent.mkdir(exist_ok=True)
        with replacing(file) as unfinished, unfinished.open("wb") as out:
            np.savez_compressed(out, allow_pickle=False, **arrays)
