"""What the light of a depth camera meets: how much of it a surface sends back, by class, colour and angle."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from ..house.classes import CLASS_ID, CLASSES

GLASS = ("Window",)
"""Classes that let the light through."""
SHINY = (
    "AluminumFoil", "ButterKnife", "CD", "Faucet", "Fork", "Kettle", "Knife", "Ladle", "Laptop", "Microwave", "Pan",
    "Pot", "ShowerHead", "Sink", "Spatula", "Spoon", "Television", "Toaster", "WineBottle",
)  # fmt: skip
"""Classes of polished metal and of glossy panels: most of the light leaves them as from a mirror."""
_SHINY_SHARE = 0.1
"""Share of the light that a shiny surface scatters."""


@cache
def scattered_shares() -> NDArray[np.float32]:
    """Share of the light that a surface scatters rather than mirrors or lets through, by class, float32 (C,)."""
    shares = np.ones(len(CLASSES), np.float32)
    shares[[CLASS_ID[name] for name in SHINY]] = _SHINY_SHARE
    shares[[CLASS_ID[name] for name in GLASS]] = 0.0
    return shares


def glass(semantic: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Where there is glass, bool (N, H, W), by class ids (N, H, W)."""
    return scattered_shares()[semantic] == 0
