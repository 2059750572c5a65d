"""The pictures of the documentation's page on cameras: each effect beside the exact view, and all of them in one.

    python -m testspace.experiments.tools.camera_pictures docs/images/cameras

The same pictures on every machine, but for the last bits of the renderer's colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import tyro

from ...core.errors import UserError, ending_in_one_line
from ...core.frame import Camera, Frame
from ...envs.camera.examples import DEPTH, EVERYTHING, EXAMPLES
from ...envs.camera.model import CameraModel
from ...envs.render.raycast import RayCastSimulator
from ..report.drawings import Image, beside
from ..report.report_figures import draw_depth
from .find_scene import find_scene

VIEW = Camera(320, 240, 65.0)
HOUSE = 12
POSE = (3.42, 1.3, -2.97, 294.0, -12.0, 0.0)
"""In that house: a window, a television, something black, a chair near by."""
VELOCITY = (0.0, 0.0, 0.0, 0.0, -1.0, 0.0)
"""Of the pictures that show motion: a turn to the right by 57 degrees a second."""
LARGEST_ERROR = 0.05
"""Metres of the full colour of an error."""
OVERVIEW = "overview"
_COLUMNS = 6
_QUALITY = 80
"""Of WebP, 1 to 100."""
_CAPTION = 22
"""Rows of a caption."""


@dataclass(frozen=True)
class CameraPicturesConfig:
    """Where to write."""

    out: tyro.conf.Positional[Path]
    """Folder of the pictures; it is made where there is none, and pictures of these names are replaced."""


def write_camera_pictures(config: CameraPicturesConfig) -> list[Path]:
    """Write NAME.webp for each example, and overview.webp; returns the files."""
    simulator = RayCastSimulator(find_scene(None, HOUSE)[0], VIEW, antialias=3)
    exact = _seen(CameraModel(), simulator)
    config.out.mkdir(parents=True, exist_ok=True)
    files, cells = [], [_captioned(exact[0], "exact"), _captioned(exact[1], "exact depth")]
    for name, model in EXAMPLES.items():
        colour, depth = _seen(model, simulator)
        if model is EVERYTHING:
            picture = beside([beside(exact), beside([colour, depth])], axis=0)
            cells += [_captioned(colour, name), _captioned(depth, f"{name}: depth")]
        else:
            kind = 1 if name in DEPTH else 0
            shown = (colour, depth)[kind]
            picture = beside([exact[kind], shown, *([_error(model, simulator)] if kind else [])])
            cells.append(_captioned(shown, name))
        files.append(_save(config.out / f"{name}.webp", picture))
    blank = [np.full_like(cells[0], 255)] * (-len(cells) % _COLUMNS)
    cells += blank
    rows = [beside(cells[first : first + _COLUMNS]) for first in range(0, len(cells), _COLUMNS)]
    return [*files, _save(config.out / f"{OVERVIEW}.webp", beside(rows, axis=0))]


def _frame(model: CameraModel, simulator: RayCastSimulator) -> Frame:
    """The view as this camera has it."""
    simulator.camera = model.source_camera(VIEW)
    frames, labels = simulator.render_with_labels(np.array([POSE]))
    return model.apply(frames, VIEW, np.random.default_rng(0), labels, np.array([VELOCITY]))[0]


def _seen(model: CameraModel, simulator: RayCastSimulator) -> tuple[Image, Image]:
    """Colour and depth of the view as this camera has them."""
    seen = _frame(model, simulator)
    return seen["rgb"][0], draw_depth(seen["depth"][0], 5.0)


def _error(model: CameraModel, simulator: RayCastSimulator) -> Image:
    """Measured less true depth: blue for too near, red for too far, black for holes."""
    true, measured = (_frame(one, simulator)["depth"][0] for one in (CameraModel(), model))
    value = np.clip((measured - true) / LARGEST_ERROR, -1, 1)[..., None]
    colour = 255 * (1 - np.abs(value) * np.where(value > 0, (0, 1, 1), (1, 1, 0)))
    return np.where(measured[..., None] > 0, colour, 0).astype(np.uint8)


def _captioned(image: Image, text: str) -> Image:
    """The picture, smaller, under its name."""
    small = cv2.resize(image, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    title = np.full((_CAPTION, small.shape[1], 3), 255, np.uint8)
    cv2.putText(title, text.replace("-", " "), (2, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return np.concatenate([title, small.astype(np.uint8)])


def _save(file: Path, image: Image) -> Path:
    if not cv2.imwrite(str(file), image[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, _QUALITY]):
        raise UserError(f"{file} cannot be written")
    return file


def main(arguments: Sequence[str] | None = None) -> None:
    """The command; exits with status 2 and one line on user errors."""
    with ending_in_one_line():
        print("\n".join(map(str, write_camera_pictures(tyro.cli(CameraPicturesConfig, args=arguments)))))


if __name__ == "__main__":
    main()
