"""The gallery: its page shows the pictures that its command makes, and they are small."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from testspace.experiments.tools import gallery
from testspace.experiments.tools.render import RenderConfig

DOCS = Path(__file__).resolve().parents[3] / "docs"


def test_the_page_shows_the_pictures_of_the_command() -> None:
    shown = re.findall(r"\((images/gallery/[^)]+)\)", (DOCS / "gallery.md").read_text())
    assert shown == [f"images/gallery/{seed}.webp" for seed in gallery.SEEDS]
    assert sum((DOCS / name).stat().st_size for name in shown) < 500_000


def test_a_picture_is_the_view_beside_the_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def drawn(config: RenderConfig) -> None:
        (config.out / "views").mkdir(parents=True)
        cv2.imwrite(str(config.out / "views/00_rgb.png"), np.full((360, 480, 3), config.seed, np.uint8))
        cv2.imwrite(str(config.out / "plan.png"), np.full((720, 1000, 3), 200, np.uint8))

    monkeypatch.setattr(gallery, "render_house", drawn)
    gallery.main([str(tmp_path / "new"), "--seed", "3", "90"])
    picture = cv2.imread(str(tmp_path / "new" / "90.webp"))
    assert picture.shape == (360, 480 + 500, 3)
    np.testing.assert_allclose(picture[:, [0, -1]].mean((0, 2)), [90, 200], atol=2)
    assert (tmp_path / "new" / "3.webp").is_file()
