"""Options that all experiments share. A separate module, to keep the command line fast to import."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from ..protocol.camera_options import PRESET_CAMERA, CameraOptions
from ..protocol.preset import Preset
from ..protocol.presets import find_preset


@dataclass(frozen=True)
class ExperimentOptions:
    """Houses, seeds and size of an experiment, and where its results go."""

    out: Path
    """Folder for results.json, table.md and figure.png; an experiment that was stopped continues there."""
    house: tyro.conf.UseAppendAction[Annotated[tuple[str, ...], tyro.conf.arg(metavar="FILE[:LINE]|SEED")]] = ()
    """A test space: FILE.json, FILE.jsonl[.gz]:LINE, or the seed of a generated house. May be repeated."""
    preset: str = "nano"
    """Sizes and budget: smoke (seconds, to check the installation), nano-short, nano, nano-long; adapted starts from
    the generalist."""
    seeds: tuple[int, ...] = (0,)
    """Seeds; every house is run with each."""
    view_from: Annotated[CameraOptions, tyro.conf.arg(name="")] = PRESET_CAMERA
    device: str = "auto"
    """Device of training and inference: auto (the GPU if there is one), cpu, cuda, cuda:1."""
    grid: int = 1
    """Number of parallel trials, each in a process with one thread; uses Ray if it is installed (extra `ray`)."""

    def sizes(self) -> Preset:
        """The preset with the camera. UserError for a preset that does not exist and a camera that cannot be."""
        return self.view_from.sizes(find_preset(self.preset))
