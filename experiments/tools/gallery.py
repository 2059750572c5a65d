"""The pictures of the gallery in the documentation: a view and the plan of each generated house, small and lossy.

    python -m testspace.experiments.tools.gallery docs/images/gallery

The same seeds give the same pictures on every machine, but for the last bits of the renderer's colours.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import tyro

from ...core.errors import UserError, ending_in_one_line
from .render import RenderConfig, render_house

SEEDS = (5, 7, 12, 21, 33, 40)
"""Houses of the page docs/gallery.md."""
PLAN_HEIGHT = 360
"""Pixels of a plan, as high as the view beside it."""
QUALITY = 80
"""Of WebP, 1 to 100."""


@dataclass(frozen=True)
class GalleryConfig:
    """Which houses, and where."""

    out: tyro.conf.Positional[Path]
    """Folder of the pictures; it is made where there is none, and pictures of these names are replaced."""
    seed: tuple[int, ...] = SEEDS
    """Numbers of the generated houses."""
    antialias: int = 3
    """Rays per pixel and axis."""


def write_gallery(config: GalleryConfig) -> list[Path]:
    """Write SEED.webp for each house; returns the files."""
    config.out.mkdir(parents=True, exist_ok=True)
    files = []
    for seed in config.seed:
        with tempfile.TemporaryDirectory() as folder:
            pictures = Path(folder) / "house"
            render_house(RenderConfig(pictures, seed=seed, views=1, antialias=config.antialias))
            view, plan = (np.asarray(cv2.imread(str(pictures / name))) for name in ("views/00_rgb.png", "plan.png"))
        width = round(plan.shape[1] * PLAN_HEIGHT / plan.shape[0])
        plan = cv2.resize(plan, (width, PLAN_HEIGHT), interpolation=cv2.INTER_AREA)
        file = config.out / f"{seed}.webp"
        if not cv2.imwrite(str(file), cv2.hconcat([view, plan]), [cv2.IMWRITE_WEBP_QUALITY, QUALITY]):
            raise UserError(f"{file} cannot be written")
        files.append(file)
    return files


def main(arguments: Sequence[str] | None = None) -> None:
    """The command; exits with status 2 and one line on user errors."""
    with ending_in_one_line():
        print("\n".join(map(str, write_gallery(tyro.cli(GalleryConfig, args=arguments)))))


if __name__ == "__main__":
    main()
