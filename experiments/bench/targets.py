"""Performance targets of the simulator, and whether `bench sim` meets them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

FLAT_MB = 5.0
"""Resident memory fluctuates by a few megabytes; more than this over the walk counts as growth."""
MIN_SCALING = 0.7
"""Minimum fraction of linear scaling over the cores."""


@dataclass(frozen=True)
class Target:
    """A target, the measured value, and whether it is met (None: not measured)."""

    requirement: str
    measured: str
    met: bool | None

    def line(self) -> str:
        """The target as a table line."""
        return f"{self.requirement:<66}{self.measured:>22}   {'-' if self.met is None else 'yes' if self.met else 'NO'}"


def targets(figures: dict[str, Any]) -> list[Target]:
    """All targets for the given figures."""
    results = _rates(figures)
    growth = figures["growth"]
    counts = list(growth["triangles"])
    results.append(
        Target(
            f"cost a frame from {min(counts)} to {max(counts)} triangles, same pictures: < 1.3 times",
            f"{growth['ratio']:.2f}",
            growth["ratio"] < 1.3,
        )
    )
    for name, peer in figures.get("peers", {}).get("peers", {}).items():
        if "missing" in peer:
            results.append(Target(f"ahead of {name}, all modalities on", "not installed", None))
        else:
            results.append(
                Target(f"ahead of {name}, all modalities on", f"{peer['ratio']:.2f} times", peer["ratio"] > 1)
            )
    if "peers" not in figures:
        results.append(Target("ahead of MiniWorld, moderngl and MuJoCo", "ask with --peers", None))
    for kind, maximum in (("cold", 2.0), ("cached", 0.3)):
        run = figures["first_frame"][kind]
        with_import = run["first_frame_s"] + run["start_s"] + run["import_s"]
        results.append(
            Target(
                f"house to first frame, {kind}: < {maximum:g} s (with imports and numba's start: {with_import:.2f} s)",
                f"{run['first_frame_s']:.2f} s",
                run["first_frame_s"] < maximum,
            )
        )
    memory = figures["memory"]
    results.append(
        Target(
            f"no growth of memory over {memory['steps']} steps: < {FLAT_MB:g} MB",
            f"{memory['growth_mb']:+.1f} MB",
            memory["growth_mb"] < FLAT_MB,
        )
    )
    vectors = figures["vector_environments"]
    minimum = MIN_SCALING * vectors["cores"]
    for name in ("batched", "async"):
        ratio = vectors[f"{name}_ratio_of_cores"]
        results.append(
            Target(
                f"vector environments, {name}: {vectors['cores']} cores to 1 >= {minimum:.1f}",
                f"{ratio:.2f}",
                ratio >= minimum if vectors["cores"] > 1 else None,
            )
        )
    same = figures["determinism"]["same"]
    results.append(
        Target("same frames in other processes and with other threads", "same" if same else "different", same)
    )
    return results


def _rates(figures: dict[str, Any]) -> list[Target]:
    rates, threads = figures["frames_per_s"], figures["settings"]["threads"]
    results = []
    for side, minimum in (("224", 200), ("64", 1500)):
        if side in rates:
            rate = rates[side]["all_modalities"]
            requirement = f"{side} x {side}, all modalities, {threads} threads: >= {minimum} frames/s"
            results.append(Target(requirement, f"{rate:.0f}", rate >= minimum))
    if "224" in rates:
        for name, description in (("bare", "one ray at a time"), ("packet", "in our own packets of 16")):
            ratio = rates["224"][f"ratio_to_{name}_hits"]
            results.append(
                Target(f"share of the rate of bare hits, {description}: >= 0.7", f"{ratio:.2f}", ratio >= 0.7)
            )
    return results


def verdict(figures: dict[str, Any]) -> list[str]:
    """Lines: a heading with the load of the machine, then the targets."""
    machine = figures["machine"]
    lines = [f"targets (load {machine['load']:.1f} before, {machine['load_at_the_end']:.1f} after)"]
    if machine["load"] > 0.5:
        lines[0] += ": OTHERS WERE AT WORK: rates, times and scaling are worse than alone"
    if figures["house"]["rooms"] != 6:
        lines.append(f"the house has {figures['house']['rooms']} rooms; the targets are for one of 6")
    return [*lines, *(target.line() for target in targets(figures))]
