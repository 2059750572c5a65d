"""`testspace dataset`: labelled views of many houses, written for other programs to train on."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import tyro

Modality = Literal["rgb", "depth", "normals", "edges", "semantic", "instance"]
MODALITIES: tuple[Modality, ...] = ("rgb", "depth", "normals", "edges", "semantic", "instance")


def dataset(
    *,
    out: Path,
    houses: int = 1000,
    views: int = 60,
    size: str = "128x128",
    layout: Literal["folder", "webdataset", "coco"] = "webdataset",
    seed: int = 0,
    house: str | None = None,
    modalities: tuple[Modality, ...] = MODALITIES,
    noise: Literal["none", "stereo", "random"] = "none",
    processes: int | None = None,
    dry_run: tyro.conf.FlagCreatePairsOff[bool] = False,
) -> None:
    """Write labelled views of many houses to train on, with splits and a data card. The same command goes on.

    Says first how long it will take and how many GB.

    Args:
        out: New folder, or one that the same command has begun.
        houses: How many houses; of ten, eight are for training, one each for validation and test.
        views: Views of a house.
        size: Pixels of a view, WIDTHxHEIGHT.
        layout: webdataset (tar files), folder (a PNG file for each image, as Hugging Face's imagefolder) or coco
            (colour, with boxes and masks).
        seed: Seed of houses, light and poses; each has other houses.
        house: A file of real houses (.jsonl, .jsonl.gz) to take instead of generated ones.
        modalities: Images of a view; coco has rgb only.
        noise: none; stereo, a stereo camera's depth and colour; or random, a camera for each house with lens, shutter,
            sensor, JPEG and depth of any kind, between none of an effect and the strongest that is usual.
        processes: Processes that render; without it, one a core.
        dry_run: Only say what it would take.
    """
    from ..tools.dataset import DatasetConfig, write_dataset

    config = DatasetConfig(out, houses, views, size, layout, seed, house, modalities, noise, processes, dry_run)
    print(write_dataset(config))
