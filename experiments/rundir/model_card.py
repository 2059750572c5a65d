"""Model cards: training data, scores and licences of a run's model."""

from __future__ import annotations

import json
from pathlib import Path, PurePath
from typing import Any

from ...core.errors import UserError

SHAPES = "parametric shapes and textures of testspace (Apache-2.0), in sizes of AI2-THOR's assets (Apache-2.0)"
THOR = "AI2-THOR's own (Apache-2.0)"
OWN = "{house}'s own: the terms of those who recorded or made it hold for what is learned from it too"


def run_card(run: Path, method: str = "specialist") -> dict[str, Any]:
    """`model_card_kwargs` for `save_pretrained` and `push_to_hub` of a model of this run.

    House, number of frames, mIoU and pixel accuracy of `method`, and of the baseline on held-out views of the house (0
    to 1; omitted without labels), and the licence of the assets in the frames. Paths are reduced to file names.
    UserError if the folder has no finished run, or no such method.
    """
    try:
        summary = json.loads((run / "summary.json").read_text())
        sim, scores = summary["sim"], summary["segmentation"]
        house, frames = _place(summary["house"]), int(summary["frames"])
        numbers: dict[str, float] = {}
        for name in dict.fromkeys((method, "generalist" if "generalist" in scores else "scratch")) if scores else ():
            numbers |= {f"{name}: mIoU": float(scores[name]["miou"])}
            numbers |= {f"{name}: pixel accuracy": float(scores[name]["pixel_accuracy"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{run}: no finished run with a {method} ({error!r}); finish `testspace run` first") from None
    made = sim == "raycast" and (house.startswith("seed ") or ".json" in house)
    assets = SHAPES if made else THOR if sim == "thor" else OWN.format(house=house)
    description = f"{house} ({sim}, policy {summary['policy']}, preset {summary['preset']}, seed {summary['seed']})"
    return {"house": description, "frames": frames, "numbers": numbers, "assets": assets}


def _place(house: str) -> str:
    """The house's name without local folders."""
    return PurePath(house).name if PurePath(house).is_absolute() else house
