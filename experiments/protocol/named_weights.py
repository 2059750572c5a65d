"""The generalist's weights by name: those of a file, or the shipped ones."""

from __future__ import annotations

import hashlib
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from ...envs.house.classes import CLASSES
from ...learners import generalist
from ...learners.generalist.network import Generalist
from ...learners.generalist.weights import SHIPPED, WeightsError, load_generalist, load_weights, read_provenance


def load_named(name: str) -> tuple[Generalist, dict[str, Any]]:
    """The network and its provenance, from a file or, for "shipped", from the package. Raises WeightsError."""
    if name == "shipped":
        return load_generalist(CLASSES)
    return load_weights(Path(name), CLASSES), read_provenance(Path(name))


def weights_digest(name: str) -> str:
    """What stands for the weights of that name in a cache key: a digest of the file. Raises WeightsError."""
    if name == "shipped":
        with as_file(files(generalist) / SHIPPED) as file:
            return _digest(file)
    return _digest(Path(name))


def _digest(file: Path) -> str:
    if not file.is_file():
        raise WeightsError(f"{file}: there is no such file")
    return hashlib.sha256(file.read_bytes()).hexdigest()[:24]
