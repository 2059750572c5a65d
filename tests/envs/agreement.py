"""How far another simulator agrees with our ray caster about the same house: the table that the opt-in tests print."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from testspace.envs.render.raycast import RayCastSimulator
from testspace.envs.simulator import Simulator

Rows = dict[str, float]
STEP = 0.25


def agreement(there: Simulator, here: RayCastSimulator, poses: NDArray[np.float64]) -> Rows:
    """One number for each thing that may differ, by frames from poses (N, 6) and by the floors."""
    began = time.monotonic()
    frame, labels = there.render_with_labels(poses)
    seconds = (time.monotonic() - began) / len(poses)
    wanted, truth = here.render_with_labels(poses)
    both = (frame["depth"] > 0) & (wanted["depth"] > 0)
    away = np.abs(frame["depth"] - wanted["depth"])[both]
    cosine = np.clip((frame["normals"] * wanted["normals"]).sum(-1), -1, 1)[both]
    turned = np.degrees(np.arccos(cosine))
    walked = walks(there, here)
    centres = there.floor.from_cells(np.argwhere(there.floor.reachable))
    ours = here.floor.from_cells(np.argwhere(here.floor.reachable))
    rows = {
        "pixels with depth in both": float(both.mean()),
        "depth, median difference (m)": float(np.median(away)) if len(away) else float("nan"),
        "depth, share within 1 cm": float((away < 0.01).mean()) if len(away) else 0.0,
        "depth, median ratio there / here": float(np.median(frame["depth"][both] / wanted["depth"][both]))
        if len(away) else float("nan"),
        "normals, median difference (degrees)": float(np.median(turned)) if len(turned) else float("nan"),
        "normals, share within 5 degrees": float((turned < 5).mean()) if len(turned) else 0.0,
        "colour, mean difference (of 255)": float(np.abs(frame["rgb"].astype(float) - wanted["rgb"]).mean()),
        "edges, share equal": float((frame["edges"] == wanted["edges"]).mean()),
        "pose, largest difference": float(np.abs(frame["pose"] - poses).max()),
        "floor there (m2)": there.floor.area,
        "floor here (m2)": here.floor.area,
        "floor there that is reachable here": float(here.floor.contains_points(centres).mean()),
        "floor here that is reachable there": float(there.floor.contains_points(ours).mean()),
        "level of the floor, difference (m)": abs(there.floor.level - here.floor.level),
        "steps of 0.25 m, share that both allow or both refuse": walked,
        "seconds a frame, with labels": seconds,
    }  # fmt: skip
    if labels.semantic.any():
        rows["classes, share equal"] = float((labels.semantic == truth.semantic).mean())
    return rows


def walks(there: Simulator, here: Simulator, count: int = 400) -> float:
    """The share of steps, from places that both floors have, on which the two floors agree."""
    rng = np.random.default_rng(1)
    starts = here.floor.sample(count, rng)
    starts = starts[there.floor.contains_points(starts)]
    same: list[Any] = []
    for (x, z), yaw in zip(starts, rng.uniform(0, 2 * np.pi, len(starts)), strict=True):
        end = (x + STEP * np.sin(yaw), z - STEP * np.cos(yaw))
        same.append(there.floor.segment_free((x, z), end) == here.floor.segment_free((x, z), end))
    return float(np.mean(same)) if same else float("nan")


def as_text(name: str, rows: Rows) -> str:
    """The table as lines."""
    return "\n".join([f"\n{name}", *(f"{row:<56} {value:9.3f}" for row, value in rows.items())])
