"""The run's video in a report."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path

import cv2

from ...core.video import quiet
from .report_page import section

MAX_EMBEDDED = 12 << 20
"""Bytes of a video that is put into the page itself; a larger one must stay beside it."""


def film_section(file: Path) -> str:
    """The video, which plays from the file beside the page, or, where the page is alone, from the page itself; empty
    without one."""
    if not file.is_file():
        return ""
    sources = f'<source src="{escape(file.name)}" type="video/mp4">'
    if file.stat().st_size <= MAX_EMBEDDED:
        data = base64.b64encode(file.read_bytes()).decode()
        sources += f'<source src="data:video/mp4;base64,{data}" type="video/mp4">'
    says = (
        "What the camera saw on its way, with its depth; what the network took it for before and after it was trained "
        "in this house, from rgb alone; the map, in which a place appears once it has been seen; and the scores."
    )
    body = f'<video controls muted loop playsinline preload="none"{_poster(file)}>{sources}</video>'
    return section("The run as a video", says, body)


def _poster(file: Path) -> str:
    """The video's last picture, shown until it plays, and on paper."""
    with quiet():
        capture = cv2.VideoCapture(str(file), cv2.CAP_FFMPEG)
        capture.set(cv2.CAP_PROP_POS_FRAMES, capture.get(cv2.CAP_PROP_FRAME_COUNT) - 1)
        fine, image = capture.read()
        capture.release()
    if not fine:
        return ""
    data = base64.b64encode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()).decode()
    return f' poster="data:image/jpeg;base64,{data}"'
