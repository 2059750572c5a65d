"""`testspace dataset`: what is written is what the views are, in each layout, and what was cut off goes on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from two_rooms import two_rooms

from testspace.datasets import CameraRange, HouseViews, ViewOptions
from testspace.datasets.view_options import MODALITIES
from testspace.envs.house.house_io import house_to_json
from testspace.experiments.cli import dataset_cli
from testspace.experiments.cli import main as cli
from testspace.experiments.tools import dataset as command
from testspace.experiments.tools.dataset import DatasetConfig, plan, write_dataset
from testspace.experiments.tools.dataset_shards import Shard, write_shard

HOUSES, VIEWS = 9, 2


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of nine houses: eight of train and one of val."""
    file = tmp_path_factory.mktemp("houses") / "houses.jsonl"
    file.write_text("\n".join(json.dumps(house_to_json(two_rooms())) for _ in range(HOUSES)))
    return file


@pytest.fixture(scope="module")
def written(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each layout, written within this process."""
    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "_render", in_this_process)
        for layout in ("webdataset", "folder", "coco"):
            write_dataset(config(file, folder / layout, layout=layout))
    return folder


def config(file: Path, out: Path, **others: object) -> DatasetConfig:
    options = DatasetConfig(out, HOUSES, VIEWS, "32x24", house=str(file), processes=1)
    return replace(options, **others)  # type: ignore[arg-type]


def in_this_process(options: DatasetConfig, _: object, missing: list[Shard], __: int) -> None:
    for shard in missing:
        write_shard(options.out, options.layout, shard, command._views(options, shard.split))


def members(tar: Path) -> dict[str, dict[str, bytes]]:
    """Samples by WebDataset's conventions: files that share all up to the first dot, one after the other."""
    samples: dict[str, dict[str, bytes]] = defaultdict(dict)
    with tarfile.open(tar) as files:
        for member in files:
            key, _, name = member.name.partition(".")
            assert not samples or key not in list(samples)[:-1]
            samples[key][name] = files.extractfile(member).read()  # type: ignore[union-attr]
    return samples


def picture(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


def test_tars_hold_the_views(written: Path, file: Path) -> None:
    samples = members(written / "webdataset" / "train-000000.tar")
    assert list(samples)[:3] == ["000000-000", "000000-001", "000001-000"]
    assert len(samples) == 8 * VIEWS
    views = HouseViews(ViewOptions(houses=file, views=VIEWS, camera=CameraRange(32, 24))).house(1)
    sample = samples["000001-001"]
    np.testing.assert_array_equal(picture(sample["rgb.png"])[..., ::-1], views["rgb"][1])
    np.testing.assert_array_equal(picture(sample["semantic.png"]), views["semantic"][1])
    np.testing.assert_array_equal(picture(sample["instance.png"]), views["instance"][1])
    np.testing.assert_allclose(picture(sample["depth.png"]) / 1000, views["depth"][1], atol=0.001)
    normals = (picture(sample["normals.png"])[..., ::-1].astype(float) - 128) / 127
    np.testing.assert_allclose(normals, views["normals"][1], atol=0.005)
    np.testing.assert_allclose(json.loads(sample["json"])["pose"], views["pose"][1], atol=1e-3)


def test_the_card_and_the_index_count_what_is_there(written: Path) -> None:
    index = json.loads((written / "webdataset" / "index.json").read_text())
    assert [(one["name"], one["samples"]) for one in index["shards"]] == [("train-000000", 16), ("val-000000", 2)]
    card = (written / "webdataset" / "README.md").read_text()
    assert "| train | 8 | 16 | 1 |" in card
    assert "license: other" in card
    labels = [picture(sample["semantic.png"]) for sample in members(written / "webdataset/train-000000.tar").values()]
    share, frames = np.mean([label == 1 for label in labels]), sum((label == 1).any() for label in labels)
    assert f"| 1 | Wall | {share:.3%} | {frames} |" in card


def test_views_of_a_camera_with_noise_say_so(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: Path
) -> None:
    monkeypatch.setattr(command, "_render", in_this_process)
    made = {"none": written / "webdataset"}
    for noise in ("stereo", "random"):
        made[noise] = tmp_path / noise
        write_dataset(config(file, made[noise], noise=noise))
        card = (made[noise] / "README.md").read_text()
        assert f"--noise {noise}" in card
        assert {"stereo": "noise of a stereo camera", "random": "another imperfect camera"}[noise] in card
    assert "exact" in (made["none"] / "README.md").read_text()
    samples = {noise: members(folder / "train-000000.tar")["000001-001"] for noise, folder in made.items()}
    assert len({sample["rgb.png"] for sample in samples.values()}) == 3
    assert len({sample["depth.png"] for sample in samples.values()}) == 3
    assert samples["none"]["semantic.png"] == samples["stereo"]["semantic.png"]


def test_folders_hold_the_same(written: Path) -> None:
    rows = [json.loads(line) for line in (written / "folder" / "train" / "metadata.jsonl").read_text().splitlines()]
    samples = members(written / "webdataset" / "train-000000.tar")
    assert [row["key"] for row in rows] == list(samples)
    for name in ("rgb", "semantic"):
        data = (written / "folder" / "train" / rows[3][f"{name}_file_name"]).read_bytes()
        assert data == samples[rows[3]["key"]][f"{name}.png"]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_pycocotools_reads_the_masks(written: Path) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    read = coco.COCO(str(written / "coco" / "annotations" / "train.json"))
    assert len(read.imgs) == 8 * VIEWS
    samples = members(written / "webdataset" / "train-000000.tar")
    for image in read.imgs.values():
        assert (written / "coco" / image["file_name"]).is_file()
        semantic = picture(samples[Path(image["file_name"]).stem]["semantic.png"])
        for one in read.loadAnns(read.getAnnIds(imgIds=image["id"])):
            assert (semantic[read.annToMask(one).astype(bool)] == one["category_id"]).mean() > 0.5
    assert len(read.anns) == len({one["id"] for one in read.dataset["annotations"]}) > 0


READ = {
    "webdataset": """
import webdataset
samples = list(webdataset.WebDataset('FOLDER/webdataset/train-{000000..000000}.tar', shardshuffle=False).decode('pil'))
assert len(samples) == 16, len(samples)
assert samples[0]['rgb.png'].size == (32, 24) and len(samples[0]['json']['pose']) == 6
""",
    "datasets": """
import datasets
tars = datasets.load_dataset('FOLDER/webdataset', cache_dir='FOLDER/cache')
files = datasets.load_dataset('imagefolder', data_dir='FOLDER/folder', cache_dir='FOLDER/cache')
assert {name: len(part) for name, part in tars.items()} == {'train': 16, 'val': 2}, tars
assert tars['train'][0]['semantic.png'].size == files['train'][0]['semantic'].size == (32, 24)
assert files['train'][0]['pose'] == tars['train'][0]['json']['pose']
""",
}


@pytest.mark.parametrize("reader", READ)
def test_other_packages_read_it(reader: str, written: Path, tmp_path: Path) -> None:
    # in a process of its own, elsewhere: beside our own folder `datasets`, Hugging Face's would not be found
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    there = subprocess.run([sys.executable, "-c", f"import {reader}, PIL"], cwd=tmp_path, capture_output=True)
    if there.returncode:
        pytest.skip(f"{reader} is not installed")
    code = READ[reader].replace("FOLDER", str(written))
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_same_command_goes_on_and_another_is_refused(
    written: Path, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "_render", in_this_process)
    out = tmp_path / "data"
    shutil.copytree(written / "webdataset", out)
    before = (out / "val-000000.tar").read_bytes()
    (out / "val-000000.tar").write_bytes(b"cut off")
    (out / "shards" / "val-000000.json").unlink()
    write_dataset(config(file, out))
    assert (out / "val-000000.tar").read_bytes() == before
    assert "2 frames in 1 shards (1 of 2 shards are there): about" in capsys.readouterr().err
    with pytest.raises(ValueError, match=f"{out} was begun with another views: `testspace dataset"):
        write_dataset(config(file, out, views=3))


def test_the_command_renders_in_processes(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--houses", "1", "--views", "2", "--size", "16x16", "--modalities", "rgb", "semantic"]
    cli.main(["dataset", "--house", str(file), "--out", str(tmp_path / "new"), *words, "--processes", "1"])
    assert "2 frames in 1 shards" in capsys.readouterr().out
    assert set(members(tmp_path / "new" / "train-000000.tar")["000000-000"]) == {"rgb.png", "semantic.png", "json"}


@pytest.mark.parametrize(
    ("others", "says"),
    [
        ({"houses": 0}, "--houses must be 1 to"),
        ({"houses": 10}, "has 9"),
        ({"processes": 0}, "--processes must be 1 or more"),
        ({"modalities": ("rgb",)}, "--modalities must have semantic"),
        ({"size": "9"}, "--size must be WIDTHxHEIGHT"),
    ],
)
def test_what_cannot_be_written_is_told(others: dict[str, object], says: str, file: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=says):
        write_dataset(config(file, tmp_path / "new", **others))
    assert not (tmp_path / "new").exists()


def test_a_folder_of_something_else_is_kept(file: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(ValueError, match="is not empty, and no data set"):
        write_dataset(config(file, tmp_path))


def test_a_houses_split_does_not_depend_on_how_many_there_are() -> None:
    few, many = ({n: shard.split for shard in plan(count) for n in shard.houses} for count in (25, 1000))
    assert few.items() <= many.items()
    assert [list(many.values()).count(split) for split in ("train", "val", "test")] == [800, 100, 100]
    assert max(len(shard.houses) for shard in plan(1000)) == 16


def test_the_command_line_offers_all_modalities() -> None:
    assert dataset_cli.MODALITIES == MODALITIES
