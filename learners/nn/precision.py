"""Where bfloat16 pays: a CPU computes in it faster than in float32 only if it has instructions for it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache

import torch


@cache
def bf16_is_fast(device: str = "cpu") -> bool:
    """Whether bfloat16 matrix products are faster than float32 ones on this device.

    On a CPU: AVX512-BF16 or AMX, else bfloat16 is emulated, and slower. On CUDA: what torch says of the current device.
    """
    if torch.device(device).type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def autocast(device: str = "cpu", enabled: bool | None = None) -> AbstractContextManager[object]:
    """A context in which matrix products run in bfloat16; `enabled` None means: where it is fast."""
    fast = bf16_is_fast(device) if enabled is None else enabled
    return torch.autocast(torch.device(device).type, dtype=torch.bfloat16, enabled=fast)
