"""Changes of a scene by habitat-sim's own calls, by the kinds and strengths of `envs.perturbations`.

What can change is what the scene instance holds besides its stage: its lights, and its objects that are not static. A
scan has neither: its light is in its colours and its objects are in its mesh, so changes are refused.
"""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..perturbations import Perturbation
from ..perturbations.light_changes import BRIGHT, COOL, DIM, WARM
from .habitat_errors import HabitatError

SeededChanges = tuple[tuple[Perturbation, ...], int]
"""Changes, and their seed."""
FIT = 1.6
"""Largest ratio of the sides of two objects that may be exchanged."""


class SceneChanges:
    """The initial state of an open scene, and the changes since; shared by all states of the scene."""

    def __init__(self, habitat: Any, sim: Any, source: str) -> None:
        self.habitat, self.sim, self.source = habitat, sim, source
        self.state: tuple[SeededChanges, ...] = ()
        self._shown: bool | None = None
        self.lights = list(sim.get_current_light_setup())
        # habitat does not say under which key the scene's lights are; setting an unused key does nothing.
        keys = (habitat.gfx.DEFAULT_LIGHTING_KEY, *sim.get_lighting_template_manager().get_template_handles())
        self.keys = [key for key in keys if self.lights and list(sim.get_light_setup(key)) == self.lights]
        # Only static objects are in the navmesh, and they cannot be moved: the floor stays the same.
        objects = sorted(sim.get_rigid_object_manager().get_objects_by_handle_substring().items())
        self.things = [thing for _, thing in objects if thing.motion_type != habitat.physics.MotionType.STATIC]
        self.places = np.array([np.array(thing.translation) for thing in self.things], np.float64).reshape(-1, 3)
        boxes = [_box(thing) for thing in self.things]
        self.sizes = np.array([high - low for low, high in boxes]).reshape(-1, 3)
        feet = np.array([[(low[0] + high[0]) / 2, low[1], (low[2] + high[2]) / 2] for low, high in boxes])
        self.feet = feet.reshape(-1, 3) - self.places

    def check(self, changes: Sequence[Perturbation], views: Callable[[], NDArray[np.uint8]]) -> None:
        """HabitatError, naming the kind and the reason, where the scene does not allow a change. views: draws the
        colours of a few views of the scene, by which it is seen whether its lights have any effect."""
        for kind in (one.kind for one in changes if one.strength):
            if kind == "lighting" and not self.keys:
                raise HabitatError(
                    f"{self.source}: its lighting cannot be changed: habitat-sim draws it without lights, for they are"
                    " baked into its colours, as in scans (Replica, HM3D, Matterport3D, Gibson) and bare mesh files;"
                    " take a scene with its own lights (ReplicaCAD, as CONFIG.json:SCENE) or one of our houses"
                )
            if kind == "lighting" and not self._lights_show(views):
                raise HabitatError(
                    f"{self.source}: its lighting cannot be changed: habitat-sim draws it with flat shading, so its"
                    " lights do not show; take another scene of its data set, or one of our houses"
                )
            if kind == "objects" and not self._pairs(0):
                raise HabitatError(
                    f"{self.source}: its objects cannot be changed: {len(self.things)} of them can move, and no two"
                    " that differ are of similar size (a scan's are part of its mesh); take a scene made of objects"
                    " (ReplicaCAD, as CONFIG.json:SCENE) or one of our houses"
                )
            if kind == "materials":
                raise HabitatError(
                    f"{self.source}: its materials cannot be changed: habitat-sim has no call for that; choose"
                    " lighting or objects, or take one of our houses"
                )

    def enter(self, state: Sequence[SeededChanges]) -> None:
        """Bring the scene into the state after these changes, from any other state; () undoes them all."""
        new_state = tuple(state)
        if new_state == self.state:
            return
        power, places = np.ones(3), self.places.copy()
        for changes, seed in new_state:
            for one in changes:
                rng = np.random.default_rng((seed, zlib.crc32(one.kind.encode())))
                if one.kind == "lighting":
                    power *= _power(one.strength, rng)
                elif one.kind == "objects":
                    self._exchange(places, one.strength, seed)
        # The initial values are set exactly as read, so that undoing is exact.
        lights = [self._lit(light, power) for light in self.lights] if (power != 1).any() else self.lights
        for key in self.keys:
            self.sim.set_light_setup(lights, key)
        for thing, place in zip(self.things, places, strict=True):
            thing.translation = place.tolist()
        self.state = new_state

    def _lights_show(self, views: Callable[[], NDArray[np.uint8]]) -> bool:
        """Whether the scene looks different without light."""
        if self._shown is None:
            before, lights = views(), list(self.sim.get_current_light_setup())
            for key in self.keys:
                self.sim.set_light_setup([self._lit(light, np.zeros(3)) for light in lights], key)
            self._shown = not np.array_equal(before, views())
            for key in self.keys:
                self.sim.set_light_setup(lights, key)
        return self._shown

    def _lit(self, light: Any, power: NDArray[np.float64]) -> Any:
        color = (np.array(light.color, np.float64) * power).tolist()
        return self.habitat.gfx.LightInfo(vector=light.vector, color=color, model=light.model)

    def _exchange(self, places: NDArray[np.float64], strength: float, seed: int) -> None:
        """Exchange the objects of each chosen pair; strength is the share of the pairs, and those of a weak change are
        among those of a stronger one."""
        pairs = self._pairs(seed)
        for a, b in pairs[: math.ceil(strength * len(pairs))]:
            stood_a, stood_b = places[a] + self.feet[a], places[b] + self.feet[b]
            places[a], places[b] = stood_b - self.feet[a], stood_a - self.feet[b]

    def _pairs(self, seed: int) -> list[tuple[int, int]]:
        """Pairs of objects of similar size and different kind, each in one pair at most, in the order of exchange."""
        kinds = [str(thing.handle).rpartition("_:")[0] for thing in self.things]  # chair_:0000
        order = np.random.default_rng((seed, zlib.crc32(b"objects"))).permutation(len(self.things)).tolist()
        free, pairs = set(order), []
        for a, b in itertools.combinations(order, 2):
            ratio = self.sizes[a] / np.maximum(self.sizes[b], 1e-6)
            if {a, b} <= free and kinds[a] != kinds[b] and np.all((ratio <= FIT) & (ratio >= 1 / FIT)):
                free -= {a, b}
                pairs.append((a, b))
        return pairs


def _power(strength: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Factors of red, green and blue for all lights: from 1 towards a target of our own houses' lamps, by strength.

    The same for all, since ReplicaCAD has lights of negative colour that correct the others.
    """
    target = rng.uniform(*(DIM if rng.random() < 0.6 else BRIGHT))
    tint = np.array(WARM if rng.random() < 0.5 else COOL)
    return 1 + strength * (target * tint - 1)


def _box(thing: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest corner in the world."""
    box = thing.root_scene_node.cumulative_bb
    ends = np.array([np.array(box.min), np.array(box.max)], np.float64)
    corners = np.array([[ends[i, 0], ends[j, 1], ends[k, 2], 1] for i, j, k in itertools.product((0, 1), repeat=3)])
    placed = (corners @ np.array(thing.transformation, np.float64).T)[:, :3]
    return placed.min(axis=0), placed.max(axis=0)
