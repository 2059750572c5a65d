"""A place takes the class that most views give it: against known rooms and planted errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from testspace.agent.fusion.semantic_map import SemanticMap
from testspace.agent.fusion.surface_prior import SurfacePrior
from testspace.core.frame import Camera, Frame
from testspace.envs.assembly.building import build_scene
from testspace.envs.generator import generate_house
from testspace.envs.house.classes import CLASSES
from testspace.envs.render.raycast import RayCastSimulator
from testspace.experiments.protocol.held_out import draw_views

CAMERA = Camera(32, 32)


@pytest.fixture(scope="module")
def views() -> tuple[dict[str, Tensor], np.ndarray]:
    simulator = RayCastSimulator(build_scene(generate_house(4, rooms=1)), CAMERA, light="direct")
    frame, labels = draw_views(simulator, 200, 1.5, np.random.default_rng(0))
    return as_tensors(frame), labels.semantic


def as_tensors(frame: Frame) -> dict[str, Tensor]:
    return {key: torch.from_numpy(value) for key, value in frame.items()}


def test_a_wall_seen_twice_is_one_place() -> None:
    # A wall 2 m ahead of a camera that looks along -z; then the same wall from 1 m nearer: all its pixels are known.
    depth = torch.full((2, 32, 32), 2.05)
    depth[1] = 1.05
    normals = torch.zeros(2, 32, 32, 3)
    normals[..., 2] = 1
    pose = torch.zeros(2, 6)
    pose[1, 2] = -1
    frames = {"rgb": torch.zeros(2, 32, 32, 3, dtype=torch.uint8), "depth": depth, "normals": normals, "pose": pose}
    first, second = ({key: value[i : i + 1] for key, value in frames.items()} for i in (0, 1))
    known = SemanticMap(lambda rgb: np.full(rgb.shape[:3], 7, np.int16), CAMERA, cell=0.25)
    known.add(first)
    assert (known.labels(second) == 7).float().mean() > 0.9
    second["normals"] = -second["normals"]
    assert (known.labels(second) == 0).all()  # the other side of a wall is another place


def test_views_outvote_errors(views: tuple[dict[str, Tensor], np.ndarray]) -> None:
    frames, truth = views
    wrong = np.random.default_rng(1).random(truth.shape) < 0.4
    guesses = np.where(wrong, 3, truth).astype(np.int16)
    known = SemanticMap(lambda rgb: guesses, CAMERA, cell=0.2)
    known.add(frames)
    seen = truth > 0
    before, after = (guesses == truth)[seen].mean(), (known.labels(frames).numpy() == truth)[seen].mean()
    assert before < 0.65
    assert after > 0.9


def test_votes_add_up_whatever_the_turns(views: tuple[dict[str, Tensor], np.ndarray]) -> None:
    frames, truth = views
    whole = SemanticMap(lambda rgb: truth, CAMERA)
    whole.add(frames)
    parts = SemanticMap(lambda rgb: truth[rgb[:, 0, 0, 0]], CAMERA)  # frames are told apart by their first pixel
    for start in range(0, 200, 50):
        part = {key: value[start : start + 50].clone() for key, value in frames.items()}
        part["rgb"][:, 0, 0, 0] = torch.arange(start, start + 50).to(torch.uint8)
        parts.add(part)
    assert len(whole) == len(parts)
    assert torch.equal(whole.labels(frames), parts.labels(frames))


def test_nothing_is_said_of_what_was_not_seen(views: tuple[dict[str, Tensor], np.ndarray]) -> None:
    frames, truth = views
    known = SemanticMap(lambda rgb: truth, CAMERA)
    assert (known.labels(frames) == 0).all()
    known.add({**frames, "depth": torch.zeros_like(frames["depth"])})  # no ray met anything
    assert len(known) == 0


def test_geometry_corrects_what_colours_mistake(views: tuple[dict[str, Tensor], np.ndarray]) -> None:
    """A network that takes every ceiling for a wall: votes alone repeat it, geometry of other houses mends it."""
    frames, truth = views
    wall, ceiling = CLASSES.index("Wall"), CLASSES.index("Ceiling")
    assert (truth == ceiling).mean() > 0.02
    rng = np.random.default_rng(0)
    guesses = np.where((truth == ceiling) & (rng.random(truth.shape) < 0.7), wall, truth).astype(np.int16)
    prior = SurfacePrior(CAMERA, len(CLASSES))
    for seed in range(5, 15):  # ceilings of many heights
        simulator = RayCastSimulator(build_scene(generate_house(seed, rooms=1)), CAMERA, light="direct")
        elsewhere, labels = draw_views(simulator, 30, 1.5, np.random.default_rng(seed))
        prior.add(as_tensors(elsewhere), labels.semantic)
    right = {}
    for name, given in (("votes", None), ("geometry", prior)):
        known = SemanticMap(lambda rgb: guesses, CAMERA, given)
        known.add(frames)
        right[name] = (known.labels(frames).numpy() == truth)[truth == ceiling].mean()
    assert right["votes"] < 0.3
    assert right["geometry"] > 0.8  # where no pixel of a place was ever taken for a ceiling, geometry has no vote
