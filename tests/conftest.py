"""Shared fixtures: the sample of real houses beside the checkout, where the machine has it."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real ProcTHOR houses beside the checkout; tests that need it skip where it is missing."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the sample of real houses (../shared/data) is not on this machine")
    return folder
