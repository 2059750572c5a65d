"""`testspace demo`: the generalist looks around a house that it has never seen, live. Nothing is trained.

OUT/demo.mp4    what the camera sees, its depth, the network's guess, what all views say together, and the map
OUT/demo.png    the last picture of it
OUT/demo.webp   the same, small and animated, for a page

In Rerun, where that is installed, the same can be watched in 3D.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...agent.fusion.fusion_config import FusionConfig
from ...agent.fusion.semantic_map import SemanticMap
from ...agent.mapping.occupancy_map import OccupancyMap, coverage
from ...agent.policies import make_policy
from ...agent.policies.protocol import step_or_teleport
from ...core.errors import UserError
from ...core.frame import Camera, Frame
from ...core.progress import Progress
from ...core.video import VideoWriter, write_animation
from ...envs.gym_envs.house_env import HouseEnv
from ...envs.house.classes import CLASSES, class_colours
from ...learners.generalist.perception import Perception, Viewpoint
from ..report.drawings import Image, overlay
from ..report.film_map import FilmMap
from ..report.film_page import Curve, FilmPage, draw_chart
from ..report.report_figures import draw_depth
from ..report.semantic_drawing import FromAbove, from_above, without_gaps
from ..rundir.semantic_file import StoredMap, as_stored
from .demo_stream import demo_stream
from .render import save

CAMERA = Camera(240, 160, 75.0)
"""As large as a view in the video; its pixels are whole squares of the network's."""
RATE = 5.0
"""Steps of the agent a second, in the video."""
SKIPPED, SMALL = 2, 800
"""Every so many pictures are in the animated one, and pixels of its width."""
SCORED = 4
"""Every so many steps are compared with the truth, which takes another rendering."""
FAR = 6.0
"""Metres that are drawn darkest."""
VIEWS = ("camera", "depth", "its guess from this view", "from all views so far")
GUESS, FUSED, SEEN = (98, 169, 234), (236, 117, 173), (76, 195, 141)


@dataclass(frozen=True)
class DemoConfig:
    """Which house, for how long, and where the video goes."""

    out: Path
    house: str = "18"
    """A house's file, or the number of a generated one."""
    steps: int = 100
    view: bool = True
    """Show it in Rerun too, where that is installed."""


@dataclass(frozen=True)
class Moment:
    """What is known at one step of the demo."""

    step: int
    frame: Frame
    guess: NDArray[np.int16]
    """Class ids (H, W) from this view alone."""
    fused: NDArray[np.int16]
    """Class ids (H, W) from all views so far, and from this one where the map has nothing."""
    stored: StoredMap
    """The map of all views so far."""
    path: NDArray[np.float64]
    """Places (T, 2) so far, x and z in metres."""
    seen: float
    """Share of the floor that was seen."""


def run_demo(config: DemoConfig) -> str:
    """Run the demo; returns what was written, and what to do next. UserError for a folder in use, or a number below
    1."""
    if config.steps < 1:
        raise UserError(f"--steps must be 1 or more, got {config.steps}")
    if config.out.exists() and (not config.out.is_dir() or any(config.out.iterdir())):
        raise UserError(f"{config.out} is not empty; name a new folder with --out")
    with Progress() as progress, progress.stage("opening the house"):
        env = HouseEnv(config.house, CAMERA, max_steps=config.steps + 1, antialias=2)
        frame, _ = env.reset()
    film, scores = _Film(env, config.steps), _Scores()
    with Progress() as progress, ExitStack() as open_:
        show = open_.enter_context(demo_stream(CAMERA)) if config.view else None
        video = open_.enter_context(VideoWriter(config.out / "demo.mp4", RATE))
        advance = open_.enter_context(progress.stage("looking around"))
        small: list[Image] = []
        for moment in _moments(env, frame, config.steps):
            if moment.step % SCORED == 0:
                scores.add(moment, env)
            picture = film.draw(moment, scores)
            video.add(picture)
            if moment.step % SKIPPED == 0:
                small.append(picture)
            if show is not None:
                show(moment)
            advance(moment.step + 1, config.steps, f"{moment.seen:.0%} of the floor seen")
        save(config.out / "demo.png", picture)
        write_animation(config.out / "demo.webp", small, RATE / SKIPPED, SMALL)
    guess, fused = scores.last()
    return "\n".join(
        [
            f"{config.steps} steps, {moment.seen:.0%} of the floor seen; of the pixels, {guess:.0%} are right from one "
            f"view, {fused:.0%} from all views together",
            f"watch it: {config.out / 'demo.mp4'}",
            "next: testspace run --preset adapted-smoke --out runs/first trains the network in the house, in a minute",
        ]
    )


def _moments(env: HouseEnv, frame: Frame, steps: int) -> Iterator[Moment]:
    """Explore: a moment for each step, beginning with the first frame."""
    policy, perception = make_policy("frontier", env, 0), Perception.shipped(CLASSES)
    known = OccupancyMap(env.camera)
    chances: NDArray[np.float32] = np.zeros(0, np.float32)

    def predict(frames: Mapping[str, Tensor]) -> NDArray[np.float32]:
        return chances

    fused = SemanticMap(predict, range(1, len(CLASSES)), env.camera, config=FusionConfig(smoothing=1))
    info = {"collision": False, "step": 0}
    path: list[tuple[float, float]] = []
    policy.reset(0)
    for step in range(steps):
        pose = frame["pose"]
        viewpoint = Viewpoint(env.camera.vertical_fov, float(pose[1]), float(pose[4]))
        shares = perception.probabilities(frame["rgb"], frame["depth"], viewpoint)[1:]
        chances = np.ascontiguousarray(shares.transpose(1, 2, 0))[None]
        batch = {key: torch.from_numpy(value[None]) for key, value in frame.items()}
        fused.add(batch)
        known.update(frame)
        path.append((float(pose[0]), float(pose[2])))
        large = cv2.resize(chances[0], (env.camera.width, env.camera.height), interpolation=cv2.INTER_LINEAR)
        known_there = fused.labels(batch)[0].numpy()
        guess = (large.argmax(-1) + 1).astype(np.int16)
        yield Moment(
            step, frame, guess, np.where(known_there > 0, known_there, guess), as_stored(fused), np.array(path),
            coverage(known, env.floor),
        )  # fmt: skip
        frame, _, _, _, info = step_or_teleport(env, policy.act(frame, info))


class _Scores:
    """How many pixels were right so far, and what was known of that at which step."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.guess: list[float] = []
        self.fused: list[float] = []
        self._counts = np.zeros(3)

    def add(self, moment: Moment, env: HouseEnv) -> None:
        """Compare this moment with the truth."""
        truth = env.simulator.render_with_labels(moment.frame["pose"][None])[1].semantic[0]
        counted = truth > 0
        self._counts += counted.sum(), *((one == truth)[counted].sum() for one in (moment.guess, moment.fused))
        total, guess, fused = self._counts
        self.steps.append(moment.step)
        self.guess.append(100 * guess / max(total, 1))
        self.fused.append(100 * fused / max(total, 1))

    def last(self) -> tuple[float, float]:
        """Shares of all pixels so far that are right from one view, and from all views."""
        return self.guess[-1] / 100, self.fused[-1] / 100


class _Film:
    """Draws moments."""

    def __init__(self, env: HouseEnv, steps: int) -> None:
        self.page = FilmPage("A house that the network has never seen", VIEWS, (CAMERA.width, CAMERA.height))
        rooms = [room.polygon for room in env.scene.rooms]
        corners = np.concatenate(rooms) if rooms else env.scene.vertices[:, [0, 2]]
        self.map = FilmMap(corners.min(0), corners.max(0), rooms, self.page.map_size)
        self.steps = steps
        self.seen: list[float] = []

    def draw(self, moment: Moment, scores: _Scores) -> Image:
        """The picture of a moment."""
        self.seen.append(100 * moment.seen)
        frame = moment.frame
        views = [frame["rgb"], draw_depth(frame["depth"], FAR)]
        views += [overlay(frame["rgb"], labels) for labels in (moment.guess, moment.fused)]
        above = from_above(moment.stored)
        if above is None:
            above = FromAbove(np.zeros((1, 1), np.int16), np.zeros((1, 1), np.float32), np.zeros(2), 0.1)
        above, yaw = without_gaps(above), float(frame["pose"][3])
        colours = class_colours()[above.classes]
        top = self.map.draw(colours, above.classes > 0, above.low, above.cell, moment.path, yaw)
        curves = [
            Curve("of the floor seen", SEEN, range(len(self.seen)), self.seen),
            Curve("pixels right: one view", GUESS, scores.steps, scores.guess),
            Curve("all views", FUSED, scores.steps, scores.fused),
        ]
        chart = draw_chart(curves, self.page.chart_size, self.steps, "steps")
        counts = np.bincount(above.classes.ravel(), minlength=len(CLASSES))
        counts[0] = 0
        present = [int(one) for one in np.argsort(-counts, kind="stable") if counts[one]]
        return self.page.draw(views, f"step {moment.step + 1} of {self.steps}", top, present, chart)
