"""Names that configurations choose from. Imports nothing, so that a command line can read a configuration at once."""

from __future__ import annotations

from typing import Literal

Light = Literal["baked", "direct"]
"""Lighting of a scene: see `render.raycast.RayCastSimulator`."""

Sensors = Literal["exact", "slam", "odometry"]
"""What a robot measures: see `gym_envs.measured_world.MeasuredWorld`."""
