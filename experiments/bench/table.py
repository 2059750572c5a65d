"""The figures of `bench sim` as lines for a screen."""

from __future__ import annotations

from typing import Any

from .targets import verdict


def table(figures: dict[str, Any]) -> str:
    """A screen of text."""
    machine, house, threads = figures["machine"], figures["house"], figures["settings"]["threads"]
    lines = [
        f"{machine['cpu']}, {machine['cores']} cores, load {machine['load']:.1f} before and "
        f"{machine['load_at_the_end']:.1f} after",
        f"{house['source']}: {house['rooms']} rooms, {house['triangles']} triangles, {house['lights']} lights; "
        f"{threads} threads unless said otherwise",
        "",
        _row("frames/s", *(f"{side} x {side}" for side in figures["frames_per_s"])),
    ]
    rates = figures["frames_per_s"].values()
    lines += [_row(name.replace("_", " "), *(_number(each[name]) for each in rates)) for name in next(iter(rates))]
    growth = figures["growth"]
    lines += ["", f"{growth['house']}, its things cut: the same pictures at {growth['side']} x {growth['side']}"]
    lines.append(_row("triangles", *map(str, growth["triangles"])))
    lines.append(_row("ms a frame", *(f"{ms:.2f}" for ms in growth["ms_a_frame"].values())))
    lines.append(_row("ratio, most to fewest", f"{growth['ratio']:.2f}"))
    lines.append(_row("  of the ray hits alone", f"{growth['hits_ratio']:.2f}"))
    lines.append(_row("  with walls cut too", f"{growth['scan_ratio']:.2f}"))
    lines += ["", _row("house to first frame, s", "house", "numba's start", "import", "process")]
    for kind in ("cold", "cached"):
        run = figures["first_frame"][kind]
        lines.append(_row(kind, *(f"{run[key]:.2f}" for key in ("first_frame_s", "start_s", "import_s", "process_s"))))
    memory, vectors = figures["memory"], figures["vector_environments"]
    lines += ["", _row(f"memory over {memory['steps']} steps", f"{memory['growth_mb']:+.1f} MB")]
    lines += ["", _row("vector environments", "frames/s")]
    lines += [_row(name.replace("_", " "), _number(rate)) for name, rate in vectors["frames_per_s"].items()]
    for name in ("batched", "async"):
        lines.append(_row(f"{name}: {vectors['cores']} cores to 1", f"{vectors[f'{name}_ratio_of_cores']:.2f}"))
    lines += ["", _row("same bytes everywhere", "yes" if figures["determinism"]["same"] else "NO")]
    if "peers" in figures:
        lines += ["", *_peers(figures["peers"])]
    return "\n".join([*lines, "", *verdict(figures)])


def _peers(peers: dict[str, Any]) -> list[str]:
    side = peers["side"]
    lines = [_row(f"peers at {side} x {side}", "frames/s", "ours to it") + "   what it renders"]
    lines.append(_row("testspace", _number(peers["testspace"])) + " " * 15 + "   all modalities, labels, edges")
    for name, peer in peers["peers"].items():
        if "missing" in peer:
            lines.append(f"{name:<28}skipped: {peer['missing']}")
        else:
            lines.append(_row(name, _number(peer["frames_per_s"]), f"{peer['ratio']:.2f}") + f"   {peer['renders']}")
    return lines


def _row(name: str, *cells: str) -> str:
    return f"{name:<28}" + "".join(f"{cell:>14}" for cell in cells)


def _number(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"
