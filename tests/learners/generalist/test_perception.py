"""The class that a robot's loop calls, against the network's own functions; and files that it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from testspace.learners.generalist import pictures
from testspace.learners.generalist.network import Generalist, NetworkConfig
from testspace.learners.generalist.perception import Perception, PictureError, Viewpoint
from testspace.learners.generalist.weights import WeightsError, save_weights

CLASSES = ("void", "Wall", "Floor", "Bed")


@pytest.fixture(scope="module")
def perception() -> Perception:
    torch.manual_seed(0)
    network = Generalist(NetworkConfig(4, widths=(16, 16, 32, 64), blocks=(1, 1, 1), attention=1, decoder=24, grid=2))
    return Perception(network, CLASSES, torch.float32)


def test_calls_batches_and_probabilities_agree(perception: Perception) -> None:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (2, 70, 100, 3), dtype=np.uint8)
    depth, views = rng.uniform(1, 3, (2, 70, 100)), [Viewpoint(60, 1.2, -10), Viewpoint(60, 0.8, 5, 3)]
    labels = perception.batch(rgb, depth, views)
    assert labels.dtype == np.int16
    assert labels.shape == (2, 70, 100)
    assert labels.min() >= 1
    for one in range(2):
        np.testing.assert_array_equal(perception(rgb[one], depth[one], views[one]), labels[one])
    np.testing.assert_array_equal(perception(rgb[0]), pictures.segment(perception.network, rgb[:1])[0])
    chances = perception.probabilities(rgb[0], depth[0], views[0])
    assert chances.dtype == np.float32
    assert chances.shape == (4, 16, 23)
    assert not chances[0].any()
    np.testing.assert_allclose(chances.sum(0), 1, rtol=1e-5)
    expected = pictures.probabilities(perception.network, rgb[:1], depth[:1], views[:1])[0].numpy()
    np.testing.assert_array_equal(chances[1:], expected)


def test_a_picture_is_no_batch(perception: Perception) -> None:
    rgb = np.zeros((64, 64, 3), np.uint8)
    with pytest.raises(PictureError, match=r"rgb is uint8 \(1, 64, 64, 3\), expected uint8 \(H, W, 3\)"):
        perception(rgb[None])
    with pytest.raises(PictureError, match=r"depth is float64 \(1, 64, 64\), expected"):
        perception(rgb, np.ones((1, 64, 64)))


def test_a_file_brings_its_classes(tmp_path: Path) -> None:
    network = Generalist(NetworkConfig(4, widths=(16, 16, 32, 64), blocks=(1, 1, 1), attention=1, decoder=24, grid=2))
    file = tmp_path / "own.safetensors"
    save_weights(file, network, CLASSES)
    perception = Perception.load(file)
    assert perception.classes == CLASSES
    assert Perception.load(str(file), CLASSES, torch.bfloat16).network.logits.weight.dtype == torch.bfloat16
    with pytest.raises(WeightsError, match="its classes are not those"):
        Perception.load(file, ("void", "Wall", "Floor", "Sofa"))
    with pytest.raises(WeightsError, match="there is no such file"):
        Perception.load(tmp_path / "missing.safetensors")
    (tmp_path / "text.safetensors").write_text("text")
    with pytest.raises(WeightsError, match="damaged or not a safetensors file"):
        Perception.load(tmp_path / "text.safetensors")
    with pytest.raises(ValueError, match="2 class names for 4 logits"):
        Perception(network, CLASSES[:2])


def test_the_shipped_weights_know_their_classes() -> None:
    perception = Perception.shipped()
    assert perception.classes[:1] == ("void",)
    assert {"Wall", "Floor", "Sofa"} <= set(perception.classes)
    assert Perception.shipped(perception.classes).classes == perception.classes
