"""The report: everything a run stored is in it, nothing is fetched from elsewhere, and missing parts are left out."""

from __future__ import annotations

import base64
import html as html_text
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from testspace.core.errors import UserError
from testspace.core.video import VideoWriter
from testspace.envs.house.classes import CLASS_ID, class_colours
from testspace.experiments.report.report import write_report
from testspace.experiments.report.report_figures import Series, chart, draw_normals, png, ticks
from testspace.experiments.rundir.semantic_file import map_file

BROWSER = next((one for one in ("chromium", "chromium-browser", "google-chrome") if shutil.which(one)), None)
WIDTHS = (390, 1280)
PROBE = """
<script>
addEventListener("load", async () => {
  const told = [...document.querySelectorAll("iframe")].map((frame) => {
    const page = frame.contentDocument, input = page.querySelector(".slider input");
    const cut = () => frame.contentWindow.getComputedStyle(page.querySelector(".slider .after")).clipPath;
    const before = cut();
    input.value = 20;
    input.dispatchEvent(new Event("input"));
    return {
      width: page.documentElement.scrollWidth, before, after: cut(),
      broken: [...page.images].filter((image) => !image.naturalWidth).length,
      sections: [...page.querySelectorAll("h2")].map((one) => one.textContent),
      maps: [...page.querySelectorAll("svg.map")].map((one) => one.getBoundingClientRect().width > 200),
    };
  });
  for (const [index, frame] of [...document.querySelectorAll("iframe")].entries()) {
    const video = frame.contentDocument.querySelector("video");
    const data = video.querySelector("source[src^=data]").src;  // the page is alone here
    told[index].video = await new Promise((done) => {
      video.addEventListener("loadeddata", () => done([video.videoWidth, video.videoHeight, video.duration]));
      video.src = data;
      video.load();
    });
  }
  document.body.textContent = "TOLD" + JSON.stringify(told) + "TOLD";
});
</script>
"""


WALL, FLOOR, BED, FORK = (CLASS_ID[name] for name in ("Wall", "Floor", "Bed", "Fork"))


def summary(methods: tuple[str, ...] = ("scratch", "specialist", "specialist_ttt")) -> dict[str, Any]:
    scores = {"scratch": 0.25, "specialist": 0.36, "specialist_ttt": 0.37}
    return {
        "house": "houses.jsonl.gz:12",
        "preset": "nano",
        "seed": 7,
        "frames": 4000,
        "coverage": 0.953,
        "simulator_fps": 312.0,
        "samples_per_s": 190.0,
        "seconds": 511.0,
        "peak_rss_mb": 1812.0,
        "stages": {"transfer set": 40.0, "living": 380.5, "evaluation": 90.5},
        "segmentation": {
            name: {
                "miou": scores[name],
                "pixel_accuracy": scores[name] + 0.45,
                "per_class": {str(WALL): 0.8, str(FLOOR): 0.7, str(BED): scores[name], str(FORK): 0.0},
            }
            for name in methods
        },
    }


def write_run(out: Path, methods: tuple[str, ...] = ("scratch", "specialist", "specialist_ttt")) -> Path:
    rng = np.random.default_rng(0)
    (out / "report_data").mkdir(parents=True)
    (out / "summary.json").write_text(json.dumps(summary(methods)))
    (out / "config.json").write_text(json.dumps({"house": "houses.jsonl.gz:12", "note": "<b>&</b>"}))
    rows: list[dict[str, Any]] = []
    for frame in range(250, 4001, 250):
        far = frame / 4000
        losses = {"loss": 8 - 3 * far, "loss/rgb": 8 - 2 * far, "loss/depth": 8 - 4 * far, "skipped": 0.0}
        rows.append({"kind": "rollout", "frame": frame, "coverage": 1 - 0.8 ** (frame / 100), "losses": losses})
    for method, frame, miou in (("scratch", 0, 0.25), ("specialist", 1000, 0.29), ("specialist", 4000, 0.36)):
        rows.append(
            {"kind": "evaluation", "frame": frame, "method": method, "miou": miou, "pixel_accuracy": miou + 0.45}
        )
    if "specialist_ttt" in methods:
        rows.append(
            {"kind": "evaluation", "frame": 4000, "method": "specialist_ttt", "miou": 0.37, "pixel_accuracy": 0.82}
        )
    (out / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    size = (3, 64, 64)
    truth = np.full(size, WALL, np.int16)
    truth[:, 40:] = FLOOR
    truth[:, 25:50, 20:45] = BED
    panels: dict[str, Any] = {
        "rgb": (class_colours()[truth] // 2 + rng.integers(0, 60, (*size, 3))).astype(np.uint8),
        "depth": np.broadcast_to(np.linspace(4, 1, 64, dtype=np.float32)[:, None], size),
        "normals": np.broadcast_to(np.float32([0, 0, 1]), (*size, 3)),
        "edges": np.where(rng.random(size) < 0.1, 255, 0).astype(np.uint8),
        "truth": truth,
    }
    for method in methods:
        wrong = rng.random(size) < {"scratch": 0.4, "specialist": 0.2, "specialist_ttt": 0.15}[method]
        panels[f"prediction_{method}"] = np.where(wrong, FLOOR, truth).astype(np.int16)
    np.savez(out / "report_data" / "panels.npz", **panels)
    reachable = np.zeros((120, 160), bool)
    reachable[6:114, 6:76] = reachable[6:114, 84:154] = reachable[50:70, 70:90] = True
    occupancy = np.zeros((70, 90), np.uint8)
    occupancy[5:65, 5:60] = 1
    occupancy[4, 5:85] = 2
    turn = np.linspace(0, 25, 900)
    path = np.stack([3.5 - 2 * np.cos(turn / 8) + 0.5 * np.cos(turn), 0.1 * turn - 4.5], 1)
    np.savez(
        out / "report_data" / "map.npz",
        occupancy=occupancy,
        occupancy_origin=[-0.5, -6.5],
        occupancy_cell=0.1,
        reachable=reachable,
        reachable_origin=[0.0, -6.0],
        reachable_cell=0.05,
        path=path,
        room_types=np.array(["Kitchen", "Bedroom"]),
        room_points=np.array([[0, -6], [4, -6], [4, 0], [0, 0], [4, -6], [8, -6], [8, 0], [4, 0]], float),
        room_starts=[0, 4, 8],
    )
    return out


class Tags(HTMLParser):
    """Collects tags, and fails on those that are closed in another order than they were opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for key, value in attrs if key in ("src", "href")]
        if tag not in ("meta", "img", "input", "source"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for key, value in attrs if key in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(html: str) -> Tags:
    tags = Tags()
    tags.feed(html)
    assert tags.open == []
    return tags


def test_a_whole_run_is_told_without_anything_from_elsewhere(tmp_path: Path) -> None:
    html = write_report(write_run(tmp_path / "run")).read_text()
    tags = read(html)
    assert len(tags.addresses) == 3 * 8 + 3 * 4 + 1  # views, views with a slider, the map
    assert all(address.startswith("data:image/png;base64,") for address in tags.addresses)
    assert "http" not in html
    assert "url(" not in html
    for expected in (
        "+11.0 points",
        "+1.0 points",
        "36.0%",
        "95%",
        "1,812 MB",
        "with TTT",
        "Bed",
        "Kitchen",
        "0.0 for every method: Fork.",
    ):
        assert expected in html
    assert "&lt;b&gt;&amp;&lt;/b&gt;" in html


def test_parts_without_data_are_left_out(tmp_path: Path) -> None:
    out = write_run(tmp_path / "run", methods=("scratch", "specialist"))
    html = write_report(out).read_text()
    read(html)
    assert "TTT" not in re.sub('base64,[^"]+', "", html)
    assert "Test-time" not in html
    assert len(read(html).addresses) == 3 * 7 + 3 * 4 + 1
    for file in ("config.json", "metrics.jsonl", "report_data/panels.npz", "report_data/map.npz"):
        (out / file).unlink()
    html = write_report(out).read_text()
    assert read(html).addresses == []
    assert "36.0%" in html


def test_a_folder_without_a_finished_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no summary\.json"):
        write_report(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_prediction_colours_in_the_report_are_those_of_the_classes(tmp_path: Path) -> None:
    html = write_report(write_run(tmp_path / "run")).read_text()
    first_truth = re.findall(r'alt="truth" src="data:image/png;base64,([^"]+)"', html)[0]
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(first_truth), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture[0, 0, ::-1].tolist() == class_colours()[WALL].tolist()
    assert picture[60, 0, ::-1].tolist() == class_colours()[FLOOR].tolist()


def test_png_keeps_every_value_and_the_alpha() -> None:
    image = np.random.default_rng(1).integers(0, 256, (5, 7, 4)).astype(np.uint8)
    data = base64.b64decode(png(image).split(",")[1])
    read_back = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert read_back is not None
    assert np.array_equal(cv2.cvtColor(read_back, cv2.COLOR_BGRA2RGBA), image)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 100, [0, 20, 40, 60, 80, 100]), (0.31, 0.52, [0.35, 0.4, 0.45, 0.5]), (0, 4000, [0, 1000, 2000, 3000, 4000])],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)


@pytest.mark.parametrize("y", [[3.0, 3.0], [0.0, 0.0], [1.0, float("nan")], [-2.0, 5.0], [1e-9, 2e-9]])
def test_a_chart_keeps_its_points_inside_the_axes(y: list[float]) -> None:
    drawn = chart("t", "frames", [Series("one", [0, 10], y)])
    points = [float(v) for v in re.findall(r'points="([^"]+)"', drawn)[0].replace(",", " ").split()]
    assert all(0 <= value <= 460 for value in points[::2])
    assert all(0 <= value <= 230 for value in points[1::2])


def test_a_chart_without_a_finite_point_is_left_out() -> None:
    assert chart("t", "frames", [Series("one", [0, 1], [float("nan"), float("inf")])]) == ""


def test_normals_that_face_the_viewer_are_blue_and_none_is_black() -> None:
    drawn = draw_normals(np.float32([[0, 0, 1], [1, 0, 0], [0, 0, 0]]))
    assert drawn.tolist() == [[128, 128, 255], [255, 128, 128], [0, 0, 0]]


def test_what_was_tried_on_some_views_only_stands_apart(tmp_path: Path) -> None:
    everywhere, apart = write_run(tmp_path / "a"), write_run(tmp_path / "b")
    before = {"before": {"miou": 0.355, "pixel_accuracy": 0.8}}
    rows = [json.loads(line) for line in (apart / "metrics.jsonl").read_text().splitlines()]
    rows = [{**row, **before} if row.get("method") == "specialist_ttt" else row for row in rows]
    (apart / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    story = summary()
    story["segmentation"]["specialist_ttt"] |= before
    (apart / "summary.json").write_text(json.dumps(story))
    pages = [write_report(run).read_text() for run in (everywhere, apart)]
    marks = [page.count("var(--ttt)") for page in pages]
    assert marks[1] < marks[0], "neither the curve nor the table of classes may hold it"
    assert "35.5%" in pages[1]
    assert "35.5%" not in pages[0]


@pytest.mark.skipif(BROWSER is None, reason="Chromium is not installed")
def test_it_fits_a_phone_and_a_desk(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    rng = np.random.default_rng(0)
    centres = rng.random((500, 3)) * [6, 0, -6] + [0, 0.05, 0]
    classes, doubt = rng.choice([WALL, FLOOR], 500).astype(np.int16), rng.random(500).astype(np.float16)
    np.savez(
        map_file(run), places=np.arange(500), centres=centres.astype(np.float32), classes=classes, doubt=doubt,
        evidence=np.ones(500, np.float32), cell=0.1,
    )  # fmt: skip
    with VideoWriter(run / "life.mp4", 2) as video:
        for shade in (40, 120, 200):
            video.add(np.full((54, 96, 3), shade, np.uint8))
    report = write_report(run).read_text()
    frames = "".join(
        f'<iframe style="width:{width}px;height:4000px;border:0" srcdoc="{html_text.escape(report)}"></iframe>'
        for width in WIDTHS
    )
    file = tmp_path / "frames.html"
    file.write_text(f"<!doctype html><body>{frames}{PROBE}</body>")
    command = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    for _ in range(8):  # the browser's clock does not wait for its video decoder, which may come too late
        dumped = subprocess.run(
            [*command, "--virtual-time-budget=60000", "--dump-dom", file.as_uri()],
            capture_output=True, text=True, check=True, timeout=180,
        ).stdout  # fmt: skip
        found = re.search(r"TOLD(\[.*\])TOLD", dumped)
        if found is not None:
            break
    assert found is not None, dumped[:2000]
    for width, told in zip(WIDTHS, json.loads(html_text.unescape(found[1])), strict=True):
        assert told["width"] <= width, "it scrolls sideways"
        assert told["broken"] == 0
        assert told["before"] != told["after"]
        assert told["after"].endswith("20%)")
        assert told["maps"] == [True, True, True]
        assert told["video"] == [96, 54, 1.5]
        assert told["sections"][:3] == ["The run as a video", "Before and after", "The house as it is understood"]
        assert "What to do next" in told["sections"]
