"""The example of a modality of one's own: right in closed form, and learned from."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from testspace.core.frame import Camera
from testspace.experiments.examples.own_modality import HEIGHT, height, train
from testspace.learners.data.replay_buffer import ReplayBuffer
from testspace.learners.modalities.modality import MODALITIES

CAMERA = Camera(32, 32)
EYE, PITCH = 1.5, -40.0


@pytest.fixture
def floor() -> dict[str, np.ndarray]:
    """24 looks down at an endless floor: the depth of a row is known."""
    up = (CAMERA.height / 2 - 0.5 - np.arange(CAMERA.height)) / CAMERA.focal
    down = -(math.sin(math.radians(PITCH)) + up * math.cos(math.radians(PITCH)))  # metres down for a metre of depth
    depth = np.where(down > 0.05, EYE / np.maximum(down, 0.05), 0)
    size = (24, 32, 32)
    rgb = np.random.default_rng(0).integers(0, 255, (*size, 3), np.uint8)
    pose = np.tile(np.array([1.0, EYE, 2.0, 30.0, PITCH, 0.0], np.float32), (24, 1))
    return {
        "rgb": rgb, "depth": np.broadcast_to(depth[:, None], size).astype(np.float32),
        "normals": np.zeros((*size, 3), np.float32), "edges": np.zeros(size, np.uint8), "pose": pose,
    }  # fmt: skip


@pytest.fixture
def registry() -> Iterator[None]:
    yield
    MODALITIES.pop(HEIGHT.name, None)


def test_an_endless_floor_has_height_zero(floor: dict[str, np.ndarray]) -> None:
    frames = {key: torch.from_numpy(value.copy()) for key, value in floor.items()}
    seen = frames["depth"] > 0
    heights = height(frames, CAMERA)
    assert seen.float().mean() > 0.5
    torch.testing.assert_close(heights[seen], torch.zeros(int(seen.sum())), atol=1e-5, rtol=0)
    assert torch.equal(heights[~seen], torch.full((int((~seen).sum()),), EYE))
    assert HEIGHT.draw(HEIGHT.normalise(torch.full((1, 2, 2), 1.5))).unique().tolist() in ([127], [128])


def test_it_is_learned_like_any_other(
    floor: dict[str, np.ndarray], registry: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    buffer = ReplayBuffer(tmp_path / "buffer", 24, 32, 32)
    buffer.extend(floor)
    buffer.flush()
    (tmp_path / "config.json").write_text(json.dumps({"preset": "smoke"}))
    learner = train(tmp_path, steps=2, tokenizer_steps=3)
    assert learner.model.names == ("rgb", "depth", "normals", "edges", "height")
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("tokenizer: ")
    assert "of height" in told[-1]
