"""Perception in the loop: encoders are transferred on D_t and evaluated on held-out views of the house.

This module remembers and logs what `protocol.score` computes. Ground truth of the test space lives here and in the
report, and nowhere else.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...agent.trainer import Trainer
from ...core.frame import Frame, Labels
from ...core.progress import Progress
from ...core.storage import replacing
from ...learners.data.replay_buffer import ReplayBuffer
from ...learners.heads.segmentation import Segmenter
from ...learners.heads.transfer import LabelledFrames
from ...learners.masked.encoder import Encoder
from ..protocol.preset import Preset
from ..protocol.score import Score, score, transfer, ttt_scores, unlabelled_rgb
from ..rundir.run_folder import RunFolder

PICTURES = 6
"""Held-out views shown in the report."""


class Evaluation:
    """Evaluates encoders on the held-out views of one house, and keeps what the report shows of them."""

    def __init__(
        self,
        run: RunFolder,
        preset: Preset,
        labelled: LabelledFrames,
        states: Sequence[tuple[Frame, Labels | None]],
        rooms: NDArray[np.int64] | None,
        seed: int,
        progress: Progress,
    ) -> None:
        """`states`: the held-out views before the first change of the house and after each, at the same poses.

        Labels are None where the place has none; then nothing is scored, and the report shows predictions only.
        `rooms` (N,): the room of each view, None where nobody knows them.
        """
        self.run, self.preset, self.labelled, self.states, self.rooms = run, preset, labelled, states, rooms
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
        """Fine-tune a segmenter on a copy of the encoder, and log its score at this frame of the episode.

        `own`: the agent's frames with their pseudolabels, joined to D_t. Recipe and number of steps are the same.
        """
        if self.run.logged("evaluation", method=method, frame=frame, change=self.change):
            return
        started = time.perf_counter()
        frames = self.labelled if own is None else self.labelled.join(own)
        with self.progress.stage(f"transfer of {method} at {frame}") as advance:
            segmenter = transfer(encoder, frames, self.preset.transfer, self.preset.head, self.seed, advance)
        segmenter.save(self.run.path / "segmenters" / method)
        found = self._score(segmenter.predict(self.views["rgb"]))
        self._log(method, frame, found, seconds=time.perf_counter() - started)

    def enter(self, change: int, frame: int) -> None:
        """Evaluate earlier segmenters, not adapted yet, in the house after so many changes, and stay there."""
        before, self.change = self.views, change
        truth = self.truth
        assert truth is not None  # only a simulated house changes
        for method in ("scratch", "specialist"):
            if not self.run.logged("evaluation", method=method, frame=frame, change=change):
                found = self._score(self.segmenter(method).predict(self.views["rgb"]))
                self._log(method, frame, found, adapted=False)
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

    def original_house(self, frame: int) -> Score:
        """The last specialist's score in the house as it was before all changes: what it has forgotten of it."""
        rows = self.run.logged("original_house", frame=frame)
        if not rows:
            views, truth = self.states[0]
            assert truth is not None
            found = score(self.segmenter("specialist").predict(views["rgb"]), truth.semantic, self.learnable)
            self.run.log("original_house", frame, **found)
            rows = self.run.logged("original_house", frame=frame)
        return {key: value for key, value in rows[-1].items() if key not in ("kind", "frame")}

    def test_time_training(self, trainer: Trainer, frame: int) -> None:
        """TTT-MAE (Appendix T) of the last specialist, on the first `ttt_views` held-out views, room by room."""
        method, config, count = "specialist_ttt", self.preset.ttt, self.preset.ttt_views
        if self.run.logged("evaluation", method=method):
            return
        if self.truth is None:
            self._write_pictures(None, None)
            return
        started = time.perf_counter()
        rooms = None if self.rooms is None else self.rooms[:count]
        order = np.arange(len(self.views["rgb"][:count])) if rooms is None else np.argsort(rooms, kind="stable")
        views, truth = self.views["rgb"][order], self.truth.semantic[order]
        memory = ReplayBuffer.reader(trainer.buffer.folder, self.seed)
        sample = unlabelled_rgb(memory, self.labelled.rgb, self.seed)
        with self.progress.stage("test-time training") as advance:
            found = ttt_scores(
                self.segmenter("specialist"), trainer.learner.model, views, truth,
                None if rooms is None else rooms[order], self.learnable, sample, config, self.seed, advance,
            )  # fmt: skip
        predicted = np.empty_like(found.result.semantic)
        predicted[order] = found.result.semantic
        self._write_pictures(self.truth.semantic, predicted)
        brief = ("miou", "pixel_accuracy")
        more: dict[str, Any] = {"before": {key: found.before[key] for key in brief}}
        if found.online is not None:
            more["online"] = {key: found.online[key] for key in brief}
            more["seconds_per_frame_online"] = found.seconds_online
        result = found.result
        self._log(
            method, frame, found.alone, **more, views=len(views),
            reconstruction_loss=[float(result.loss_before.mean()), float(result.loss_after.mean())],
            seconds_per_frame=result.seconds_per_frame, seconds=time.perf_counter() - started,
        )  # fmt: skip

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

    def _score(self, predicted: NDArray[np.int16]) -> Score | None:
        """The score of predictions of the held-out views; None without labels."""
        return None if self.truth is None else score(predicted, self.truth.semantic, self.learnable)

    def _log(self, method: str, frame: int, found: Score | None, **more: Any) -> None:
        self.run.log("evaluation", frame, method=method, change=self.change, **(found or {}), **more)

    def _write_pictures(self, truth: NDArray[np.int16] | None, after_ttt: NDArray[np.int16] | None) -> None:
        """Store held-out views with truth and predictions for the report: those that show the most classes."""
        labels = self.segmenter("specialist").predict(self.views["rgb"]) if truth is None else truth
        classes = [len(np.unique(view)) for view in (labels if after_ttt is None else labels[: len(after_ttt)])]
        chosen = np.argsort(classes)[::-1][:PICTURES]
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
