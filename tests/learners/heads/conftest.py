"""What the heads are tested on."""

from __future__ import annotations

import pytest
import torch

from testspace.learners.masked.encoder import Encoder


@pytest.fixture
def encoder() -> Encoder:
    """A small one, the same each time."""
    torch.manual_seed(0)
    return Encoder("nano", 32, 8)
