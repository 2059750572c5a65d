"""The report of a run: one self-contained HTML file, written from the files of the run.

Read from the run's folder:

    config.json          settings and sizes
    summary.json         house, preset, seed, frames, coverage, simulator_fps, samples_per_s, seconds, peak_rss_mb,
                         segmentation: {method: {miou, pixel_accuracy, per_class: {class id or name: IoU}}}, methods
                         being those of `report_page.NAMES`; specialist_ttt may hold before: {miou}, the
                         specialist on the same views, where TTT was tried on some only; optionally stages:
                         {name: seconds}, and changes and original_house (see `experiments.report.report_changes`)
    metrics.jsonl        rows {kind, frame, ...}: those with `method` and `miou` make the learning curve, those with
                         `coverage` the coverage curve, those with `losses: {name: value}` the pre-training curves
    report_data/panels.npz   rgb u8 (n, H, W, 3), depth f32, normals f32, edges u8, truth i16, and of predictions i16
                         prediction_METHOD of any of the methods
    report_data/map.npz  occupancy u8 (rows along z, columns along x; 0 unknown, 1 free, 2 occupied) and reachable bool,
                         each with NAME_origin (x, z) of its first corner and NAME_cell in metres; path (T, 2) x, z;
                         rooms as room_types (R,), room_points (P, 2) and room_starts (R + 1,) into the points

Only summary.json is required; sections without data are left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import UserError
from ...core.storage import replacing
from ...envs.house.classes import CLASSES, class_colours
from .report_changes import change_marks, changes_section, scratch_points
from .report_figures import Series, chart, draw_depth, draw_map, draw_normals, png
from .report_page import BASELINES, COLOURS, NAMES, card, keys, page, section, table

Row = dict[str, Any]
PALETTE = ("var(--specialist)", "var(--ttt)", "var(--seen)", "var(--unseen)", "var(--scratch)", "var(--ink)")
"""Colours of the loss curves, in order."""
MIN_LEGEND_SHARE = 0.002
"""Minimum fraction of the pixels for a class to appear in the legend."""


def write_report(out: Path) -> Path:
    """Write `out`/report.html and return its path. UserError if the folder has no finished run."""
    if not (out / "summary.json").is_file():
        raise UserError(f"{out}: no summary.json, so no finished run to report on; finish it with --resume")
    summary = json.loads((out / "summary.json").read_text())
    config = json.loads((out / "config.json").read_text()) if (out / "config.json").is_file() else {}
    rows = _rows(out / "metrics.jsonl")
    sections = [
        _cards(summary),
        _learning_curve(rows, summary),
        changes_section(out / "report_data", summary),
        _panels(_arrays(out / "report_data" / "panels.npz")),
        _classes(summary),
        _map(_arrays(out / "report_data" / "map.npz"), rows, summary),
        _losses(rows),
        _time(summary),
        _config(config),
    ]
    html = page(f"Test-Space Training in {_house_name(summary)}", _lead(summary), [part for part in sections if part])
    file = out / "report.html"
    with replacing(file) as unfinished:
        unfinished.write_text(html, encoding="utf-8")
    return file


def _rows(file: Path) -> list[Row]:
    if not file.is_file():
        return []
    return [json.loads(line) for line in file.read_text().splitlines() if line]


def _arrays(file: Path) -> dict[str, NDArray[Any]]:
    if not file.is_file():
        return {}
    with np.load(file, allow_pickle=False) as data:
        return {name: data[name] for name in data.files}


def _house_name(summary: Row) -> str:
    return str(summary.get("house") or "a house").rsplit("/", 1)[-1]


def _lead(summary: Row) -> str:
    made_with = escape(f"Preset {summary.get('preset')}, seed {summary.get('seed')}.")
    notes = "".join(f"<p><b>{escape(line)}</b></p>" for line in summary.get("notes", []))
    return (
        '<p class="soft">An agent explored this house with a camera for colour, depth, surface normals and edges, and '
        "trained a vision model on its frames without labels from the house (Test-Space Training). Pseudolabels come "
        "from a network trained on labelled frames of <em>other</em> houses: its class probabilities are summed over "
        "all views of the same surface, weighted by how often each class occurs on surfaces of that height and "
        f"orientation. All scores are on held-out views of this house. {made_with}</p>{notes}"
    )


def _cards(summary: Row) -> str:
    scores = summary.get("segmentation", {})
    scratch, generalist, specialist, adapted = (
        scores.get(name) for name in ("scratch", "generalist", "specialist", "specialist_ttt")
    )
    shown = []
    if specialist:
        says = f"segmentation of held-out views of this house; pixel accuracy {specialist['pixel_accuracy']:.1%}"
        shown.append(card(f"{specialist['miou']:.1%}", "specialist's mIoU, from rgb", says))
    if specialist and generalist:
        says = f"the same network before it was trained in this house: {generalist['miou']:.1%}"
        shown.append(card(_points(specialist, generalist), "over the generalist", says))
        known, total = summary.get("generalist_knows", (0, 0))
        if total:
            says = "of this house: objects whose size and type the generalist may have seen in training"
            shown.append(card(f"{known} of {total}", "assets known before", says))
    if mapped := scores.get("specialist_map"):
        says = "network and fused map together, where depth and pose are known at test time"
        shown.append(card(f"{mapped['miou']:.1%}", "with the map", says))
    if specialist and scratch:
        says = f"same model and labelled frames, without pre-training here: {scratch['miou']:.1%}"
        shown.append(card(_points(specialist, scratch), "over scratch", says))
    if adapted and specialist:
        before = adapted.get("before", specialist)
        says = f"TTT-MAE, reset for every frame: {before['miou']:.1%} to {adapted['miou']:.1%}"
        shown.append(card(_points(adapted, before), "by test-time training", says))
    plain = (
        ("coverage", "{:.0%}", "of the floor seen", "fraction of the reachable floor observed"),
        ("frames", "{:,.0f}", "frames", "one per step of the agent"),
        ("simulator_fps", "{:,.0f} /s", "acting and rendering", "frames with all modalities, without learning"),
        ("samples_per_s", "{:,.0f} /s", "learning", "samples of the masked model"),
        ("seconds", "{:,.0f} s", "total", "wall-clock time of the run"),
        ("peak_rss_mb", "{:,.0f} MB", "memory", "peak resident memory of the process"),
    )
    known = [one for one in plain if summary.get(one[0]) is not None]
    shown += [card(form.format(summary[key]), name, says) for key, form, name, says in known]
    return f'<div class="cards">{"".join(shown)}</div>'


def _points(score: Row, against: Row) -> str:
    return f"{100 * (score['miou'] - against['miou']):+.1f} points"


def _learning_curve(rows: list[Row], summary: Row) -> str:
    charts = []
    for key, title in (("miou", "mIoU"), ("pixel_accuracy", "Pixel accuracy")):
        series = []
        for method, name in NAMES.items():
            # scores on a subset of the views (those with "before") are not part of this curve
            tested = [row for row in rows if row.get("method") == method and key in row and "before" not in row]
            points = [(row["frame"], 100 * row[key]) for row in sorted(tested, key=lambda row: row["frame"])]
            if not points:
                continue
            fixed = method in BASELINES
            if fixed:
                points = scratch_points(tested, summary, key)
            xs, ys = zip(*points, strict=True)
            series.append(Series(name, xs, ys, COLOURS[method], dashed=fixed, dots=not fixed))
        charts.append(chart(title, "frames", series, unit="%", marks=change_marks(summary)))
    if not any(charts):
        return ""
    if "generalist" in summary.get("segmentation", {}):
        says = (
            "The generalist has seen generated houses only. The specialist is the same network, trained on while the "
            "agent explored: on its frames with pseudolabels, beside labelled frames of other houses. Both see rgb "
            "alone, or rgb and depth (rgb-d). The fused map is looked up where the camera's depth and pose say. mIoU: "
            "mean intersection over union of the counted classes; pixel accuracy: fraction of correct pixels."
        )
        return section("Segmentation over the run", says, f'<div class="charts">{"".join(charts)}</div>')
    says = (
        "At several points of the run, a copy of the encoder was fine-tuned with a head on the transfer set and on "
        "pseudolabelled frames of the agent, and evaluated. Scratch is the same network with random initial weights, "
        "fine-tuned for as many steps on the transfer set only; the pseudolabels come from its predictions. mIoU is "
        "the mean intersection over union of the counted classes; pixel accuracy is the fraction of correct pixels."
    )
    return section("Segmentation over the run", says, f'<div class="charts">{"".join(charts)}</div>')


def _panels(panels: Mapping[str, NDArray[Any]]) -> str:
    if "rgb" not in panels:
        return ""
    palette = class_colours()
    pictures: list[tuple[str, NDArray[np.uint8], NDArray[Any] | None]] = [("colour", panels["rgb"], None)]
    if "depth" in panels:
        pictures.append(("depth", draw_depth(panels["depth"], float(np.percentile(panels["depth"], 99))), None))
    if "normals" in panels:
        pictures.append(("normals", draw_normals(panels["normals"]), None))
    if "edges" in panels:
        pictures.append(("edges", np.repeat(panels["edges"][..., None], 3, -1), None))
    labels = {"truth": "truth", **{f"prediction_{method}": name for method, name in NAMES.items()}}
    shown = {key: name for key, name in labels.items() if key in panels}
    pictures += [(name, palette[panels[key]], panels[key]) for key, name in shown.items()]
    truth = panels.get("truth")
    body = []
    for n in range(len(panels["rgb"])):
        cells = []
        for name, images, classes in pictures:
            right = ""
            if classes is not None and truth is not None and classes is not truth:
                known = truth[n] > 0
                right = f" {np.mean(classes[n][known] == truth[n][known]):.0%}" if known.any() else ""
            image = f'<img alt="{name}" src="{png(images[n])}">'
            cells.append(f"<figure>{image}<figcaption>{name}{right}</figcaption></figure>")
        body.append(f'<div class="panel" style="--n:{len(cells)}">{"".join(cells)}</div>')
    says = (
        "Held-out views, one per row: the four sensor modalities, the ground-truth classes, and the prediction of each "
        "model with its pixel accuracy. Depth: bright is near."
    )
    legend = _class_legend(panels, list(shown), palette)
    return section("Views and predictions", says, legend + "".join(body))


def _class_legend(panels: Mapping[str, NDArray[Any]], shown: list[str], palette: NDArray[np.uint8]) -> str:
    if not shown:
        return ""
    counts = np.bincount(np.concatenate([panels[key].ravel() for key in shown]), minlength=len(CLASSES))
    order = [c for c in np.argsort(-counts, kind="stable") if c > 0 and counts[c] >= MIN_LEGEND_SHARE * counts.sum()]
    return keys([("rgb({} {} {})".format(*palette[c]), CLASSES[c]) for c in order])


def _classes(summary: Row) -> str:
    scores = summary.get("segmentation", {})
    tested = {method: scores[method] for method in NAMES if "before" not in scores.get(method, {"before": {}})}
    found = {method: score["per_class"] for method, score in tested.items() if score.get("per_class")}
    if not found:
        return ""
    names = {key: CLASSES[int(key)] if str(key).isdigit() else str(key) for iou in found.values() for key in iou}
    last = list(found.values())[-1 if "specialist" not in found else list(found).index("specialist")]
    unknown = [key for key in names if not any(round(100 * iou.get(key, 0.0), 1) for iou in found.values())]
    rows = []
    for key in sorted(set(names) - set(unknown), key=lambda k: (-last.get(k, 0.0), names[k])):
        values = [iou.get(key) for iou in found.values()]
        bars = "".join(
            f'<div style="width:{100 * (value or 0):.1f}%;background:{COLOURS[method]}"></div>'
            for method, value in zip(found, values, strict=True)
        )
        rows.append([escape(names[key]), *("–" if v is None else f"{100 * v:.1f}" for v in values), bars])
    says = "Intersection over union of each class in percent, over all evaluation views in which it occurs."
    legend = keys([(COLOURS[method], NAMES[method]) for method in found])
    body = legend + table(["class", *(NAMES[m] for m in found), ""], rows)
    if unknown:
        listed = ", ".join(sorted(names[key] for key in unknown))
        body += f'<p class="soft">0.0 for every method: {escape(listed)}.</p>'
    return section("Classes", says, body)


def _map(plan: Mapping[str, NDArray[Any]], rows: list[Row], summary: Row) -> str:
    covered = [(row["frame"], 100 * row["coverage"]) for row in rows if row.get("coverage") is not None]
    body = ""
    if "reachable" in plan:
        legend = [
            ("var(--seen)", "reachable floor, seen"),
            ("var(--unseen)", "reachable floor, not seen"),
            ("var(--wall)", "occupied in the agent's map"),
            ("var(--specialist)", "path, up to the orange dot"),
        ]
        body += keys(legend) + f"<figure>{draw_map(dict(plan))}</figure>"
    if covered:
        xs, ys = zip(*covered, strict=True)
        series = [Series("floor seen", xs, ys, "var(--seen)")]
        held = [(row["frame"], 100 * row["buffer_coverage"]) for row in rows if "buffer_coverage" in row]
        if held:
            xs, ys = zip(*held, strict=True)
            series.append(Series("views in the replay buffer", xs, ys, "var(--unseen)"))
        curve = chart("Coverage", "frames", series, unit="%", y_from=0)
        body += f'<div class="charts" style="margin-top:1.5rem">{curve}</div>'
    if not body:
        return ""
    says = (
        "The agent's occupancy map over the ground-truth plan, from above. The policy has no access to the plan or the "
        "reachable floor; they are used for evaluation only. Views in the replay buffer: fraction of all positions "
        "(1 m grid) and headings (45 degrees) for which the buffer holds a frame."
    )
    return section("Exploration", says, body)


def _losses(rows: list[Row]) -> str:
    names = sorted({name for row in rows for name in row.get("losses") or {} if "loss" in name})
    series = []
    for n, name in enumerate(names):
        points = [(row["frame"], row["losses"][name]) for row in rows if name in (row.get("losses") or {})]
        xs, ys = zip(*points, strict=True)
        series.append(Series(name, xs, ys, PALETTE[n % len(PALETTE)]))
    if not (drawn := chart("Loss", "frames", series)):
        return ""
    says = (
        "Pre-training on the agent's frames: the masked model predicts hidden patches of every modality from the "
        "visible ones. Means over a rollout."
    )
    return section("Pre-training", says, f'<div class="charts">{drawn}</div>')


def _time(summary: Row) -> str:
    stages = summary.get("stages") or {}
    if not stages:
        return ""
    whole = float(summary.get("seconds") or sum(stages.values()))
    rows = [
        [escape(name), f"{value:,.1f}", f'<div style="width:{100 * value / whole:.1f}%;background:var(--wall)"></div>']
        for name, value in stages.items()
    ]
    rows.append(["<b>total</b>", f"<b>{whole:,.1f}</b>", ""])
    return section("Time", "Wall-clock seconds of each stage.", table(["stage", "seconds", ""], rows))


def _config(config: Row) -> str:
    if not config:
        return ""
    shown = escape(json.dumps(config, indent=2, ensure_ascii=False))
    body = f"<details><summary>config.json</summary><pre>{shown}</pre></details>"
    return section("Settings", "The same settings and seed reproduce the run.", body)
