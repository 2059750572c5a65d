"""Videos, recordings and cameras as sources of `testspace segment`, with a network that says how bright a pixel is."""

from __future__ import annotations

import functools
import http.server
import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from testspace.core.frame import Camera, Frame
from testspace.envs.assembly.building import build_scene
from testspace.envs.generator import generate_house
from testspace.envs.recordings.plain import PlainWriter
from testspace.envs.render.raycast import RayCastSimulator
from testspace.experiments.cli.main import main
from testspace.experiments.protocol.held_out import draw_views
from testspace.experiments.tools import camera_stream
from testspace.learners.generalist.perception import Perception, Viewpoint

Call = Callable[..., str]
CALLS: list[tuple[np.ndarray, np.ndarray | None, Viewpoint | None]] = []


def brightness(rgb: np.ndarray) -> np.ndarray:
    """A class for each of 16 levels of grey, 1 to 16."""
    return (rgb.mean(2) // 16 + 1).astype(np.int16)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Classes are levels of grey; what was given is kept in CALLS."""
    CALLS.clear()

    def call(
        _: Perception, rgb: np.ndarray, depth: np.ndarray | None = None, view: Viewpoint | None = None
    ) -> np.ndarray:
        CALLS.append((rgb, depth, view))
        return brightness(rgb)

    monkeypatch.setattr(Perception, "__call__", call)


@pytest.fixture
def segmented(capsys: pytest.CaptureFixture[str], tmp_path: Path, quick: None) -> Call:
    def call(*arguments: str | Path) -> str:
        main(["segment", *map(str, arguments), "--out", str(tmp_path / "out")])
        return capsys.readouterr().out

    return call


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Call:
    """What `segment` says, in one line, when it refuses."""

    def call(*arguments: str | Path) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["segment", *map(str, arguments), "--out", str(tmp_path / "out")])
        assert ended.value.code == 2
        said = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("camera: ")]
        assert len(said) == 1
        return said[0]

    return call


def labels(folder: Path) -> dict[str, np.ndarray]:
    files = sorted((folder / "labels").iterdir())
    return {file.stem: cv2.imread(str(file), cv2.IMREAD_UNCHANGED) for file in files}


def write_video(file: Path, codec: str, count: int = 7, size: tuple[int, int] = (96, 64)) -> Path:
    """Frame n is grey of level 32 n + 8, brighter in its right half."""
    writer = cv2.VideoWriter(str(file), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), 8.0, size)
    assert writer.isOpened()
    for n in range(count):
        frame = np.full((size[1], size[0], 3), 32 * n + 8, np.uint8)
        frame[:, size[0] // 2 :] += 16
        writer.write(frame)
    writer.release()
    return file


@pytest.mark.parametrize(("ending", "codec"), [("mp4", "mp4v"), ("avi", "MJPG"), ("mov", "MJPG"), ("mkv", "vp09")])
def test_a_video_becomes_a_video_and_labels(segmented: Call, tmp_path: Path, ending: str, codec: str) -> None:
    said = segmented(write_video(tmp_path / f"walk.{ending}", codec), "--every", "3")
    assert "3 frames, rgb, 6 classes" in said
    assert "frames/s" in said
    out = tmp_path / "out"
    assert {file.name for file in out.iterdir()} == {"labels", "overlay.mp4", "legend.png", "classes.json"}
    written = labels(out)
    assert list(written) == ["000000", "000003", "000006"]
    for name, picture in written.items():
        assert picture.shape == (64, 96)
        assert picture[:, 4].tolist() == [2 * int(name) + 1] * 64
        assert picture[:, -4].tolist() == [2 * int(name) + 2] * 64
    capture = cv2.VideoCapture(str(out / "overlay.mp4"))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(8 / 3, rel=0.01)
    frames = [capture.read()[1] for _ in range(3)]
    assert not capture.read()[0]
    assert [frame.shape for frame in frames] == [(64, 96, 3)] * 3
    assert frames[2].mean() > frames[0].mean() + 40


def test_a_large_odd_video_has_a_small_even_overlay(segmented: Call, tmp_path: Path) -> None:
    segmented(write_video(tmp_path / "v.avi", "MJPG", 1, (802, 401)))
    capture = cv2.VideoCapture(str(tmp_path / "out/overlay.mp4"))
    assert capture.read()[1].shape == (320, 640, 3)
    assert labels(tmp_path / "out")["000000"].shape[1] == 802


def test_a_video_that_is_damaged_or_empty_is_refused_in_one_line(refused: Call, quick: None, tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.mp4", "mp4v").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mov").write_text("no video")
    (tmp_path / "list.mp4").write_text("#EXTM3U\nhttp://127.0.0.1:9/x.ts\n")
    write_video(tmp_path / "none.mp4", "mp4v", 0)
    for name in ("empty.mp4", "text.mov", "list.mp4"):
        assert f"{name}: it is empty, damaged or no video" in refused(tmp_path / name)
    for name in ("cut.mp4", "none.mp4"):
        assert f"{name}: it cannot be decoded as a video" in refused(tmp_path / name)
    assert "there is no such file or folder" in refused(tmp_path / "missing.mp4")
    assert "--depth goes with pictures" in refused(tmp_path / "whole.mp4", "--depth", tmp_path)
    assert not (tmp_path / "out").exists()
    long = write_video(tmp_path / "long.avi", "MJPG", 1, (1024, 16))
    assert "long.avi: frame 0: a picture of 1024 x 16 pixels; its sides" in _with_real_network(refused, long)


def _with_real_network(refused: Call, file: Path) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Perception, "__call__", lambda self, *given: REAL(self, *given))
        return refused(file)


REAL = Perception.__call__


def test_a_video_whose_end_is_missing_gives_what_it_has(segmented: Call, tmp_path: Path) -> None:
    file = write_video(tmp_path / "v.avi", "MJPG")
    data = bytearray(file.read_bytes())
    fourth = [found.start() for found in re.finditer(b"00dc", data)][3]
    data[fourth : data.index(b"idx1")] = bytes(data.index(b"idx1") - fourth)
    file.write_bytes(data)
    said = segmented(file)
    assert 0 < len(labels(tmp_path / "out")) < 7
    assert f"it says 7 frames, {len(labels(tmp_path / 'out'))} could be decoded" in said


@pytest.fixture(scope="module")
def views() -> tuple[Frame, Camera]:
    camera = Camera(80, 60, 70.0)
    simulator = RayCastSimulator(build_scene(generate_house(5, rooms=2, split="test")), camera, light="direct")
    return draw_views(simulator, 8, 1.3, np.random.default_rng(0))[0], camera


@pytest.fixture
def recording(views: tuple[Frame, Camera], tmp_path: Path) -> Path:
    writer = PlainWriter(tmp_path / "robot", views[1])
    for n in range(8):
        writer.add({key: value[n] for key, value in views[0].items()}, n / 5)
    return tmp_path / "robot"


def test_a_recording_brings_depth_and_viewpoints(
    segmented: Call, recording: Path, views: tuple[Frame, Camera], tmp_path: Path
) -> None:
    assert "4 frames, rgb-d" in segmented(recording, "--every", "2")
    assert list(labels(tmp_path / "out")) == ["000000", "000002", "000004", "000006"]
    for n, (rgb, depth, view) in zip(range(0, 8, 2), CALLS, strict=True):
        np.testing.assert_array_equal(rgb, views[0]["rgb"][n])
        assert depth is not None
        np.testing.assert_allclose(depth, views[0]["depth"][n], atol=3e-4)
        assert view is not None
        _, height, _, _, pitch, roll = views[0]["pose"][n]
        assert view.vertical_fov == pytest.approx(70.0)
        assert view[1:] == pytest.approx((height, pitch, roll), abs=0.03)  # the floor is measured
        np.testing.assert_array_equal(labels(tmp_path / "out")[f"{n:06d}"], brightness(rgb))


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_phone_held_otherwise_is_turned_and_its_labels_turned_back(
    segmented: Call, recording: Path, views: tuple[Frame, Camera], tmp_path: Path, turns: int
) -> None:
    """Pictures turned counterclockwise by quarter turns, as of a camera that was rolled clockwise."""
    for folder in ("rgb", "depth"):
        for file in (recording / folder).iterdir():
            cv2.imwrite(str(file), np.rot90(cv2.imread(str(file), cv2.IMREAD_UNCHANGED), turns).copy())
    header = json.loads((recording / "recording.json").read_text())
    if turns % 2:
        header["camera"]["cx"], header["camera"]["cy"] = header["camera"]["cy"], header["camera"]["cx"]
    (recording / "recording.json").write_text(json.dumps(header))
    poses = views[0]["pose"].copy()
    poses[:, 5] -= 90 * turns
    writer = PlainWriter(tmp_path / "turned", views[1])
    for n in range(8):
        writer.add({**{key: value[n] for key, value in views[0].items()}, "pose": poses[n]}, n / 5)
    (tmp_path / "turned/frames.csv").replace(recording / "frames.csv")
    segmented(recording)
    for n, (rgb, _, view) in enumerate(CALLS):
        np.testing.assert_array_equal(rgb, views[0]["rgb"][n])
        assert view is not None
        assert view[1:] == pytest.approx(views[0]["pose"][n][[1, 4, 5]], abs=0.03)
        np.testing.assert_array_equal(labels(tmp_path / "out")[f"{n:06d}"], np.rot90(brightness(rgb), turns))


def test_a_recording_off_centre_is_seen_whole(segmented: Call, recording: Path, tmp_path: Path) -> None:
    header = json.loads((recording / "recording.json").read_text())
    header["camera"]["cx"] += 6
    header["camera"]["cy"] -= 3
    (recording / "recording.json").write_text(json.dumps(header))
    segmented(recording, "--frames", "1")
    assert CALLS[0][0].shape == (66, 92, 3)  # as wide to the right of the optical axis as to the left
    recorded = cv2.imread(str(recording / "rgb/000000.png"))[..., ::-1]
    same = labels(tmp_path / "out")["000000"] == brightness(recorded)
    assert same.mean() > 0.98  # but for interpolation


def test_a_recording_without_depth_is_segmented_from_colour(segmented: Call, recording: Path) -> None:
    for file in (recording / "depth").iterdir():
        file.unlink()
    assert "8 frames, rgb, " in segmented(recording)
    assert all(depth is None and view is None for _, depth, view in CALLS)


def test_frames_that_cannot_be_read_are_left_out_and_counted(
    segmented: Call, refused: Call, recording: Path, tmp_path: Path
) -> None:
    (recording / "rgb/000003.png").write_bytes(b"damaged")
    (recording / "rgb/000005.png").unlink()
    said = segmented(recording)
    assert "6 frames, rgb-d" in said
    assert "1 frames could not be read" in said
    assert "1 x frame without its picture or depth (dropped)" in said
    assert list(labels(tmp_path / "out")) == [f"{n:06d}" for n in (0, 1, 2, 4, 6, 7)]
    header = json.loads((recording / "recording.json").read_text())
    header["camera"]["fx"] = 0.01
    (recording / "recording.json").write_text(json.dumps(header))
    assert "the intrinsics cannot be those of its pictures" in refused(recording)


class Capture:
    """A stand-in for a camera: frame n is grey of level n; `count` frames, then none."""

    def __init__(self, count: int, opened: bool = True, shape: tuple[int, ...] = (40, 60, 3)) -> None:
        self.count, self.opened, self.shape = count, opened, shape
        self.read_so_far, self.released, self.wait = 0, False, threading.Event()

    def isOpened(self) -> bool:
        return self.opened

    def read(self) -> tuple[bool, np.ndarray | None]:
        self.wait.wait(0.002)
        if self.read_so_far >= self.count:
            return False, None
        self.read_so_far += 1
        return True, np.full(self.shape, self.read_so_far % 200, np.uint8)

    def release(self) -> None:
        self.released = True


def test_a_camera_ends_after_so_many_frames_and_is_let_go(
    segmented: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture = Capture(1_000_000)
    monkeypatch.setattr(camera_stream, "open_capture", lambda address: capture)
    assert "4 frames, rgb" in segmented("0", "--frames", "4")
    out = tmp_path / "out"
    assert {file.name for file in out.iterdir()} == {"labels", "latest.png", "legend.png", "classes.json"}
    assert list(labels(out)) == [f"{n:06d}" for n in range(4)]
    assert cv2.imread(str(out / "latest.png")).shape == (40, 60, 3)
    assert capture.released
    levels = [int(rgb[0, 0, 0]) for rgb, _, _ in CALLS]
    assert levels == sorted(set(levels))  # never the same picture again


def test_ctrl_c_ends_a_camera_well(
    capsys: pytest.CaptureFixture[str], quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture = Capture(1_000_000)
    monkeypatch.setattr(camera_stream, "open_capture", lambda address: capture)

    def call(_: Perception, rgb: np.ndarray, *more: object) -> np.ndarray:
        CALLS.append((rgb, None, None))
        if len(CALLS) == 3:
            raise KeyboardInterrupt
        return brightness(rgb)

    monkeypatch.setattr(Perception, "__call__", call)
    main(["segment", "0", "--out", str(tmp_path / "out")])
    assert "2 frames, rgb" in capsys.readouterr().out
    assert (tmp_path / "out/classes.json").is_file()
    assert capture.released


def test_a_camera_without_pictures_or_that_stops_is_told(
    segmented: Call, refused: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "63: the camera cannot be opened" in refused("63")
    said = refused("rtsp://user:secret@127.0.0.1:9/live")
    assert "rtsp://127.0.0.1:9/live: the stream cannot be opened" in said
    assert "secret" not in said
    monkeypatch.setattr(camera_stream, "open_capture", lambda address: Capture(0))
    assert "0: it is open but gives no picture" in refused("0")
    monkeypatch.setattr(camera_stream, "open_capture", lambda address: Capture(1, shape=(9000, 9000)))
    assert "9000 x 9000 pixels are too many" in refused("0")
    monkeypatch.setattr(camera_stream, "open_capture", lambda address: Capture(5))
    assert "the stream ended" in segmented("0")


def test_a_picture_that_is_late_ends_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hanging(Capture):
        def read(self) -> tuple[bool, np.ndarray | None]:
            if self.read_so_far:
                self.wait.wait(30)
            return super().read()

    capture = Hanging(2)
    monkeypatch.setattr(camera_stream, "open_capture", lambda address: capture)
    stream = camera_stream.CameraStream("0", patience=0.3)
    assert len(list(stream.pictures())) == 1
    assert stream.late
    capture.wait.set()
    stream.close()
    assert capture.released


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    class Silent(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=str(tmp_path))) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{made.server_port}"
        made.shutdown()


def test_a_stream_over_the_network_is_read(segmented: Call, server: str, tmp_path: Path) -> None:
    write_video(tmp_path / "live.avi", "MJPG")
    said = segmented(f"{server}/live.avi")
    assert "the stream ended" in said
    newest = int(list(labels(tmp_path / "out").values())[-1][0, 4])
    assert newest == 13  # of frame 6: the last one is always seen
