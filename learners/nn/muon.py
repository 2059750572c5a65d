"""Muon (Jordan et al., 2024), with its Newton-Schulz iteration in the precision that the device is fast in.

torch.optim.Muon always iterates in bfloat16. A CPU without AVX512-BF16 or AMX emulates that, which takes three times as
long as float32; there, float32 is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from .precision import bf16_is_fast

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic, steep at 0
_ITERATIONS = 5


def iteration_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where its matrix products are fast (`precision.bf16_is_fast`), else float32."""
    return torch.bfloat16 if bf16_is_fast(device.type) else torch.float32


def orthogonalise(matrix: Tensor, dtype: torch.dtype) -> Tensor:
    """Matrix (rows, columns) with its singular values brought near 1, by five Newton-Schulz iterations in `dtype`."""
    a, b, c = _COEFFICIENTS
    x = matrix.to(dtype, copy=True)
    tall = matrix.shape[0] > matrix.shape[1]
    x = x.T if tall else x
    x.div_(x.norm().clamp(min=1e-7))
    for _ in range(_ITERATIONS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


class Muon(Optimizer):
    """Steps along the orthogonalised momentum of matrices, scaled to AdamW's root mean square (Liu et al., 2025).

    State and steps are those of torch.optim.Muon with adjust_lr_fn="match_rms_adamw".
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, weight_decay: float = 0.1, momentum: float = 0.95
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step along the gradients."""
        loss = None if closure is None else closure()
        for group in self.param_groups:
            rate, momentum = group["lr"], group["momentum"]
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if "momentum_buffer" not in state:
                    state["momentum_buffer"] = torch.zeros_like(parameter.grad)
                mean = state["momentum_buffer"].lerp_(parameter.grad, 1 - momentum)
                update = orthogonalise(parameter.grad.lerp(mean, momentum), iteration_dtype(parameter.device))
                parameter.mul_(1 - rate * group["weight_decay"])
                parameter.add_(update, alpha=-rate * 0.2 * max(parameter.shape) ** 0.5)
        return loss
