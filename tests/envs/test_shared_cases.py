"""Files of other people that once were read wrongly or ended in a traceback, where they lie beside the checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from testspace.core.frame import Camera
from testspace.envs.assembly.building import build_scene, load_scene
from testspace.envs.gym_envs.house_env import HouseEnv
from testspace.envs.house.house import HouseError
from testspace.envs.house.house_io import load_house
from testspace.envs.meshes import MeshError
from testspace.envs.packs.install import install
from testspace.envs.packs.library import PackError
from testspace.envs.recordings import RecordingError, open_recording
from testspace.envs.recordings.recording_simulator import RecordingSimulator

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"
PUBLIC, HOSTILE = CASES / "public", CASES / "hostile"
pytestmark = [
    pytest.mark.skipif(not CASES.is_dir(), reason="the shared cases are not there"),
    pytest.mark.filterwarnings("ignore::testspace.envs.meshes.MeshWarning"),
    pytest.mark.filterwarnings("ignore::testspace.envs.house.house.HouseWarning"),
]
RED, GREY = (0.8, 0.1, 0.1), (0.8, 0.8, 0.8)


@pytest.mark.parametrize(
    "name",
    ["floor_at_0", "low_floor", "inverted_winding", "mirrored_node", "quantised_normalised", "quantised_used_only",
     "texture_transform_required", "float", "millimetres"],
)  # fmt: skip
def test_a_room_is_the_same_room_however_it_is_written(name: str) -> None:
    scale = 0.001 if name == "millimetres" else 1.0
    env = HouseEnv(PUBLIC / "glb" / f"{name}.glb", camera=Camera(16, 16), light="direct", scale=scale)
    frame, _ = env.reset(seed=0)
    assert env.floor.area == pytest.approx(13.0, abs=0.1)
    assert frame["pose"][1] == pytest.approx(1.5)
    assert (frame["depth"] > 0).all()


@pytest.mark.parametrize(
    ("name", "colour"),
    [("continued", GREY), ("forward", GREY), ("tab_v", GREY), ("crlf", GREY), ("kd_one", (0.5, 0.5, 0.5)),
     ("kd_spectral", GREY), ("tab_mtl", RED), ("two_libs", RED), ("use_before_lib", RED)],
)  # fmt: skip
def test_objects_have_their_faces_and_colours(name: str, colour: tuple[float, ...]) -> None:
    scene = load_scene(PUBLIC / "obj" / f"{name}.obj")
    assert len(scene.faces) == 12
    used = {scene.materials[int(one)].rgb for one in np.unique(scene.face_material)}
    assert len(used) == 1
    assert used.pop() == pytest.approx(colour, abs=0.01)


def test_models_of_another_librarys_tests_are_read() -> None:
    assert len(load_scene(PUBLIC / "obj-real" / "cubevt.obj").faces) == 12
    assert len(load_scene(PUBLIC / "obj-real" / "wallhole.obj").faces) == 55


@pytest.mark.parametrize("name", ["holo.json", "holo_thor_assets.json", "walls_round.json", "strings_100.json"])
def test_houses_in_other_dialects_can_be_walked(name: str) -> None:
    assert HouseEnv(PUBLIC / "holodeck" / name, camera=Camera(8, 8), light="direct").floor.area > 13


@pytest.mark.parametrize(
    ("name", "frames", "focal"),
    [("arkitscenes-3dod/41254925", 8, 58.0), ("stray-per-frame-intrinsics", 8, 58.0), ("tripod-recording", 12, 41.6),
     ("mcap/aligned.mcap", 8, 56.7), ("mcap/depth_in_its_own_frame.mcap", 8, 56.7)],
)  # fmt: skip
def test_recordings_have_their_depth_and_the_intrinsics_of_each_frame(name: str, frames: int, focal: float) -> None:
    if name.startswith("mcap"):
        pytest.importorskip("rosbags", reason="pip install rosbags")
    recording = open_recording(PUBLIC / name)
    assert len(recording) == frames
    assert recording.intrinsics[:, 0].max() == pytest.approx(focal, abs=0.1)
    assert not recording.faults
    assert (RecordingSimulator(recording).frame(0)["depth"] > 0).mean() > 0.9


def test_depth_in_its_own_frame_is_that_of_the_aligned_bag() -> None:
    pytest.importorskip("rosbags", reason="pip install rosbags")
    own, aligned = (open_recording(PUBLIC / "mcap" / f"{name}.mcap") for name in ("depth_in_its_own_frame", "aligned"))
    for n in range(8):
        found, known = own.depth(n), aligned.depth(n)
        assert found is not None
        assert known is not None
        assert np.median(np.abs(found - known)) < 0.002


REFUSED: list[tuple[str, Any, str]] = [
    ("public/glb/unknown_required.glb", load_scene, "KHR_texture_basisu is not read"),
    ("public/obj/relative_up.obj", load_scene, "outside its folder"),
    *[(f"public/unknown-endings/room.{end}", load_scene, f".{end} files") for end in ("stl", "off", "usdz")],
    ("public/tum-lists", open_recording, "no frame can be used: 10 x frame without its picture"),
    ("hostile/hostile-HANG-deb-pax-bomb.deb", install, "a header of 419430400 bytes"),
    ("hostile/hostile-MEMORY-glb-30000-nodes-of-one-mesh.glb", load_scene, "repeat more than"),
    ("hostile/hostile-HANG-obj-300-mtllibs-of-20000-materials.obj", load_scene, "no triangle"),
    ("hostile/hostile-MEMORY-obj-300-pictures-of-8000x8000.obj", load_scene, "no triangle"),
    ("hostile/hostile-TRACEBACK-r3d-dw-negative.r3d", open_recording, "dw, dh or fps is out of range"),
    ("hostile/hostile-TRACEBACK-r3d-encrypted.r3d", open_recording, "encrypted"),
    ("hostile/hostile-TRACEBACK-r3d-metadata-nested.r3d", open_recording, "RecursionError"),
    ("hostile/mesh_CRASH_objmtl_1009/m.obj", load_scene, "finite numbers are needed"),
    ("hostile/mesh_CRASH_objmtl_1311/m.obj", load_scene, "finite numbers are needed"),
    ("hostile/obj-kd-nan/room.obj", load_scene, "finite numbers are needed"),
    ("hostile/recording_TRACEBACK_plain_own_recording_json_384/own", open_recording, "is not an id"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "read", "says"), REFUSED)
def test_what_cannot_be_read_is_refused_in_one_line(name: str, read: Any, says: str) -> None:
    with pytest.raises((MeshError, HouseError, RecordingError, PackError)) as refused:
        read(CASES / name)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_house_of_absurd_texts_is_read_or_refused() -> None:
    (file,) = HOSTILE.glob("house_TRACEBACK_*.json")
    try:
        build_scene(load_house(file))
    except HouseError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017
