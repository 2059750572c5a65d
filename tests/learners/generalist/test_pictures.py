"""Pictures of any size against the network itself."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from testspace.learners.generalist import pictures
from testspace.learners.generalist.network import Generalist, NetworkConfig
from testspace.learners.generalist.pictures import PictureError, Viewpoint, probabilities, segment, squares


@pytest.fixture(scope="module")
def network() -> Generalist:
    torch.manual_seed(0)
    return Generalist(
        NetworkConfig(7, widths=(16, 16, 32, 64), blocks=(1, 1, 1), attention=1, decoder=24, grid=4)
    ).eval()


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@torch.inference_mode()
def test_a_square_of_the_networks_size_has_its_classes(network: Generalist) -> None:
    rgb = noise(128, 128)
    logits = network(torch.from_numpy(rgb)[None])[:, 1:]
    full = F.interpolate(logits.softmax(1), (128, 128), mode="bilinear", align_corners=False)[0]
    mine = segment(network, rgb[None])[0]
    assert mine.dtype == np.int16
    chosen = full.gather(0, torch.from_numpy(mine.astype(np.int64) - 1)[None])[0]
    torch.testing.assert_close(chosen, full.amax(0), rtol=1e-5, atol=1e-6)  # but for ties
    assert (mine == full.argmax(0).numpy() + 1).mean() > 0.999


@pytest.mark.parametrize("sharpness", [0.3, 3.0, 12.0])
def test_no_class_that_would_win_is_left_out(sharpness: float) -> None:
    logits = torch.randn(1, 40, 9, 11, generator=torch.Generator().manual_seed(0)) * sharpness
    chances = logits.softmax(1)
    full = F.interpolate(chances, (70, 53), mode="bilinear", align_corners=False)[0]
    labels = pictures._spread(chances[0].numpy(), 70, 53).astype(np.int64) - 1
    torch.testing.assert_close(full.gather(0, torch.from_numpy(labels)[None])[0], full.amax(0), rtol=1e-5, atol=1e-6)


def test_depth_changes_the_answer(network: Generalist) -> None:
    rgb, depth = noise(128, 128)[None], np.linspace(1, 4, 128 * 128, dtype=np.float32).reshape(1, 128, 128)
    plain = probabilities(network, rgb)
    torch.testing.assert_close(plain.sum(1), torch.ones(1, 32, 32))
    assert not torch.equal(probabilities(network, rgb, depth), plain)
    assert torch.equal(probabilities(network, rgb, depth, [Viewpoint(90.0, 1.5, 0.0, 0.0)]),
                       probabilities(network, rgb, depth))  # fmt: skip
    assert not torch.equal(probabilities(network, rgb, depth, [Viewpoint(roll=20)]), probabilities(network, rgb, depth))


def test_depth_may_have_fewer_pixels(network: Generalist) -> None:
    rgb, depth = noise(120, 160)[None], np.linspace(1, 4, 60 * 80, dtype=np.float32).reshape(1, 60, 80)
    large = depth.repeat(2, 1).repeat(2, 2)
    torch.testing.assert_close(
        probabilities(network, rgb, depth), probabilities(network, rgb, large), atol=0.05, rtol=0
    )


def test_depth_without_a_return_is_no_depth(network: Generalist) -> None:
    rgb = noise(128, 140)[None].repeat(2, 0)
    depth = np.full((2, 128, 140), 2.0)
    depth[1] = np.nan
    both = probabilities(network, rgb, depth)
    torch.testing.assert_close(both[1], probabilities(network, rgb[:1])[0])
    torch.testing.assert_close(both[0], probabilities(network, rgb[:1], depth[:1].astype(np.float32))[0])


def test_a_batch_has_the_answers_of_its_pictures(network: Generalist, monkeypatch: pytest.MonkeyPatch) -> None:
    rgb = np.stack([noise(90, 200), noise(90, 200)[::-1], 255 - noise(90, 200)])
    depth = np.random.default_rng(1).uniform(0.5, 4, rgb.shape[:3])
    views = [Viewpoint(60.0, 1.0, pitch) for pitch in (-20.0, 0.0, 5.0)]
    whole = probabilities(network, rgb, depth, views)
    monkeypatch.setattr(pictures, "SQUARES", 2)
    for one in range(3):
        part = slice(one, one + 1)
        torch.testing.assert_close(whole[part], probabilities(network, rgb[part], depth[part], views[part]))


def test_other_arrays_are_refused(network: Generalist) -> None:
    rgb, depth = noise(128, 128)[None], np.ones((1, 128, 128), np.float32)
    for wrong, message in (
        ((rgb.astype(np.float32),), r"rgb is float32 \(1, 128, 128, 3\), expected uint8"),
        ((rgb[..., :2],), "expected uint8"),
        ((rgb[:0],), "one picture or more"),
        ((rgb, depth[:, :, :64]), "depth has 64 x 128 pixels, the picture 128 x 128"),
        ((rgb, depth[0]), r"depth is \(128, 128\), expected \(1, 128, 128\)"),
        ((rgb, depth.astype(np.uint16)), "depth is uint16; give metres"),
        ((rgb, depth, [Viewpoint()] * 2), "2 viewpoints for 1 pictures"),
        ((rgb, depth, [Viewpoint(vertical_fov=180)]), "field of view 1 to 170"),
        ((rgb, depth, [Viewpoint(height=float("nan"))]), "must be finite"),
    ):
        with pytest.raises(PictureError, match=message):
            segment(network, *wrong)


@pytest.mark.parametrize("length", [128, 132, 192, 200, 256, 1000, 2048])
def test_squares_cover_a_length_and_overlap(length: int) -> None:
    places = squares(length, 128)
    assert places[0] == 0
    assert places[-1] == 4 * ((length - 128) // 4)
    assert all(0 <= b - a <= 68 for a, b in pairwise(places))
    assert all(place % 4 == 0 for place in places)


@pytest.mark.parametrize("shape", [(16, 256), (300, 100), (129, 131), (130, 128)])
def test_a_picture_of_any_shape_is_covered(network: Generalist, shape: tuple[int, int]) -> None:
    found = segment(network, noise(*shape)[None], np.ones((1, *shape), np.float32), [Viewpoint(60.0, 1.0, -20.0)])[0]
    assert found.shape == shape
    assert found.min() >= 1


@pytest.mark.parametrize("shape", [(15, 15), (16, 257), (257, 16)])
def test_what_no_camera_takes_is_refused(network: Generalist, shape: tuple[int, int]) -> None:
    with pytest.raises(PictureError, match="its sides must be"):
        segment(network, noise(*shape)[None])
