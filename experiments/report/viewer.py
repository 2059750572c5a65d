"""Rerun's viewer: a window where there is a display, and a page that is served on this machine where there is none."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote

PAGE_PORT, DATA_PORT = 9090, 9876
"""Ports of the page and of what it shows, where they are free: Rerun's own."""
PATIENCE = 20.0
"""Seconds in which the page must be there."""


@contextmanager
def open_viewer() -> Iterator[Any]:
    """Open a viewer; yields the sink that sends to it, or None where none could be opened, which is said on stderr.

    A window stays open after the block. A page is served during it, and its link is printed; what a browser has
    loaded stays there.
    """
    import rerun

    if has_display():
        rerun.spawn(connect=False)
        yield rerun.GrpcSink()
        return
    page, data = _free_port(PAGE_PORT), _free_port(DATA_PORT)
    address = f"rerun+http://127.0.0.1:{data}/proxy"
    server = subprocess.Popen(
        [sys.executable, "-m", "rerun", "--serve-web", "--bind", "127.0.0.1", "--port", str(data),
         "--web-viewer-port", str(page)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,  # it starts another process, and Ctrl-C is not for them
    )  # fmt: skip
    try:
        if not (_answers(page, server) and _answers(data, server)):
            print("no display here, and Rerun's page cannot be served: only the recording is written", file=sys.stderr)
            yield None
            return
        link = f"http://127.0.0.1:{page}?url={quote(address, safe='')}"
        print(f"no display here: open {link} in a browser", file=sys.stderr)
        if os.environ.get("SSH_CONNECTION"):
            print(f"from another machine first: ssh -L {page}:localhost:{page} -L {data}:localhost:{data} ...",
                  file=sys.stderr)  # fmt: skip
        yield rerun.GrpcSink(address)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def has_display() -> bool:
    """Whether a window can open here."""
    return sys.platform != "linux" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _free_port(preferred: int) -> int:
    """This port where it is free, else another one."""
    for port in (preferred, 0):
        with socket.socket() as trial:
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(trial.getsockname()[1])
    return preferred


def _answers(port: int, server: subprocess.Popen[bytes]) -> bool:
    """Whether the server listens on a port before it ends and before PATIENCE is over."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and server.poll() is None:
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.1)
    return False
