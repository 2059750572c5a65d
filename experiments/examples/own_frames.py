"""Train on a folder of frames and extract features: python -m testspace.experiments.examples.own_frames FOLDER OUT

FOLDER/rgb holds images; FOLDER/depth may hold 16-bit millimetres of the same names (see `learners.data.frame_folder`).
"""

from __future__ import annotations

from pathlib import Path

import tyro
from torch import Tensor

from ...learners.data.frame_folder import FrameFolder
from ...learners.masked.encoder import Encoder
from ...learners.objectives.tst import TSTLearner
from ...learners.objectives.tst_config import TSTConfig


def train(folder: Path, out: Path, /, steps: int = 500) -> None:
    """Pre-train on a folder of frames and save the encoder.

    Args:
        folder: Folder of the frames: rgb/, and optionally depth/, normals/ and poses.csv.
        out: Folder for the encoder: model.safetensors, config.json and a model card.
        steps: Steps of training, of 64 frames each.
    """
    frames = FrameFolder(folder)
    learner = TSTLearner(TSTConfig(modalities=frames.modalities))
    for step in range(steps):
        losses = learner.step(frames.sample(64))
        if step % 50 == 0:
            print(f"step {step} of {steps}: loss {losses['loss']:.3f}")
    card = {
        "house": folder.name,
        "frames": len(frames),
        "numbers": {"loss": losses["loss"]},
        "assets": "the frames' own",
    }
    learner.encoder.save_pretrained(out, model_card_kwargs=card)


def features(encoder: Path, rgb: Tensor) -> Tensor:
    """Features (B, N, D) of the patches of rgb, uint8 (B, H, W, 3)."""
    return Encoder.from_pretrained(encoder)(rgb)


if __name__ == "__main__":
    tyro.cli(train)
