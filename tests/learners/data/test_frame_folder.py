"""A folder of one's own frames: read as it is documented, completed, and refused with the file's name."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from testspace.experiments.examples import own_frames
from testspace.learners.data.frame_folder import FrameFolder, FrameFolderError


def write(
    folder: Path, count: int = 3, size: tuple[int, int] = (40, 56), depth: str = "png", poses: bool = False
) -> None:
    rng = np.random.default_rng(0)
    (folder / "rgb").mkdir(parents=True)
    (folder / "depth").mkdir()
    for n in range(count):
        cv2.imwrite(str(folder / "rgb" / f"f{n}.png"), rng.integers(0, 256, (*size, 3), np.uint8))
        metres = np.full(size, 1.0 + n, np.float32)
        if depth == "png":
            cv2.imwrite(str(folder / "depth" / f"f{n}.png"), (metres * 1000).astype(np.uint16))
        else:
            np.save(folder / "depth" / f"f{n}.npy", metres)
    if poses:
        lines = ["name,x,y,z,yaw,pitch,roll", *(f"f{n},{n},1.5,0,90,0,0" for n in range(count))]
        (folder / "poses.csv").write_text("\n".join(lines))


@pytest.mark.parametrize("depth", ["png", "npy"])
def test_frames_are_of_the_contract(tmp_path: Path, depth: str) -> None:
    write(tmp_path, depth=depth, poses=True)
    folder = FrameFolder(tmp_path, 32)
    frames = folder.get(range(3))
    assert (len(folder), folder.modalities) == (3, ("rgb", "depth", "normals", "edges"))
    assert {key: (value.dtype, tuple(value.shape)) for key, value in frames.items()} == {
        "rgb": (torch.uint8, (3, 32, 32, 3)),
        "depth": (torch.float32, (3, 32, 32)),
        "normals": (torch.float32, (3, 32, 32, 3)),
        "edges": (torch.uint8, (3, 32, 32)),
        "pose": (torch.float32, (3, 6)),
    }
    assert frames["depth"].mean((1, 2)).tolist() == [1.0, 2.0, 3.0]
    assert torch.allclose(frames["normals"], torch.tensor([0.0, 0.0, 1.0]), atol=1e-6)  # a wall straight ahead
    assert frames["pose"][2].tolist() == [2.0, 1.5, 0.0, 90.0, 0.0, 0.0]


def test_rgb_alone_is_enough(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "depth").rename(tmp_path / "elsewhere")
    folder = FrameFolder(tmp_path, 32)
    assert folder.modalities == ("rgb", "edges")
    assert set(folder.sample(2)) == {"rgb", "edges"}


def test_the_seed_decides_what_is_drawn(tmp_path: Path) -> None:
    write(tmp_path)
    first, second = FrameFolder(tmp_path, 32, seed=1), FrameFolder(tmp_path, 32, seed=1)
    assert torch.equal(first.sample(8)["depth"], second.sample(8)["depth"])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda f: (f / "depth" / "f1.png").unlink(), "1 of 3 frames have none, the first is 'f1'"),
        (lambda f: (f / "rgb" / "f1.png").write_bytes(b"PNG"), "f1.png: not an image"),
        (lambda f: cv2.imwrite(str(f / "depth" / "f1.png"), np.zeros((40, 56), np.uint8)), "16-bit"),
        (lambda f: cv2.imwrite(str(f / "depth" / "f1.png"), np.zeros((9, 9), np.uint16)), r"\(9, 9\).*\(40, 56\)"),
        (lambda f: (f / "poses.csv").write_text("f0,1,2\n"), "line 1: expected name"),
        (lambda f: (f / "poses.csv").write_text("f0,0,0,0,0,0,0\n"), "no pose of 'f1', nor of 1 others"),
        (lambda f: (f / "rgb" / "f1.jpg").write_bytes(b""), "the same name"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, spoil, words: str) -> None:  # type: ignore[no-untyped-def]
    write(tmp_path)
    spoil(tmp_path)
    with pytest.raises(FrameFolderError, match=words):
        FrameFolder(tmp_path, 32).get(range(3))


def test_arrays_that_could_run_code_are_refused(tmp_path: Path) -> None:
    write(tmp_path, depth="npy")
    np.save(tmp_path / "depth" / "f1.npy", np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(FrameFolderError, match=r"f1\.npy: not a \.npy array of numbers"):
        FrameFolder(tmp_path, 32).get([1])


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FrameFolderError, match=r"no \.png or \.jpg images"):
        FrameFolder(tmp_path)


def test_the_example_trains_and_its_features_can_be_had(tmp_path: Path) -> None:
    write(tmp_path / "folder")
    own_frames.train(tmp_path / "folder", tmp_path / "encoder", steps=2)
    rgb = FrameFolder(tmp_path / "folder").get([0, 1])["rgb"]
    assert own_frames.features(tmp_path / "encoder", rgb).shape == (2, 64, 192)
    assert "Frames: 3" in (tmp_path / "encoder" / "README.md").read_text()


def test_a_picture_that_is_absurdly_large_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    (tmp_path / "rgb").mkdir()
    side = 30000
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    rows = zlib.compress(bytes(1000))  # cut short: nothing may get so far
    png += struct.pack(">I", len(rows)) + b"IDAT" + rows + struct.pack(">I", zlib.crc32(b"IDAT" + rows))
    (tmp_path / "rgb" / "a.png").write_bytes(png)
    with pytest.raises(FrameFolderError, match="30000 x 30000 pixels are too many"):
        FrameFolder(tmp_path, 16).sample(1)
