"""Convolutions for inference on a CPU: kernels in oneDNN's own layout, activations computed as outputs are written.

PyTorch reorders a kernel at every call and clamps its output in a second pass over it; one picture takes a third less
time without both. These are the operations that torch.compile's CPU back end emits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

_ACTIVATIONS: dict[type[nn.Module], tuple[str, list[float]]] = {
    nn.ReLU6: ("hardtanh", [0.0, 6.0]),
    nn.ReLU: ("relu", []),
}


class PackedConv(nn.Module):
    """A convolution and the activation after it, on a CPU, without gradients."""

    def __init__(self, conv: nn.Conv2d, shape: list[int], activation: nn.Module | None = None) -> None:
        """shape: of its usual input, for which the layout is chosen."""
        super().__init__()
        kind, arguments = ("none", []) if activation is None else _ACTIVATIONS[type(activation)]
        sizes = [list(size) for size in (conv.padding, conv.stride, conv.dilation)]
        self._arguments: tuple[Any, ...] = (*sizes, conv.groups, kind, arguments, "")
        self._bias = None if conv.bias is None else conv.bias.detach()
        self._kernel = torch.ops.mkldnn._reorder_convolution_weight(conv.weight.detach(), *sizes, conv.groups, shape)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, H, W), of the kernel's dtype, to (B, out, H', W')."""
        result: Tensor = torch.ops.mkldnn._convolution_pointwise(x, self._kernel, self._bias, *self._arguments)
        return result


def pack(network: nn.Module, *inputs: Tensor) -> None:
    """Replace the convolutions in the network's sequences and lists, where this machine and this torch can.

    The network must be without batch norms, on the CPU, of its final dtype and in evaluation mode. inputs: what it
    usually gets; other shapes are only slower.
    """
    if not torch.backends.mkldnn.is_available() or not hasattr(torch.ops.mkldnn, "_convolution_pointwise"):
        return
    shapes = _shapes(network, inputs)
    for part in list(network.modules()):
        if isinstance(part, nn.Sequential | nn.ModuleList):
            _pack(part, shapes)


def _shapes(network: nn.Module, inputs: Sequence[Tensor]) -> dict[nn.Module, list[int]]:
    """The shape of the input of each convolution."""
    shapes: dict[nn.Module, list[int]] = {}

    def note(part: nn.Module, given: tuple[Tensor]) -> None:
        shapes[part] = list(given[0].shape)

    hooks = [part.register_forward_pre_hook(note) for part in network.modules() if isinstance(part, nn.Conv2d)]
    with torch.inference_mode():
        network(*inputs)
    for hook in hooks:
        hook.remove()
    return shapes


def _pack(layers: nn.Sequential | nn.ModuleList, shapes: Mapping[nn.Module, list[int]]) -> None:
    """A layer that does nothing takes the place of an activation that is part of the convolution now."""
    for index, layer in enumerate(layers):
        if not isinstance(layer, nn.Conv2d) or layer not in shapes:
            continue
        following = [k for k in range(index + 1, len(layers)) if not isinstance(layers[k], nn.Identity)]
        after = following[0] if isinstance(layers, nn.Sequential) and following else None
        if after is None or type(layers[after]) not in _ACTIVATIONS:
            layers[index] = PackedConv(layer, shapes[layer])
        else:
            layers[index] = PackedConv(layer, shapes[layer], layers[after])
            layers[after] = nn.Identity()
