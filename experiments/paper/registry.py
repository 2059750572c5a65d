"""All experiments by name; their modules are imported on demand."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .experiment import Experiment

EXPERIMENTS = (
    "adapted",
    "masked",
    "houses",
    "table1",
    "figure7",
    "figure13",
    "mixin",
    "multimodal",
    "figure6",
    "figure9",
    "figure17",
    "figure18",
    "table2",
    "figure25",
    "table7",
    "fusion",
    "policies",
    "simulators",
)
"""Modules of this package; `experiment(**settings)` of each returns an Experiment."""


def find_experiment(name: str, settings: dict[str, Any] | None = None) -> Experiment:
    """The experiment of this name with these settings."""
    made = import_module(f".{name}", __package__).experiment(**(settings or {}))
    assert isinstance(made, Experiment)
    return made
