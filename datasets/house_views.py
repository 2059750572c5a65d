"""Endless labelled views as numpy arrays, in an order that depends on the options alone.

for sample in HouseViews(ViewOptions(seed=0)):
    sample["rgb"], sample["semantic"]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ..core.frame import FRAME_SPEC, Camera
from ..envs.assembly.building import load_scene
from ..envs.camera.model import CameraModel
from ..envs.house.house_io import load_houses
from ..envs.meshes import is_mesh
from ..envs.render.raycast import RayCastSimulator
from ..envs.scene import Scene
from .generated import in_generated_house
from .light import relit
from .poses import rich_poses
from .view_options import HouseRef, ViewError, ViewOptions

Sample = dict[str, Any]
"""One view. Images (H, W, ...) by the options' modalities; `pose`, float32 (6,); `vertical_fov`, float32, in degrees;
`house` and `view`, int: its number, from 0, and that of the view in it."""


class Shard(NamedTuple):
    """Every `of`th house from `number` on: what one of `of` processes renders."""

    number: int = 0
    of: int = 1


class HouseViews:
    """An endless iterator over samples; give each process another `shard`. Renders a house at a time, in one thread.

    A `house` is a function of the options and its number, whatever the shards.
    """

    def __init__(self, options: ViewOptions | None = None, shard: Shard = Shard()) -> None:  # noqa: B008 (immutable)
        """Raises ViewError for a shard that is none, and HouseError for a file of houses that cannot be read."""
        if not 0 <= shard.number < shard.of:
            raise ViewError(f"shard: its number must lie in 0 to {shard.of - 1}, got {shard.number}")
        self.options = options or ViewOptions()
        self.shard = shard
        self._given = _listed(self.options.houses)
        self._delivered = 0
        self._current: dict[int, tuple[int, Mapping[str, NDArray[Any]]]] = {}

    @property
    def given(self) -> int | None:
        """How many houses were given; None for generated ones, which have no end."""
        return None if self._given is None else len(self._given)

    def __iter__(self) -> Iterator[Sample]:
        return self

    def __next__(self) -> Sample:
        mix, views = self.options.mix, self.options.views
        step, slot = divmod(self._delivered, mix)
        # each slot begins further into its first house, so that they do not all need a new one at once
        turn, view = divmod(step + slot * views // mix, views)
        number = self.shard.number + (turn * mix + slot) * self.shard.of
        if slot not in self._current or self._current[slot][0] != number:
            self._current[slot] = number, self.house(number)
        self._delivered += 1
        sample: Sample = {name: array[view] for name, array in self._current[slot][1].items()}
        return {**sample, "house": number, "view": view}

    def state_dict(self) -> dict[str, Any]:
        """How many samples this shard has delivered, and of what; from there `load_state_dict` goes on."""
        options = self.options
        return {"seed": options.seed, "views": options.views, "mix": options.mix, "shards": self.shard.of,
                "delivered": self._delivered}  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> Self:
        """Go on after the last sample before `state_dict`. ViewError for a state of other options or shards."""
        own = self.state_dict()
        wrong = [name for name in own if name != "delivered" and state.get(name) != own[name]]
        if wrong:
            differences = ", ".join(f"{name} {state.get(name)!r}, not {own[name]!r}" for name in wrong)
            raise ViewError(f"the state is of another data set: {differences}; make it with the options of before")
        self._delivered = int(state["delivered"])
        return self

    def house(self, number: int) -> dict[str, NDArray[Any]]:
        """All samples of house `number` as arrays with a leading axis of `views`, without `house` and `view`."""
        options = self.options
        if self._given is None:
            return in_generated_house(
                options.seed, number, self._look, excluded=options.exclude_assets, split=options.split
            )
        turn, place = divmod(number, len(self._given))
        order = np.random.default_rng([options.seed, turn]).permutation(len(self._given))
        return self._look(load_scene(self._given[order[place]]), np.random.default_rng([options.seed, number, 1]))

    def _look(self, scene: Scene, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        options, ranges = self.options, self.options.camera
        if options.vary_light:
            scene = relit(scene, rng)
        simulator = RayCastSimulator(scene, threads=1, light=options.light, cache=False)
        fov = float(rng.uniform(*ranges.vertical_fov))
        poses = rich_poses(simulator, options.views, fov, 0.0, rng, ranges.above_floor, ranges.pitch)
        camera = Camera(ranges.width, ranges.height, fov)
        noise = options.noise(rng) if callable(options.noise) else options.noise
        simulator.camera = noise.source_camera(camera) if isinstance(noise, CameraModel) else camera
        simulator.shadows = bool({"rgb", "edges"} & set(options.modalities))
        frames, labels = simulator.render_with_labels(poses)
        if isinstance(noise, CameraModel):
            frames, labels = noise.apply(frames, camera, rng, labels)
        elif noise is not None:
            measure = partial(noise.measure, camera=camera, rng=rng)
            single = [measure({key: frames[key][k] for key in FRAME_SPEC}) for k in range(options.views)]
            frames |= {key: np.stack([frame[key] for frame in single]) for key in FRAME_SPEC}
        images: dict[str, NDArray[Any]] = {
            **frames,
            "semantic": labels.semantic.astype(np.uint8),
            "instance": labels.instance,
        }
        return {
            **{name: images[name] for name in options.modalities},
            "pose": frames["pose"],
            "vertical_fov": np.full(options.views, fov, np.float32),
        }


def _listed(houses: Any) -> list[HouseRef] | None:
    """References to houses; None for generated ones."""
    if houses is None:
        return None
    if not isinstance(houses, (str, Path)):
        return list(houses)
    several = ".jsonl" in Path(houses).suffixes and not is_mesh(houses)
    return [*load_houses(houses)] if several else [houses]
