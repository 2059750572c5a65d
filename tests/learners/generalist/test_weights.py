"""Weights on disk: what is read back, and each way in which a file can be wrong told in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from testspace.learners.generalist.network import Generalist, NetworkConfig
from testspace.learners.generalist.weights import (
    MAX_BYTES,
    NOTICE,
    WeightsError,
    load_weights,
    read_provenance,
    save_weights,
)
from testspace.learners.nn.checkpoint import DIGEST

CLASSES = ("void", "Wall", "Floor")
TINY = NetworkConfig(3, widths=(16, 16, 32, 64), blocks=(1, 1, 1), attention=1, decoder=24, grid=2)


@pytest.fixture(scope="module")
def network() -> Generalist:
    torch.manual_seed(0)
    made = Generalist(TINY)
    made.rgb.stem[1].running_var.fill_(1e6)  # more than float16 can hold
    return made


@pytest.fixture
def file(tmp_path: Path, network: Generalist) -> Path:
    save_weights(tmp_path / "weights.safetensors", network, CLASSES, {"frames": 7})
    return tmp_path / "weights.safetensors"


def metadata_of(file: Path) -> dict[str, str]:
    raw = file.read_bytes()
    return json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])["__metadata__"]


def test_what_was_written_is_read(file: Path, network: Generalist) -> None:
    read = load_weights(file, CLASSES)
    assert read.config == TINY
    assert not read.training
    for (name, mine), theirs in zip(read.state_dict().items(), network.state_dict().values(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-6, msg=name)
    stored = load_file(file)
    halved = sum(value.numel() for value in stored.values() if value.dtype == torch.float16)
    assert halved > 0.95 * sum(value.numel() for value in stored.values())
    assert read_provenance(file) == {"frames": 7}
    assert metadata_of(file)["license"] == "Apache-2.0"
    assert metadata_of(file)["notice"] == NOTICE
    assert [other.name for other in file.parent.iterdir()] == [file.name]


def test_names_must_fit_the_logits(tmp_path: Path, network: Generalist) -> None:
    with pytest.raises(ValueError, match="2 class names for 3 logits"):
        save_weights(tmp_path / "weights.safetensors", network, CLASSES[:2])


def refused(file: Path, match: str) -> None:
    with pytest.raises(WeightsError, match=match) as caught:
        load_weights(file, CLASSES)
    assert str(file) in str(caught.value)


def test_a_missing_file_and_other_classes(file: Path) -> None:
    refused(file.with_name("none.safetensors"), "no such file")
    with pytest.raises(WeightsError, match="classes are not those"):
        load_weights(file, ("void", "Floor", "Wall"))


@pytest.mark.parametrize("kept", [0, 5, 100, 5000, -1])
def test_a_file_that_is_cut_off(file: Path, kept: int) -> None:
    file.write_bytes(file.read_bytes()[:kept])
    refused(file, "damaged or not a safetensors file")


def test_noise_and_a_header_of_absurd_length(file: Path) -> None:
    file.write_bytes(bytes(range(256)) * 40)
    refused(file, "damaged")
    file.write_bytes((2**62).to_bytes(8, "little") + b"{}")
    refused(file, "damaged")


def test_a_file_that_is_too_large_is_not_opened(file: Path) -> None:
    with file.open("r+b") as out:
        out.truncate(MAX_BYTES + 1)  # sparse: it takes no room
    refused(file, "no generalist is so large")


@pytest.mark.parametrize(
    ("key", "value", "match"),
    [
        ("format", "another", "does not hold a generalist"),
        ("version", "2", "its version is '2'"),
        ("classes", "[", "damaged: classes"),
        ("classes", "[" * 100_000, "damaged: classes"),
        ("network", "[]", "damaged: network"),
        ("network", "{}", "damaged: network"),
        ("widths", [16, 16, 32, 10**9], "absurd sizes: widths"),
        ("widths", [16, 16, 32, 65], "absurd sizes"),
        ("widths", [16, 16, 32], "absurd sizes: widths"),
        ("blocks", [1, 1, 10**6], "absurd sizes: blocks"),
        ("attention", -1, "absurd sizes: attention"),
        ("attention", True, "absurd sizes: attention"),
        ("decoder", 10**7, "absurd sizes: decoder"),
        ("grid", "2", "absurd sizes: grid"),
        ("classes of the network", 4, "absurd sizes"),
        ("decoder", 48, "does not fit its own sizes"),
    ],
)
def test_damaged_metadata(file: Path, key: str, value: object, match: str) -> None:
    metadata = metadata_of(file)
    if key in metadata:
        metadata[key] = str(value)
    else:
        sizes = json.loads(metadata["network"])
        metadata["network"] = json.dumps({**sizes, key.removesuffix(" of the network"): value})
    save_file(load_file(file), file, metadata)
    refused(file, match)


def test_tensors_of_other_shapes_or_infinite_ones(file: Path) -> None:
    metadata, tensors = metadata_of(file), load_file(file)
    save_file({**tensors, "more": torch.zeros(1)}, file, metadata)
    refused(file, "does not fit its own sizes: more")
    save_file({**tensors, "logits.bias": torch.zeros(4)}, file, metadata)
    refused(file, r"does not fit its own sizes: logits\.bias")
    infinite = {**tensors, "logits.bias": torch.tensor([0.0, float("nan"), 0.0])}
    save_file(infinite, file, metadata)
    refused(file, "differ from their digest")
    save_file(infinite, file, {key: value for key, value in metadata.items() if key != DIGEST})
    refused(file, "not numbers")
