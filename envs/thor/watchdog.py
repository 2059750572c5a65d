"""Detects at once that Unity has exited.

ai2thor 5.0.0 waits for a Unity that has died: for ever if Unity dies before it opens its pipe, as it does without
a usable Vulkan, and otherwise for its whole timeout. An invalid message is then written to the pipe, so that the
Controller stops waiting and raises.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Any

from .thor_places import controller_class

_NOTHING = bytes(65536)  # as a header, it has no valid type


class Watch:
    """Watches the Unity process of one Controller."""

    def __init__(self) -> None:
        self.over = threading.Event()
        """Set when Unity is stopped on purpose."""
        self.status: int | None = None
        """Unity's exit status, once it has died."""

    def controller(self) -> type[Any]:
        """The Controller's class, watching each Unity that it starts; ThorError if ai2thor is missing."""
        watch = self

        class Watched(controller_class()):  # type: ignore[misc]
            def _start_unity_thread(self, *arguments: Any, **more: Any) -> None:
                super()._start_unity_thread(*arguments, **more)
                pipe = getattr(self.server, "server_pipe_path", None)
                if pipe is not None:  # the other protocol looks after Unity by itself
                    threading.Thread(target=watch._follow, args=(self.server.unity_proc, pipe), daemon=True).start()

        return Watched

    def _follow(self, process: Any, pipe: str) -> None:
        status = process.wait()
        if self.over.is_set():
            return
        self.status = status
        file = self._open(pipe)
        if file is None:
            return
        try:
            while not self.over.is_set():
                try:
                    os.write(file, _NOTHING)
                except BlockingIOError:
                    time.sleep(0.05)
        except OSError:  # nobody reads any longer
            pass
        finally:
            os.close(file)

    def _open(self, pipe: str) -> int | None:
        while not self.over.is_set():
            try:
                return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
            except FileNotFoundError:
                return None
            except OSError:  # nobody reads yet
                time.sleep(0.05)
        return None
