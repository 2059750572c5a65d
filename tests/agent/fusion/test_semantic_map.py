"""A place takes the class that most views give it: against known rooms and planted errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from testspace.agent.fusion.fusion_config import FusionConfig
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


def sure(classes: np.ndarray) -> np.ndarray:
    """Probabilities (N, H, W, K) of a network that is sure of these classes (N, H, W)."""
    return np.eye(len(CLASSES), dtype=np.float32)[classes]


def fused(predict: Callable[[np.ndarray], np.ndarray], prior: SurfacePrior | None = None, **config: Any) -> SemanticMap:
    """A map of what a network that is sure predicts."""
    return SemanticMap(
        lambda frames: sure(predict(frames["rgb"].numpy())), range(len(CLASSES)), CAMERA, prior, FusionConfig(**config)
    )


def as_tensors(frame: Frame) -> dict[str, Tensor]:
    return {key: torch.from_numpy(value) for key, value in frame.items()}


def numbered(frames: dict[str, Tensor]) -> dict[str, Tensor]:
    """The frames with their number in the first pixel, by which a network of a test tells them apart."""
    rgb = frames["rgb"].clone()
    rgb[:, 0, 0, 0] = torch.arange(len(rgb)).to(torch.uint8)
    return {**frames, "rgb": rgb}


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
    known = fused(lambda rgb: np.full(rgb.shape[:3], 7, np.int16), cell=0.25)
    known.add(first)
    assert (known.labels(second) == 7).float().mean() > 0.9
    second["normals"] = -second["normals"]
    assert (known.labels(second) == 0).all()  # the other side of a wall is another place


def test_views_outvote_errors(views: tuple[dict[str, Tensor], np.ndarray]) -> None:
    frames, truth = views
    wrong = np.random.default_rng(1).random(truth.shape) < 0.4
    guesses = np.where(wrong, 3, truth).astype(np.int16)
    known = fused(lambda rgb: guesses[rgb[:, 0, 0, 0]], cell=0.2)
    known.add(numbered(frames))
    seen = truth > 0
    before, after = (guesses == truth)[seen].mean(), (known.labels(frames).numpy() == truth)[seen].mean()
    assert before < 0.65
    assert after > 0.9


def test_votes_add_up_whatever_the_turns(views: tuple[dict[str, Tensor], np.ndarray]) -> None:
    frames, truth = views
    whole, parts = (fused(lambda rgb: truth[rgb[:, 0, 0, 0]]) for _ in range(2))
    whole.add(numbered(frames))
    for start in range(0, 200, 50):
        parts.add({key: value[start : start + 50] for key, value in numbered(frames).items()})
    assert len(whole) == len(parts)
    assert torch.equal(whole.labels(frames), parts.labels(frames))


def test_nothing_is_said_of_what_was_not_seen(views: tuple[dict[str, Tensor], np.ndarray]) -> None:
    frames, truth = views
    known = fused(lambda rgb: truth[: len(rgb)])
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
        known = fused(lambda rgb: guesses[rgb[:, 0, 0, 0]], given)
        known.add(numbered(frames))
        right[name] = (known.labels(frames).numpy() == truth)[truth == ceiling].mean()
    assert right["votes"] < 0.3
    assert right["geometry"] > 0.8  # where no pixel of a place was ever taken for a ceiling, geometry has no vote


def test_probabilities_outweigh_votes_where_a_network_is_unsure(views: tuple[dict[str, Tensor], np.ndarray]) -> None:
    """Three views in ten are nearly sure of the truth, the others prefer one wrong class by a little."""
    frames, truth = views
    rng = np.random.default_rng(2)
    unsure = np.eye(len(CLASSES), dtype=np.float32)[truth] * 0.45
    unsure[..., 3] += 0.55
    probabilities = np.where((rng.random(truth.shape) < 0.3)[..., None], sure(truth), unsure)
    right = {}
    for rule in ("soft", "hard"):
        config = FusionConfig(rule=rule)
        known = SemanticMap(
            lambda f: probabilities[f["rgb"].numpy()[:, 0, 0, 0]], range(len(CLASSES)), CAMERA, config=config
        )  # fmt: skip
        known.add(numbered(frames))
        right[rule] = (known.labels(frames).numpy() == truth)[truth > 0].mean()
    assert right["hard"] < 0.4
    assert right["soft"] > 0.85


def test_a_network_may_predict_at_half_the_resolution_and_for_some_classes(
    views: tuple[dict[str, Tensor], np.ndarray],
) -> None:
    frames, truth = views
    classes = np.unique(truth)
    index = np.searchsorted(classes, truth)[:, 1::2, 1::2]
    known = SemanticMap(
        lambda f: np.eye(len(classes), dtype=np.float32)[index[f["rgb"].numpy()[:, 0, 0, 0]]], classes, CAMERA
    )  # fmt: skip
    known.add(numbered(frames))
    labels = known.labels(frames).numpy()
    seen = (labels > 0) & (truth > 0)
    assert seen.mean() > 0.9
    assert (labels == truth)[seen].mean() > 0.9
    again = SemanticMap(known.predict, classes, CAMERA)
    again.restore(known.arrays())
    assert torch.equal(again.labels(frames), known.labels(frames))


def test_evidence_of_what_has_moved_is_retired() -> None:
    def wall(metres: float, red: int) -> dict[str, Tensor]:
        normals = torch.zeros(40, 32, 32, 3)
        normals[..., 2] = 1
        rgb = torch.full((40, 32, 32, 3), red, dtype=torch.uint8)
        depth = torch.full((40, 32, 32), metres)
        return {"rgb": rgb, "depth": depth, "normals": normals, "pose": torch.zeros(40, 6)}

    known = fused(lambda rgb: np.where(rgb[..., 0] > 100, 5, 7).astype(np.int16))
    known.add(wall(1.0, red=200))
    before = known._sums.sum()
    known.add(wall(3.0, red=0))
    assert known._sums[:, 5].sum() < 0.3 * before  # but for what is at the picture's edge
    assert (known.labels(wall(3.0, red=0)) == 7).all()
