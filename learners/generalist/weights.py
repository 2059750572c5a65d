"""The generalist's weights on disk: one safetensors file, mostly half precision, with its provenance.

The header is read and checked before anything is allocated, so a damaged file, or one with absurd sizes, gives an error
of one line. No code in it is executed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from ...core.storage import replacing
from ..nn.checkpoint import DIGEST, save_tensors, tensor_digest
from .network import Generalist, NetworkConfig

VERSION = "1"
"""Version of the file format."""
MAX_BYTES = 32 * 2**20
"""Maximum size of a file; the default network's has 12 MB."""
SHIPPED = "generalist.safetensors"
"""File name of the weights that ship with the package, in this folder."""
_MAX_CHANNELS, _MAX_BLOCKS, _MAX_CLASSES = 1024, 16, 4096
NOTICE = (
    "The rgb branch is a modification of EfficientNet-Lite0 (Mingxing Tan and Quoc V. Le, Google), whose ImageNet "
    "weights Google published at github.com/tensorflow/tpu under the Apache License 2.0. All weights were then trained "
    "by testspace on generated houses. They are licensed under the Apache License 2.0."
)
"""Licence and attribution, in every file's metadata."""


class WeightsError(ValueError):
    """A file that does not hold a generalist's weights, or not suitable ones."""


def save_weights(
    file: Path, network: Generalist, classes: Sequence[str], provenance: Mapping[str, Any] | None = None
) -> None:
    """Write the weights, whole or not at all: kernels and matrices as float16, the few others as float32.

    (Variances of some batch norms exceed the range of float16.)

    classes: names of the logits, void first. provenance: JSON on how they were made. ValueError if their number is not
    that of the logits.
    """
    if len(classes) != network.config.classes:
        raise ValueError(f"generalist: {len(classes)} class names for {network.config.classes} logits")
    tensors = {
        name: (value.half() if value.ndim >= 2 else value.float()).contiguous()
        for name, value in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    metadata = {
        "format": "testspace-generalist",
        "version": VERSION,
        "classes": json.dumps(list(classes)),
        "network": json.dumps(asdict(network.config)),
        "license": "Apache-2.0",
        "notice": NOTICE,
        "provenance": json.dumps(dict(provenance or {})),
    }
    with replacing(file) as unfinished:
        save_tensors(tensors, unfinished, metadata)


def load_weights(file: Path, classes: Sequence[str]) -> Generalist:
    """The network in evaluation mode, float32, with the file's weights.

    Raises WeightsError, one line, if the file is missing, damaged, too large, of another version, or of other classes
    than `classes`.
    """
    metadata, shapes = _header(file)
    if metadata.get("format") != "testspace-generalist":
        raise WeightsError(f"{file}: it does not hold a generalist of testspace")
    if metadata.get("version") != VERSION:
        raise WeightsError(f"{file}: its version is {metadata.get('version')!r}, this testspace reads {VERSION!r}")
    if _json(file, metadata, "classes") != list(classes):
        raise WeightsError(f"{file}: its classes are not those of this testspace; use weights made for them")
    config = _config(file, _json(file, metadata, "network"), len(classes))
    with torch.device("meta"):  # the shapes for these sizes, without allocating or drawing them
        network = Generalist(config)
    counts = {name for name in network.state_dict() if name.endswith("num_batches_tracked")}
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items() if name not in counts}
    if shapes != expected:
        differing = sorted(name for name in {*shapes, *expected} if shapes.get(name) != expected.get(name))
        raise WeightsError(f"{file}: it does not fit its own sizes: {differing[0]}")
    with safe_open(file, "pt") as stored:
        tensors = {name: stored.get_tensor(name) for name in expected}
    if metadata.get(DIGEST) not in (None, tensor_digest(tensors)):
        raise WeightsError(f"{file}: it is damaged, its values differ from their digest")
    state = {name: value.float() for name, value in tensors.items()}
    if not all(bool(value.isfinite().all()) for value in state.values()):
        raise WeightsError(f"{file}: some of its weights are not numbers")
    network.load_state_dict({**state, **{name: torch.tensor(0) for name in counts}}, assign=True)
    return network.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]


def read_provenance(file: Path) -> dict[str, Any]:
    """How a file's weights were made. Raises WeightsError if it cannot be read."""
    provenance = _json(file, _header(file)[0], "provenance")
    if not isinstance(provenance, dict):
        raise WeightsError(f"{file}: its metadata are damaged: provenance")
    return provenance


def load_generalist(classes: Sequence[str]) -> tuple[Generalist, dict[str, Any]]:
    """The network that ships with the package, as `load_weights` returns it, and its provenance. Works offline.

    Raises WeightsError if the package was built without the weights, or they are for other classes.
    """
    with as_file(files(__package__) / SHIPPED) as file:
        return load_weights(file, classes), read_provenance(file)


def _header(file: Path) -> tuple[dict[str, str], dict[str, tuple[int, ...]]]:
    """Metadata and tensor shapes."""
    if not file.is_file():
        raise WeightsError(f"{file}: there is no such file")
    if file.stat().st_size > MAX_BYTES:
        raise WeightsError(f"{file}: it has more than {MAX_BYTES // 2**20} MB, no generalist is so large")
    try:
        with safe_open(file, "pt") as stored:
            shapes = {name: tuple(stored.get_slice(name).get_shape()) for name in stored.keys()}  # noqa: SIM118
            return stored.metadata() or {}, shapes
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{file}: it is damaged or not a safetensors file ({error})") from error


def _json(file: Path, metadata: Mapping[str, str], key: str) -> Any:
    try:
        return json.loads(metadata[key])
    except (KeyError, ValueError, RecursionError) as error:
        raise WeightsError(f"{file}: its metadata are damaged: {key}") from error


def _config(file: Path, sizes: Any, classes: int) -> NetworkConfig:
    """The sizes in the metadata, validated."""
    lengths = {"widths": (4, _MAX_CHANNELS), "blocks": (3, _MAX_BLOCKS)}
    single = {"classes": _MAX_CLASSES, "attention": _MAX_BLOCKS, "decoder": _MAX_CHANNELS, "grid": 32}
    if not isinstance(sizes, dict) or set(sizes) != {*lengths, *single}:
        raise WeightsError(f"{file}: its metadata are damaged: network")
    for name, (length, maximum) in lengths.items():
        values = sizes[name]
        if not isinstance(values, list) or len(values) != length or not all(_within(v, 1, maximum) for v in values):
            raise WeightsError(f"{file}: its network has absurd sizes: {name} {str(values)[:60]}")
    for name, maximum in single.items():
        if not _within(sizes[name], 0 if name == "attention" else 1, maximum):
            raise WeightsError(f"{file}: its network has absurd sizes: {name} {str(sizes[name])[:60]}")
    if sizes["classes"] != classes or sizes["widths"][-1] % 64:
        raise WeightsError(f"{file}: its network has absurd sizes: {sizes['classes']} classes, {sizes['widths']}")
    fields: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in sizes.items()}
    return NetworkConfig(**fields)


def _within(value: Any, minimum: int, maximum: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= maximum
