"""What the views of a data set are: which houses, seen by which cameras, under which light, with which noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..core.frame import FRAME_SPEC, Camera
from ..envs.camera.model import CameraModel
from ..envs.gym_envs.sensor_noise import StereoCamera
from ..envs.house.house import House
from ..envs.scene import Scene
from .poses import PITCH_RANGE

if TYPE_CHECKING:
    from ..envs.choices import Light

LABELS = ("semantic", "instance")
"""Ground truth of a view: uint8 (H, W) class ids of `envs.house.classes`, int32 (H, W) numbers of things; 0 = void."""
MODALITIES = (*FRAME_SPEC, *LABELS)
"""All images of a view: rgb, depth, normals, edges as `core.frame` has them, and LABELS."""

HouseRef = Scene | House | Path | str | int
"""A house as `envs.assembly.building.load_scene` takes it: a file, "FILE.jsonl.gz:LINE", a scan, a mesh, a House."""


class ViewError(ValueError):
    """Options of a data set that do not go together, or a state of another one."""


@dataclass(frozen=True)
class CameraRange:
    """Pinhole cameras; what is a range is drawn uniformly, the field of view for a house, the rest for a view."""

    width: int = 128
    """Columns, in pixels."""
    height: int = 128
    """Rows, in pixels."""
    vertical_fov: tuple[float, float] = (90.0, 90.0)
    """Vertical field of view, in degrees."""
    above_floor: tuple[float, float] = (1.5, 1.5)
    """Height above y = 0, the floor, in metres."""
    pitch: tuple[float, float] = PITCH_RANGE
    """Degrees, positive upwards."""

    def __post_init__(self) -> None:
        for low, high in (self.vertical_fov, self.above_floor, self.pitch):
            if low > high:
                raise ViewError(f"camera: a range must begin with its lower end, got ({low:g}, {high:g})")
        for fov in self.vertical_fov:
            Camera(self.width, self.height, fov)  # raises ValueError for what is no camera


@dataclass(frozen=True)
class ViewOptions:
    """All that a data set's views depend on. Raises ViewError for what does not go together."""

    seed: int = 0
    """Seed of the houses, their light, the poses and the noise; 0 or more."""
    houses: str | Path | Sequence[HouseRef] | None = None
    """None for generated houses; a file of houses, as .jsonl.gz; or houses, scans and meshes one by one. Those of a
    file or a list are shown in a new order and from new poses each time round, without end."""
    split: str | None = None
    """Of generated houses: only assets of "train", "val" or "test", which share none; None for all."""
    exclude_assets: frozenset[str] = frozenset()
    """Assets that no generated house has, such as those of the houses to evaluate in."""
    views: int = 60
    """Views of a house; half of them are those that show the most classes."""
    mix: int = 8
    """Houses whose views alternate, so that no batch is of one house alone; a process keeps so many in memory."""
    camera: CameraRange = field(default_factory=CameraRange)
    """Cameras."""
    light: Light = "direct"
    """As of `RayCastSimulator`: "direct" is far faster for a house that is seen a few dozen times than "baked"."""
    vary_light: bool = True
    """Make lamps and sun stronger or weaker, warmer or colder, or off, house by house."""
    noise: StereoCamera | CameraModel | Callable[[np.random.Generator], CameraModel] | None = None
    """Camera by which colour and depth are measured; None for exact ones. A function, as
    `envs.camera.model.random_camera`, draws one for each house. Labels stay exact, and follow the colour where a lens
    or a rolling shutter moves it."""
    modalities: tuple[str, ...] = MODALITIES
    """Images of a sample, of MODALITIES."""

    def __post_init__(self) -> None:
        if self.seed < 0 or self.views < 1 or self.mix < 1:
            raise ViewError(
                f"seed must be 0 or more, views and mix 1 or more, got {self.seed}, {self.views} and {self.mix}"
            )
        unknown = [name for name in self.modalities if name not in MODALITIES]
        if unknown or not self.modalities:
            raise ViewError(f"modalities must be some of {', '.join(MODALITIES)}; got {unknown or 'none'}")
        if self.houses is not None and (self.split or self.exclude_assets):
            raise ViewError("split and exclude_assets choose the assets of generated houses; houses are given")
        if self.houses is not None and not isinstance(self.houses, (str, Path)) and not len(self.houses):
            raise ViewError("houses: the list is empty; name at least one, or None for generated houses")
