"""bfloat16 is used only where the processor has instructions for it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from testspace.learners.nn.precision import autocast, bf16_is_fast


def test_agrees_with_the_processors_own_list() -> None:
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.is_file() or "flags" not in cpuinfo.read_text():
        pytest.skip("this system does not list the processor's instructions")
    flags = next(line for line in cpuinfo.read_text().splitlines() if line.startswith("flags")).split()
    assert bf16_is_fast() == ("avx512_bf16" in flags or "amx_tile" in flags)


@pytest.mark.parametrize(("enabled", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_matrix_products_run_in_the_chosen_precision(enabled: bool, dtype: torch.dtype) -> None:
    with autocast(enabled=enabled):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype
