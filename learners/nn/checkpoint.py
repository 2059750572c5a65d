"""A learner on disk: model.safetensors, optimiser.safetensors and learner.json in one folder, replaced as a whole."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor


@dataclass(frozen=True)
class Checkpoint:
    """What training needs to go on exactly."""

    weights: dict[str, Tensor]
    """Of the model, by name."""
    moments: dict[str, Tensor]
    """Of the optimiser, as "<what>/<parameter>", and the state of the random "generator"."""
    state: dict[str, Any]
    """Configuration and counters, as JSON."""

    def write(self, folder: Path) -> None:
        """Into a folder, which is made."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, tensors in (("model", self.weights), ("optimiser", self.moments)):
            save_file({key: value.contiguous() for key, value in tensors.items()}, folder / f"{name}.safetensors")
        (folder / "learner.json").write_text(json.dumps(self.state, indent=2))


def read(folder: Path, config: Mapping[str, Any], before: Mapping[str, Any]) -> Checkpoint:
    """What `write` wrote; ValueError where there is none, or one of another configuration.

    `before`: what the configuration was where it does not say, in a folder that is older than a setting.
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


def replace_folder(folder: Path, write: Callable[[Path], object]) -> None:
    """`write` a new folder beside this one, then let it take its place: a crash leaves the old one or the new one."""
    new, old = folder.with_name(f"{folder.name}.new"), folder.with_name(f"{folder.name}.old")
    shutil.rmtree(new, ignore_errors=True)
    write(new)
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.rename(folder, old)
    os.rename(new, folder)
    shutil.rmtree(old, ignore_errors=True)


def whole_folder(folder: Path) -> bool:
    """Whether `replace_folder` has ever written this folder; puts it back if it was killed between its two renames."""
    old = folder.with_name(f"{folder.name}.old")
    if not folder.exists() and old.exists():
        os.rename(old, folder)
    return folder.exists()


def replace_arrays(file: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Put these arrays in the place of an .npz file and on the disk: a crash leaves the old one or the new one."""
    unfinished = file.with_name(f"{file.name}.tmp")
    with unfinished.open("wb") as out:
        np.savez(out, allow_pickle=False, **arrays)
        out.flush()
        os.fsync(out.fileno())
    unfinished.replace(file)
