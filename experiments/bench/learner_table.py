"""The figures of `bench learner` as text."""

from __future__ import annotations

from typing import Any

from ...core.text_table import row

TARGETS = {"dim 384": 1.5, "nano": 2.0}
"""Target ratio of our samples per second to ml-4m's, by the beginning of the work's name."""
MAX_OVERHEAD = 0.05
"""Maximum fraction of a step for buffer and masking together."""


def table(figures: dict[str, Any]) -> str:
    """The table as text."""
    machine, settings = figures["machine"], figures["settings"]
    lines = [
        f"{machine['cpu']}, {machine['cores']} cores, {machine['threads']} threads, load {machine['load']:.1f} before "
        f"and {machine['load_at_the_end']:.1f} after; {settings['precision']}, batch {settings['batch']}"
    ]
    for work in figures["training"]:
        lines += ["", f"{work['work']}: {work['parameters'] / 1e6:.1f}M parameters, "]
        lines[-1] += (
            f"{work['gflops_a_sample']:.1f} GFLOP a sample, matrices {work['machine_gflops_per_s']:.0f} GFLOP/s"
        )
        lines.append(row("", "samples/s", "utilisation", "ours to it"))
        for name, rate in work["samples_per_s"].items():
            ratio = f"{work['ratio'][name]:.2f}" if name in work["ratio"] else ""
            lines.append(row(name, f"{rate:.1f}", f"{work['utilisation'][name]:.2f}", ratio))
        if work["ml-4m_missing"]:
            lines.append(f"{'ml-4m':<28}left out: {work['ml-4m_missing']}")
        shares = work["share_of_a_step"]
        lines.append(row("buffer, masking", *(f"{share:.1%}" for share in shares.values())))
        lines += [row(f"  {kind}", f"{share:.1%}") for kind, share in work["where_a_step_goes"].items()]
        lines += verdict(work)
    lines += ["", row("encoder, 224 x 224", *(f"ms in {name.rsplit('_', 1)[1]}" for name in _times(figures)))]
    for name, count in figures["inference"]["parameters"].items():
        times = [f"{times[name]:.1f}" for times in _times(figures).values()]
        lines.append(row(f"{name}, {count / 1e6:.0f}M", *times))
    return "\n".join(lines)


def verdict(work: dict[str, Any]) -> list[str]:
    """Targets met or missed; a target relative to ml-4m is unknown if ml-4m did not run."""
    shares = work["share_of_a_step"]
    overhead = sum(shares.values())
    lines = [f"{'met' if overhead < MAX_OVERHEAD else 'MISSED'}: buffer and masking {overhead:.1%} of a step, < 5 %"]
    target = next(factor for start, factor in TARGETS.items() if work["work"].startswith(start))
    if "ml-4m" in work["ratio"]:
        ratio = work["ratio"]["ml-4m"]
        bound = work["ratio_if_matrix_products_were_all"]["ml-4m"]
        lines.append(
            f"{'met' if ratio >= target else 'MISSED'}: {ratio:.2f} of ml-4m's samples/s, >= {target} "
            f"({bound:.2f} if a step of ours were its matrix products alone)"
        )
    else:
        lines.append(f"not known: >= {target} of ml-4m's samples/s, since ml-4m does not run here")
    return lines


def _times(figures: dict[str, Any]) -> dict[str, dict[str, float]]:
    return {name: times for name, times in figures["inference"].items() if name.startswith("ms_")}
