"""Weights by name: what stands for them in a cache key follows their content."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from testspace.experiments.protocol.named_weights import load_named, weights_digest
from testspace.learners import generalist
from testspace.learners.generalist.weights import SHIPPED, WeightsError


def test_other_weights_under_the_same_name_are_another_key(tmp_path: Path) -> None:
    content = (files(generalist) / SHIPPED).read_bytes()
    file = tmp_path / "mine.safetensors"
    file.write_bytes(content)
    assert weights_digest(str(file)) == weights_digest("shipped")
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert weights_digest(str(file)) != weights_digest("shipped")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for read in (load_named, weights_digest):
        with pytest.raises(WeightsError, match="there is no such file"):
            read(str(tmp_path / "none.safetensors"))
