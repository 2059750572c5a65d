"""The stage of a live run: `testspace run` in a house, kept like any other stage.

The live agent evaluates itself as it goes; experiments read its log. Files of a policy and of the generalist's weights
count by their content.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...core.progress import Advance
from ...envs.assembly.building import build_scene
from ...envs.choices import Sensors
from ...envs.house.house import House
from ...envs.house.house_io import house_digest, save_house
from ...envs.meshes.write import write_glb
from ..protocol.named_weights import weights_digest
from ..protocol.preset import Preset
from ..run.live_run import run_episode
from ..run.run_config import RunConfig
from ..run.run_config import Sim as Sim
from .store import Entry, Store


class LiveRun(NamedTuple):
    """A finished run."""

    entry: Entry

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.entry.folder / "run"

    @property
    def summary(self) -> dict[str, Any]:
        """Its summary.json."""
        summary: dict[str, Any] = json.loads((self.folder / "summary.json").read_text())
        return summary

    def rows(self, kind: str, **match: Any) -> list[dict[str, Any]]:
        """Rows of its log of this kind whose fields equal `match`, oldest first."""
        rows = [json.loads(line) for line in (self.folder / "metrics.jsonl").read_text().splitlines()]
        return [row for row in rows if row["kind"] == kind and all(row.get(k) == v for k, v in match.items())]

    def scores(self, method: str) -> list[dict[str, Any]]:
        """The scores of a method, in the order in which they were measured: frame, change, miou, per_class, ..."""
        return self.rows("evaluation", method=method)

    def coverage(self) -> NDArray[np.float64]:
        """Frames seen and share of the reachable floor seen by then, (N, 2), from (0, 0) on."""
        rows = [[row["frame"], row["coverage"]] for row in self.rows("rollout")]
        return np.array([[0, 0.0], *rows], np.float64)


def live_run(
    store: Store,
    house: House,
    preset: Preset,
    seed: int,
    policy: str = "frontier",
    change: Sequence[str] = (),
    sim: Sim = "raycast",
    sensors: Sensors = "exact",
) -> LiveRun:
    """A run of the live agent in this house. `change`: changes of the house, each as at=2000:lighting=0.6. `sim`: the
    simulator, of those that are given a house: not a recording."""
    settings = {
        "house": house_digest(house), "sizes": asdict(preset), "seed": seed, "policy": _content(policy),
        "change": list(change),
    }  # fmt: skip
    if sensors != "exact":
        settings["sensors"] = sensors
    if sim != "raycast":
        settings["sim"] = sim
    if not preset.from_scratch:
        settings["generalist"] = weights_digest(preset.generalist)

    def make(folder: Path, advance: Advance) -> None:
        config = RunConfig(
            folder / "run", house=str(place_for(house, sim, folder)), seed=seed, policy=policy, preset=store.preset,
            resume=True, change=tuple(change), sim=sim, device=store.device, sensors=sensors, video=0,
        )  # fmt: skip
        run_episode(config, preset, store.progress)

    return LiveRun(store.get("run", settings, make, title=f"live run by {policy} in {house.source}"))


def place_for(house: House, sim: Sim, folder: Path) -> Path:
    """The file of a house that a simulator opens, written into a folder: a mesh for habitat-sim, JSON for others."""
    file = folder / ("house.glb" if sim == "habitat" else "house.json")
    if not file.exists():
        if sim == "habitat":
            write_glb(build_scene(house), file)
        else:
            save_house(house, file)
    return file


def _content(policy: str) -> list[Any]:
    """What stands for a policy: its name, and a digest of the file that it names."""
    file = Path(policy.rpartition(":")[0] or policy)
    return [policy, hashlib.sha256(file.read_bytes()).hexdigest()[:24]] if file.is_file() else [policy]
