"""Against torch's own, in loss and gradient, whatever the chunks."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from testspace.learners import cross_entropy as module
from testspace.learners.cross_entropy import cross_entropy


@pytest.mark.parametrize("chunk", [1, 100, 1 << 18])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.bfloat16, 2**-7)])
def test_loss_and_gradient_are_torchs(
    chunk: int, dtype: torch.dtype, tolerance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", chunk)
    generator = torch.Generator().manual_seed(0)
    logits = (5 * torch.randn(23, 40, generator=generator)).to(dtype)
    truth = torch.randint(40, (23,), generator=generator)
    mine, other = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    loss, expected = cross_entropy(mine, truth), F.cross_entropy(other.float(), truth)
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=0)
    (0.3 * loss).backward()
    (0.3 * expected).backward()
    assert mine.grad is not None
    assert mine.grad.dtype == dtype
    torch.testing.assert_close(mine.grad, other.grad, rtol=tolerance, atol=1e-6)


def test_its_gradient_is_that_of_finite_differences() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(4, 6, generator=generator, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: cross_entropy(x, torch.tensor([0, 5, 2, 2])), (logits,))


def test_what_is_out_of_range_is_not_finite_and_nothing_is_kept_without_a_gradient() -> None:
    logits, truth = torch.full((2, 3), torch.inf), torch.tensor([0, 1])
    assert not torch.isfinite(cross_entropy(logits, truth))
    with torch.no_grad():
        assert cross_entropy(torch.zeros(2, 3), truth).item() == pytest.approx(torch.log(torch.tensor(3.0)).item())
