"""A run as a Rerun recording: what is in the file, read back by Rerun itself."""

from __future__ import annotations

import json
import re
import sys
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from frames import boxes

from testspace.core.errors import UserError
from testspace.envs.house.classes import CLASS_ID
from testspace.experiments.cli import main as cli
from testspace.experiments.report.rerun_recording import recording, watch
from testspace.experiments.report.semantic_drawing import doubt_colours
from testspace.experiments.rundir.semantic_file import map_file
from testspace.learners.data.replay_buffer import ReplayBuffer
from testspace.learners.heads.segmentation import Segmenter
from testspace.learners.masked.encoder import Encoder

SIZES = {
    "transfer_set": {"camera": {"width": 16, "height": 16, "vertical_fov": 90.0}},
    "learner": {"size": "nano", "image_size": 16, "patch": 8},
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Six frames on a straight way, seen at frames 0, 10, ..., and the start of what a life leaves."""
    out = tmp_path / "run"
    out.mkdir()
    (out / "config.json").write_text(json.dumps({"sizes": SIZES}))
    frames = boxes(6, size=16)
    frames["pose"] = torch.zeros(6, 6)
    frames["pose"][:, 0], frames["pose"][:, 1] = torch.arange(6.0), 1.5
    frames["step"] = 10 * torch.arange(6)
    buffer = ReplayBuffer(out / "buffer", 8, 16, 16)
    buffer.extend(frames)
    buffer.flush()
    rows = [
        {
            "kind": "rollout",
            "frame": 30,
            "coverage": 0.5,
            "buffer_coverage": 0.25,
            "losses": {"loss": 2.0, "rate": 1.0},
        },
        {"kind": "evaluation", "frame": 60, "method": "specialist", "miou": 0.4},
    ]
    (out / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return out


def _chunks(file: Path) -> dict[str, list[Any]]:
    """The chunks of a recording by entity path."""
    chunk = pytest.importorskip("rerun.chunk")
    found: dict[str, list[Any]] = {}
    for one in chunk.RrdReader(file).stream():
        found.setdefault(one.entity_path, []).append(one)
    return found


def _column(chunks: list[Any], name: str) -> list[Any]:
    """Values of the column whose name ends so, in all chunks."""
    values = []
    for chunk in chunks:
        batch = chunk.to_record_batch()
        for column in batch.schema.names:
            if column.endswith(name):
                values += batch.column(column).to_pylist()
    return values


def test_places_frames_and_curves_stand_where_they_were(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rerun")
    cli.main(["watch", str(run), "--frames", "3"])
    file = run / "watch.rrd"
    assert capsys.readouterr().out.strip() == str(file)
    found = _chunks(file)
    assert _column(found["/house/agent"], "frame") == [0, 20, 50]  # of 6, evenly: the first, the third, the last
    assert [place for (place,) in _column(found["/house/agent"], "translation")] == [
        [0, 1.5, 0],
        [2, 1.5, 0],
        [5, 1.5, 0],
    ]
    assert len(_column(found["/house/remembered"], "positions")[0]) == 6
    assert {
        "/house/agent/camera/rgb",
        "/house/agent/camera/depth",
        "/modalities/normals",
        "/modalities/edges",
    } <= found.keys()
    assert _column(found["/coverage/floor"], "scalars") == [[0.5]]
    assert _column(found["/losses/loss"], "scalars") == [[2.0]]
    assert "/losses/rate" not in found
    assert (_column(found["/mIoU/specialist"], "frame"), _column(found["/mIoU/specialist"], "scalars")) == (
        [60],
        [[0.4]],
    )
    assert not any(
        path.startswith(("/held_out", "/house/path", "/modalities/taken")) for path in found
    )  # not stored yet


def test_what_comes_later_in_a_life_is_shown_once_it_is_there(run: Path) -> None:
    pytest.importorskip("rerun")
    (run / "report_data").mkdir()
    shown = {"rgb": np.zeros((2, 16, 16, 3), np.uint8), "truth": np.ones((2, 16, 16), np.int16)}
    np.savez(run / "report_data" / "panels.npz", **shown, prediction_specialist=shown["truth"])
    np.savez(
        run / "report_data" / "map.npz", path=np.zeros((6, 2)), room_types=np.array(["Kitchen"]),
        room_points=np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 3.0]]), room_starts=np.array([0, 3]),
    )  # fmt: skip
    torch.manual_seed(0)
    Segmenter(Encoder("nano", 16, 8), [1, 2]).save(run / "segmenters" / "specialist")
    found = _chunks(watch(run, run / "other.rrd"))
    assert _column(found["/house/rooms"], "labels") == [["Kitchen"]]
    assert len(_column(found["/house/rooms"], "strips")[0][0]) == 4  # closed
    assert {
        "/held_out/rgb",
        "/held_out/truth",
        "/held_out/prediction_specialist",
        "/modalities/prediction",
    } <= found.keys()


def test_a_run_that_goes_on_is_followed_to_its_end(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rerun")

    def lives_on(seconds: float) -> None:
        """Two frames more, a row, half a row, and the end."""
        buffer = ReplayBuffer(run / "buffer", 8, 16, 16, resume=True)
        frames = boxes(2, size=16)
        frames["pose"], frames["step"] = torch.zeros(2, 6), torch.tensor([60, 70])
        buffer.extend(frames)
        buffer.flush()
        row = {"kind": "rollout", "frame": 80, "coverage": 0.75, "buffer_coverage": 0.5, "losses": {}}
        with (run / "metrics.jsonl").open("a") as metrics:
            metrics.write(json.dumps(row) + "\n" + json.dumps(row)[:9])
        (run / "summary.json").write_text("{}")

    monkeypatch.setattr("testspace.experiments.report.rerun_recording.time.sleep", lives_on)
    found = _chunks(watch(run, follow=True))
    assert sorted(_column(found["/house/agent"], "frame")) == [0, 10, 20, 30, 40, 50, 60, 70]
    assert sorted(_column(found["/coverage/floor"], "scalars")) == [[0.5], [0.75]]


def test_the_viewer_is_a_window_where_there_is_a_display(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rerun = pytest.importorskip("rerun")
    opened: list[dict[str, Any]] = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(rerun, "spawn", lambda **asked: opened.append(asked))
    monkeypatch.setattr(rerun, "GrpcSink", lambda: rerun.FileSink(run / "viewer.rrd"))
    watch(run, view=True)
    assert opened == [{"connect": False}]
    assert (run / "viewer.rrd").exists()
    assert "/house/agent" in _chunks(run / "watch.rrd")
    assert capsys.readouterr().err == ""


def test_without_a_display_a_page_is_served_until_it_is_ended(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("rerun")
    pages: list[str] = []

    def ended() -> None:
        told = capsys.readouterr().err
        link = re.search(r"http://127\.0\.0\.1:\d+\?url=rerun%2Bhttp\S+", told)
        assert link, told
        with urllib.request.urlopen(link[0], timeout=20) as page:
            pages.append(page.read().decode())

    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr("testspace.experiments.report.rerun_recording.wait_for_interrupt", ended)
    watch(run, view=True)
    assert "Rerun" in pages[0]
    assert "/house/agent" in _chunks(run / "watch.rrd")


def test_a_recording_that_is_broken_off_is_kept(run: Path) -> None:
    pytest.importorskip("rerun")

    def interrupted() -> None:
        with recording(run, run / "watch.rrd") as look:
            look()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert _column(_chunks(run / "watch.rrd")["/house/agent"], "frame") == [0, 10, 20, 30, 40, 50]


def test_what_cannot_be_watched_is_said(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "rerun", None)
        with pytest.raises(UserError, match=r"testspace\[view\]"):
            watch(run)
        with pytest.raises(SystemExit, match="2"):
            cli.main(["run", "--view", "--preset", "smoke", "--out", str(tmp_path / "new")])
        assert "testspace[view]" in capsys.readouterr().err
        assert not (tmp_path / "new").exists()
    pytest.importorskip("rerun")
    with pytest.raises(UserError, match="not the folder of a run"):
        watch(tmp_path)
    with pytest.raises(UserError, match="--frames"):
        watch(run, frames=0)


def test_the_fused_map_is_in_class_colours_beside_its_doubt(run: Path) -> None:
    pytest.importorskip("rerun")
    wall, ceiling, bed = (CLASS_ID[name] for name in ("Wall", "Ceiling", "Bed"))
    centres = np.array([[0.05, 0.55, 0.05], [0.05, 2.65, 0.05], [0.25, 1.05, 0.05]], np.float32)
    map_file(run).parent.mkdir()
    np.savez(
        map_file(run), places=np.arange(3), centres=centres, classes=np.array([bed, ceiling, wall], np.int16),
        doubt=np.array([0.5, 0.0, 0.0], np.float16), evidence=np.ones(3, np.float32), cell=0.1,
    )  # fmt: skip
    found = _chunks(watch(run))
    assert _column(found["/house/semantic"], "Points3D:class_ids") == [[bed, wall]]
    assert np.allclose(_column(found["/house/doubt"], "Points3D:positions"), [centres[[0, 2]]])
    colours = np.array(_column(found["/house/doubt"], "Points3D:colors")[0], np.uint32)
    expected = doubt_colours(np.array([0.5, 0.0])).astype(np.uint32)
    assert [[c >> shift & 255 for shift in (24, 16, 8)] for c in colours.tolist()] == expected.tolist()
