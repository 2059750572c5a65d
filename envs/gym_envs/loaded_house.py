"""A house in memory, ready to be rendered: what all environments of one house share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from ...core.frame import Camera
from ..assembly.building import build_scene, load_scene
from ..choices import Light
from ..house.house import House
from ..house.house_io import load_house
from ..meshes import is_mesh
from ..meshes.parts import Up
from ..packs.pack import FurniturePack, open_pack
from ..render.raycast import RayCastSimulator
from ..scene import Scene, empty_scene
from ..simulator import Simulator


@dataclass(frozen=True)
class LoadedHouse:
    """The description of a house, its triangles, and the simulator that renders them."""

    scene: Scene
    """The house as triangles; empty if they are not known."""
    simulator: Simulator
    """Renders the scene."""
    house: House | None = None
    """The house as it was loaded or generated; None for a mesh, a Scene or another simulator."""
    pack: FurniturePack | None = None
    """The furniture pack that the scene was built with."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return self: it is immutable, and `gymnasium.make` copies the arguments of an environment."""
        return self

    @classmethod
    def open(
        cls,
        house: House | Path | str | int,
        camera: Camera,
        threads: int = 2,
        light: Light = "baked",
        antialias: int = 1,
        assets: str | None = None,
        up: Up | None = None,
        scale: float = 1.0,
        storey: int = 0,
    ) -> LoadedHouse:
        """Load or generate a house, or load a mesh, for the ray caster. The parameters are those of HouseEnv."""
        if is_mesh(house):
            return cls.from_scene(load_scene(house, up, scale, storey), camera, threads, light, antialias)
        if up is not None or scale != 1.0 or storey:
            raise ValueError(
                "HouseEnv: up, scale and storey are for meshes: a house file is y-up, in metres, of one storey"
            )
        described = _description(house)
        pack = open_pack(assets) if assets else None
        scene = build_scene(described, pack)
        simulator = RayCastSimulator(scene, camera, threads=threads, light=light, antialias=antialias)
        return cls(scene, simulator, described, pack)

    @classmethod
    def from_scene(
        cls, scene: Scene, camera: Camera, threads: int = 2, light: Light = "baked", antialias: int = 1
    ) -> LoadedHouse:
        """A Scene without a description, for the ray caster."""
        return cls(scene, RayCastSimulator(scene, camera, threads=threads, light=light, antialias=antialias))

    @classmethod
    def from_simulator(cls, simulator: Simulator, source: str = "") -> LoadedHouse:
        """The world of any simulator; only the ray caster's has triangles. `source` names it in errors."""
        scene = simulator.scene if isinstance(simulator, RayCastSimulator) else empty_scene(source)
        return cls(scene, simulator)

    def changed(self, to: House | Simulator) -> LoadedHouse:
        """Another state of this house, rendered in the same way.

        to: a House; where this house has no description, a Simulator with the same camera. Raises ValueError for
        others, and FloorError for a state without reachable floor.
        """
        if isinstance(to, Simulator) and self.house is None and to.camera == self.simulator.camera:
            state = replace(self, simulator=to)
        elif not isinstance(to, House):
            raise ValueError(f"HouseEnv: the changed house must be a House, got {type(to).__name__}")
        elif self.house is None or not isinstance(self.simulator, RayCastSimulator):
            raise ValueError(f"HouseEnv: {self.scene.source or 'a Scene'} has no house file and cannot be changed")
        else:
            before, scene = self.simulator, build_scene(to, self.pack)
            simulator = RayCastSimulator(
                scene, before.camera, threads=before.threads, light=before.light, antialias=before.antialias
            )
            state = replace(self, scene=scene, simulator=simulator, house=to)
        _ = state.simulator.floor  # raises where nobody can stand
        return state


def _description(house: House | Path | str | int) -> House:
    if isinstance(house, House):
        return house
    if isinstance(house, (int, np.integer)):
        from ..generator.house_reference import generated  # only for a seed: a file does without the generator

        return generated(int(house))
    if isinstance(house, str) and house.isdecimal():
        return _description(int(house))
    if isinstance(house, (str, Path)):
        return load_house(house)
    raise TypeError(
        f"HouseEnv: house must be a House, a path or a seed, got {type(house).__name__};"
        " for a Scene use HouseEnv.from_scene, for a Simulator HouseEnv.from_simulator"
    )
