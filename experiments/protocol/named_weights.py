"""The generalist's weights by name: those of a file, or the shipped ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...envs.house.classes import CLASSES
from ...learners.generalist.network import Generalist
from ...learners.generalist.weights import load_generalist, load_weights, read_provenance


def load_named(name: str) -> tuple[Generalist, dict[str, Any]]:
    """The network and its provenance, from a file or, for "shipped", from the package. Raises WeightsError."""
    if name == "shipped":
        return load_generalist(CLASSES)
    return load_weights(Path(name), CLASSES), read_provenance(Path(name))
