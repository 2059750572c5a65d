"""Time of a training step by kind of operation, from torch's profiler."""

from __future__ import annotations

from collections.abc import Callable

from torch.profiler import ProfilerActivity, profile

KINDS = {
    "matrix products": ("mm", "addmm", "bmm", "baddbmm"),
    "copies and casts": ("copy_", "_to_copy", "cat", "clone", "fill_", "zero_", "index_select", "index", "gather"),
    "norms": ("native_layer_norm", "native_layer_norm_backward"),
    "softmax and cross-entropy": (
        "_softmax", "_softmax_backward_data", "_log_softmax", "_log_softmax_backward_data", "nll_loss_forward",
        "nll_loss_backward", "masked_fill_", "masked_fill",
    ),
    "elementwise": ("mul", "add", "add_", "mul_", "silu", "silu_backward", "sum", "div", "div_", "sub", "sigmoid"),
    "optimiser": ("_fused_adamw_",),
}  # fmt: skip


def where_a_step_goes(step: Callable[[], None]) -> dict[str, float]:
    """Fractions of one step's time, which sum to 1; `other` is the interpreter, autograd and small operations."""
    step()
    with profile(activities=[ProfilerActivity.CPU]) as recorded:
        step()
    times: dict[str, float] = {}
    for event in recorded.key_averages():
        times[event.key.removeprefix("aten::")] = event.self_cpu_time_total
    total = sum(times.values())
    shares = {kind: sum(times.get(name, 0.0) for name in names) / total for kind, names in KINDS.items()}
    return {**shares, "other": 1 - sum(shares.values())}
