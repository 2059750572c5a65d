"""Labelled views of generated houses, for the generalist and for specialists, a function of seed and number alone.

Half of the views are as an agent of the presets sees: 90 degrees, 1.5 m above the floor. The others vary field of view,
height and pitch. Lamps and sun vary house by house. Two thirds of the depth maps are as a stereo camera has them, with
a pose that is a little wrong.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...agent.fusion.surface_prior import SurfacePrior
from ...core.cache import cached_parts
from ...core.digests import code_digest, digest, library_versions
from ...core.frame import Camera
from ...core.normals import normals_from_depth
from ...core.progress import Advance
from ...envs.assembly.building import build_scene
from ...envs.floor import FloorError
from ...envs.generator import generate_house
from ...envs.gym_envs.sensor_noise import StereoCamera
from ...envs.house.classes import CLASSES
from ...envs.render.raycast import RayCastSimulator
from ...envs.scene import DirectionalLight, PointLight, Scene
from ...learners.generalist.views import PIXELS, PLACES, Views
from .held_out import blank_views, random_poses

_THIS = "experiments.protocol.generated_views"  # its code and all that it imports: a changed renderer makes new views
HOUSES_FROM = 10**9
"""Generated houses of seed s have numbers from (1 + s) * HOUSES_FROM on: far from those that people give."""
_SPECIALISTS = 500
"""Added to the seed of a specialist's views: never those that a generalist was trained on."""
_RETRY = 10**8
"""Added to a number of which no house can be made."""
_GROUPS = 4
"""Cameras that look at one house."""
_STANDARD_HEIGHT, _STANDARD_FOV = 1.5, 90.0
_HEIGHTS, _FOVS, _PITCHES = (0.4, 1.8), (50.0, 100.0), (-60.0, 30.0)
"""Ranges of metres and degrees of the views that vary."""
_NOISY = 2 / 3
"""Share of the views whose depth is a stereo camera's."""
_POSE_NOISE = (0.02, 0.7, 0.7)
"""Standard deviations of height (metres), pitch and roll (degrees) of these."""
_BRIGHTNESS, _TINT = 0.45, 0.15
"""Standard deviations of the logarithm of a light's strength, and of each of its colours."""
_LAMP_OFF = 0.1
"""Chance of a lamp to be off."""


def house_views(seed: int, number: int, excluded: Collection[str], count: int) -> Views:
    """`count` views (1 or more) of house `number` of this seed, none of a blank wall. Always the same ones."""
    for attempt in range(20):
        name = (1 + seed) * HOUSES_FROM + number + attempt * _RETRY
        rng = np.random.default_rng([seed, number, attempt])
        try:
            house = generate_house(name, exclude_assets=excluded)
            scene = _lit(build_scene(house, variant=name), rng)
            return _look(RayCastSimulator(scene, threads=1, light="direct"), count, rng)
        except (FloorError, _Unseen):
            continue
        except ValueError as error:  # what the generator raises where no plan works out
            if "no plan" not in str(error):
                raise
    raise RuntimeError(f"house {number} of seed {seed}: no house could be made")


def external_views(houses: int, each: int, excluded: Collection[str], seed: int, advance: Advance) -> Views:
    """`each` views of each of so many generated houses without the `excluded` assets, from the cache where they were
    made before."""
    key = digest([houses, each, sorted(excluded), seed, code_digest(_THIS), library_versions()])

    def make(number: int) -> dict[str, NDArray[Any]]:
        views = Views.empty(each)
        made = house_views(_SPECIALISTS + seed, number, excluded, each)
        for array, values in zip(views.arrays, made.arrays, strict=True):
            array[:] = values
        return views._asdict()

    arrays, _ = cached_parts("generated-views", key, houses, make, advance)
    return Views.of(arrays[name] for name in Views._fields)


def surface_prior(views: Views) -> SurfacePrior:
    """Which classes lie on which surfaces, in those of the views that have the agent's field of view."""
    prior = SurfacePrior(Camera(PLACES, PLACES, _STANDARD_FOV), len(CLASSES))
    tangent = np.tan(np.radians(_STANDARD_FOV) / 2)
    usual = views.part(np.flatnonzero(np.abs(views.camera[:, 3] - tangent) < 1e-3))
    poses = np.zeros((len(usual.camera), 6), np.float32)  # where they stand and look, a kind of surface does not say
    poses[:, [1, 4, 5]] = usual.camera[:, :3]
    frames = {
        "depth": torch.from_numpy(usual.depth.astype(np.float32)),
        "normals": torch.from_numpy(usual.normals.astype(np.float32) / 127),
        "pose": torch.from_numpy(poses),
    }
    prior.add(frames, usual.semantic.astype(np.int16))
    return prior


class _Unseen(ValueError):
    """A house of which hardly a view shows more than a blank wall."""


def _lit(scene: Scene, rng: np.random.Generator) -> Scene:
    """The scene under other light: each lamp stronger or weaker, warmer or colder, or off; one stays on."""
    lamps = [light for light in scene.lights if isinstance(light, PointLight)]
    on = rng.random(len(lamps)) >= _LAMP_OFF
    if len(lamps):
        on[rng.integers(len(lamps))] = True
    suns = [light for light in scene.lights if isinstance(light, DirectionalLight)]
    kept: list[PointLight | DirectionalLight] = [light for light, burns in zip(lamps, on, strict=True) if burns]
    return replace(scene, lights=[_dimmed(light, rng) for light in (*kept, *suns)])


def _dimmed(light: PointLight | DirectionalLight, rng: np.random.Generator) -> PointLight | DirectionalLight:
    factors = np.exp(rng.normal(0, _BRIGHTNESS) + rng.normal(0, _TINT, 3))
    r, g, b = (float(c * factor) for c, factor in zip(light.rgb, factors, strict=True))
    return replace(light, rgb=(r, g, b))


def _look(simulator: RayCastSimulator, count: int, rng: np.random.Generator) -> Views:
    views = Views.empty(count)
    groups = min(_GROUPS, count)
    bounds = np.linspace(0, count, groups + 1).astype(int)
    for group in range(groups):
        part = slice(int(bounds[group]), int(bounds[group + 1]))
        standard = group % 2 == 0
        fov = _STANDARD_FOV if standard else float(rng.uniform(*_FOVS))
        _fill(views.part(part), simulator, fov, standard, rng)
    return views


def _fill(views: Views, simulator: RayCastSimulator, fov: float, standard: bool, rng: np.random.Generator) -> None:
    """Views by one camera into these arrays."""
    count = len(views.rgb)
    poses = _poses(simulator, count, fov, standard, rng)
    camera = Camera(PLACES, PLACES, fov)
    simulator.camera = camera
    frame, labels = simulator.render_with_labels(poses)
    simulator.camera, simulator.shadows = Camera(PIXELS, PIXELS, fov), True
    views.rgb[:] = simulator.render(poses)["rgb"]
    views.semantic[:] = labels.semantic
    depth, normals = frame["depth"], frame["normals"]
    views.camera[:] = np.column_stack([poses[:, [1, 4, 5]], np.full(count, np.tan(np.radians(fov) / 2))])
    noisy = np.flatnonzero(rng.random(count) < _NOISY)
    for index in noisy:
        depth[index] = _stereo(rng).depth(depth[index], camera, rng)
    normals[noisy] = normals_from_depth(depth[noisy], camera)
    views.camera[noisy, :3] += rng.normal(0, _POSE_NOISE, (len(noisy), 3))
    views.depth[:] = depth
    views.normals[:] = np.round(normals * 127)


def _poses(
    simulator: RayCastSimulator, count: int, fov: float, standard: bool, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Poses (count, 6) of which none shows a blank wall; half of them are those that show the most classes.

    The simulator is left without shadows, which take time.
    """
    simulator.camera, simulator.shadows = Camera(16, 16, fov), False
    found: list[NDArray[np.float64]] = []
    classes: list[int] = []
    for _ in range(20):
        poses = random_poses(simulator, 3 * count, _STANDARD_HEIGHT, rng).astype(np.float64)
        if not standard:
            poses[:, 1] = rng.uniform(*_HEIGHTS, len(poses))
            poses[:, 4] = rng.uniform(*_PITCHES, len(poses))
        labels = simulator.render_with_labels(poses)[1]
        kept = ~blank_views(labels.instance)
        found.append(poses[kept])
        classes += [len(np.unique(view)) for view in labels.semantic[kept]]
        if len(classes) >= count:
            rich = np.argsort(-np.array(classes), kind="stable")[: count // 2]
            others = rng.permutation(np.setdiff1d(np.arange(len(classes)), rich))[: count - len(rich)]
            return np.concatenate(found)[np.concatenate([rich, others])]
    raise _Unseen(f"{simulator.scene.source}: nothing but blank walls")


def _stereo(rng: np.random.Generator) -> StereoCamera:
    """A stereo camera that is better or worse than the usual one."""
    return StereoCamera(
        subpixel=float(rng.uniform(0.01, 0.1)),
        nearest=float(rng.uniform(0.1, 0.4)),
        farthest=float(rng.uniform(4.0, 12.0)),
    )
