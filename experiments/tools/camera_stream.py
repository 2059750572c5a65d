"""The newest picture of a camera or of a network stream: a thread reads, so that slow work never sees old pictures."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2

from ...core.errors import UserError
from ...core.video import quiet
from ..report.drawings import Image
from .video_files import as_colour, check_size

ADDRESS = re.compile(r"(rtsps?|rtmps?|https?|udp|tcp)://.", re.IGNORECASE)
"""Beginning of the addresses of streams."""
PATIENCE = 10.0
"""Seconds that a picture may be late."""


class CameraStream:
    """Pictures of a camera, by its number or device file, or of a stream, by its address."""

    def __init__(self, address: str, patience: float = PATIENCE) -> None:
        """UserError where it cannot be opened."""
        self.name = without_password(address)
        self._patience = patience
        with quiet():
            self._capture = open_capture(address)
        if not self._capture.isOpened():
            raise UserError(f"{self.name}: {_why_not(address)}")
        self.late = False
        """Whether the stream ended because no picture came in time."""
        self._news = threading.Condition()
        self._newest: Any = None
        self._count, self._ended, self._stop = 0, False, False
        self._reader = threading.Thread(target=self._read, daemon=True, name="camera")
        self._reader.start()

    def pictures(self) -> Iterator[Image]:
        """The newest rgb, uint8 (H, W, 3), again and again; pictures that came meanwhile are dropped.

        Ends with the stream, or when no picture comes in time; UserError if that is so from the beginning.
        """
        taken = 0
        while True:
            with self._news:
                self._await(taken)
                image, count = self._newest, self._count
            if count == taken:
                if not taken:
                    raise UserError(f"{self.name}: it is open but gives no picture; does another program use it?")
                return
            taken = count
            check_size(self.name, image.shape[1], image.shape[0])
            yield as_colour(image)

    def close(self) -> None:
        """Let go of the camera."""
        self._stop = True
        self._reader.join(2.0)
        if not self._reader.is_alive():  # else it hangs in a read; releasing the capture under it would crash
            self._capture.release()

    def _await(self, taken: int) -> None:
        """Wait for a picture later than number `taken`, or for the end."""
        until = time.monotonic() + self._patience
        while self._count == taken and not self._ended:
            if time.monotonic() > until:
                self.late = True
                return
            self._news.wait(0.2)

    def _read(self) -> None:
        while not self._stop:
            fine, image = self._capture.read()
            with self._news:
                if fine:
                    self._newest, self._count = image, self._count + 1
                else:
                    self._ended = True
                self._news.notify()
            if not fine:
                return


def open_capture(address: str) -> Any:
    """OpenCV's capture of a device number, device file or address; it may not be open."""
    if ADDRESS.match(address):
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, 1000 * int(PATIENCE), cv2.CAP_PROP_READ_TIMEOUT_MSEC, 10_000]
        return cv2.VideoCapture(address, cv2.CAP_FFMPEG, limits)
    return cv2.VideoCapture(int(address) if address.isdecimal() else address)


def without_password(address: str) -> str:
    """The address without user and password, to be shown."""
    return re.sub(r"(?<=://)[^/@]*@", "", address)


def _why_not(address: str) -> str:
    if ADDRESS.match(address):
        return "the stream cannot be opened; check the address, and that this machine can reach it"
    devices = sorted(str(device) for device in Path("/dev").glob("video*"))
    here = f"devices here: {', '.join(devices)}" if devices else "no camera is connected: there is no /dev/video*"
    return f"the camera cannot be opened; {here}"
