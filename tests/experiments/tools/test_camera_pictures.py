"""The pictures of cameras: the page shows all that the command makes, and they are small."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from scenes import box_room

from testspace.core.frame import Camera
from testspace.envs.camera.examples import EXAMPLES
from testspace.experiments.tools import camera_pictures

DOCS = Path(__file__).resolve().parents[3] / "docs"


def test_the_page_shows_every_picture() -> None:
    shown = re.findall(r"\((images/cameras/[^)]+)\)", (DOCS / "cameras.md").read_text())
    assert set(shown) == {f"images/cameras/{name}.webp" for name in (*EXAMPLES, camera_pictures.OVERVIEW)}
    assert all((DOCS / name).stat().st_size < 100_000 for name in shown)


def test_pictures_are_the_exact_view_beside_the_effect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_pictures, "VIEW", Camera(60, 40, 65.0))
    monkeypatch.setattr(camera_pictures, "POSE", (-0.6, 1.3, 1.2, 20.0, -8.0, 0.0))
    monkeypatch.setattr(camera_pictures, "find_scene", lambda *_: (box_room(), []))
    camera_pictures.main([str(tmp_path / "new")])
    pictures = {file.stem: np.asarray(cv2.imread(str(file))) for file in (tmp_path / "new").iterdir()}
    assert pictures.keys() == {*EXAMPLES, camera_pictures.OVERVIEW}
    exposure = pictures["exposure"]
    assert exposure.shape == (40, 2 * 60 + 4, 3)
    assert exposure[:, -60:].mean() > exposure[:, :60].mean() + 20
    assert pictures["stereo"].shape == (40, 3 * 60 + 2 * 4, 3)
    assert pictures["everything"].shape == (2 * 40 + 4, 2 * 60 + 4, 3)
