"""What goes with a data set's shards: the index, what readers of its layout need, and the data card."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ...core.storage import replacing, write_json
from ...envs.house.classes import CLASSES
from .coco import CATEGORIES
from .dataset_shards import Layout, Shard

_MEASURED = {
    "none": "Colour and depth are exact.",
    "stereo": "Depth and colour have the noise of a stereo camera; labels are exact.",
    "random": "Each house is seen by another imperfect camera (lens, shutter, sensor, JPEG, kind of depth), whose"
    " pinhole this is; labels follow the colour.",
}
INDEX = "index.json"
LICENCE = "apache-2.0"
"""Of pictures of generated houses, as that of the package."""
_READ = {
    "folder": "`datasets.load_dataset('imagefolder', data_dir=FOLDER)`",
    "webdataset": "`webdataset.WebDataset('FOLDER/train-{{000000..{last:06d}}}.tar')`, or"
    " `datasets.load_dataset('webdataset', data_files='FOLDER/train-*.tar')`",
    "coco": "`pycocotools.coco.COCO('FOLDER/annotations/train.json')`; its pictures are in images/train/",
}


def finish(out: Path, layout: Layout, shards: Sequence[Shard], facts: dict[str, Any]) -> Path:
    """Write the index, the layout's lists, class names and the data card; returns the card."""
    splits = list(dict.fromkeys(shard.split for shard in shards))
    by_split = {split: [shard for shard in shards if shard.split == split] for split in splits}
    counts: dict[str, tuple[Counter[int], Counter[int]]] = {}
    index: list[dict[str, Any]] = []
    for split, own in by_split.items():
        pixels: Counter[int] = Counter()
        frames: Counter[int] = Counter()
        for record in _records(out, own):
            pixels.update({int(kind): count for kind, count in record["pixels"].items()})
            frames.update({int(kind): count for kind, count in record["frames"].items()})
            index.append({key: record[key] for key in ("name", "split", "houses", "samples", "bytes")})
        counts[split] = pixels, frames
        if layout == "folder":
            _write_metadata(out, split, own, facts["modalities"])
        elif layout == "coco":
            _write_annotations(out, split, own, facts)
    write_json(out / "classes.json", list(CLASSES))
    write_json(out / INDEX, {**facts, "layout": layout, "shards": index})
    card = out / "README.md"
    with replacing(card) as unfinished:
        unfinished.write_text(_card(layout, index, counts, facts))
    return card


def _records(out: Path, shards: Sequence[Shard]) -> Iterator[dict[str, Any]]:
    for shard in shards:
        yield json.loads(shard.record(out).read_text())


def _write_metadata(out: Path, split: str, shards: Sequence[Shard], modalities: Sequence[str]) -> None:
    """Hugging Face's list of an image folder: a column of pictures for each modality."""
    with replacing(out / split / "metadata.jsonl") as unfinished, unfinished.open("w") as lines:
        for record in _records(out, shards):
            for row in record["rows"]:
                files = {f"{name}_file_name": f"{name}/{row['key']}.png" for name in modalities}
                lines.write(json.dumps(files | row) + "\n")


def _write_annotations(out: Path, split: str, shards: Sequence[Shard], facts: dict[str, Any]) -> None:
    """COCO's file of a split, written shard by shard: that of a million frames need not fit into memory."""
    (out / "annotations").mkdir(exist_ok=True)
    info = {"description": f"testspace, seed {facts['seed']}, {split}", "version": "1.0"}
    head = {"info": info, "licenses": [], "categories": CATEGORIES}
    with replacing(out / "annotations" / f"{split}.json") as unfinished, unfinished.open("w") as text:
        text.write(json.dumps(head)[:-1] + ', "images": [')
        comma = ""
        for record in _records(out, shards):
            for row in record["rows"]:
                image = {name: value for name, value in row.items() if name not in ("annotations", "key")}
                text.write(comma + json.dumps(image | {"file_name": f"images/{split}/{row['key']}.png"}))
                comma = ",\n"
        text.write('], "annotations": [')
        comma, number = "", 0
        for record in _records(out, shards):
            for annotation in (one for row in record["rows"] for one in row["annotations"]):
                number += 1
                text.write(comma + json.dumps(annotation | {"id": number}))
                comma = ",\n"
        text.write("]}\n")


def _card(
    layout: Layout,
    index: Sequence[dict[str, Any]],
    counts: dict[str, tuple[Counter[int], Counter[int]]],
    facts: dict[str, Any],
) -> str:
    """The data card, with the head that Hugging Face's hub reads."""
    of = {split: [shard for shard in index if shard["split"] == split] for split in counts}
    licence = "other" if facts["house"] else LICENCE
    head = ["---", f"license: {licence}", "task_categories: [image-segmentation, depth-estimation]"]
    if layout == "webdataset":
        head += ["configs:", "- config_name: default", "  data_files:"]
        head += [f"  - {{split: {split}, path: '{split}-*.tar'}}" for split in counts]
    read = _READ[layout].format(last=len(next(iter(of.values()))) - 1)
    text = _TEXT.format(
        **facts,
        source=facts["house"] or "houses that testspace generates",
        read=read,
        measured=_MEASURED[facts["noise"]],
        images=_COCO_IMAGES if layout == "coco" else _IMAGES.format(names=", ".join(facts["modalities"])),
        splits="\n".join(_split_row(split, shards) for split, shards in of.items()),
        shared="house" if facts["house"] else "house, and none a model of furniture (asset)",
        columns=" | ".join(f"{split}: pixels | {split}: frames" for split in counts),
        rule="| --- " * (2 + 2 * len(counts)) + "|",
        classes="\n".join(_class_row(kind, name, counts) for kind, name in enumerate(CLASSES)),
        licence=_LICENCE_OF_REAL if facts["house"] else f"{LICENCE}, as testspace; nobody else's models or textures.",
    )
    return "\n".join([*head, "---", text])


_TEXT = """
# Labelled views of houses

Views of {source}, seed {seed}: {views} a house, {size} pixels. Made by testspace {version}:

    {command}

Read with {read}.

{images}

Camera: pinhole, `vertical_fov` in degrees. `pose`: x, y, z (metres, y up), yaw, pitch, roll (degrees).
{measured}

## Splits

| split | houses | frames | shards | GB |
| --- | --- | --- | --- | --- |
{splits}

No two splits share a {shared}.

## Classes

Share of the pixels, and frames that show the class.

| id | class | {columns} |
{rule}
{classes}

## Licence

{licence}
"""
_IMAGES = """\
Images: {names}; PNG. Depth is in millimetres (16 bits, 0 = none), normals are 128 + 127 n in the
camera's frame (x right, y up, z to the viewer), semantic has numbers of `classes.json` (0 = void), instance those of
things in one house."""
_COCO_IMAGES = "Images: rgb, as PNG, with boxes, masks and classes of the things that show 16 pixels or more."
_LICENCE_OF_REAL = "That of the houses (ProcTHOR-10K: Apache-2.0)."


def _split_row(split: str, shards: Sequence[dict[str, Any]]) -> str:
    houses, frames, size = (
        sum(values)
        for values in zip(*((len(one["houses"]), one["samples"], one["bytes"]) for one in shards), strict=True)
    )
    return f"| {split} | {houses} | {frames} | {len(shards)} | {size / 1e9:.3f} |"


def _class_row(kind: int, name: str, counts: dict[str, tuple[Counter[int], Counter[int]]]) -> str:
    cells = [f"{pixels[kind] / pixels.total():.3%} | {frames[kind]}" for pixels, frames in counts.values()]
    return f"| {kind} | {name} | {' | '.join(cells)} |"
