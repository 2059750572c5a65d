"""Variants of layouts, and where a recording is found around the path that is named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import recorded
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recorded import CAMERA, COUNT, Truth

from testspace.envs.recordings import FrameError, RecordingError, exr, open_recording, record3d
from testspace.envs.recordings.tum import PAIRS


@pytest.fixture(scope="module")
def seen() -> Truth:
    return recorded.truth()


@pytest.fixture(scope="module")
def export(seen: Truth, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Record3D's export EXR + JPG."""
    pytest.importorskip("OpenEXR", reason="pip install OpenEXR")
    return recorded.write_record3d_export(tmp_path_factory.mktemp("record3d") / "2026-11-28", seen)


def test_record3ds_export_has_depth_times_and_intrinsics_of_each_frame(export: Path, seen: Truth) -> None:
    recording = open_recording(export)
    assert not recording.faults
    assert recording.time == pytest.approx(7 + np.arange(COUNT) / 10)
    assert recording.intrinsics[:, 0] == pytest.approx(CAMERA.focal + np.arange(COUNT))
    for n in range(COUNT):
        np.testing.assert_array_equal(recording.depth(n), seen.small["depth"][n])


def test_without_openexr_an_export_has_colours_only(export: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record3d, "has_openexr", lambda: False)
    recording = open_recording(export)
    assert recording.depth(0) is None
    assert any("testspace[exr]" in line for line in recording.messages())


def test_an_exr_file_of_absurd_size_or_content_is_refused_before_it_is_read(export: Path, tmp_path: Path) -> None:
    whole = (export / "EXR_RGBD/depth/0.exr").read_bytes()
    window = whole.index(b"dataWindow\0box2i\0") + len(b"dataWindow\0box2i\0") + 4
    huge = bytearray(whole)
    huge[window + 8 : window + 16] = np.array([100_000, 100_000], "<i4").tobytes()
    for content, words in ((huge, "not read|damaged"), (whole[:200], "damaged"), (b"", "damaged")):
        (tmp_path / "a.exr").write_bytes(content)
        with pytest.raises(FrameError, match=words):
            exr.read_exr(tmp_path / "a.exr")


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(0, 2000), st.integers(0, 255))
def test_whatever_byte_of_an_exr_file_is_wrong_it_is_read_or_refused(
    export: Path, tmp_path: Path, at: int, value: int
) -> None:
    data = bytearray((export / "EXR_RGBD/depth/0.exr").read_bytes())
    data[at % len(data)] = value
    (tmp_path / "a.exr").write_bytes(data)
    try:
        assert exr.read_exr(tmp_path / "a.exr").dtype == np.float32
    except FrameError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017


def test_record3d_files_have_intrinsics_and_times_of_each_frame_too(seen: Truth, tmp_path: Path) -> None:
    import zipfile

    file = recorded.write_record3d(tmp_path / "room.r3d", seen)
    with zipfile.ZipFile(file) as archive:
        told = json.loads(archive.read("metadata"))
        archive.extractall(tmp_path / "room")
    told |= {"perFrameIntrinsicCoeffs": [[50 + n, 51, 23, 17] for n in range(COUNT)], "frameTimestamps": [3.0] * COUNT}
    (tmp_path / "room" / "metadata").write_text(json.dumps(told))
    recording = open_recording(tmp_path / "room")
    assert recording.intrinsics[:, 0].tolist() == [50 + n for n in range(COUNT)]
    assert recording.time.tolist() == [3.0] * COUNT


@pytest.mark.parametrize("name", PAIRS)
def test_tums_pictures_may_be_listed_in_pairs(name: str, seen: Truth, tmp_path: Path) -> None:
    folder = recorded.write_tum(tmp_path / "living_room", seen)
    rows = [(folder / f"{kind}.txt").read_text().splitlines()[-COUNT:] for kind in ("rgb", "depth")]
    (folder / name).write_text("\n".join(f"{a} {b}" for a, b in zip(*rows, strict=True)))
    for kind in ("rgb", "depth"):
        (folder / f"{kind}.txt").unlink()
    recording = open_recording(folder)
    assert len(recording) == COUNT
    found = recording.depth(0)
    assert found is not None
    assert found == pytest.approx(seen.frame["depth"][0], abs=1e-3)


def test_tums_headers_may_have_lost_their_sign(seen: Truth, tmp_path: Path) -> None:
    folder = recorded.write_tum(tmp_path / "rgbd_dataset_freiburg1_xyz", seen)
    for name in ("rgb.txt", "depth.txt", "groundtruth.txt"):
        file = folder / name
        file.write_text(f"# color images\n# file: 'x.bag'\n timestamp filename\n{file.read_text()}")
    assert len(open_recording(folder)) == COUNT


def test_guessed_intrinsics_are_told(seen: Truth, tmp_path: Path) -> None:
    folder = recorded.write_tum(tmp_path / "mine", seen)
    (folder / "calibration.txt").unlink()
    assert any("calibration.txt" in line for line in open_recording(folder).messages())


@pytest.mark.parametrize(
    ("layout", "inner"),
    [("arkitscenes", "lowres_wide"), ("scannet", "color"), ("tum", "rgb"), ("stray", "odometry.csv")],
)
def test_a_folder_one_level_up_or_down_is_found(layout: str, inner: str, seen: Truth, tmp_path: Path) -> None:
    room = getattr(recorded, f"write_{layout}")(tmp_path / "41254925" / "41254925_frames", seen)
    (tmp_path / "41254925" / "41254925_3dod_annotation.json").write_text("{}")
    for path in (room.parent, room, room / inner):
        assert open_recording(path).source == str(room)


def test_of_several_recordings_one_must_be_named(seen: Truth, tmp_path: Path) -> None:
    for name in ("scene0000_00", "scene0000_01"):
        recorded.write_scannet_25k(tmp_path / name, seen)
    with pytest.raises(RecordingError, match=r"holds 2 recordings \(scene0000_00, scene0000_01\); name one"):
        open_recording(tmp_path)
