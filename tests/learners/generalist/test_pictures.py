"""Pictures of any size against the network itself."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from testspace.learners.generalist import pictures
from testspace.learners.generalist.network import Generalist, NetworkConfig
from testspace.learners.generalist.pictures import PictureError, Viewpoint, segment, squares


@pytest.fixture(scope="module")
def network() -> Generalist:
    torch.manual_seed(0)
    return Generalist(
        NetworkConfig(7, widths=(16, 16, 32, 64), blocks=(1, 1, 1), attention=1, decoder=24, grid=4)
    ).eval()


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@torch.inference_mode()
def test_a_square_of_the_networks_size_has_its_classes(network: Generalist, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "_AT_ONCE", 128 * 10)  # in strips, the last of which is shorter
    rgb = noise(128, 128)
    logits = network(torch.from_numpy(rgb)[None])[:, 1:]
    full = F.interpolate(logits.softmax(1), (128, 128), mode="bilinear", align_corners=False)[0]
    mine = segment(network, rgb)
    assert mine.dtype == np.int16
    chosen = full.gather(0, torch.from_numpy(mine.astype(np.int64) - 1)[None])[0]
    torch.testing.assert_close(chosen, full.amax(0), rtol=1e-5, atol=1e-6)  # but for ties
    assert (mine == full.argmax(0).numpy() + 1).mean() > 0.999


def test_depth_changes_the_answer_and_must_fit(network: Generalist) -> None:
    rgb, depth = noise(128, 128), np.linspace(1, 4, 128 * 128, dtype=np.float32).reshape(128, 128)
    view = Viewpoint(90.0, 1.5, 0.0)
    with torch.inference_mode():
        plain = pictures._mean_probabilities(network, rgb, None, None)
        assert not torch.equal(pictures._mean_probabilities(network, rgb, depth, view), plain)
    with pytest.raises(PictureError, match="depth has 64 x 128 pixels, the picture 128 x 128"):
        segment(network, rgb, depth[:, :64], view)


@pytest.mark.parametrize("length", [128, 132, 192, 200, 256, 1000, 2048])
def test_squares_cover_a_length_and_overlap(length: int) -> None:
    places = squares(length, 128)
    assert places[0] == 0
    assert places[-1] == 4 * ((length - 128) // 4)
    assert all(0 <= b - a <= 68 for a, b in pairwise(places))
    assert all(place % 4 == 0 for place in places)


@pytest.mark.parametrize("shape", [(16, 256), (300, 100), (129, 131), (130, 128)])
def test_a_picture_of_any_shape_is_covered(network: Generalist, shape: tuple[int, int]) -> None:
    found = segment(network, noise(*shape), np.ones(shape, np.float32), Viewpoint(60.0, 1.0, -20.0))
    assert found.shape == shape
    assert found.min() >= 1


@pytest.mark.parametrize("shape", [(15, 15), (16, 257), (257, 16)])
def test_what_no_camera_takes_is_refused(network: Generalist, shape: tuple[int, int]) -> None:
    with pytest.raises(PictureError, match="its sides must be"):
        segment(network, noise(*shape))
