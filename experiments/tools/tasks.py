"""Detection and captioning with the encoder of a run (Table 1), and probes of it, with the seed of the run.

    python -m testspace.experiments.tools.tasks detection runs/first [--detector cascade]
    python -m testspace.experiments.tools.tasks captioning runs/first --house houses.jsonl.gz:12
    python -m testspace.experiments.tools.tasks probes runs/first

Scratch and the specialist are fine-tuned in the same way on the labels of the run's transfer set, and scored on its
held-out views: COCO mAP by pycocotools; BLEU and CIDEr-D against template captions made from ground-truth boxes. Probes
leave the encoder frozen: kNN and a linear probe name the class of each patch.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import tyro
from torch import Tensor

from ...core.errors import UserError, ending_in_one_line
from ...core.progress import Progress as Shown
from ...core.text_table import row
from ...envs.house.classes import CLASS_ID, CLASSES, OBJECT_TYPES
from ...envs.house.house_io import load_houses
from ...learners.encoders.frame_encoder import FrameEncoder
from ...learners.encoders.torchvision_guard import operators_load
from ...learners.heads.captioning_training import fine_tune_captioner
from ...learners.heads.captions import template_captions, vocabulary
from ...learners.heads.cascade_config import CascadeConfig
from ...learners.heads.detection_config import DetectionConfig
from ...learners.heads.detection_training import MIN_PIXELS, fine_tune_detector
from ...learners.heads.recipes import CASCADE_HEAD, DETECTION_HEAD, captioning_recipe, detection_recipe
from ...learners.heads.transfer import LabelledFrames, Progress
from ...learners.heads.transfer_config import TransferConfig
from ...learners.metrics.box_metrics import detection_score
from ...learners.metrics.boxes import Boxes, boxes_of, number_objects
from ...learners.metrics.caption_metrics import caption_score
from ...learners.metrics.miou import VOID, segmentation_score
from ...learners.metrics.probes import knn_classes, linear_classes, patch_classes
from ...learners.objectives.tst import scratch_encoder
from ..protocol.preset import Preset
from ..protocol.transfer_set import transfer_set
from ..rundir.run_folder import read_config
from .predict_retrieve import held_out_views, load_learner

PATCHES = 20_000
"""Labelled patches of a probe, at most."""
OBJECTS = tuple(CLASS_ID[name] for name in OBJECT_TYPES)
"""Classes with boxes and captions; structure has none."""


@dataclass(frozen=True)
class TaskConfig:
    """Run, task and training length."""

    task: tyro.conf.Positional[Literal["detection", "captioning", "probes"]]
    """Task to score."""
    run: tyro.conf.Positional[Path]
    """Folder of the run."""
    house: str | None = None
    """The run's --house."""
    detector: Literal["plain", "cascade"] = "plain"
    """One stage in plain torch, or Cascade Mask R-CNN as in the paper, where torchvision's operators load."""
    steps: int | None = None
    """Steps of fine-tuning; default: those of the run's transfer."""
    recipe: Literal["run", "paper"] = "run"
    """Fine-tuning of the run's preset, or the paper's (Tables 12 and 13), as long as D_t makes it."""
    json_file: Annotated[Path | None, tyro.conf.arg(name="json")] = None
    """File for the scores; default: RUN/TASK.json."""


def scores(config: TaskConfig) -> dict[str, dict[str, float]]:
    """The scores of scratch and of the specialist, by measure; UserError if the run cannot be scored."""
    if config.detector == "cascade" and not operators_load():
        raise UserError("--detector cascade: torchvision's operators do not match this torch; use plain")
    learner = load_learner(config.run)
    views, labels, house, preset = held_out_views(config.run, config.house)
    if labels is None:
        raise UserError(f"{config.run}: its house has no labels, so nothing can be scored")
    seed = learner.seed
    held_out = LabelledFrames(views["rgb"], labels.semantic, labels.instance)
    stored = read_config(config.run)
    houses = load_houses(stored["transfer_houses"]) if stored["transfer_houses"] else []
    results = {}
    with Shown() as shown:
        with shown.stage("transfer set") as advance:
            labelled = transfer_set(house, preset.transfer_set, houses, advance).labelled
        transfer, head = _recipe(config, preset, len(labelled))
        runs: dict[str, Callable[..., dict[str, float]]] = {
            "detection": partial(_detection, head),
            "captioning": _captioning,
            "probes": _probes,
        }
        run = runs[config.task]
        encoders = {"scratch": scratch_encoder(learner.config, seed), "specialist": learner.encoder}
        for method, encoder in encoders.items():
            with shown.stage(f"{config.task}, {method}") as advance:
                results[method] = run(encoder, labelled, held_out, transfer, seed, _reporter(advance))
    settings: dict[str, Any] = {"task": config.task, "house": stored["house"], "seed": seed, "steps": transfer.steps}
    if config.task == "detection":
        settings["detector"] = config.detector
    file = config.json_file or config.run / f"{config.task}.json"
    file.write_text(json.dumps({**settings, "views": len(held_out), "scores": results}, indent=2) + "\n")
    return results


def _recipe(config: TaskConfig, preset: Preset, frames: int) -> tuple[TransferConfig, DetectionConfig | CascadeConfig]:
    """How the heads are fine-tuned on so many labelled frames, and the detection head."""
    cascade, transfer = config.detector == "cascade", preset.transfer
    head: DetectionConfig | CascadeConfig = CascadeConfig() if cascade else DetectionConfig()
    if config.recipe == "paper":
        transfer = detection_recipe(frames) if config.task == "detection" else captioning_recipe(frames)
        head = CASCADE_HEAD if cascade else DETECTION_HEAD
    return replace(transfer, steps=config.steps or transfer.steps), head


def true_boxes(frames: LabelledFrames) -> Boxes:
    """Ground-truth boxes of the objects in labelled frames."""
    return boxes_of(*number_objects(frames.semantic, frames.instances(), OBJECTS), MIN_PIXELS)


def _detection(
    head: DetectionConfig | CascadeConfig, encoder: FrameEncoder, labelled: LabelledFrames, views: LabelledFrames,
    config: TransferConfig, seed: int, progress: Progress,
) -> dict[str, float]:  # fmt: skip
    detector = fine_tune_detector(encoder, labelled, OBJECTS, config, head, seed, progress)
    score = detection_score(detector.predict(views.rgb), true_boxes(views), detector.classes)
    return {"mAP": score.map, "mAP50": score.map50, "mAP75": score.map75}


def _captioning(
    encoder: FrameEncoder, labelled: LabelledFrames, views: LabelledFrames, config: TransferConfig, seed: int,
    progress: Progress,
) -> dict[str, float]:  # fmt: skip
    captions = [
        template_captions(true_boxes(frames), len(frames), frames.rgb.shape[1:3], CLASSES, seed=seed + number)
        for number, frames in enumerate((labelled, views))
    ]
    captioner = fine_tune_captioner(
        encoder, labelled.rgb, captions[0], vocabulary(CLASSES), config, seed=seed, progress=progress
    )
    score = caption_score(captioner.predict(views.rgb), captions[1])
    return {**{f"BLEU-{n}": value for n, value in enumerate(score.bleu, 1)}, "CIDEr-D": score.cider}


def _probes(
    encoder: FrameEncoder, labelled: LabelledFrames, views: LabelledFrames, config: TransferConfig, seed: int,
    progress: Progress,
) -> dict[str, float]:  # fmt: skip
    (features, classes), (queries, truth) = (_patches(encoder, frames) for frames in (labelled, views))
    chosen = torch.randperm(len(features), generator=torch.Generator().manual_seed(seed))[:PATCHES]
    scores: dict[str, float] = {}
    for number, (name, probe) in enumerate({"kNN": knn_classes, "linear": linear_classes}.items()):
        found = probe(features[chosen], classes[chosen], queries)
        score = segmentation_score(found, truth, len(CLASSES))
        scores |= {f"{name}-acc": score.pixel_accuracy, f"{name}-mIoU": score.miou}
        progress(number + 1, 2, {"loss": 1 - score.pixel_accuracy})
    return scores


@torch.no_grad()
def _patches(encoder: FrameEncoder, frames: LabelledFrames) -> tuple[Tensor, Tensor]:
    """Frozen features (N, D) and classes (N,) of all patches with a class."""
    device = next(encoder.eval().parameters()).device
    parts = [encoder(part.to(device)).float().cpu() for part in torch.as_tensor(frames.rgb).split(64)]
    classes = patch_classes(torch.as_tensor(frames.semantic), encoder.grid).flatten()
    return torch.cat(parts).flatten(0, 1)[classes != VOID], classes[classes != VOID]


def _reporter(advance: Callable[..., None]) -> Progress:
    def progress(done: int, total: int, losses: dict[str, float]) -> None:
        advance(done, total, f"loss {losses['loss']:.2f}")

    return progress


def table(results: dict[str, dict[str, float]]) -> str:
    """A line for each method."""
    names = list(next(iter(results.values())))
    lines = [row("", *names, name_width=12, width=13)]
    lines += [row(m, *(f"{v:.3f}" for v in scores.values()), name_width=12, width=13) for m, scores in results.items()]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command; exits with status 2 and one line on user errors."""
    with ending_in_one_line():
        print(table(scores(tyro.cli(TaskConfig, args=arguments))))


if __name__ == "__main__":
    main()
