"""The report of a run: one self-contained HTML file, written from the files of the run.

Read from the run's folder:

    config.json          settings and sizes
    summary.json         house, preset, seed, frames, coverage, simulator_fps, samples_per_s, seconds, peak_rss_mb,
                         segmentation: {method: {miou, pixel_accuracy, counted: [class name],
                         per_class: {class id or name: IoU}}}, methods
                         being those of `report_page.NAMES`; specialist_ttt may hold before: {miou}, the
                         specialist on the same views, where TTT was tried on some only; optionally stages:
                         {name: seconds}, and changes and original_house (see `experiments.report.report_changes`)
    metrics.jsonl        rows {kind, frame, ...}: those with `method` and `miou` make the learning curve, those with
                         `coverage` the coverage curve, those with `losses: {name: value}` the pre-training curves
    life.mp4             the run as a video (`report.run_film`)
    report_data/panels.npz   rgb u8 (n, H, W, 3), depth f32, normals f32, edges u8, truth i16, and of predictions i16
                         prediction_METHOD of any of the methods
    report_data/semantic_map.npz   the fused semantic map: see `rundir.semantic_file`
    report_data/map.npz  occupancy u8 (rows along z, columns along x; 0 unknown, 1 free, 2 occupied) and reachable bool,
                         each with NAME_origin (x, z) of its first corner and NAME_cell in metres; path (T, 2) x, z;
                         rooms as room_types (R,), room_points (P, 2) and room_starts (R + 1,) into the points

Only summary.json is required; sections without data are left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...core.storage import replacing
from ..rundir.run_folder import read_config, read_rows, read_summary
from ..rundir.semantic_file import read_semantic_map
from .report_changes import changes_section
from .report_classes import classes_section
from .report_curves import learning_curve, losses
from .report_ending import cost_section, next_section, settings_section
from .report_files import leave_out, read_or, read_report_arrays
from .report_film import film_section
from .report_headline import headline, house_name, lead
from .report_map import exploration, semantic_section
from .report_page import page
from .report_views import before_after, views
from .run_film import FILM


def write_report(out: Path) -> Path:
    """Write `out`/report.html and return its path. UserError if the folder has no finished run.

    Damaged files are left out; a line on stderr names each.
    """
    summary = read_summary(out)
    nothing: dict[str, Any] = {}
    config = read_or(read_config, out, nothing) if (out / "config.json").exists() else nothing
    rows, damaged = read_rows(out)
    if damaged:
        leave_out(f"{out / 'metrics.jsonl'}: {damaged} damaged rows")
    panels, plan = (read_report_arrays(out / "report_data" / f"{name}.npz") for name in ("panels", "map"))
    fused = read_or(read_semantic_map, out, None)
    sections = [
        headline(summary),
        film_section(out / FILM),
        before_after(panels),
        semantic_section(fused, plan),
        learning_curve(rows, summary),
        changes_section(out / "report_data", summary),
        classes_section(summary),
        exploration(plan, rows),
        cost_section(summary),
        next_section(out, summary, config),
        views(panels),
        losses(rows),
        settings_section(config),
    ]
    html = page(f"Test-Space Training in {house_name(summary)}", lead(summary), [part for part in sections if part])
    file = out / "report.html"
    with replacing(file) as unfinished:
        unfinished.write_text(html, encoding="utf-8")
    return file
