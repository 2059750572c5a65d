"""`testspace segment` on pictures, end to end on views of a generated house with the weights of the package; and bad
input. Videos, recordings and cameras: test_segment_sources.py."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import pytest

from testspace.core.frame import Camera, Frame, Labels
from testspace.envs.assembly.building import build_scene
from testspace.envs.generator import generate_house
from testspace.envs.house.classes import CLASSES
from testspace.envs.render.raycast import RayCastSimulator
from testspace.experiments.cli.main import main
from testspace.experiments.protocol.held_out import draw_views
from testspace.learners.generalist.perception import Perception
from testspace.learners.generalist.weights import WeightsError, load_generalist

Call = Callable[..., str]


@pytest.fixture(scope="module")
def views() -> tuple[Frame, Labels]:
    house = generate_house(5, rooms=2, split="test")
    simulator = RayCastSimulator(build_scene(house), Camera(192, 128), light="direct")
    return draw_views(simulator, 6, 1.5, np.random.default_rng(0))


@pytest.fixture
def folder(tmp_path: Path, views: tuple[Frame, Labels]) -> Path:
    (tmp_path / "rgb").mkdir()
    (tmp_path / "depth").mkdir()
    for number, (rgb, depth) in enumerate(zip(views[0]["rgb"], views[0]["depth"], strict=True)):
        cv2.imwrite(str(tmp_path / f"rgb/{number}.png"), rgb[..., ::-1])
        cv2.imwrite(str(tmp_path / f"depth/{number}.png"), np.round(depth * 1000).astype(np.uint16))
    return tmp_path


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Call:
    """What `segment` says, in one line, when it refuses."""

    def call(*arguments: str | Path) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["segment", *map(str, arguments), "--out", str(tmp_path / "out")])
        assert ended.value.code == 2
        told = capsys.readouterr().err
        assert told.count("\n") == 1
        return told

    return call


def test_the_shipped_weights_are_small_and_of_our_classes() -> None:
    network, provenance = load_generalist(CLASSES)
    assert network.config.classes == len(CLASSES)
    assert provenance["excluded_assets"]
    assert len((files("testspace.learners.generalist") / "generalist.safetensors").read_bytes()) <= 15 * 10**6
    with pytest.raises(WeightsError, match="its classes are not those"):
        load_generalist(("void", *CLASSES[:0:-1]))


@pytest.mark.parametrize("with_depth", [False, True])
def test_views_of_a_house_are_segmented(
    folder: Path, views: tuple[Frame, Labels], capsys: pytest.CaptureFixture[str], with_depth: bool
) -> None:
    out = folder / "out"
    main(["segment", str(folder / "rgb"), "--out", str(out), *(["--depth", str(folder / "depth")] * with_depth)])
    told = capsys.readouterr().out
    assert "6 pictures, " + ("rgb-d" if with_depth else "rgb") in told
    assert "ms a frame" in told
    labels = np.stack([cv2.imread(str(out / f"labels/{n}.png"), cv2.IMREAD_UNCHANGED) for n in range(6)])
    truth = views[1].semantic
    assert labels.shape == truth.shape
    assert (labels == truth)[truth > 0].mean() > 0.7  # 0.9; a mirrored map has 0.5
    classes = json.loads((out / "classes.json").read_text())
    assert classes["classes"] == {str(number): name for number, name in enumerate(CLASSES)}
    assert set(classes["shares"]) == {CLASSES[number] for number in np.unique(labels)}
    assert sum(classes["shares"].values()) == pytest.approx(1, abs=1e-3)
    assert cv2.imread(str(out / "overlays/3.png")).shape == (128, 192, 3)
    assert cv2.imread(str(out / "legend.png")).shape[0] == 24 * len(classes["shares"]) + 8


def test_one_wide_grey_picture(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = folder / "wide.jpg"
    cv2.imwrite(str(file), np.tile(cv2.imread(str(folder / "rgb/0.png"), cv2.IMREAD_GRAYSCALE), (1, 3)))
    main(["segment", str(file), "--out", str(folder / "out")])
    assert "1 picture, rgb" in capsys.readouterr().out
    assert cv2.imread(str(folder / "out/labels/wide.png"), cv2.IMREAD_UNCHANGED).shape == (128, 576)


def test_pictures_of_mixed_sizes_some_left_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = cv2.imread(str(folder / "rgb/0.png"))
    cv2.imwrite(str(folder / "rgb/2.png"), first[:100, :60])
    cv2.imwrite(str(folder / "rgb/4.png"), cv2.resize(first, (300, 301)))
    main(["segment", str(folder / "rgb"), "--out", str(folder / "out"), "--every", "2", "--frames", "3"])
    assert "3 pictures, rgb" in capsys.readouterr().out
    shapes = {
        file.stem: cv2.imread(str(file), cv2.IMREAD_UNCHANGED).shape for file in (folder / "out/labels").iterdir()
    }
    assert shapes == {"0": (128, 192), "2": (100, 60), "4": (301, 300)}


def test_ctrl_c_leaves_complete_files(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def interrupted(perception: Perception, rgb: np.ndarray, *_: object) -> np.ndarray:
        calls.append(rgb)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return np.full(rgb.shape[:2], 3, np.int16)

    monkeypatch.setattr(Perception, "__call__", interrupted)
    with pytest.raises(SystemExit) as ended:
        main(["segment", str(folder / "rgb"), "--out", str(folder / "out")])
    assert ended.value.code == 130
    assert "2 of 6 pictures" in capsys.readouterr().out
    assert {file.name for file in (folder / "out").iterdir()} == {"labels", "overlays", "legend.png", "classes.json"}
    assert len(list((folder / "out/labels").iterdir())) == 2


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def test_what_is_no_picture_is_refused_in_one_line(tmp_path: Path, refused: Call) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.png").write_text("not a picture")
    bomb = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)) + chunk(b"IEND", b"")
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bomb)
    assert "no .png or .jpg pictures there, and no recording" in refused(tmp_path / "empty")
    assert "there is no such file or folder" in refused(tmp_path / "missing.png")
    for name in ("text.png", "bomb.png"):
        assert "it is not a PNG or JPEG of a size that is read" in refused(tmp_path / name)
    cv2.imwrite(str(tmp_path / "long.png"), np.zeros((16, 400, 3), np.uint8))
    assert "its sides must be" in refused(tmp_path / "long.png")


def test_a_damaged_picture_is_refused(folder: Path, refused: Call) -> None:
    file = folder / "rgb/0.png"
    file.write_bytes(file.read_bytes()[:30])
    assert "0.png" in refused(file)


def test_depth_options_and_weights_that_do_not_fit_are_refused(folder: Path, refused: Call) -> None:
    picture = folder / "rgb/0.png"
    assert "--vertical-fov must be between" in refused(picture, "--vertical-fov", "180")
    assert "--pitch must be between" in refused(picture, "--pitch", "nan")
    assert "--every must be 1 or more, got 0" in refused(picture, "--every", "0")
    assert "--frames must be 1 or more, got -3" in refused(picture, "--frames", "-3")
    (folder / "bad.safetensors").write_text("x")
    assert "bad.safetensors" in refused(picture, "--weights", folder / "bad.safetensors")
    depth = folder / "depth/0.png"
    cv2.imwrite(str(depth), np.zeros((100, 192), np.uint16))
    assert "depth has 192 x 100 pixels, the picture 192 x 128" in refused(picture, "--depth", folder / "depth")
    cv2.imwrite(str(depth), np.zeros((128, 192), np.uint8))
    assert "expected a depth map of 16 bits" in refused(picture, "--depth", folder / "depth")
    depth.unlink()
    assert "there is no such file, and 1 of 1 are missing" in refused(picture, "--depth", folder / "depth")


def test_a_folder_that_holds_something_is_not_written_into(folder: Path, refused: Call) -> None:
    (folder / "out").mkdir()
    (folder / "out/mine.txt").write_text("mine")
    assert "is not empty" in refused(folder / "rgb")
    (folder / "rgb/0.jpg").write_bytes(b"")
    assert "has the same name" in refused(folder / "rgb")
