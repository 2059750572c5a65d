"""The figures of `bench sim` as text."""

from __future__ import annotations

from typing import Any

from ...core.text_table import row
from .targets import verdict


def table(figures: dict[str, Any]) -> str:
    """The table as text."""
    machine, house, threads = figures["machine"], figures["house"], figures["settings"]["threads"]
    lines = [
        f"{machine['cpu']}, {machine['cores']} cores, load {machine['load']:.1f} before and "
        f"{machine['load_at_the_end']:.1f} after",
        f"{house['source']}: {house['rooms']} rooms, {house['triangles']} triangles, {house['lights']} lights; "
        f"{threads} threads unless said otherwise",
        "",
        row("frames/s", *(f"{side} x {side}" for side in figures["frames_per_s"])),
    ]
    rates = figures["frames_per_s"].values()
    lines += [row(name.replace("_", " "), *(_number(each[name]) for each in rates)) for name in next(iter(rates))]
    growth = figures["growth"]
    lines += ["", f"{growth['house']}, its things cut: the same pictures at {growth['side']} x {growth['side']}"]
    lines.append(row("triangles", *map(str, growth["triangles"])))
    lines.append(row("ms a frame", *(f"{ms:.2f}" for ms in growth["ms_a_frame"].values())))
    lines.append(row("ratio, most to fewest", f"{growth['ratio']:.2f}"))
    lines.append(row("  of the ray hits alone", f"{growth['hits_ratio']:.2f}"))
    lines.append(row("  with walls cut too", f"{growth['scan_ratio']:.2f}"))
    lines += ["", row("house to first frame, s", "house", "numba's start", "import", "process")]
    for kind in ("cold", "cached"):
        run = figures["first_frame"][kind]
        lines.append(row(kind, *(f"{run[key]:.2f}" for key in ("first_frame_s", "start_s", "import_s", "process_s"))))
    memory, vectors = figures["memory"], figures["vector_environments"]
    lines += ["", row(f"memory over {memory['steps']} steps", f"{memory['growth_mb']:+.1f} MB")]
    lines += ["", row("vector environments", "frames/s")]
    lines += [row(name.replace("_", " "), _number(rate)) for name, rate in vectors["frames_per_s"].items()]
    for name in ("batched", "async"):
        lines.append(row(f"{name}: {vectors['cores']} cores to 1", f"{vectors[f'{name}_ratio_of_cores']:.2f}"))
    lines += ["", row("same bytes everywhere", "yes" if figures["determinism"]["same"] else "NO")]
    if "peers" in figures:
        lines += ["", *_peers(figures["peers"])]
    return "\n".join([*lines, "", *verdict(figures)])


def _peers(peers: dict[str, Any]) -> list[str]:
    side = peers["side"]
    lines = [row(f"peers at {side} x {side}", "frames/s", "ours to it") + "   what it renders"]
    lines.append(row("testspace", _number(peers["testspace"])) + " " * 15 + "   all modalities, labels, edges")
    for name, peer in peers["peers"].items():
        if "missing" in peer:
            lines.append(f"{name:<28}skipped: {peer['missing']}")
        else:
            lines.append(row(name, _number(peer["frames_per_s"]), f"{peer['ratio']:.2f}") + f"   {peer['renders']}")
    return lines


def _number(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"
