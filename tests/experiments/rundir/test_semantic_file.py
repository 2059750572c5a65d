"""The stored map is the fused one, cell by cell, bounded in size; damage is one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from testspace.agent.fusion.fusion_config import FusionConfig
from testspace.agent.fusion.semantic_map import SemanticMap
from testspace.core.errors import UserError
from testspace.core.frame import Camera
from testspace.experiments.rundir import semantic_file
from testspace.experiments.rundir.semantic_file import map_file, read_semantic_map, store_semantic_map

CAMERA = Camera(16, 16)


def wall(frames: int) -> SemanticMap:
    """A map of a wall 2.05 m before the origin, seen so often; class 3 with 0.75 in all pixels, class 9 with 0.25."""

    def predict(seen: object) -> np.ndarray:
        return np.broadcast_to(np.float32([0.75, 0.25]), (len(depth), 16, 16, 2)).copy()

    depth, normals = torch.full((frames, 16, 16), 2.05), torch.zeros(frames, 16, 16, 3)
    normals[..., 2] = 1
    rgb = torch.zeros(frames, 16, 16, 3, dtype=torch.uint8)
    fused = SemanticMap(predict, (3, 9), CAMERA, None, FusionConfig(cell=0.1))
    fused.add({"rgb": rgb, "depth": depth, "normals": normals, "pose": torch.zeros(frames, 6)})
    return fused


def test_what_is_read_is_what_was_fused(tmp_path: Path) -> None:
    assert read_semantic_map(tmp_path) is None
    fused = wall(5)
    store_semantic_map(tmp_path, fused)
    stored = read_semantic_map(tmp_path)
    assert stored is not None
    centres, classes = fused.surface()
    assert np.allclose(stored.centres, centres, atol=1e-6)
    assert np.array_equal(stored.classes, classes)
    assert set(classes) == {3}
    assert np.allclose(stored.doubt, 0.25, atol=1e-3)
    assert stored.evidence.sum() == pytest.approx(5 * 16 * 16)  # every pixel once
    assert np.allclose(stored.centres[:, 2], -2.05)
    assert stored.cell == 0.1
    assert not list(tmp_path.rglob("*.tmp"))


def test_the_file_is_bounded_and_keeps_what_was_seen_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fused = wall(2)
    monkeypatch.setattr(semantic_file, "MAX_CELLS", 20)
    store_semantic_map(tmp_path, fused)
    stored = read_semantic_map(tmp_path)
    assert stored is not None
    assert len(stored.places) == 20
    assert (np.diff(stored.places) > 0).all()
    assert stored.evidence.min() >= np.sort(fused.evidence())[-20]


def test_an_empty_map_is_not_stored_and_a_damaged_one_is_one_line(tmp_path: Path) -> None:
    store_semantic_map(tmp_path, wall(0))
    assert not map_file(tmp_path).exists()
    store_semantic_map(tmp_path, wall(1))
    whole = map_file(tmp_path).read_bytes()
    for damaged in (b"", b"no archive", whole[: len(whole) // 2]):
        map_file(tmp_path).write_bytes(damaged)
        with pytest.raises(UserError, match="semantic map cannot be read") as error:
            read_semantic_map(tmp_path)
        assert "\n" not in str(error.value)
