"""A custom modality in one page: the height of each pixel above the floor, from depth and pose.

    python -m testspace.experiments.examples.own_modality runs/first

A registered modality has a name, channels, and functions to normalise and draw it. It is then masked, tokenised,
predicted, retrieved and drawn like any other. This one is stored with the frames; a modality that is computed from rgb
alone defines `compute` instead.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
import tyro
from torch import Tensor

from testspace.core.frame import Camera, rotation
from testspace.experiments.protocol.presets import find_preset
from testspace.learners.choices import SENSORY
from testspace.learners.data.replay_buffer import ReplayBuffer
from testspace.learners.modalities.fidelity import fidelity
from testspace.learners.modalities.modality import Modality, register
from testspace.learners.modalities.tokenizers import Tokenizer
from testspace.learners.objectives.tst import TSTLearner
from testspace.learners.objectives.tst_config import TSTConfig

MEAN, STD = 1.0, 0.8  # metres


def height(frames: Mapping[str, Tensor], camera: Camera) -> Tensor:
    """Height of each pixel's surface above y = 0, float32 (B, H, W), in metres."""
    depth = frames["depth"]
    rays = torch.from_numpy(camera.rays()).float()
    upwards = torch.from_numpy(rotation(frames["pose"].numpy())[:, 1]).float()  # the world's y along the camera's axes
    return frames["pose"][:, 1, None, None] + depth * torch.einsum("bk,hwk->bhw", upwards, rays)


def normalise(metres: Tensor) -> Tensor:
    """Metres (B, H, W) to model input (B, 1, H, W)."""
    return ((metres - MEAN) / STD)[:, None]  # (B, H, W) to (B, 1, H, W)


def draw(image: Tensor) -> Tensor:
    """Model input (B, 1, H, W) to an image, uint8 (B, H, W, 3)."""
    grey = ((image * STD + MEAN) / 3).clamp(0, 1)  # the floor is black, three metres are white
    return (255 * grey).to(torch.uint8).permute(0, 2, 3, 1).expand(-1, -1, -1, 3)


HEIGHT = Modality("height", 1, normalise, draw)


def train(run: Path, /, steps: int = 200, tokenizer_steps: int = 300) -> TSTLearner:
    """Train on a run's replay buffer with height as a fifth modality, and print the losses.

    Args:
        run: Folder of the run.
        steps: Steps of training.
        tokenizer_steps: Steps of each tokenizer.
    """
    register(HEIGHT)
    buffer = ReplayBuffer.reader(run / "buffer")
    camera = find_preset(json.loads((run / "config.json").read_text())["preset"]).camera

    def sample(n: int) -> dict[str, Tensor]:
        frames = buffer.sample(n)
        return {**frames, "height": height(frames, camera)}

    config = TSTConfig(
        image_size=camera.height, modalities=(*SENSORY, "height"), targets="tokens", tokenizer_steps=tokenizer_steps,
        input_budget=16, target_budget=32,
    )  # fmt: skip
    learner = TSTLearner(config)
    learner.fit_tokenizers(sample)
    tokenizer = learner.model.tokenizers["height"]
    assert isinstance(tokenizer, Tokenizer)
    unexplained = fidelity(tokenizer, sample(64))[0].variance_unexplained
    print(f"tokenizer: {unexplained:.1%} of the variance of height unexplained")
    for step in range(steps):
        report = learner.step(sample(32))
        if step % 50 == 0 or step == steps - 1:
            print(f"step {step + 1} of {steps}: loss {report['loss']:.2f}, of height {report['loss_height']:.2f}")
    return learner


if __name__ == "__main__":
    tyro.cli(train)
