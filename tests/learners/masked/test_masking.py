"""Budgets are exact, inputs and targets disjoint, and shares follow the Dirichlets."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from testspace.learners.masked.masking import Dirichlets, Masking, draw_shares, mixture, round_shares, split_patches

FOUR_M_21 = (0.01, 0.1, 1.0, 10.0)
ALL = [True] * 4


@given(st.integers(1, 5), st.integers(1, 20), st.data())
@settings(max_examples=40, deadline=None)
def test_budgets_are_exact_and_disjoint(modalities: int, positions: int, data: st.DataObject) -> None:
    total = modalities * positions
    if total < 2:
        return
    inputs = data.draw(st.integers(1, total - 1))
    targets = data.draw(st.integers(1, total - inputs))
    parts = mixture([True] * modalities, [True] * modalities, FOUR_M_21, 1.0)
    drawn = Masking([positions] * modalities, inputs, targets, parts).draw(8, torch.Generator().manual_seed(0))
    both = torch.cat(drawn[:2], dim=1)
    assert drawn[0].shape == (8, inputs)
    assert drawn[1].shape == (8, targets)
    assert both.min() >= 0
    assert both.max() < total
    assert all(len(set(row)) == inputs + targets for row in both.tolist())


def test_budgets_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"200 \+ 100 do not fit .* that hold 64, 64, 64, 64"):
        Masking([64] * 4, 200, 100, mixture(ALL, ALL, FOUR_M_21, 1.0))
    with pytest.raises(ValueError, match="mixture is empty"):
        mixture(ALL, ALL, (), 0.0)


@pytest.mark.parametrize("alpha", FOUR_M_21)
def test_shares_have_the_mean_and_variance_of_a_dirichlet(alpha: float) -> None:
    concentrations = torch.tensor([alpha, 2 * alpha, 3 * alpha], dtype=torch.float64)
    shares = draw_shares(concentrations.expand(40_000, 3), torch.Generator().manual_seed(1))
    mean, total = concentrations / concentrations.sum(), concentrations.sum()
    torch.testing.assert_close(shares.mean(0), mean, atol=0.012, rtol=0)
    torch.testing.assert_close(shares.var(0), mean * (1 - mean) / (total + 1), atol=0.01, rtol=0)


def test_rounding_keeps_the_mean_and_the_sum() -> None:
    shares = torch.tensor([[0.013, 0.337, 0.65]], dtype=torch.float64).expand(20_000, 3)
    counts = round_shares(shares, 10, torch.Generator().manual_seed(2))
    assert (counts.sum(-1) == 10).all()
    assert (counts >= 0).all()
    assert ((counts - shares * 10).abs() < 1).all()
    torch.testing.assert_close(counts.double().mean(0), shares[0] * 10, atol=0.02, rtol=0)


def test_rgb_alone_shows_only_rgb_and_never_asks_for_what_it_shows() -> None:
    rgb_only = [part for part in mixture(ALL, ALL, FOUR_M_21, 1.0) if part.inputs[0] == 1000.0]
    inputs, targets, _ = Masking([64] * 4, 64, 64, rgb_only).draw(32, torch.Generator().manual_seed(3))
    assert (inputs // 64 == 0).all()
    assert (targets // 64 != 0).all()


def test_mixture_is_that_of_4m_21() -> None:
    parts = mixture(ALL, ALL, FOUR_M_21, 1.0)
    assert [part.inputs[0] for part in parts] == [0.01, 0.1, 1.0, 10.0, 1000.0]
    assert [part.targets[0] for part in parts] == [0.01, 0.1, 1.0, 10.0, 0.5]
    assert all(part.weight == 1.0 for part in parts)


def test_positions_are_drawn_uniformly_and_shares_reach_the_tokens() -> None:
    masking = Masking([10, 10], 8, 4, [Dirichlets(1.0, (3000.0, 1000.0), (1.0, 1.0))])
    inputs, _, _ = masking.draw(8000, torch.Generator().manual_seed(4))
    seen = inputs.flatten().bincount(minlength=20).double() / 8000
    torch.testing.assert_close(seen, torch.tensor([0.6] * 10 + [0.2] * 10, dtype=torch.float64), atol=0.025, rtol=0)


def test_the_seed_decides() -> None:
    masking = Masking([64] * 4, 48, 80, mixture(ALL, ALL, FOUR_M_21, 1.0))
    first, second = (masking.draw(16, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])


def test_mae_masks_part_the_positions() -> None:
    visible, hidden = split_patches(6, 64, 0.75, torch.Generator().manual_seed(6))
    assert visible.shape == (6, 16)
    assert torch.equal(torch.cat([visible, hidden], 1).sort(1).values, torch.arange(64).expand(6, 64))


def test_what_is_only_predicted_is_never_an_input() -> None:
    seen, predicted = [True, True, False], [True] * 3
    masking = Masking([8] * 3, 14, 8, mixture(seen, predicted, (0.01, 1.0), 1.0), seen, predicted)
    inputs, targets, _ = masking.draw(200, torch.Generator().manual_seed(0))
    assert int(inputs.max()) < 16 <= int(targets.max())
    assert all(len({*a, *b}) == 22 for a, b in zip(inputs.tolist(), targets.tolist(), strict=True))
    with pytest.raises(ValueError, match="16 tokens that may be seen do not hold 17"):
        Masking([8] * 3, 17, 4, mixture(seen, predicted, (1.0,), 1.0), seen, predicted)


def test_modalities_may_hold_different_numbers_of_tokens_and_be_only_seen() -> None:
    """As 4M's rgb pixels: the first is seen and never predicted; the second is a coarse map."""
    sizes, seen, predicted = [16, 4, 16], [True, True, True], [False, True, True]
    masking = Masking(sizes, 12, 6, mixture(seen, predicted, (0.1, 1.0), 0.5), seen, predicted)
    inputs, targets, _ = masking.draw(400, torch.Generator().manual_seed(0))
    assert int(targets.min()) >= 16
    assert sorted(set(inputs.flatten().tolist())) == list(range(36))
    assert sorted(set(targets.flatten().tolist())) == list(range(16, 36))
    assert all(len({*a, *b}) == 18 for a, b in zip(inputs.tolist(), targets.tolist(), strict=True))
    with pytest.raises(ValueError, match="do not fit"):
        Masking(sizes, 12, 17, mixture(seen, predicted, (0.1,), 0.5), seen, predicted)
