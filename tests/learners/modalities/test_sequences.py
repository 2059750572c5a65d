"""Spans are hidden as T5 does it, boxes are written as 4M does it, and the decoder sees nothing of what comes later."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from frames import boxes as frames_of
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from testspace.learners.choices import SENSORY
from testspace.learners.modalities.modality import SEQUENCES, register
from testspace.learners.modalities.sequences import (
    END,
    PAD,
    SENTINEL,
    SequenceModality,
    boxes,
    cut,
    hide_spans,
    read_boxes,
    write_boxes,
)
from testspace.learners.objectives.tst import TSTLearner
from testspace.learners.objectives.tst_config import TSTConfig

pytestmark = pytest.mark.usefixtures("small_networks")

BOXES = boxes("boxes", classes=7, most=4, bins=50)


def put_together(inputs: list[int], target: list[int], first: int) -> list[int]:
    """The sequence again: each sentinel of the input replaced by what follows it in the target. Written on its own."""
    spans: dict[int, list[int]] = {}
    number = -1
    for item in target:
        if SENTINEL <= item < first:
            number = item
            spans[number] = []
        else:
            spans[number].append(item)
    return [part for item in inputs for part in (spans[item] if SENTINEL <= item < first else [item])]


@given(st.integers(1, 4), st.integers(0, 6), st.integers(0, 40), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_input_and_target_make_up_the_sequence(unit: int, units: int, most: int, seed: int) -> None:
    sequence = SequenceModality("words", 100, unit, 6)
    row = torch.full((sequence.length,), PAD)
    row[: unit * units] = torch.arange(unit * units) + sequence.first
    row[unit * units] = END
    spans = hide_spans(row[None], unit, torch.tensor([most]), torch.Generator().manual_seed(seed))
    seen, asked = int(spans.n_inputs), int(spans.n_targets)
    inputs, target = spans.inputs[0, :seen].tolist(), spans.targets[0, :asked].tolist()
    assert seen <= most
    assert spans.decoder_inputs[0, 1:asked].tolist() == spans.targets[0, : asked - 1].tolist() if asked else True
    if asked:
        assert SENTINEL <= target[-1] < sequence.first, "a sentinel closes the last span"
        target = [int(spans.decoder_inputs[0, 0]), *target[:-1]]
    whole = row[row != PAD].tolist()
    if most:
        assert put_together(inputs, target, sequence.first) == whole
    else:
        assert inputs == []
        assert target == [SENTINEL, *whole]


def test_a_target_that_is_too_long_is_cut_at_a_random_span() -> None:
    sequence, generator = SequenceModality("words", 100, 1, 12), torch.Generator().manual_seed(0)
    ids = (torch.arange(13) + sequence.first).expand(300, -1).clone()
    ids[:, 12] = END
    whole = hide_spans(ids, 1, torch.full((300,), 13), generator)
    short = cut(whole, sequence.first, torch.full((300,), 3), 5, generator)
    assert int(short.n_targets.max()) == 3
    starts = set()
    for row in range(300):
        asked = int(short.n_targets[row])
        if asked:
            assert SENTINEL <= int(short.decoder_inputs[row, 0]) < sequence.first
            starts.add(int(short.decoder_inputs[row, 0]))
            assert short.decoder_inputs[row, 1:asked].tolist() == short.targets[row, : asked - 1].tolist()
        assert (short.targets[row, asked:] == PAD).all()
    assert len(starts) > 3


def test_boxes_are_written_by_distance_to_the_corner_and_read_back() -> None:
    corners = torch.tensor([[[0.5, 0.5, 0.9, 0.7], [0.1, 0.2, 0.3, 0.4], [0.0, 0.0, 1.0, 1.0]]])
    ids = write_boxes(corners, torch.tensor([[3, 6, 1]]), torch.tensor([[True, True, False]]), BOXES, 50)
    own = (ids[0] - BOXES.first).tolist()
    assert own[:10] == [5, 60, 115, 170, 206, 25, 75, 145, 185, 203]
    assert ids[0, 10:].tolist() == [END] + [PAD] * 10
    again, classes, there = read_boxes(ids, BOXES, 50)
    assert there.tolist() == [[True, True, False, False]]
    assert classes[0, :2].tolist() == [6, 3]
    torch.testing.assert_close(again[0, 0], corners[0, 1], atol=0.02, rtol=0)


def test_mirroring_boxes_mirrors_their_x_and_orders_them_anew() -> None:
    corners = torch.tensor([[[0.01, 0.21, 0.21, 0.41], [0.61, 0.01, 0.81, 0.41]]])
    ids = write_boxes(corners, torch.tensor([[1, 2]]), torch.ones(1, 2, dtype=torch.bool), BOXES, 50)
    mirrored, classes, _ = read_boxes(BOXES.mirror(ids), BOXES, 50)
    assert classes[0, :2].tolist() == [2, 1]
    expected = torch.tensor([[0.19, 0.01, 0.39, 0.41], [0.79, 0.21, 0.99, 0.41]])
    torch.testing.assert_close(mirrored[0, :2], expected, atol=0.021, rtol=0)
    assert torch.equal(BOXES.mirror(BOXES.mirror(ids)), ids)


@pytest.fixture
def registered() -> Iterator[None]:
    register(BOXES)
    yield
    del SEQUENCES["boxes"]


def with_boxes(count: int, seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    corners = torch.rand(count, 3, 4, generator=generator) / 2
    corners[..., 2:] += 0.5
    there = torch.rand(count, 3, generator=generator) < 0.7
    return {**frames_of(count, seed, 32), "boxes": write_boxes(corners, torch.zeros(count, 3).long(), there, BOXES, 50)}


@pytest.mark.usefixtures("registered")
def test_boxes_are_learned_beside_images() -> None:
    config = TSTConfig(
        image_size=32, modalities=(*SENSORY, "boxes"), decoder_layers=1, input_budget=24, target_budget=30,
        warmup_steps=2, batch_size=8, base_learning_rate=5e-2,
    )  # fmt: skip
    learner, frames = TSTLearner(config), with_boxes(8)
    losses = [learner.step(frames)["loss_boxes"] for _ in range(30)]
    assert sum(losses[-8:]) < 0.8 * sum(losses[:8])


@pytest.mark.usefixtures("registered")
def test_a_place_of_a_sequence_sees_what_comes_before_it_and_nothing_later() -> None:
    learner = TSTLearner(
        TSTConfig(image_size=32, modalities=("rgb", "boxes"), decoder_layers=2, input_budget=8, target_budget=8)
    )
    model, frames = learner.model.eval(), with_boxes(1)
    number = model.names.index("boxes")
    ids = frames["boxes"]
    spans = cut(
        hide_spans(ids, 5, torch.tensor([0]), learner.generator), BOXES.first, torch.tensor([20]), 21, learner.generator
    )
    targets = (model.index.first[number] + torch.arange(int(spans.n_targets)))[None]
    inputs = torch.arange(8)[None]

    def decoded(given: Tensor) -> Tensor:
        tokens = model.tokens(frames, {number: replace(spans, decoder_inputs=given)})
        return model.decode(tokens, model.encode(tokens, inputs, model.marks()), targets, model.marks())

    changed = spans.decoder_inputs.clone()
    changed[0, 4] += 1
    before, after = decoded(spans.decoder_inputs), decoded(changed)
    torch.testing.assert_close(before[:, :4], after[:, :4])
    assert (before[:, 4:] - after[:, 4:]).abs().amax(-1).min() > 1e-5
