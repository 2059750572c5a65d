"""Labelled views of generated houses, for the generalist and for specialists, a function of seed and number alone.

Half of the views are as an agent of the presets sees: 90 degrees, 1.5 m above the floor. The others vary field of view,
height and pitch. Lamps and sun vary house by house. Two thirds of the depth maps are as a stereo camera has them, with
a pose that is a little wrong.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...core.cache import cached_parts
from ...core.digests import code_digest, digest, library_versions
from ...core.frame import Camera
from ...core.normals import normals_from_depth
from ...core.progress import Advance
from ...datasets.generated import in_generated_house
from ...datasets.light import relit
from ...datasets.poses import rich_poses
from ...envs.gym_envs.sensor_noise import StereoCamera
from ...envs.house.classes import CLASSES
from ...envs.render.raycast import RayCastSimulator
from ...envs.scene import Scene
from ...learners.generalist.views import PIXELS, PLACES, Views

if TYPE_CHECKING:
    from ...agent.fusion.surface_prior import SurfacePrior

_THIS = "experiments.protocol.generated_views"  # its code and all that it imports: a changed renderer makes new views
_SPECIALISTS = 500
"""Added to the seed of a specialist's views: never those that a generalist was trained on."""
_GROUPS = 4
"""Cameras that look at one house."""
_STANDARD_HEIGHT, _STANDARD_FOV = 1.5, 90.0
_HEIGHTS, _FOVS, _PITCHES = (0.4, 1.8), (50.0, 100.0), (-60.0, 30.0)
"""Ranges of metres and degrees of the views that vary."""
_NOISY = 2 / 3
"""Share of the views whose depth is a stereo camera's."""
_POSE_NOISE = (0.02, 0.7, 0.7)
"""Standard deviations of height (metres), pitch and roll (degrees) of these."""


def house_views(seed: int, number: int, excluded: Collection[str], count: int) -> Views:
    """`count` views (1 or more) of house `number` of this seed, none of a blank wall. Always the same ones."""

    def look(scene: Scene, rng: np.random.Generator) -> Views:
        return _look(RayCastSimulator(relit(scene, rng), threads=1, light="direct"), count, rng)

    return in_generated_house(seed, number, look, excluded=excluded)


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
    import torch  # here, so that the processes that render views do without

    from ...agent.fusion.surface_prior import SurfacePrior

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
    heights, pitches = (None, None) if standard else (_HEIGHTS, _PITCHES)
    poses = rich_poses(simulator, count, fov, _STANDARD_HEIGHT, rng, heights, pitches)
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


def _stereo(rng: np.random.Generator) -> StereoCamera:
    """A stereo camera that is better or worse than the usual one."""
    return StereoCamera(
        subpixel=float(rng.uniform(0.01, 0.1)),
        nearest=float(rng.uniform(0.1, 0.4)),
        farthest=float(rng.uniform(4.0, 12.0)),
    )
