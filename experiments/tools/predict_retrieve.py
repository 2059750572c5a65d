"""`testspace predict`, `testspace retrieve`: what a run's learner makes of one modality given others (Appendix E)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import cv2
import torch
from torch import Tensor

from ...core.errors import UserError
from ...core.frame import Frame, Labels
from ...envs.house.house import House
from ...learners.data.replay_buffer import ReplayBuffer
from ...learners.masked.cross_modal_prediction import Retrieval, predict, retrieve
from ...learners.modalities.modality import MODALITIES
from ...learners.modalities.networks import register_network
from ...learners.objectives.tst import TSTLearner
from ...learners.objectives.tst_config import TSTConfig
from ..protocol.held_out import eval_rng
from ..protocol.preset import Preset
from ..report.drawings import Image, beside
from ..run.world_factory import View, open_space

SIDE = 128
"""Pixels of a picture in the grid."""


def load_learner(run: Path) -> TSTLearner:
    """The learner that a run has left; UserError where there is none, or one of an earlier version."""
    folder = run / "agent" / "learner"
    try:
        config = json.loads((run / "config.json").read_text())
        sizes = config["sizes"]["learner"]
        for network in config.get("networks", ()):
            register_network(network, sizes["image_size"], sizes["patch"])
        learner = TSTLearner(TSTConfig.of_json(json.loads((folder / "learner.json").read_text())["config"]))
        learner.load(folder)
    except FileNotFoundError:
        raise UserError(f"{run} holds no learner (no agent/learner/); name the folder of a run") from None
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{folder}: not a learner of this version: {error}") from None
    learner.model.eval()
    return learner


def predict_grid(run: Path, given: Sequence[str], wanted: Sequence[str], frames: int, seed: int, out: Path) -> Path:
    """Draw frames that the agent remembers: what is given, then prediction and truth of each wanted modality.

    Writes the PNG `out`, one frame a row, and returns it. UserError on modalities that the learner does not know.
    """
    learner = load_learner(run)
    seen = ReplayBuffer.reader(run / "buffer", seed).sample(frames)
    try:
        guesses = {name: predict(learner.model, seen, given, name) for name in wanted}
    except ValueError as error:
        raise UserError(str(error)) from None
    columns = [_drawn(name, MODALITIES[name].of(seen)) for name in given]
    for name, guess in guesses.items():
        columns += [_drawn(name, guess), _drawn(name, MODALITIES[name].of(seen))]
    rows = [beside([column[row] for column in columns]) for row in range(frames)]
    out.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(out), cv2.cvtColor(beside(rows, 0), cv2.COLOR_RGB2BGR)):
        raise UserError(f"{out} cannot be written; name a .png file")
    return out


def retrieval(run: Path, house: str | None, target: str, frames: int, cells: int) -> Retrieval:
    """Recall of rgb to depth and back, on views of the house that were held out from the run.

    `house` is what the run was given. UserError where the run is of another kind, or does not predict `target`.
    """
    learner = load_learner(run)
    views, *_ = held_out_views(run, house)
    held_out = {key: torch.from_numpy(value[:frames]) for key, value in views.items() if key in MODALITIES}
    try:
        return retrieve(learner.model, held_out, target, cells=cells)
    except ValueError as error:
        raise UserError(str(error)) from None


def held_out_views(run: Path, house: str | None) -> tuple[Frame, Labels | None, House | None, Preset]:
    """The views on which a run was evaluated, their labels where there are any, the house, and the run's sizes.

    `house` is what the run was given; UserError where it was another.
    """
    config = json.loads((run / "config.json").read_text())
    preset = Preset.of_json(config["sizes"])
    view = View(preset.camera, preset.transfer_set.camera_height, preset.transfer_set.light)
    frames, seed = preset.episode.frames, config["seed"]
    with closing(open_space(config["sim"], house, seed, view, frames)) as space:
        if space.name != config["house"]:
            raise UserError(f"{run} was a run in {config['house']}, not in {space.name}; name it with --house")
        # they come first from this generator; what the agent saw near them was not stored
        views, labels = space.draw_views(preset.eval_views, eval_rng(seed), [])
    return views, labels, space.house, preset


def _drawn(name: str, images: Tensor) -> list[Image]:
    """Normalised images (B, C, H, W) as pictures of one size."""
    if MODALITIES[name].channels not in (1, 3):
        raise UserError(f"'{name}' is no image that can be drawn")
    size = (SIDE, SIDE)
    return [cv2.resize(p, size, interpolation=cv2.INTER_NEAREST) for p in MODALITIES[name].draw(images).numpy()]
