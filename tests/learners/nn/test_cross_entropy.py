"""Against torch's own, in loss and gradient, whatever the chunks."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from testspace.learners.nn import cross_entropy as module
from testspace.learners.nn.cross_entropy import cross_entropy


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
    loss, expected = cross_entropy(mine.clone(), truth), F.cross_entropy(other.float(), truth)
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=0)
    (0.3 * loss).backward()
    (0.3 * expected).backward()
    assert mine.grad is not None
    assert mine.grad.dtype == dtype
    torch.testing.assert_close(mine.grad, other.grad, rtol=tolerance, atol=1e-6)


def test_its_gradient_is_that_of_finite_differences() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(4, 6, generator=generator, dtype=torch.float64).requires_grad_()
    truth, step = torch.tensor([0, 5, 2, 2]), 1e-6
    cross_entropy(logits.clone(), truth).backward()
    with torch.no_grad():
        moved = [logits + step * sign * way.view(4, 6) for way in torch.eye(24) for sign in (1, -1)]
        losses = torch.stack([cross_entropy(place, truth) for place in moved])
    assert logits.grad is not None
    slopes = ((losses[::2] - losses[1::2]) / (2 * step)).view(4, 6)
    torch.testing.assert_close(logits.grad, slopes, rtol=1e-6, atol=1e-8)


def test_what_is_out_of_range_is_not_finite_and_nothing_is_kept_without_a_gradient() -> None:
    logits, truth = torch.full((2, 3), torch.inf), torch.tensor([0, 1])
    assert not torch.isfinite(cross_entropy(logits, truth))
    with torch.no_grad():
        assert cross_entropy(torch.zeros(2, 3), truth).item() == pytest.approx(torch.log(torch.tensor(3.0)).item())


def test_the_gradient_takes_the_logits_memory_and_a_second_use_raises() -> None:
    logits = torch.randn(4, 6, generator=torch.Generator().manual_seed(0)).requires_grad_()
    product = logits.clone()
    place = product.data_ptr()
    got: list[int] = []
    product.register_hook(lambda gradient: got.append(gradient.data_ptr()))
    loss = cross_entropy(product, torch.tensor([0, 5, 2, 2]))
    loss.backward(retain_graph=True)
    assert got == [place]
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()
    kept = logits.exp()  # exp needs its own output for its gradient
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        cross_entropy(kept, torch.tensor([0, 5, 2, 2])).backward()
