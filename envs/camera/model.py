"""One camera: lens, shutter, sensor and depth camera, applied to exact frames in the order of the light."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...core.edges import canny
from ...core.frame import Camera, Frame, Labels
from ...core.normals import normals_from_depth
from ..gym_envs.sensor_noise import StereoCamera
from .depth_cameras import StructuredLight, TimeOfFlight
from .lens import Lens
from .motion import Shutter, resample, taken
from .sensor import Sensor, linear
from .surfaces import glass

L = TypeVar("L", Labels, None)


@dataclass(frozen=True)
class CameraModel:
    """A colour and a depth camera. The default is an ideal one: it returns the very frames that it is given."""

    lens: Lens = field(default_factory=Lens)
    """Distortion, vignetting and defocus."""
    shutter: Shutter = field(default_factory=Shutter)
    """Motion blur and rolling shutter."""
    sensor: Sensor = field(default_factory=Sensor)
    """Exposure, white balance, noise, response curve and JPEG."""
    depth: StereoCamera | StructuredLight | TimeOfFlight | None = None
    """How depth is measured, and normals by it; None for exact ones."""

    def source_camera(self, camera: Camera) -> Camera:
        """The pinhole camera whose frames `apply` takes: `camera` itself unless the lens distorts, else a wider one."""
        return self.lens.source_camera(camera)

    def apply(
        self,
        frames: Frame,
        camera: Camera,
        rng: np.random.Generator,
        labels: L,
        velocities: NDArray[np.floating] | None = None,
    ) -> tuple[Frame, L]:
        """Frames (N, H, W, ...) and labels as this camera has them, of exact ones that `source_camera` sees.

        Labels, depth and normals follow the colour through lens and rolling shutter, each pixel with what is nearest;
        they decide where glass and shiny surfaces have no depth, and may be None. velocities: (N, 6) as of
        `motion.velocity`; None to draw them. Depth is measured before the lens: a depth camera's picture is
        rectified, and then registered to the colour. Edges are those of the colour. The same random numbers give the
        same frames.
        """
        source = self.source_camera(camera)
        out = dict(frames)
        if self.depth is not None:
            semantic = None if labels is None else labels.semantic
            out["depth"] = self._measured(frames, semantic, source, rng)
            out["normals"] = normals_from_depth(out["depth"], source)
        moved = self.lens.distorts or self.shutter.exposure > 0 or self.shutter.readout > 0
        lit = self.sensor.exposes or self.lens.vignetting > 0
        if moved or lit or self.lens.aperture > 0:
            light = linear(frames["rgb"])
            if self.lens.aperture > 0:
                light = self.lens.defocus(light, frames["depth"], source)
            if moved:
                if velocities is None:
                    velocities = self.shutter.draw(rng, len(light))
                positions = self.lens.positions(camera)
                light, nearest, factors = resample(
                    light, frames["depth"], frames["normals"], velocities, self.shutter, positions, source
                )
                if self.lens.distorts or self.shutter.readout > 0:
                    out |= {key: taken(out[key], nearest) for key in ("depth", "normals")}
                    out["depth"] *= factors
                    labels = _moved(labels, nearest)
            out["rgb"] = self.sensor.expose(light, self.lens.illumination(camera), rng)
        if self.sensor.jpeg:
            out["rgb"] = self.sensor.compress(out["rgb"])
        if out["rgb"] is not frames["rgb"]:
            out["edges"] = canny(out["rgb"])
        return out, labels

    def _measured(
        self, frames: Frame, semantic: NDArray[Any] | None, camera: Camera, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        if not isinstance(self.depth, StereoCamera):
            assert self.depth is not None
            return self.depth.depth(frames, semantic, camera, rng)
        depth = np.stack([self.depth.depth(one, camera, rng) for one in frames["depth"]])
        if semantic is not None:
            depth[glass(semantic)] = 0.0
        return depth


def random_camera(rng: np.random.Generator) -> CameraModel:
    """A camera that may be on a phone or a robot, each another one: for training, so that no camera is a surprise.

    Every effect is drawn on its own, between none and the strongest that pictures of rooms usually have. Its lens is
    for fields of view up to 90 degrees.
    """
    lens = Lens(
        k1=rng.uniform(-0.04, 0.02),
        p1=rng.normal(0, 0.002),
        p2=rng.normal(0, 0.002),
        vignetting=rng.uniform(0, 1),
        aperture=rng.uniform(0, 0.01),
        focus=rng.uniform(1, 4),
    )
    shutter = Shutter(exposure=rng.uniform(0, 0.02), readout=rng.uniform(0, 0.03))
    noise = rng.uniform(0, 1) ** 2
    sensor = Sensor(
        exposure=rng.normal(0, 0.5),
        white_balance=tuple(np.exp(rng.normal(0, 0.08, 3)).tolist()),
        shot=0.004 * noise,
        read=0.01 * noise,
        response=(rng.uniform(0.38, 0.55), rng.uniform(-0.08, 0.08)),
        jpeg=int(rng.integers(40, 96)),
    )
    kinds = (StereoCamera(), StructuredLight(), TimeOfFlight())
    return CameraModel(lens, shutter, sensor, kinds[rng.integers(len(kinds))])


def _moved(labels: L, nearest: NDArray[np.uintp]) -> L:
    if labels is None:
        return labels
    return Labels(taken(labels.semantic, nearest), taken(labels.instance, nearest))
