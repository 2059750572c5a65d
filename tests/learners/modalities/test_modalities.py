"""Normalisation, patches and drawing of the sensory modalities."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from testspace.core.frame import FRAME_SPEC
from testspace.learners.choices import SENSORY
from testspace.learners.modalities.modality import (
    FAR,
    MODALITIES,
    SEQUENCES,
    crop,
    depth_metres,
    flip,
    jitter,
    patchify,
    unpatchify,
)
from testspace.learners.modalities.sequences import SequenceModality


def test_modalities_are_the_images_of_the_frame_contract_rgb_first() -> None:
    assert list(SENSORY) == list(FRAME_SPEC)
    assert SENSORY[0] == "rgb"


def test_rgb_and_normals_survive_normalising_and_drawing() -> None:
    rgb = torch.randint(0, 256, (2, 16, 8, 3), dtype=torch.uint8)
    assert torch.equal(MODALITIES["rgb"].draw(MODALITIES["rgb"].of({"rgb": rgb})), rgb)
    drawn = MODALITIES["normals"].draw(MODALITIES["normals"].of({"normals": torch.tensor([[[[0.0, 1.0, -1.0]]]])}))
    assert drawn.flatten().tolist() == [128, 255, 0]


def test_edges_become_0_and_1() -> None:
    edges = torch.tensor([[[0, 255]]], dtype=torch.uint8)
    assert MODALITIES["edges"].of({"edges": edges}).flatten().tolist() == [0.0, 1.0]


def test_depth_comes_back_in_metres_and_no_return_is_far() -> None:
    depth = torch.tensor([[[0.5, 2.0, 7.5, 0.0, 100.0]]])
    metres = depth_metres(MODALITIES["depth"].of({"depth": depth}))
    torch.testing.assert_close(metres, torch.tensor([[[0.5, 2.0, 7.5, FAR, FAR]]]))
    assert depth[0, 0, 3] == 0.0, "the frame itself is left alone"


@pytest.mark.parametrize("name", SENSORY)
def test_drawing_gives_uint8_rgb(name: str) -> None:
    drawn = MODALITIES[name].draw(torch.randn(2, MODALITIES[name].channels, 8, 8) * 5)
    assert drawn.dtype == torch.uint8
    assert drawn.shape == (2, 8, 8, 3)


@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 4), st.sampled_from([1, 2, 4]))
@settings(max_examples=20, deadline=None)
def test_patches_are_blocks_row_by_row(rows: int, columns: int, channels: int, patch: int) -> None:
    image = torch.randn(2, channels, rows * patch, columns * patch)
    patches = patchify(image, patch)
    for number in range(rows * columns):
        row, column = divmod(number, columns)
        block = image[:, :, row * patch : (row + 1) * patch, column * patch : (column + 1) * patch]
        assert torch.equal(patches[:, number], block.permute(0, 2, 3, 1).flatten(1))
    assert torch.equal(unpatchify(patches, patch, rows * patch, columns * patch), image)


def test_mirroring_turns_images_and_the_x_of_normals() -> None:
    frames = {
        "rgb": torch.randint(0, 256, (2, 4, 6, 3), dtype=torch.uint8), "depth": torch.rand(2, 4, 6),
        "normals": torch.randn(2, 4, 6, 3), "edges": torch.randint(0, 2, (2, 4, 6), dtype=torch.uint8) * 255,
    }  # fmt: skip
    mirrored = flip(frames, torch.tensor([False, True]))
    for name, image in frames.items():
        assert torch.equal(mirrored[name][0], image[0])
        expected = np.fliplr(image[1].numpy()).copy()
        if name == "normals":
            expected[..., 0] *= -1
        np.testing.assert_array_equal(mirrored[name][1].numpy(), expected)


def test_jitter_changes_light_within_its_strength_and_nothing_at_0() -> None:
    rgb = torch.full((64, 4, 4, 3), 100, dtype=torch.uint8)
    assert torch.equal(jitter(rgb, 0.0, torch.Generator().manual_seed(0)), rgb)
    changed = jitter(rgb, 0.2, torch.Generator().manual_seed(0))
    assert changed.float().mean(dim=(1, 2, 3)).std() > 5
    assert 100 * 0.8 * 0.9 - 1 <= changed.min() <= changed.max() <= 100 * 1.2 * 1.1 + 1


def test_a_crop_is_one_window_of_all_modalities() -> None:
    """Frames that hold their own coordinates tell where each pixel came from."""
    size = 40
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    rgb = torch.stack([rows * 4, columns * 4, torch.zeros_like(rows)], -1).to(torch.uint8)
    frames = {
        "rgb": rgb.expand(6, -1, -1, -1),
        "depth": (rows * size + columns).float().expand(6, -1, -1),
        "normals": torch.stack([rows, columns, rows], -1).float().expand(6, -1, -1, -1),
    }
    cropped = crop(frames, 0.5, torch.Generator().manual_seed(0))
    assert {name: value.shape for name, value in cropped.items()} == {name: v.shape for name, v in frames.items()}
    row, column = cropped["depth"] // size, cropped["depth"] % size
    assert torch.equal(cropped["normals"], torch.stack([row, column, row], -1))
    for channel, place in ((0, row), (1, column)):  # rgb lies between pixels, the rest is of the nearest one
        assert (cropped["rgb"][..., channel].float() / 4 - place).abs().max() <= 1
    sides = row[:, -1, 0] - row[:, 0, 0]
    assert (sides - (column[:, 0, -1] - column[:, 0, 0])).abs().max() <= 1
    assert (sides >= size // 2 - 2).all()
    assert len(sides.unique()) > 3
    assert torch.equal(crop(frames, 1.0, torch.Generator().manual_seed(0))["rgb"], frames["rgb"])


def test_frames_with_a_sequence_are_not_cropped() -> None:
    SEQUENCES["told"] = SequenceModality("told", 3, 1, 2)
    try:
        with pytest.raises(ValueError, match="'told' cannot be cropped"):
            crop({"rgb": torch.zeros(1, 8, 8, 3, dtype=torch.uint8), "told": torch.ones(1, 3)}, 0.5, torch.Generator())
    finally:
        del SEQUENCES["told"]
