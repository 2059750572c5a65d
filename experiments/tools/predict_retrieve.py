"""`testspace predict`, `testspace retrieve`: cross-modal prediction and retrieval with a run's learner (Appendix E)."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import cv2
import torch
from torch import Tensor

from ...core.errors import UserError
from ...core.frame import Frame, Labels
from ...core.storage import check_folder
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
from ..rundir.run_folder import RunFolderError, read_config

SIDE = 128
"""Pixels of a picture in the grid."""


def load_learner(run: Path) -> TSTLearner:
    """The learner of a run. UserError if there is none, or it is of an earlier version."""
    folder = run / "agent" / "learner"
    try:
        config = read_config(run)
        if config["sizes"]["generalist"] != "none":
            raise UserError(
                f"{run} began from the generalist; this needs a masked model from scratch: --preset nano, or "
                "--generalist none"
            )
        sizes = config["sizes"]["learner"]
        for network in config.get("networks", ()):
            register_network(network, sizes["image_size"], sizes["patch"])
        wrong, before = check_folder(folder), folder.with_name("learner.old")
        if wrong is not None and before.is_dir():
            print(f"{wrong}; the learner stored before is used", file=sys.stderr, flush=True)
            folder = before
        learner = TSTLearner(TSTConfig.of_json(json.loads((folder / "learner.json").read_text())["config"]))
        learner.load(folder)
    except RunFolderError:
        raise
    except FileNotFoundError:
        raise UserError(f"{run} holds no learner (no agent/learner/); name the folder of a run") from None
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{folder}: not a learner of this version: {error}") from None
    learner.model.eval()
    return learner


def predict_grid(run: Path, inputs: Sequence[str], targets: Sequence[str], frames: int, seed: int, out: Path) -> Path:
    """Draw frames of the replay buffer: the inputs, then prediction and ground truth of each target modality.

    Writes the PNG `out`, one frame per row, and returns it. UserError for modalities that the learner does not have.
    """
    learner = load_learner(run)
    batch = ReplayBuffer.reader(run / "buffer", seed).sample(frames)
    try:
        predictions = {name: predict(learner.model, batch, inputs, name) for name in targets}
    except ValueError as error:
        raise UserError(str(error)) from None
    columns = [_drawn(name, MODALITIES[name].of(batch)) for name in inputs]
    for name, prediction in predictions.items():
        columns += [_drawn(name, prediction), _drawn(name, MODALITIES[name].of(batch))]
    rows = [beside([column[row] for column in columns]) for row in range(frames)]
    out.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(out), cv2.cvtColor(beside(rows, 0), cv2.COLOR_RGB2BGR)):
        raise UserError(f"{out} cannot be written; name a .png file")
    return out


def retrieval(run: Path, house: str | None, target: str, frames: int, cells: int) -> Retrieval:
    """Recall of rgb to depth and back, on held-out views of the run.

    `house`: the run's --house. UserError if it was another, or the learner does not predict `target`.
    """
    learner = load_learner(run)
    views, *_ = held_out_views(run, house)
    held_out = {key: torch.from_numpy(value[:frames]) for key, value in views.items() if key in MODALITIES}
    try:
        return retrieve(learner.model, held_out, target, cells=cells)
    except ValueError as error:
        raise UserError(str(error)) from None


def held_out_views(run: Path, house: str | None) -> tuple[Frame, Labels | None, House | None, Preset]:
    """The evaluation views of a run, their labels if any, the house, and the run's sizes.

    `house`: the run's --house; UserError if it was another.
    """
    config = read_config(run)
    preset = Preset.of_json(config["sizes"])
    mesh = config.get("mesh", {})
    view = View(preset.camera, preset.transfer_set.camera_height, preset.transfer_set.light, **mesh)
    frames, seed = preset.episode.frames, config["seed"]
    with closing(open_space(config["sim"], house, seed, view, frames)) as space:
        if space.name != config["house"]:
            raise UserError(f"{run} was a run in {config['house']}, not in {space.name}; name it with --house")
        # first draw of this generator, as in the run; frames near these views were not stored
        views, labels = space.draw_views(preset.eval_views, eval_rng(seed), [])
    return views, labels, space.house, preset


def _drawn(name: str, images: Tensor) -> list[Image]:
    """Normalised images (B, C, H, W) as pictures of one size."""
    if MODALITIES[name].channels not in (1, 3):
        raise UserError(f"'{name}' is not an image modality")
    size = (SIDE, SIDE)
    return [cv2.resize(p, size, interpolation=cv2.INTER_NEAREST) for p in MODALITIES[name].draw(images).numpy()]
