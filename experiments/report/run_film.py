"""life.mp4: a run as a film. What the agent sees, its depth, what the network took it for before and after it was
trained in the house, the map as it grows, and the curves.

It is made from what the run has stored, after it. Both networks are the last ones, throughout the film; a place of the
map appears when the agent has seen it, in the class that it has at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.frame import rotation
from ...core.progress import Advance
from ...core.video import VideoWriter
from ...envs.house.classes import CLASS_ID, CLASSES, class_colours
from ..rundir.networks import baseline_of, specialist_of
from ..rundir.run_folder import read_config, read_rows
from ..rundir.run_frames import RunFrames
from ..rundir.semantic_file import read_semantic_map
from .drawings import Image, overlay
from .film_map import FilmMap
from .film_page import Curve, FilmPage, draw_chart
from .report_figures import draw_depth
from .report_headline import house_name
from .semantic_drawing import CUT, FromAbove, from_above, without_gaps

FILM = "life.mp4"
"""Name of the film in a run's folder."""
RATE = 5.0
"""Pictures a second: one takes a quarter of a second on one core, mostly to encode."""
SHORT = 2
"""A short run has one picture for so many frames, each shown for longer."""
BATCH = 25
"""Frames that are read and segmented at once."""
SPARSE = 4
"""Every so many pixels of a depth map say what has been seen."""
FIRST, LAST, JOINT, SEEN = (160, 167, 174), (98, 169, 234), (236, 117, 173), (76, 195, 141)


def write_run_film(run: Path, file: Path, seconds: float, advance: Advance) -> Path:
    """Write the film of a run with frames as an mp4 of about so many seconds, and return its file.

    UserError where the folder is no run's, has no frames yet, or no video can be written here.
    """
    frames = RunFrames(run)
    count = max(1, min(len(frames) // SHORT, round(seconds * RATE)))
    with VideoWriter(file, min(RATE, count / seconds)) as video:
        for done, picture in enumerate(run_pictures(run, frames, count), 1):
            video.add(picture)
            advance(done, count)
    return file


def run_pictures(run: Path, frames: RunFrames, count: int) -> Iterator[Image]:
    """`count` pictures of the film, evenly over the run."""
    baseline, specialist = baseline_of(run), specialist_of(run)
    networks = [] if baseline is None else [(f"before: {baseline[0]}", baseline[1])]
    networks += [] if specialist is None else [("after: specialist", specialist)]
    camera, settings = frames.camera, read_config(run)
    title = f"Test-Space Training in {house_name(settings)}"
    page = FilmPage(title, ["camera", "depth", *(name for name, _ in networks)], (camera.width, camera.height))
    top = _TopView(run, frames, page.map_size)
    curves, total = _Curves(run, page.chart_size), settings["sizes"]["episode"]["frames"]
    far = float(np.percentile(frames.batch(range(0, len(frames), max(1, len(frames) // 50)), ("depth",))["depth"], 98))
    shown = np.linspace(0, len(frames) - 1, count).round().astype(int)
    for start in range(0, count, BATCH):
        indices = shown[start : start + BATCH].tolist()
        part = frames.batch(indices, ("rgb", "depth"))
        labels = [classify(part["rgb"]) for _, classify in networks]
        for n, index in enumerate(indices):
            step = int(frames.steps[index])
            rgb = part["rgb"][n]
            views = [rgb, draw_depth(part["depth"][n], far), *(overlay(rgb, one[n]) for one in labels)]
            says = f"frame {step + 1:,} of {total:,}"
            yield page.draw(views, says, top.draw(index, step), top.classes, curves.draw(step))


class _TopView:
    """The map of the run, as far as it had been seen at a frame."""

    def __init__(self, run: Path, frames: RunFrames, size: tuple[int, int]) -> None:
        with np.load(run / "report_data" / "map.npz", allow_pickle=False) as data:
            plan: dict[str, NDArray[Any]] = {name: data[name] for name in data.files}
        stored = read_semantic_map(run)
        view = None if stored is None else from_above(stored)
        self.view = without_gaps(_occupancy(plan) if view is None else view)
        self.frames, self.path = frames, np.asarray(plan["path"], np.float64)
        rows, columns = self.view.classes.shape
        extent = self.view.low + self.view.cell * np.array([[0, 0], [columns, rows]])
        self.map = FilmMap.of_plan(plan, extent, size)
        self.first = first_seen(frames, self.view)
        counts = np.bincount(self.view.classes.ravel(), minlength=len(CLASSES))
        counts[0] = 0
        self.classes = [int(one) for one in np.argsort(-counts, kind="stable") if counts[one]]
        """Classes on the map, the most frequent first."""

    def draw(self, index: int, step: int) -> Image:
        """The map at this frame, by chronological index, which is this step of the run."""
        shown = (self.view.classes > 0) & (self.first <= index)
        colours = class_colours()[self.view.classes]
        yaw = float(self.frames.poses[index, 3])
        return self.map.draw(colours, shown, self.view.low, self.view.cell, self.path[: step + 1], yaw)


class _Curves:
    """Scores and coverage, as far as they were known at a step."""

    def __init__(self, run: Path, size: tuple[int, int]) -> None:
        rows = read_rows(run)[0]
        self.size = size
        self.total = max(row["frame"] for row in rows)

        def scores(method: str) -> list[tuple[float, float]]:
            found = [row for row in rows if row["kind"] == "evaluation" and row.get("method") == method]
            return [(row["frame"], 100 * row["miou"]) for row in found if "miou" in row and "before" not in row]

        baseline = (scores("generalist") or scores("scratch"))[:1]
        name = "generalist" if scores("generalist") else "scratch"
        begun = [(0.0, baseline[0][1])] if baseline and name == "generalist" else []  # the specialist began as it
        seen = [(row["frame"], 100 * row["coverage"]) for row in rows if row["kind"] == "rollout"]
        flat = [(0.0, baseline[0][1]), (float(self.total), baseline[0][1])] if baseline else []
        self.lines = [
            (f"mIoU: {name}", FIRST, flat, False),
            ("specialist", LAST, begun + scores("specialist"), True),
            ("specialist and map", JOINT, scores("specialist_map"), True),
            ("of the floor seen", SEEN, [(0.0, 0.0), *seen], False),
        ]

    def draw(self, step: int) -> Image:
        """The chart up to this step; between two measurements lines grow straight."""
        curves = []
        for name, colour, points, dots in self.lines:
            known = [point for point in points if point[0] <= step]
            later = [point for point in points if point[0] > step]
            if known and later:
                (x0, y0), (x1, y1) = known[-1], later[0]
                known.append((float(step), y0 + (y1 - y0) * (step - x0) / (x1 - x0)))
            if known:
                xs, ys = zip(*known, strict=True)
                curves.append(Curve(name, colour, xs, ys, dots))
        return draw_chart(curves, self.size, self.total, "frames")


def first_seen(frames: RunFrames, view: FromAbove) -> NDArray[np.float32]:
    """Chronological index of the first frame that saw each column of the view, float32 (rows, columns); infinite where
    none did."""
    rows, columns = view.classes.shape
    first = np.full(rows * columns, np.inf, np.float32)
    rays = frames.camera.rays()[::SPARSE, ::SPARSE].reshape(-1, 3)
    for start in range(0, len(frames), BATCH):
        indices = range(start, min(start + BATCH, len(frames)))
        depth = frames.batch(indices, ("depth",))["depth"][:, ::SPARSE, ::SPARSE].reshape(len(indices), -1)
        poses = frames.poses[start : start + BATCH].astype(np.float64)
        points = (rays * depth[..., None]) @ rotation(poses).transpose(0, 2, 1) + poses[:, None, :3]
        at = np.floor((points[..., [0, 2]] - view.low) / view.cell).astype(np.int64)
        fine = (depth > 0) & (points[..., 1] < CUT) & (at >= 0).all(-1) & (at < [columns, rows]).all(-1)
        for index, cells, seen in zip(indices, at, fine, strict=True):
            flat = cells[seen, 1] * columns + cells[seen, 0]
            first[flat] = np.minimum(first[flat], index)
    return _spread(first.reshape(rows, columns))


def _spread(first: NDArray[np.float32]) -> NDArray[np.float32]:
    """The least of a cell and its eight neighbours: pixels that were left out saw what is between."""
    import cv2

    return np.asarray(cv2.erode(np.minimum(first, 1e9), np.ones((3, 3), np.uint8)), np.float32)


def _occupancy(plan: dict[str, NDArray[Any]]) -> FromAbove:
    """The agent's occupancy map from above, for a run without a semantic one: floor, and what stands on it."""
    state = plan["occupancy"]
    classes = np.zeros(state.shape, np.int16)
    classes[state == 1], classes[state == 2] = CLASS_ID["Floor"], CLASS_ID["Wall"]
    low = np.asarray(plan["occupancy_origin"], np.float64)
    return FromAbove(classes, np.zeros(state.shape, np.float32), low, float(plan["occupancy_cell"]))
