"""A learner on disk: model.safetensors, optimiser.safetensors and learner.json in one folder, replaced as a whole."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

DIGEST = "digest"
"""Key of the digest of the tensors, among the metadata of a file."""


class CheckpointError(ValueError):
    """A checkpoint that cannot be read."""


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
            save_tensors(tensors, folder / f"{name}.safetensors")
        (folder / "learner.json").write_text(json.dumps(self.state, indent=2))


def tensor_digest(tensors: Mapping[str, Tensor]) -> str:
    """Digest of the values of tensors, by name."""
    found = hashlib.sha256()
    for name in sorted(tensors):
        found.update(name.encode())
        found.update(tensors[name].detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return found.hexdigest()


def save_tensors(tensors: Mapping[str, Tensor], file: Path, metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file, with a digest of the tensors among its metadata; OSError where that fails, as of every
    other file. Equal content gives equal bytes."""
    metadata = {**(metadata or {}), DIGEST: tensor_digest(tensors)}
    try:
        save_file({key: value.contiguous() for key, value in tensors.items()}, file, metadata)
        _sort_metadata(file)
    except SafetensorError as error:
        number = errno.ENOSPC if "os error 28" in str(error) else errno.EIO
        raise OSError(number, f"{os.strerror(number)}; what was stored before is whole", str(file)) from error


def _sort_metadata(file: Path) -> None:
    """Put the metadata in order, which safetensors writes in any: equal content, equal bytes."""
    with file.open("rb+") as handle:
        size = int.from_bytes(handle.read(8), "little")
        header = json.loads(handle.read(size))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        assert len(text) <= size, "safetensors writes no spaces"
        handle.seek(8)
        handle.write(text.ljust(size))


def load_tensors(file: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file. CheckpointError, one line, where it is missing or damaged."""
    try:
        with safe_open(file, "pt") as stored:
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
            expected = (stored.metadata() or {}).get(DIGEST)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{file}: damaged or missing ({error})") from error
    if expected not in (None, tensor_digest(tensors)):
        raise CheckpointError(f"{file}: damaged, its values differ from their digest")
    return tensors


def read(folder: Path, config: Mapping[str, Any], before: Mapping[str, Any]) -> Checkpoint:
    """Read what `write` wrote; CheckpointError where there is none, a damaged one, or one of another configuration.

    `before`: defaults of settings that a folder of an older version lacks.
    """
    if not (folder / "learner.json").is_file():
        raise CheckpointError(f"learner: {folder} holds no learner (no learner.json)")
    try:
        state = json.loads((folder / "learner.json").read_text())
        theirs = {**json.loads(json.dumps(before)), **state["config"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"learner: {folder / 'learner.json'} is damaged ({error!r})") from error
    mine = json.loads(json.dumps(config))
    differing = sorted(key for key in {*mine, *theirs} if mine.get(key) != theirs.get(key))
    if differing:
        raise CheckpointError(
            f"learner: {folder} was trained with another {', '.join(differing)}; use the same configuration"
        )
    return Checkpoint(load_tensors(folder / "model.safetensors"), load_tensors(folder / "optimiser.safetensors"), state)
