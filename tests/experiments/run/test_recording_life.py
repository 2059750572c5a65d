"""`testspace run --sim recording`: a life over recorded frames, with and without labels."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_preset import tiny_preset

from testspace.core.frame import Camera
from testspace.datasets.poses import random_poses
from testspace.envs.assembly.building import build_scene
from testspace.envs.floor import ReachableFloor
from testspace.envs.generator import generate_house
from testspace.envs.meshes.write import write_glb
from testspace.envs.recordings.plain import PlainWriter
from testspace.envs.render.raycast import RayCastSimulator
from testspace.experiments.cli import main as cli
from testspace.experiments.cli import run_cli
from testspace.experiments.run.world_factory import MAX_HELD_OUT_FRACTION, View, open_space
from testspace.learners.data.replay_buffer import ReplayBuffer

CAMERA = Camera(64, 48, 60.0)
FRAMES = 60


def record(folder: Path, labels: bool) -> Path:
    """FRAMES frames of a small generated house, from poses of anywhere on its floor."""
    simulator = RayCastSimulator(build_scene(generate_house(5, rooms=1)), CAMERA, light="direct")
    assert isinstance(simulator.floor, ReachableFloor)
    poses = random_poses(simulator, FRAMES, 1.4, np.random.default_rng(0))
    frame, truth = simulator.render_with_labels(poses)
    writer = PlainWriter(folder, CAMERA, labels=labels)
    for n in range(FRAMES):
        seen = type(truth)(truth.semantic[n], truth.instance[n]) if labels else None
        writer.add({key: value[n] for key, value in frame.items()}, n / 10, seen)
    return folder


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, small_networks: None) -> None:
    small = tiny_preset(learning_starts=40, replay_ratio=1.0)
    monkeypatch.setattr(run_cli, "find_preset", lambda name: small)


def test_labels_of_a_recording_go_with_the_held_out_views_only(tmp_path: Path) -> None:
    view = View(Camera(32, 32), 1.5, "direct")
    space = open_space("recording", str(record(tmp_path / "room", labels=True)), 0, view, 1000)
    assert (space.frames, space.camera.vertical_fov) == (FRAMES, pytest.approx(CAMERA.vertical_fov))
    views, truth = space.draw_views(24, np.random.default_rng(0), [])
    assert truth is not None
    assert len(views["pose"]) == len(truth.semantic) == int(FRAMES * MAX_HELD_OUT_FRACTION)
    assert (truth.semantic > 0).mean() > 0.9
    for pose, semantic in zip(views["pose"], truth.semantic, strict=True):
        _, again = space.env.simulator.render_with_labels(pose[None])
        np.testing.assert_array_equal(again.semantic[0], semantic)
    frame, _ = space.env.reset()
    assert set(frame) == {"rgb", "depth", "normals", "edges", "pose"}


def test_a_life_goes_over_a_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = record(tmp_path / "room", labels=False), tmp_path / "run"
    (folder / "rgb/000007.png").write_bytes(b"damaged")
    cli.main(
        ["run", "--sim", "recording", "--house", str(folder), "--preset", "smoke", "--video", "0", "--out", str(out)]
    )
    summary = json.loads((out / "summary.json").read_text())
    assert summary["frames"] == FRAMES
    assert summary["sim"] == "recording"
    assert summary["frames_not_stored"] == 0  # nothing is scored, so nothing is kept apart
    assert summary["segmentation"] == {}
    printed, page = capsys.readouterr().out, (out / "report.html").read_text()
    for where in (printed, page):
        assert "no labels" in where
        assert "1 of its frames could not be read" in where
    stored = ReplayBuffer.reader(out / "buffer").all(("pose", "rgb"))
    assert len(stored["pose"]) == FRAMES - summary["frames_not_stored"]
    assert stored["rgb"].float().std() > 0
    # The camera of the life is as wide as the recording's pictures allow, and the transfer set's is the same.
    camera = json.loads((out / "config.json").read_text())["sizes"]["transfer_set"]["camera"]
    assert camera["vertical_fov"] == pytest.approx(CAMERA.vertical_fov)


@pytest.mark.parametrize("labelled", [True, False])
def test_a_mesh_is_lived_in_and_scored_where_it_has_labels(labelled: bool, tmp_path: Path) -> None:
    scene = build_scene(generate_house(5, rooms=1))
    if not labelled:
        void = [replace(thing, class_id=0) for thing in scene.instances]
        scene = replace(scene, instances=void)
    write_glb(scene, tmp_path / "room.glb")
    space = open_space("raycast", str(tmp_path / "room.glb"), 0, View(Camera(32, 32), 1.5, "direct"), 10)
    assert space.states is None
    assert space.house is None
    views, truth = space.draw_views(6, np.random.default_rng(0), [])
    assert len(views["pose"]) == 6
    assert (truth is not None) == labelled
    assert any("no labels" in line for line in space.notes()) != labelled
    frame, _ = space.env.reset()
    moved, *_ = space.env.step(1)
    assert (frame["pose"] != moved["pose"]).any()


def test_what_a_recording_needs_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, word in (([], "--house"), (["--house", str(tmp_path)], "TUM RGB-D")):
        with pytest.raises(SystemExit) as stop:
            cli.main(["run", "--sim", "recording", "--out", str(tmp_path / "run"), *arguments])
        assert stop.value.code == 2
        message = capsys.readouterr().err
        assert word in message
        assert len(message.splitlines()) == 1
    assert not (tmp_path / "run").exists()
