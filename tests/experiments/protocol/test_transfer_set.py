"""D_t is built once, however many ask for it at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from testspace.core.edges import canny
from testspace.core.frame import Camera
from testspace.envs.generator import generate_house
from testspace.experiments.protocol import transfer_set as module
from testspace.experiments.protocol.transfer_set import transfer_set
from testspace.experiments.protocol.transfer_set_config import TransferSetConfig


def test_of_two_that_ask_at_once_one_builds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESTSPACE_CACHE", str(tmp_path))
    built: list[int] = []
    frames = module._frames

    def counted(*arguments: Any) -> dict[str, NDArray[Any]]:
        built.append(arguments[-1])
        return frames(*arguments)

    monkeypatch.setattr(module, "_frames", counted)
    house, config = generate_house(3, rooms=1), TransferSetConfig(2, 3, Camera(16, 16))
    with ThreadPoolExecutor(2) as both:
        first, second = both.map(lambda _: transfer_set(house, config), range(2))
    assert built == [0, 1]
    assert first.labelled.rgb.shape == (6, 16, 16, 3)
    assert first.labelled.instance is not None
    np.testing.assert_array_equal(first.labelled.rgb, second.labelled.rgb)
    np.testing.assert_array_equal(first.surfaces.counts, second.surfaces.counts)
    assert first.surfaces.counts.sum() > 0
    sensory = first.sensory()
    assert {name: (values.shape, values.dtype) for name, values in sensory.items()} == {
        "depth": ((6, 16, 16), np.float16), "normals": ((6, 16, 16, 3), np.float16), "edges": ((6, 16, 16), np.uint8),
    }  # fmt: skip
    for rgb, edges in zip(first.labelled.rgb, sensory["edges"], strict=True):
        np.testing.assert_array_equal(canny(rgb), edges)  # of the very frames
