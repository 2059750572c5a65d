"""The video of a run: what a place of the map shows when, and a file that is read back picture by picture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from testspace.core.errors import UserError
from testspace.core.video import VideoWriter
from testspace.envs.house.classes import CLASS_ID
from testspace.experiments.report.film_map import FilmMap
from testspace.experiments.report.film_page import HEIGHT, WIDTH, Curve, FilmPage, draw_chart
from testspace.experiments.report.semantic_drawing import FromAbove, without_gaps

FLOOR, BED = CLASS_ID["Floor"], CLASS_ID["Bed"]


def test_a_video_has_its_pictures_rate_and_size_and_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "new" / "a.mp4"
    with VideoWriter(file, 4) as video:
        for shade in (40, 120, 200):
            video.add(np.full((48, 64, 3), (shade, 60, 30), np.uint8))
        assert not file.exists()
    assert [path.name for path in file.parent.iterdir()] == ["a.mp4"]
    capture = cv2.VideoCapture(str(file))
    assert capture.get(cv2.CAP_PROP_FPS) == 4
    shown = []
    while (read := capture.read())[0]:
        shown.append(read[1].mean((0, 1))[::-1])
    np.testing.assert_allclose(shown, [(shade, 60, 30) for shade in (40, 120, 200)], atol=6)
    code = int(capture.get(cv2.CAP_PROP_FOURCC))
    assert "".join(chr(code >> 8 * n & 255) for n in range(4)).lower() in ("vp09", "vp90")


def test_after_an_error_no_video_is_left(tmp_path: Path) -> None:
    def broken() -> None:
        with VideoWriter(tmp_path / "a.mp4", 4) as video:
            video.add(np.zeros((48, 64, 3), np.uint8))
            raise UserError("stop")

    with pytest.raises(UserError, match="stop"):
        broken()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [(128, 128), (240, 160), (64, 128)])
def test_views_of_any_shape_keep_it_and_fit(size: tuple[int, int]) -> None:
    page = FilmPage("A house", ["camera", "depth", "before", "after"], size)
    assert abs(page.view[0] / page.view[1] - size[0] / size[1]) < 0.02
    views = [np.full((size[1], size[0], 3), 250, np.uint8)] * 4
    parts = [np.zeros((high, wide, 3), np.uint8) for wide, high in (page.map_size, page.chart_size)]
    picture = page.draw(views, "frame 1", parts[0], [FLOOR, BED], parts[1])
    assert picture.shape == (HEIGHT, WIDTH, 3)
    assert (picture == 250).all(-1).sum() >= 4 * page.view[0] * page.view[1]


def test_the_map_shows_only_what_was_seen_in_its_place() -> None:
    drawing = FilmMap(np.zeros(2), np.full(2, 4.0), [np.array([[0, 0], [4, 0], [4, 4], [0, 4.0]])], (90, 90))
    colours = np.zeros((40, 40, 3), np.uint8)
    colours[:20], colours[20:] = (200, 0, 0), (0, 200, 0)
    shown = np.zeros((40, 40), bool)
    shown[:, 20:] = True
    picture = drawing.draw(colours, shown, np.zeros(2), 0.1, np.zeros((0, 2)), 0.0)
    assert tuple(picture[20, 70]) == (200, 0, 0)
    assert tuple(picture[70, 70]) == (0, 200, 0)
    assert picture[45, 20].max() < 60
    with_agent = drawing.draw(colours, shown, np.zeros(2), 0.1, np.array([[1.0, 3.0], [1.0, 2.0]]), 90.0)
    assert (with_agent != picture).any(-1).any()


def test_gaps_between_cells_are_filled_and_wide_ones_are_not() -> None:
    classes = np.full((9, 9), FLOOR, np.int16)
    classes[1, 1] = classes[4:9, 4:9] = 0
    filled = without_gaps(FromAbove(classes, np.zeros((9, 9), np.float32), np.zeros(2), 0.1)).classes
    assert filled[1, 1] == FLOOR
    assert filled[7, 7] == 0


def test_a_chart_is_higher_where_the_curve_is() -> None:
    curve = Curve("a", (255, 0, 0), [0, 50, 100], [0, 50, 100])
    chart = draw_chart([curve], (300, 200), 100, "frames")
    rows, columns = np.nonzero((chart == (255, 0, 0)).all(-1))
    low, high = rows[columns < 60].mean(), rows[columns > 260].mean()
    assert high < low - 80
