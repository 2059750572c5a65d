"""`testspace record`: a run's frames come back from the plain layout, and from LeRobot's."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import recorded
from recorded import CAMERA, COUNT, Truth

from testspace.core.frame import rotation
from testspace.envs import conventions
from testspace.envs.recordings import open_recording
from testspace.envs.recordings.lerobot import DEPTH, RGB
from testspace.experiments.cli import main as cli
from testspace.experiments.rundir.run_frames import RunFrames
from testspace.learners.data.replay_buffer import ReplayBuffer


@pytest.fixture(scope="module")
def seen() -> Truth:
    return recorded.truth()


@pytest.fixture
def run(seen: Truth, tmp_path: Path) -> Path:
    """What a run leaves of its frames; the buffer is smaller than the life, so that it has begun to overwrite."""
    folder = tmp_path / "run"
    buffer = ReplayBuffer(folder / "buffer", COUNT, CAMERA.height, CAMERA.width)
    frames = {key: np.concatenate([value[-2:], value]) for key, value in seen.frame.items()}
    buffer.extend({**frames, "step": np.arange(COUNT + 2) * 3})
    buffer.flush()
    (folder / "agent").mkdir()
    np.savez(folder / "agent" / "agent-00000045.npz", actions=np.arange(3 * (COUNT + 1) + 1) % 5)
    camera = {"width": CAMERA.width, "height": CAMERA.height, "vertical_fov": CAMERA.vertical_fov}
    (folder / "config.json").write_text(json.dumps({"sizes": {"transfer_set": {"camera": camera}}}))
    return folder


def test_a_runs_frames_are_in_the_order_of_time(run: Path, seen: Truth) -> None:
    frames = RunFrames(run)
    assert frames.steps.tolist() == [6 + 3 * n for n in range(COUNT)]
    np.testing.assert_array_equal(frames.poses, seen.frame["pose"])
    np.testing.assert_array_equal(frames.frame(3)["rgb"], seen.frame["rgb"][3])


def test_the_plain_layout_gives_the_frames_back(run: Path, seen: Truth, tmp_path: Path) -> None:
    cli.main(["record", str(run), "--out", str(tmp_path / "own")])
    recording = open_recording(tmp_path / "own")
    assert len(recording) == COUNT
    assert not recording.faults
    assert recording.time == pytest.approx(0.6 + 0.3 * np.arange(COUNT))
    poses = conventions.pose_vectors(recording.poses)
    assert poses[:, :3] == pytest.approx(seen.poses[:, :3], abs=1e-5)
    assert rotation(poses) == pytest.approx(rotation(seen.poses), abs=1e-5)
    assert recording.intrinsics[0] == pytest.approx(recorded.numbers(CAMERA))
    for n in range(COUNT):
        depth = recording.depth(n)
        assert depth is not None
        assert np.abs(depth - seen.frame["depth"][n]).max() <= 0.00076  # millimetres, then half millimetres
        np.testing.assert_array_equal(recording.rgb(n), seen.frame["rgb"][n])


def test_a_run_is_a_recording_without_being_written(run: Path, seen: Truth) -> None:
    recording = RunFrames(run).recording()
    poses = conventions.pose_vectors(recording.poses)
    assert rotation(poses) == pytest.approx(rotation(seen.poses), abs=1e-6)
    depth = recording.depth(2)
    assert depth is not None
    assert depth == pytest.approx(seen.frame["depth"][2], abs=0.00051)
    np.testing.assert_array_equal(recording.rgb(2), seen.frame["rgb"][2])


def test_lerobots_layout_holds_what_its_library_asks_for(run: Path, seen: Truth, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    out = tmp_path / "lerobot"
    cli.main(["record", str(run), "--out", str(out), "--layout", "lerobot"])
    info = json.loads((out / "meta/info.json").read_text())
    assert info["codebase_version"] == "v3.0"
    assert (info["total_episodes"], info["total_frames"], info["total_tasks"]) == (COUNT, COUNT, 1)
    episodes = parquet.read_table(out / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    for n, episode in enumerate(episodes):  # every third frame was stored, so each is a stretch of its own
        assert (episode["dataset_from_index"], episode["dataset_to_index"], episode["length"]) == (n, n + 1, 1)
        assert (episode[f"videos/{RGB}/file_index"], episode[f"videos/{RGB}/from_timestamp"]) == (n, 0.0)
    data = out / info["data_path"].format(
        chunk_index=episode["data/chunk_index"], file_index=episode["data/file_index"]
    )
    rows = parquet.read_table(data).to_pylist()
    stored = {name for name, feature in info["features"].items() if feature["dtype"] != "video"}
    assert set(rows[0]) == stored
    poses = np.array([row["observation.state"] for row in rows])
    assert poses == pytest.approx(seen.frame["pose"], abs=1e-6)
    taken = [(6 + 3 * n + 1) % 5 for n in range(COUNT - 1)]
    assert [row["action"] for row in rows] == [*taken, -1]  # what was done after the last frame is not stored
    assert [row["timestamp"] for row in rows] == [0.0] * COUNT
    assert [row["episode_index"] for row in rows] == list(range(COUNT))
    assert [row["index"] for row in rows] == list(range(COUNT))
    for n, row in enumerate(rows):
        depth = cv2.imdecode(np.frombuffer(row[DEPTH]["bytes"], np.uint8), cv2.IMREAD_UNCHANGED)
        assert depth.dtype == np.uint16
        assert np.abs(depth / 1000 - seen.frame["depth"][n]).max() < 0.00051
    for n in range(COUNT):
        video = cv2.VideoCapture(str(out / info["video_path"].format(video_key=RGB, chunk_index=0, file_index=n)))
        assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 1
        assert video.get(cv2.CAP_PROP_FPS) == info["fps"] == info["features"][RGB]["info"]["video.fps"]
        image = video.read()[1][..., ::-1].astype(float)
        assert np.abs(image - seen.frame["rgb"][n]).mean() < 6
    stats = json.loads((out / "meta/stats.json").read_text())
    assert stats["observation.state"]["mean"] == pytest.approx(poses.mean(axis=0), abs=1e-4)
    assert np.array(stats[RGB]["std"]).shape == (3, 1, 1)
    assert np.ravel(stats[RGB]["std"]) == pytest.approx(seen.frame["rgb"].reshape(-1, 3).std(0) / 255, abs=1e-6)
    # The library reads tasks by pandas, as the index of the table.
    note = json.loads(parquet.read_schema(out / "meta/tasks.parquet").metadata[b"pandas"])
    assert note["index_columns"] == ["task"]


@pytest.mark.filterwarnings("ignore")  # another's
def test_reruns_reader_of_lerobot_reads_every_episode(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    experimental = pytest.importorskip("rerun.experimental")
    out = tmp_path / "lerobot"
    cli.main(["record", str(run), "--out", str(out), "--layout", "lerobot"])
    reader = experimental.LeRobotReader(out)
    assert len(reader.episodes()) == COUNT
    paths = {one.entity_path for one in reader.stream(COUNT - 1)}
    assert any("rgb" in path for path in paths)
    assert any("depth" in path for path in paths)


@pytest.mark.filterwarnings("ignore")  # another's
def test_lerobots_own_library_reads_it(run: Path, tmp_path: Path) -> None:
    metadata = pytest.importorskip("lerobot.datasets.lerobot_dataset", exc_type=ImportError)
    out = tmp_path / "lerobot"
    cli.main(["record", str(run), "--out", str(out), "--layout", "lerobot"])
    dataset = metadata.LeRobotDataset("local/run", root=out)
    assert len(dataset) == COUNT
    item = dataset[3]
    assert item["task"] == "Explore the house."
    assert item[RGB].shape == (3, CAMERA.height, CAMERA.width)
    assert item[DEPTH].shape[-2:] == (CAMERA.height, CAMERA.width)


def test_what_cannot_be_recorded_is_told(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for arguments, words in (
        ([str(tmp_path / "full"), "--out", str(tmp_path / "new")], "is not the folder of a run"),
        ([str(run), "--out", str(tmp_path / "full")], "not empty"),
        ([str(run), "--out", str(tmp_path / "new"), "--layout", "lerobot"], "pip install 'testspace[lerobot]'"),
    ):
        with pytest.raises(SystemExit) as stop:
            cli.main(["record", *arguments])
        assert stop.value.code == 2
        message = capsys.readouterr().err
        assert words in message
        assert len(message.splitlines()) == 1
    assert not (tmp_path / "new").exists()
