"""Depthwise convolutions whose backward pass is fast in bfloat16 on a CPU.

oneDNN has fast bfloat16 kernels for depthwise convolutions forwards, and backwards for 3 x 3 kernels of stride 1; all
other cases fall back to loops that take 10 to 50 times as long. The fast kernels give both gradients:

- of the input of a strided convolution: the output's gradient, upsampled with zeros, convolved with the kernel rotated
  by 180 degrees;
- of a 5 x 5 kernel: each of its four 3 x 3 corners is the gradient of a 3 x 3 kernel on the shifted input.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Depthwise(nn.Conv2d):
    """Depthwise convolution without bias; kernel 3 or 5, padded by half of it.

    x (B, C, H, W) to (B, C, ceil(H / stride), ceil(W / stride)).
    """

    def __init__(self, channels: int, kernel: int, stride: int = 1) -> None:
        if kernel not in (3, 5) or stride not in (1, 2):
            raise ValueError(f"depthwise: kernel must be 3 or 5 and stride 1 or 2, got {kernel} and {stride}")
        super().__init__(channels, channels, kernel, stride, kernel // 2, groups=channels, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        """Convolve as nn.Conv2d does; under CPU autocast, with the fast backward pass."""
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
        x_gradient = _input_gradient(out, x, weight, ctx.stride) if ctx.needs_input_grad[0] else None
        weight_gradient = _weight_gradient(out, x, weight, ctx.stride) if ctx.needs_input_grad[1] else None
        return x_gradient, weight_gradient, None


def _input_gradient(out: Tensor, x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """Gradient with respect to x, from the gradient `out` with respect to the output."""
    if stride > 1:
        upsampled = torch.zeros_like(x, memory_format=torch.channels_last)
        upsampled[:, :, ::stride, ::stride] = out
        out = upsampled
    return F.conv2d(out, weight.flip(2, 3), None, 1, weight.shape[2] // 2, 1, len(weight))


def _weight_gradient(out: Tensor, x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """Gradient with respect to the kernels, from the gradient `out` with respect to the output."""
    if weight.shape[2] == 3:
        return _small_kernel_gradient(out, x, weight, stride, 1)
    # Padded by 2 on every side, tap t of output row i reads row stride * i + t, so taps a to a + 2 are those of a 3 x 3
    # kernel on the rows from a on. Where two corners share a tap, both compute its full gradient.
    padded = F.pad(x, (2, 2, 2, 2))
    height, width = padded.shape[2] - 2, padded.shape[3] - 2
    gradient = torch.empty_like(weight)
    for a in (0, 2):
        for b in (0, 2):
            shifted = padded[:, :, a : a + height, b : b + width].contiguous(memory_format=torch.channels_last)
            gradient[:, :, a : a + 3, b : b + 3] = _small_kernel_gradient(out, shifted, weight[:, :, :3, :3], stride, 0)
    return gradient


def _small_kernel_gradient(out: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    small = weight.contiguous()
    gradients = torch.ops.aten.convolution_backward(
        out, x, small, None, [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], len(small), [False, True, False]
    )
    gradient: Tensor = gradients[1]
    return gradient
