"""What the simulator is held to, beside what `bench sim` measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

FLAT_MB = 5.0
"""Resident memory moves by a few megabytes of itself; more than this over the walk is growth."""
SHARE_OF_CORES = 0.7
"""Twice the cores scale where they give at least this share of twice the rate."""


@dataclass(frozen=True)
class Target:
    """One line: what is asked for, what was measured, and whether that is enough (None: not measured)."""

    asked: str
    measured: str
    met: bool | None

    def line(self) -> str:
        """The target as a line of a table."""
        return f"{self.asked:<66}{self.measured:>22}   {'-' if self.met is None else 'yes' if self.met else 'NO'}"


def targets(figures: dict[str, Any]) -> list[Target]:
    """Every target that the figures speak of."""
    found = _rates(figures)
    growth = figures["growth"]
    counts = list(growth["triangles"])
    found.append(
        Target(
            f"cost a frame from {min(counts)} to {max(counts)} triangles, same pictures: < 1.3 times",
            f"{growth['ratio']:.2f}",
            growth["ratio"] < 1.3,
        )
    )
    for name, peer in figures.get("peers", {}).get("peers", {}).items():
        if "missing" in peer:
            found.append(Target(f"ahead of {name}, all modalities on", "not installed", None))
        else:
            found.append(Target(f"ahead of {name}, all modalities on", f"{peer['ratio']:.2f} times", peer["ratio"] > 1))
    if "peers" not in figures:
        found.append(Target("ahead of MiniWorld, moderngl and MuJoCo", "ask with --peers", None))
    for kind, most in (("cold", 2.0), ("cached", 0.3)):
        run = figures["first_frame"][kind]
        with_import = run["first_frame_s"] + run["start_s"] + run["import_s"]
        found.append(
            Target(
                f"house to first frame, {kind}: < {most:g} s (with imports and numba's start: {with_import:.2f} s)",
                f"{run['first_frame_s']:.2f} s",
                run["first_frame_s"] < most,
            )
        )
    memory = figures["memory"]
    found.append(
        Target(
            f"no growth of memory over {memory['steps']} steps: < {FLAT_MB:g} MB",
            f"{memory['growth_mb']:+.1f} MB",
            memory["growth_mb"] < FLAT_MB,
        )
    )
    vectors = figures["vector_environments"]
    least = SHARE_OF_CORES * vectors["cores"]
    for name in ("batched", "async"):
        ratio = vectors[f"{name}_ratio_of_cores"]
        found.append(
            Target(
                f"vector environments, {name}: {vectors['cores']} cores to 1 >= {least:.1f}",
                f"{ratio:.2f}",
                ratio >= least if vectors["cores"] > 1 else None,
            )
        )
    same = figures["determinism"]["same"]
    found.append(Target("same frames in other processes and with other threads", "same" if same else "different", same))
    return found


def _rates(figures: dict[str, Any]) -> list[Target]:
    rates, threads = figures["frames_per_s"], figures["settings"]["threads"]
    found = []
    for side, least in (("224", 200), ("64", 1500)):
        if side in rates:
            rate = rates[side]["all_modalities"]
            asked = f"{side} x {side}, all modalities, {threads} threads: >= {least} frames/s"
            found.append(Target(asked, f"{rate:.0f}", rate >= least))
    if "224" in rates:
        for name, words in (("bare", "one ray at a time"), ("packet", "in our own packets of 16")):
            ratio = rates["224"][f"ratio_to_{name}_hits"]
            found.append(Target(f"share of the rate of bare hits, {words}: >= 0.7", f"{ratio:.2f}", ratio >= 0.7))
    return found


def verdict(figures: dict[str, Any]) -> list[str]:
    """Lines: a heading that tells how busy the machine was, then the targets."""
    machine = figures["machine"]
    lines = [f"targets (load {machine['load']:.1f} before, {machine['load_at_the_end']:.1f} after)"]
    if machine["load"] > 0.5:
        lines[0] += ": OTHERS WERE AT WORK: rates, times and scaling are worse than alone"
    if figures["house"]["rooms"] != 6:
        lines.append(f"the house has {figures['house']['rooms']} rooms; the targets are for one of 6")
    return [*lines, *(target.line() for target in targets(figures))]
