"""`testspace run`: every setting of a run and every size of its preset, from the command line or a TOML file.

    testspace run --preset nano --episode.frames 800 --learner.size tiny --out runs/short
    testspace run --config short.toml --out runs/short

A file holds the options by name, groups as tables. Later words win: defaults of the preset, then the file, then the
command line.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any

import tyro

from ...core.errors import UserError
from ..protocol.camera_options import PRESET_CAMERA, CameraOptions
from ..protocol.preset import Preset
from ..protocol.presets import find_preset
from ..run.run_config import RunConfig

MAX_FILE = 2**20
"""Bytes of a configuration file, at most."""


@dataclass(frozen=True)
class RunArguments:
    """Run one agent in one test space: explore it, learn it without labels, and be evaluated in it."""

    run: Annotated[RunConfig, tyro.conf.arg(name="")]
    sizes: Annotated[Preset, tyro.conf.arg(name="")]
    config: Annotated[Path | None, tyro.conf.arg(metavar="FILE.toml")] = None
    """File of these options by name: seed = 3, and [episode] frames = 800 for --episode.frames 800."""
    view_from: Annotated[CameraOptions, tyro.conf.arg(name="")] = PRESET_CAMERA


def _default(preset: str) -> RunArguments:
    return RunArguments(RunConfig(out=tyro.MISSING, preset=preset), find_preset(preset))


RUN_DEFAULT = _default(RunConfig.preset)
"""The arguments of a run that names no preset."""


def parse_run(arguments: Sequence[str]) -> RunArguments:
    """The settings and sizes that these arguments ask for. UserError for a preset or file that cannot be used; tyro
    ends the program for an option that cannot be."""
    file = _last(arguments, "config")
    from_file = options(_read(Path(file))) if file is not None else []
    words = [*from_file, *arguments]
    if _last(arguments, "frames") is not None:
        raise UserError("--frames: the length of a run is --episode.frames")
    name = _last(words, "preset") or RunConfig.preset
    default = _default(name)
    if from_file:
        try:
            tyro.cli(RunArguments, prog="testspace run", args=["--out", ".", *from_file], default=default)
        except SystemExit:
            print(f"These options are in {file}.", file=sys.stderr)
            raise
    parsed = tyro.cli(RunArguments, prog="testspace run", args=words, default=default)
    return replace(parsed, sizes=parsed.view_from.sizes(parsed.sizes))


def _last(words: Sequence[str], option: str) -> str | None:
    """The last value that is given for an option, as `--option value` or `--option=value`."""
    value = None
    for word, following in zip_longest(words, words[1:]):
        if word == f"--{option}":
            value = following
        elif word.startswith(f"--{option}="):
            value = word.partition("=")[2]
    return value


def _read(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as handle:
            text = handle.read(MAX_FILE + 1)
        if len(text) > MAX_FILE:
            raise UserError(f"--config {file}: larger than {MAX_FILE} bytes; that is no file of options")
        return tomllib.loads(text.decode())
    except (OSError, ValueError) as error:
        raise UserError(f"--config {file}: {error}") from None


def options(values: Mapping[str, Any], prefix: str = "--") -> list[str]:
    """The words of the command line that say the same as these values: {"episode": {"frames": 800}} is
    ["--episode.frames", "800"]."""
    words: list[str] = []
    for key, value in values.items():
        option = prefix + key.replace("_", "-")
        if isinstance(value, Mapping):
            words += options(value, f"{option}.")
        elif isinstance(value, bool):
            head, dot, name = option.rpartition(".")
            if value:
                words.append(option)
            elif dot:  # flags of the run itself are off unless they are given
                words.append(f"{head}.no-{name}")
        elif key == "change" and isinstance(value, list):  # given once for each
            words += [word for one in value for word in (option, str(one))]
        elif isinstance(value, list):
            words += [option, *map(str, value)]
        else:
            words += [option, str(value)]
    return words
