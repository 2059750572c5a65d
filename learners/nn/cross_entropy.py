"""Cross-entropy over large vocabularies, a few rows at a time.

torch's own turns all logits into float32 and keeps their log-likelihoods for the backward pass, so that the processor
waits for memory. Here a chunk of rows stays in the cache while its loss and its gradient are made, and the gradient
takes the place of the logits, in their precision, so that no second matrix of that size is ever written. The numbers
are the same.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

CHUNK = 1 << 18
"""Logits at a time on a CPU: a megabyte of float32."""


def cross_entropy(logits: Tensor, truth: Tensor) -> Tensor:
    """Mean over the rows of -log softmax(logits)[truth], float32: logits (N, V) of any precision, truth int64 (N,).

    Where a gradient is needed the logits are used up: pass a fresh product that nothing else reads. One backward pass.
    """
    return _CrossEntropy.apply(logits, truth)


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, truth: Tensor) -> Tensor:
        count, precision = len(truth), torch.promote_types(logits.dtype, torch.float32)
        rows = max(1, CHUNK // logits.shape[1]) if logits.device.type == "cpu" else count
        gradient = logits.detach() if ctx.needs_input_grad[0] else None  # the same memory; other users of it raise
        total = logits.new_zeros((), dtype=precision)
        for first in range(0, count, rows):
            chunk = slice(first, first + rows)
            target = truth[chunk]
            number = torch.arange(len(target), device=logits.device)
            likely = logits[chunk].log_softmax(dim=-1, dtype=precision)
            total -= likely[number, target].sum()
            if gradient is not None:  # softmax - one-hot, over the rows
                likely.exp_()
                likely[number, target] -= 1
                gradient[chunk] = likely.div_(count)
        ctx.save_for_backward(gradient)
        return total / count

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, scale: Tensor) -> tuple[Tensor | None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient.mul_(scale), None
