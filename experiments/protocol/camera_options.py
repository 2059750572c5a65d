"""The camera by options of the command line, for runs and experiments."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Annotated

import tyro

from ...core.errors import UserError
from .preset import Preset


@dataclass(frozen=True)
class CameraOptions:
    """The agent's camera, where it is not the preset's. The labelled frames of other houses are drawn with it too."""

    camera: Annotated[str | None, tyro.conf.arg(metavar="WIDTHxHEIGHT")] = None
    """Pixels of the agent's camera, square: 96x96; from scratch only, since the generalist sees 128 x 128."""
    fov: float | None = None
    """Vertical field of view of the agent's camera, in degrees."""
    camera_height: float | None = None
    """Height of the agent's camera above the floor, in metres."""

    def sizes(self, preset: Preset) -> Preset:
        """The preset with this camera. UserError for one that no network here can take."""
        views, learner = preset.transfer_set, preset.learner
        camera, height = views.camera, self.camera_height
        if self.camera is not None:
            match = re.fullmatch(r"(\d{1,4})x(\d{1,4})", self.camera)
            if match is None or match[1] != match[2] or int(match[1]) < 1 or int(match[1]) % learner.patch:
                raise UserError(
                    f"--camera must be square and a multiple of {learner.patch} pixels, as in {12 * learner.patch}x"
                    f"{12 * learner.patch}, got {self.camera!r}"
                )
            camera = replace(camera, width=int(match[1]), height=int(match[2]))
            learner = replace(learner, image_size=camera.height)
        if self.fov is not None:
            if not 1 <= self.fov <= 170:
                raise UserError(f"--fov must lie between 1 and 170 degrees, got {self.fov:g}")
            camera = replace(camera, vertical_fov=self.fov)
        if height is not None and not 0.1 <= height <= 3:
            raise UserError(f"--camera-height must lie between 0.1 and 3 metres, got {height:g}")
        views = replace(views, camera=camera, camera_height=views.camera_height if height is None else height)
        return replace(preset, transfer_set=views, learner=learner)


PRESET_CAMERA = CameraOptions()
"""The camera of the preset."""
