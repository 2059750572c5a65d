"""One strong example of each effect, by name: for pictures, for benchmarks, and to test what a network endures."""

from __future__ import annotations

from ..gym_envs.sensor_noise import StereoCamera
from .depth_cameras import StructuredLight, TimeOfFlight
from .lens import Lens
from .model import CameraModel
from .motion import Shutter
from .sensor import Sensor

COLOUR: dict[str, CameraModel] = {
    "exposure": CameraModel(sensor=Sensor(exposure=1.5)),
    "white-balance": CameraModel(sensor=Sensor(white_balance=(1.3, 1.0, 0.65))),
    "response": CameraModel(sensor=Sensor(response=(0.65, -0.2))),
    "noise": CameraModel(sensor=Sensor(exposure=-1.5, shot=0.004, read=0.01)),
    "vignetting": CameraModel(lens=Lens(vignetting=1.0)),
    "distortion": CameraModel(lens=Lens(k1=-0.12, k2=0.012)),
    "defocus": CameraModel(lens=Lens(aperture=0.03, focus=1.0)),
    "motion-blur": CameraModel(shutter=Shutter(exposure=1 / 20)),
    "rolling-shutter": CameraModel(shutter=Shutter(readout=1 / 15)),
    "jpeg": CameraModel(sensor=Sensor(jpeg=10)),
}
"""What changes the colour; distortion and rolling shutter move depth and labels too."""
DEPTH: dict[str, CameraModel] = {
    "structured-light": CameraModel(depth=StructuredLight()),
    "stereo": CameraModel(depth=StereoCamera()),
    "time-of-flight": CameraModel(depth=TimeOfFlight()),
}
"""What changes the depth."""
EVERYTHING = CameraModel(
    Lens(k1=-0.05, vignetting=1.0, aperture=0.01, focus=1.5),
    Shutter(exposure=1 / 60, readout=1 / 30),
    Sensor(exposure=-0.5, white_balance=(1.1, 1.0, 0.85), shot=0.002, read=0.005, response=(0.5, -0.05), jpeg=60),
    StructuredLight(),
)
"""A poor camera, all in one."""
EXAMPLES: dict[str, CameraModel] = {**COLOUR, **DEPTH, "everything": EVERYTHING}
"""All of them."""
