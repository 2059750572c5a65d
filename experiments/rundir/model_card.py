"""What a run's model has seen and what it reaches, for the card that goes with it to others."""

from __future__ import annotations

import json
from pathlib import Path, PurePath
from typing import Any

from ...core.errors import UserError

SHAPES = "parametric shapes and textures of testspace (Apache-2.0), in sizes of AI2-THOR's assets (Apache-2.0)"
THOR = "AI2-THOR's own (Apache-2.0)"
OWN = "{house}'s own: the terms of whoever recorded or made it hold for what is learned from it too"


def run_card(run: Path, method: str = "specialist") -> dict[str, Any]:
    """`model_card_kwargs` for `save_pretrained` and `push_to_hub` of a model of this run.

    House, frames lived, mIoU and pixel accuracy of `method`, and of scratch beside it, on held-out views of the house
    (from 0 to 1; none where the place has no labels), and under which licence the things stand that were seen. Of a
    file's path only the name is told. Raises UserError where the folder holds no finished run, or none of that method.
    """
    try:
        summary = json.loads((run / "summary.json").read_text())
        sim, scores = summary["sim"], summary["segmentation"]
        house, frames = _place(summary["house"]), int(summary["frames"])
        numbers: dict[str, float] = {}
        for name in dict.fromkeys((method, "scratch")) if scores else ():
            numbers |= {f"{name}: mIoU": float(scores[name]["miou"])}
            numbers |= {f"{name}: pixel accuracy": float(scores[name]["pixel_accuracy"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{run}: no finished run with a {method} ({error!r}); let `testspace run` end first") from None
    made = sim == "raycast" and (house.startswith("seed ") or ".json" in house)
    assets = SHAPES if made else THOR if sim == "thor" else OWN.format(house=house)
    told = f"{house} ({sim}, policy {summary['policy']}, preset {summary['preset']}, seed {summary['seed']})"
    return {"house": told, "frames": frames, "numbers": numbers, "assets": assets}


def _place(house: str) -> str:
    """The house's name without folders of this machine."""
    return PurePath(house).name if PurePath(house).is_absolute() else house
