"""`testspace export --coco`: what is written is what pycocotools reads, and what the simulator's labels say."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from two_rooms import two_rooms

from testspace.envs.assembly.building import build_scene
from testspace.envs.house.classes import CLASSES
from testspace.envs.house.house_io import save_house
from testspace.envs.render.raycast import RayCastSimulator
from testspace.experiments.cli import main as cli
from testspace.experiments.tools.coco import MIN_PIXELS, run_lengths
from testspace.experiments.tools.render import camera

PYCOCOTOOLS = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # its own


@PYCOCOTOOLS
def test_pycocotools_reads_what_the_simulator_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    save_house(two_rooms(), tmp_path / "house.json")
    out = tmp_path / "coco"
    cli.main(["export", "--house", str(tmp_path / "house.json"), "--coco", str(out), "--views", "5", "--size", "64x48"])
    read = coco.COCO(str(out / "annotations.json"))
    assert f"{out}: 5 images, {len(read.anns)} annotations" in capsys.readouterr().out
    assert len(read.imgs) == 5
    assert {one["name"]: one["id"] for one in read.loadCats(read.getCatIds())} == {
        name: number for number, name in enumerate(CLASSES) if number
    }
    scene = build_scene(two_rooms())
    simulator = RayCastSimulator(scene, camera(64, 48))
    for image in read.imgs.values():
        picture = cv2.imread(str(out / image["file_name"]))
        assert picture.shape == (48, 64, 3)
        frame, labels = simulator.render_with_labels(np.array([image["pose"]]))
        true = labels.instance[0]
        told = np.zeros((48, 64), np.int16)
        annotations = read.loadAnns(read.getAnnIds(imgIds=image["id"]))
        for one in annotations:
            mask = read.annToMask(one).astype(bool)
            told[mask] = one["category_id"]
            assert one["area"] == mask.sum() >= MIN_PIXELS
            left, top, width, height = one["bbox"]
            assert mask[top : top + height, left : left + width].sum() == mask.sum()
            assert mask[:, [left, left + width - 1]].any(0).all()
            assert mask[[top, top + height - 1]].any(1).all()
        large = {number for number in np.unique(true) if (true == number).sum() >= MIN_PIXELS}
        expected = np.where(np.isin(true, sorted(large)), labels.semantic[0], 0)
        assert (told == expected).mean() > 0.99  # poses are rounded in the file
        assert abs(len(annotations) - sum(scene.instances[n].class_id > 0 for n in large)) <= 1
        assert np.abs(picture[..., ::-1].astype(int) - frame["rgb"][0]).mean() < 2


@PYCOCOTOOLS
@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_run_lengths_are_those_of_pycocotools(seed: int, share: float) -> None:
    masks = pytest.importorskip("pycocotools.mask")
    mask = np.random.default_rng(seed).random((7, 9)) < share
    again = masks.decode(masks.frPyObjects({"size": [7, 9], "counts": run_lengths(mask)}, 7, 9))
    np.testing.assert_array_equal(again.astype(bool), mask)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "nothing to write: name --glb FILE, --coco FOLDER"),
        (["--coco", "there"], "there is not empty"),
        (["--coco", "new", "--views", "0"], "--views must be 1 or more"),
        (["--coco", "new", "--size", "9"], "--size must be WIDTHxHEIGHT"),
    ],
)
def test_what_cannot_be_written_is_told(
    options: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").touch()
    with pytest.raises(SystemExit) as end:
        cli.main(["export", *options])
    assert end.value.code == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "new" / "annotations.json").exists()


def test_the_same_seed_writes_the_same(tmp_path: Path) -> None:
    save_house(two_rooms(), tmp_path / "house.json")
    for name in ("a", "b"):
        options = ["--house", str(tmp_path / "house.json"), "--views", "2", "--size", "32x32"]
        cli.main(["export", "--coco", str(tmp_path / name), *options])
    read = [json.loads((tmp_path / name / "annotations.json").read_text()) for name in ("a", "b")]
    assert read[0] == read[1]
