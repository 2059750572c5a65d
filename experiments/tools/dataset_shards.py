"""One shard of a data set on the disk: the views of some houses of one split, in one of three layouts.

    folder       SPLIT/MODALITY/KEY.png, SPLIT/metadata.jsonl       for Hugging Face's imagefolder
    webdataset   SPLIT-000000.tar with KEY.MODALITY.png, KEY.json   for webdataset and Hugging Face
    coco         images/SPLIT/KEY.png, annotations/SPLIT.json       for pycocotools

A shard is done once its record, shards/NAME.json, is there; one that was cut off is written again.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from ...core.storage import replacing
from ...datasets import HouseViews
from .coco import annotations_of

Layout = Literal["folder", "webdataset", "coco"]
RECORDS = "shards"
"""Folder of the shards' records."""


@dataclass(frozen=True)
class Shard:
    """Houses that are written together."""

    split: str
    number: int
    """Within its split."""
    houses: tuple[int, ...]

    @property
    def name(self) -> str:
        """As train-000000."""
        return f"{self.split}-{self.number:06d}"

    def record(self, out: Path) -> Path:
        """File that says that the shard is done, and what is in it."""
        return out / RECORDS / f"{self.name}.json"


def write_shard(out: Path, layout: Layout, shard: Shard, views: HouseViews) -> None:
    """Render and write a shard, then its record."""
    pixels: Counter[int] = Counter()
    frames: Counter[int] = Counter()
    rows: list[dict[str, Any]] = []
    size = 0
    with ExitStack() as stack:
        tar = None
        if layout == "webdataset":
            unfinished = stack.enter_context(replacing(out / f"{shard.name}.tar"))
            tar = stack.enter_context(tarfile.open(unfinished, "w"))
        for number in shard.houses:
            house = views.house(number)
            for view in range(len(house["pose"])):
                sample = {name: array[view] for name, array in house.items()}
                found, counts = np.unique(sample["semantic"], return_counts=True)
                pixels.update(dict(zip(found.tolist(), counts.tolist(), strict=True)))
                frames.update(found.tolist())
                row = {"key": f"{number:06d}-{view:03d}", **_facts(sample), "house": number, "view": view}
                images = encoded(sample, views.options.modalities if layout != "coco" else ("rgb",))
                if layout == "coco":
                    shape = sample["instance"].shape
                    image = number * views.options.views + view
                    row |= {"id": image, "height": shape[0], "width": shape[1]}
                    row["annotations"] = annotations_of(sample["instance"], sample["semantic"], image, 0)
                rows.append(row)
                size += sum(map(len, images.values()))
                if tar is not None:
                    _add_to_tar(tar, row, images)
                else:
                    _add_files(out, layout, shard.split, row["key"], images)
    if layout == "webdataset":
        rows, size = [], (out / f"{shard.name}.tar").stat().st_size
    record = {
        "name": shard.name,
        "split": shard.split,
        "houses": list(shard.houses),
        "samples": len(shard.houses) * views.options.views,
        "bytes": size,
        "pixels": pixels,
        "frames": frames,
        "rows": rows,
    }
    with replacing(shard.record(out)) as unfinished:
        unfinished.write_text(json.dumps(record))


def encoded(sample: dict[str, NDArray[Any]], modalities: tuple[str, ...]) -> dict[str, bytes]:
    """PNG files of a view's images by modality.

    Depth in 16 bits of millimetres, normals as 128 + 127 n (128 three times = none), semantic in 8 bits, instance in
    16.
    """
    images = {name: sample[name] for name in modalities}
    if "depth" in images:
        images["depth"] = np.clip(np.round(images["depth"] * 1000), 0, 65535).astype(np.uint16)
    if "normals" in images:
        images["normals"] = np.round(128 + 127 * images["normals"]).astype(np.uint8)
    if "instance" in images:
        images["instance"] = images["instance"].astype(np.uint16)
    return {name: cv2.imencode(".png", image[..., ::-1] if image.ndim == 3 else image)[1].tobytes()
            for name, image in images.items()}  # fmt: skip


def _facts(sample: dict[str, NDArray[Any]]) -> dict[str, Any]:
    return {"pose": [round(float(value), 4) for value in sample["pose"]],
            "vertical_fov": round(float(sample["vertical_fov"]), 4)}  # fmt: skip


def _add_to_tar(tar: tarfile.TarFile, row: dict[str, Any], images: dict[str, bytes]) -> None:
    for name, data in [*((f"{name}.png", data) for name, data in images.items()), ("json", json.dumps(row).encode())]:
        member = tarfile.TarInfo(f"{row['key']}.{name}")  # without a time: the same views are the same bytes
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))


def _add_files(out: Path, layout: Layout, split: str, key: str, images: dict[str, bytes]) -> None:
    for name, data in images.items():
        folder = out / split / name if layout == "folder" else out / "images" / split
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{key}.png").write_bytes(data)
