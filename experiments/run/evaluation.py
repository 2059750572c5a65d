"""Perception in the loop: the baseline and the specialist are evaluated on held-out views of the house.

This module remembers and logs what `protocol.score` computes. Ground truth of the test space lives here and in the
report, and nowhere else.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...agent.trainer import Trainer
from ...core.frame import Frame, Labels
from ...core.memory import release_freed
from ...core.progress import Progress
from ...core.storage import replacing
from ...learners.adaptation.ttt_config import TTTConfig
from ...learners.data.replay_buffer import ReplayBuffer
from ..protocol.score import Score, score, ttt_scores, unlabelled_rgb
from ..report.first_look import write_first_look
from ..report.report_page import NAMES
from ..rundir.run_folder import RunFolder
from .from_scratch import FromScratch
from .perception_recipe import SPECIALIST, PerceptionRecipe
from .stage_times import EVALUATING, LABELLED, LEARNING

PICTURES = 6
"""Held-out views shown in the report."""
FIRST_LOOK = "first-look.png"
SEARCHED = 32
"""Held-out views among which those of the first look are chosen where there is no truth."""


class Evaluation:
    """Evaluates a perception on the held-out views of one house, and keeps what the report shows of it."""

    def __init__(
        self,
        run: RunFolder,
        perception: PerceptionRecipe,
        states: Sequence[tuple[Frame, Labels | None]],
        rooms: NDArray[np.int64] | None,
        seed: int,
        progress: Progress,
    ) -> None:
        """`states`: the held-out views before the first change of the house and after each, at the same poses.

        Labels are None where the place has none; then nothing is scored, and the report shows predictions only.
        `rooms` (N,): the room of each view, None where nobody knows them.
        """
        self.run, self.perception, self.states, self.rooms = run, perception, states, rooms
        self.seed, self.progress = seed, progress
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

    def baseline(self) -> None:
        """Make the baseline, and log its scores."""
        method, perception, started = self.perception.baseline, self.perception, time.perf_counter()
        if perception.pretrained:
            self._first_look()
        stage = LABELLED if perception.pretrained else LEARNING
        with self.run.timed(stage, 0), self.progress.stage(f"{method}, and labelled frames of other houses") as advance:
            perception.prepare(advance)
        if not perception.pretrained:
            self._first_look()
        if not self.run.logged("evaluation", method=method, frame=0, change=self.change):
            self._evaluate(method, 0, seconds=time.perf_counter() - started)

    def specialist(self, frame: int, trainer: Trainer) -> None:
        """Make the specialist of what was learned by this frame of the episode, and log its scores.

        The agent must not have gone on since.
        """
        if self.run.logged("evaluation", method=SPECIALIST, frame=frame, change=self.change):
            if self.perception.has_specialist():
                with self.progress.stage(f"specialist at {frame}, recalled") as advance:
                    self.perception.recall(trainer, advance)
            else:
                self.perception.specialise(trainer, lambda done, total, note="": None)
            return
        started = time.perf_counter()
        with self.run.timed(LEARNING, frame), self.progress.stage(f"specialist at {frame}") as advance:
            self.perception.specialise(trainer, advance)
        self._evaluate(SPECIALIST, frame, seconds=time.perf_counter() - started)

    def enter(self, change: int, frame: int) -> None:
        """Evaluate earlier networks, not adapted yet, in the house after so many changes, and stay there."""
        before, self.change = self.views, change
        truth = self.truth
        assert truth is not None  # only a simulated house changes
        for method in (self.perception.baseline, SPECIALIST):
            if not self.run.logged("evaluation", method=method, frame=frame, change=change):
                self._evaluate(method, frame, adapted=False)
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
            prediction_specialist=self._predict(SPECIALIST, _part(self.views, chosen)),
        )

    def original_house(self, frame: int) -> Score:
        """The last specialist's score in the house as it was before all changes: what it has forgotten of it."""
        rows = self.run.logged("original_house", frame=frame)
        if not rows:
            views, truth = self.states[0]
            assert truth is not None
            found = score(self._predict(SPECIALIST, views), truth.semantic, self.perception.learnable)
            self.run.log("original_house", frame, **found)
            rows = self.run.logged("original_house", frame=frame)
        return {key: value for key, value in rows[-1].items() if key not in ("kind", "frame")}

    def test_time_training(self, trainer: Trainer, frame: int, config: TTTConfig, count: int) -> None:
        """TTT-MAE (Appendix T) of the last specialist, on the first `count` held-out views, room by room.

        From scratch only: the generalist has no decoder for it. Stores the report's pictures in any case.
        """
        method, perception = f"{SPECIALIST}_ttt", self.perception
        if self.run.logged("evaluation", method=method):
            return
        if self.truth is None or not isinstance(perception, FromScratch):
            self._write_pictures(None if self.truth is None else self.truth.semantic, None)
            return
        started = time.perf_counter()
        rooms = None if self.rooms is None else self.rooms[:count]
        order = np.arange(len(self.views["rgb"][:count])) if rooms is None else np.argsort(rooms, kind="stable")
        views, truth = self.views["rgb"][order], self.truth.semantic[order]
        memory = ReplayBuffer.reader(trainer.buffer.folder, self.seed)
        sample = unlabelled_rgb(memory, perception.labelled.rgb, self.seed)
        with self.run.timed(EVALUATING, frame), self.progress.stage("test-time training") as advance:
            found = ttt_scores(
                perception.segmenter(SPECIALIST), perception.masked_model(trainer), views, truth,
                None if rooms is None else rooms[order], perception.learnable, sample, config, self.seed, advance,
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

    def _evaluate(self, method: str, frame: int, **more: Any) -> None:
        """Log the scores of the method's rows; its own row is written last, and says that all are there."""
        release_freed()
        with self.run.timed(EVALUATING, frame):
            rows = dict(reversed(self.perception.rows(method).items()))
            for name, predict in rows.items():
                found = None
                if self.truth is not None:
                    found = score(predict(self.views), self.truth.semantic, self.perception.learnable)
                self._log(name, frame, found, **more)

    def _predict(self, method: str, frames: Frame) -> NDArray[np.int16]:
        return self.perception.rows(method)[method](frames)

    def _log(self, method: str, frame: int, found: Score | None, **more: Any) -> None:
        """Log a row, unless a session that was killed before it could log the method's other rows has done so."""
        if not self.run.logged("evaluation", method=method, frame=frame, change=self.change):
            self.run.log("evaluation", frame, method=method, change=self.change, **(found or {}), **more)

    def _first_look(self) -> None:
        """Draw what the baseline makes of some held-out views, and say where: there is nothing else to see yet."""
        file = self.run.path / FIRST_LOOK
        if file.exists():
            return
        baseline, truth = self.perception.baseline, None if self.truth is None else self.truth.semantic
        labels = (
            self._predict(baseline, _part(self.views, np.arange(min(SEARCHED, len(self.views["rgb"])))))
            if truth is None
            else truth
        )
        chosen = _richest(labels)
        frames = _part(self.views, chosen)
        predictions = {
            NAMES.get(name, name): predict(frames) for name, predict in self.perception.rows(baseline).items()
        }
        write_first_look(file, frames["rgb"], predictions, None if truth is None else truth[chosen])
        print(f"first look: {file} (the {baseline}'s predictions here, before it learns)", file=sys.stderr, flush=True)

    def _write_pictures(self, truth: NDArray[np.int16] | None, after_ttt: NDArray[np.int16] | None) -> None:
        """Store held-out views with truth and predictions for the report: those that show the most classes."""
        labels = self._predict(SPECIALIST, self.views) if truth is None else truth
        chosen = _richest(labels if after_ttt is None else labels[: len(after_ttt)])
        frames = _part(self.views, chosen)
        arrays: dict[str, Any] = {key: frames[key] for key in ("rgb", "depth", "normals", "edges")}
        for method in (self.perception.baseline, SPECIALIST):
            for name, predict in self.perception.rows(method).items():
                arrays[f"prediction_{name}"] = predict(frames)
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


def _part(frames: Frame, chosen: NDArray[np.int64]) -> Frame:
    return {key: value[chosen] for key, value in frames.items()}


def _richest(labels: NDArray[np.int16]) -> NDArray[np.int64]:
    """The views (PICTURES,) of labels (N, H, W) that show the most classes."""
    return np.argsort([len(np.unique(view)) for view in labels])[::-1][:PICTURES]
