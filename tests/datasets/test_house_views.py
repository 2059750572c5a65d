"""Endless views: the same for the same options, divided without overlap, resumed to the sample, exact or measured."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader
from two_rooms import two_rooms

from testspace.core.frame import Camera, check_frame
from testspace.datasets import CameraRange, HouseViews, HouseViewsDataset, ViewOptions
from testspace.datasets.house_views import Shard
from testspace.datasets.view_options import ViewError
from testspace.envs.camera.lens import Lens
from testspace.envs.camera.model import CameraModel, random_camera
from testspace.envs.gym_envs.sensor_noise import StereoCamera
from testspace.envs.house.house_io import house_to_json

SMALL = ViewOptions(views=4, mix=1, camera=CameraRange(32, 24))
ROOMS = replace(SMALL, houses=[two_rooms(), two_rooms()])


def names(samples: Any) -> list[tuple[int, int]]:
    return [(int(one["house"]), int(one["view"])) for one in samples]


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[key], other[key]) for key in one)


def test_a_sample_is_a_frame_with_labels_and_the_same_each_time() -> None:
    samples = list(islice(HouseViews(SMALL), 5))
    assert names(samples) == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0)]
    check_frame(samples[0], Camera(32, 24))
    assert (samples[0]["semantic"].dtype, samples[0]["instance"].dtype) == (np.uint8, np.int32)
    assert samples[0]["semantic"].any()
    again = HouseViews(SMALL, Shard(1, 2))
    assert same(next(again), samples[4])
    assert names(islice(again, 5)) == [(1, 1), (1, 2), (1, 3), (3, 0), (3, 1)]
    assert not np.array_equal(next(HouseViews(replace(SMALL, seed=1)))["rgb"], samples[0]["rgb"])


def test_it_goes_on_from_a_state_and_refuses_anothers() -> None:
    views = HouseViews(ROOMS)
    list(islice(views, 6))
    state = views.state_dict()
    rest = list(islice(views, 3))
    resumed = HouseViews(ROOMS).load_state_dict(state)
    assert all(same(one, other) for one, other in zip(rest, islice(resumed, 3), strict=True))
    with pytest.raises(ViewError, match="seed 0, not 5"):
        HouseViews(replace(ROOMS, seed=5)).load_state_dict(state)


def test_houses_alternate_and_are_renewed_one_by_one() -> None:
    views = HouseViews(replace(ROOMS, mix=2))
    assert names(islice(views, 8)) == [(0, 0), (1, 2), (0, 1), (1, 3), (0, 2), (3, 0), (0, 3), (3, 1)]
    state = views.state_dict()
    assert same(next(HouseViews(views.options).load_state_dict(state)), next(views))


def test_cameras_noise_and_modalities_are_chosen() -> None:
    ranges = CameraRange(32, 24, vertical_fov=(50, 70), above_floor=(0.5, 0.8), pitch=(-10, 0))
    sample = next(HouseViews(replace(ROOMS, camera=ranges)))
    assert 50 <= sample["vertical_fov"] <= 70
    assert 0.5 <= sample["pose"][1] <= 0.8
    assert -10 <= sample["pose"][4] <= 0
    noisy = next(HouseViews(replace(ROOMS, camera=ranges, noise=StereoCamera())))
    assert 0 < np.abs(noisy["rgb"].astype(int) - sample["rgb"]).mean() < 4
    assert not np.array_equal(noisy["depth"], sample["depth"])
    np.testing.assert_array_equal(noisy["semantic"], sample["semantic"])
    few = next(HouseViews(replace(ROOMS, modalities=("depth", "semantic"))))
    assert few.keys() == {"depth", "semantic", "pose", "vertical_fov", "house", "view"}


def test_views_are_a_real_cameras_with_labels_where_its_lens_shows_them() -> None:
    exact = next(HouseViews(ROOMS))
    assert same(next(HouseViews(replace(ROOMS, noise=CameraModel()))), exact)
    distorting = next(HouseViews(replace(ROOMS, noise=CameraModel(Lens(k1=-0.05)))))
    check_frame({key: distorting[key] for key in ("rgb", "depth", "normals", "edges", "pose")}, Camera(32, 24))
    assert (distorting["semantic"] != exact["semantic"]).any()
    np.testing.assert_array_equal(distorting["semantic"][11:13, 15:17], exact["semantic"][11:13, 15:17])
    drawn = HouseViews(replace(ROOMS, noise=random_camera))
    first = {key: value[0] for key, value in drawn.house(0).items()}
    assert same(next(drawn), {**first, "house": 0, "view": 0})
    assert not np.array_equal(first["rgb"], exact["rgb"])


def test_real_houses_come_in_another_order_each_time_round(tmp_path: Path, shared_data: Path) -> None:
    file = tmp_path / "houses.jsonl"
    file.write_text("\n".join(json.dumps(house_to_json(two_rooms())) for _ in range(2)))
    first, second = (HouseViews(replace(SMALL, houses=file)).house(number) for number in (0, 2))
    assert not np.array_equal(first["pose"], second["pose"])
    real = HouseViews(replace(SMALL, houses=[f"{shared_data / 'procthor-houses.jsonl.gz'}:0"]))
    assert next(real)["semantic"].any()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"views": 0}, "views and mix 1 or more"),
        ({"modalities": ("colour",)}, "modalities must be some of rgb"),
        ({"houses": [1], "split": "train"}, "houses are given"),
        ({"houses": []}, "the list is empty"),
    ],
)
def test_what_does_not_go_together_is_told(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ViewError, match=says):
        ViewOptions(**options)


def test_a_loaders_workers_share_the_houses_and_the_training_goes_on_where_it_was() -> None:
    dataset = HouseViewsDataset(replace(ROOMS, modalities=("semantic",)))

    def batches(data: HouseViewsDataset, count: int) -> list[dict[str, torch.Tensor]]:
        return list(islice(DataLoader(data, batch_size=3, num_workers=2, multiprocessing_context="fork"), count))

    whole = batches(dataset, 5)
    assert {int(one) for batch in whole for one in batch["house"]} == {0, 1, 2, 3, 4}
    state = dataset.state_after(3, 3, num_workers=2)
    resumed = HouseViewsDataset(dataset.options)
    resumed.load_state_dict(state)
    assert all(same(*pair) for pair in zip(batches(resumed, 2), whole[3:], strict=True))
    with pytest.raises(ViewError, match="as many, not 1"):
        iter(resumed)


def test_one_process_keeps_its_own_state_and_transforms() -> None:
    dataset = HouseViewsDataset(ROOMS, transform=lambda sample: (int(sample["house"]), int(sample["view"])))
    views = iter(dataset)
    assert list(islice(views, 6))[-1] == (1, 1)
    state = dataset.state_dict()
    dataset.load_state_dict(state)
    assert next(iter(dataset)) == (1, 2)


def test_ranks_share_the_houses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 4)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 3)
    assert int(next(iter(HouseViewsDataset(ROOMS)))["house"]) == 3
