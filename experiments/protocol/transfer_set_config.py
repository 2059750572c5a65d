"""The size of the transfer set D_t. Light to import: the command line reads it without torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...core.frame import Camera
from ...envs.choices import Light


@dataclass(frozen=True)
class TransferSetConfig:
    """How large D_t is and how it is seen."""

    houses: int = 60
    """External houses to generate; ignored where houses are given."""
    frames_per_house: int = 40
    """Labelled frames drawn from each house."""
    camera: Camera = field(default_factory=Camera)
    """The camera of the agent: transfer and test frames are of one kind."""
    camera_height: float = 1.5
    """Metres above the floor."""
    light: Light = "direct"
    """How the ray caster lights houses, this one and the test space alike; baking each house takes it a second."""
