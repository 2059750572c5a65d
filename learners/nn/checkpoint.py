"""A learner on disk: model.safetensors, optimiser.safetensors and learner.json in one folder, replaced as a whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor


@dataclass(frozen=True)
class Checkpoint:
    """Everything that training needs to resume exactly."""

    weights: dict[str, Tensor]
    """Parameters and buffers of the model, by name."""
    moments: dict[str, Tensor]
    """State of the optimiser, as "<kind>/<parameter>", and of the random "generator"."""
    state: dict[str, Any]
    """Configuration and counters, as JSON."""

    def write(self, folder: Path) -> None:
        """Write into a folder, which is created."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, tensors in (("model", self.weights), ("optimiser", self.moments)):
            save_file({key: value.contiguous() for key, value in tensors.items()}, folder / f"{name}.safetensors")
        (folder / "learner.json").write_text(json.dumps(self.state, indent=2))


def read(folder: Path, config: Mapping[str, Any], before: Mapping[str, Any]) -> Checkpoint:
    """Read what `write` wrote; ValueError where there is none, or one of another configuration.

    `before`: defaults of settings that a folder of an older version lacks.
    """
    if not (folder / "learner.json").is_file():
        raise ValueError(f"learner: {folder} holds no learner (no learner.json)")
    state = json.loads((folder / "learner.json").read_text())
    mine, theirs = json.loads(json.dumps(config)), {**json.loads(json.dumps(before)), **state["config"]}
    differing = sorted(key for key in {*mine, *theirs} if mine.get(key) != theirs.get(key))
    if differing:
        raise ValueError(
            f"learner: {folder} was trained with another {', '.join(differing)}; use the same configuration"
        )
    return Checkpoint(load_file(folder / "model.safetensors"), load_file(folder / "optimiser.safetensors"), state)
