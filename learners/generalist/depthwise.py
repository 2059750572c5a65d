"""Depthwise convolutions whose backward pass is fast in bfloat16 on a CPU.

oneDNN has fast bfloat16 kernels for depthwise convolutions forwards, and backwards for 3 x 3 kernels of stride 1; all
other cases fall back to loops that take 10 to 50 times as long. Both gradients can be had from the fast ones:

- to the input of a strided convolution: spread the output's gradient over the input's grid with zeros between, and
  convolve it with the kernel turned by 180 degrees;
- to a 5 x 5 kernel: each of its four 3 x 3 corners is the gradient to a 3 x 3 kernel of the input, shifted.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Depthwise(nn.Conv2d):
    """A convolution of each channel by itself, without bias; kernel 3 or 5, padded by half of it.

    x (B, C, H, W) to (B, C, ceil(H / stride), ceil(W / stride)).
    """

    def __init__(self, channels: int, kernel: int, stride: int = 1) -> None:
        if kernel not in (3, 5) or stride not in (1, 2):
            raise ValueError(f"depthwise: kernel must be 3 or 5 and stride 1 or 2, got {kernel} and {stride}")
        super().__init__(channels, channels, kernel, stride, kernel // 2, groups=channels, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        """As nn.Conv2d; under autocast on a CPU with the fast backward pass."""
        if input.device.type == "cpu" and torch.is_autocast_enabled("cpu") and torch.is_grad_enabled():
            dtype = torch.get_autocast_dtype("cpu")
            return _FastBackward.apply(input.to(dtype), self.weight.to(dtype), self.stride[0])
        return super().forward(input)


class _FastBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return F.conv2d(x, weight, None, stride, weight.shape[2] // 2, 1, len(weight))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, weight = ctx.saved_tensors
        out = gradients[0].contiguous(memory_format=torch.channels_last)
        to_x = _to_input(out, x, weight, ctx.stride) if ctx.needs_input_grad[0] else None
        to_weight = _to_weight(out, x, weight, ctx.stride) if ctx.needs_input_grad[1] else None
        return to_x, to_weight, None


def _to_input(out: Tensor, x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """Gradient to x of a gradient `out` to the convolution's output."""
    if stride > 1:
        spread = torch.zeros_like(x, memory_format=torch.channels_last)
        spread[:, :, ::stride, ::stride] = out
        out = spread
    return F.conv2d(out, weight.flip(2, 3), None, 1, weight.shape[2] // 2, 1, len(weight))


def _to_weight(out: Tensor, x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """Gradient to the kernels of a gradient `out` to the convolution's output."""
    if weight.shape[2] == 3:
        return _to_small_kernel(out, x, weight, stride, 1)
    # Padded on every side by 2, tap t of row i reads row stride * i + t; taps a to a + 2 are a 3 x 3 kernel's on rows
    # from a on. Of taps that two corners share, either's gradient is the whole one.
    padded = F.pad(x, (2, 2, 2, 2))
    height, width = padded.shape[2] - 2, padded.shape[3] - 2
    found = torch.empty_like(weight)
    for a in (0, 2):
        for b in (0, 2):
            part = padded[:, :, a : a + height, b : b + width].contiguous(memory_format=torch.channels_last)
            found[:, :, a : a + 3, b : b + 3] = _to_small_kernel(out, part, weight[:, :, :3, :3], stride, 0)
    return found


def _to_small_kernel(out: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    small = weight.contiguous()
    rows = torch.ops.aten.convolution_backward(
        out, x, small, None, [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], len(small), [False, True, False]
    )
    gradient: Tensor = rows[1]
    return gradient
