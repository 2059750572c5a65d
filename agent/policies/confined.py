"""Policies from files, each in a child process with limits of memory and time.

A .zip or .onnx file holds no code, but a graph may loop without end or ask for more memory than there is. In a process
of its own that ends the policy with one line, and not the run's process. Frames go there through shared memory, actions
come back as JSON: nothing that the child sends is unpickled.
"""

from __future__ import annotations

import io
import json
import mmap
import multiprocessing
import os
import resource
import signal
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ...core.children import end_with_parent
from ...core.frame import FRAME_SPEC, Camera, Frame
from ...envs.gym_envs.motion import Motion
from .protocol import Body, PolicyError

START_SECONDS, LOAD_SECONDS, STEP_SECONDS = 120.0, 20.0, 5.0
"""Time to import a library, to load a file, and to choose an action."""
MEMORY = 2**30
"""Bytes that a policy may take beyond its library and eight times its file."""
_SHARED_MEMORY = Path("/dev/shm")


@dataclass
class ConfinedBody:
    """What a policy in another process knows of its agent; see `protocol.Body`."""

    camera: Camera
    motion: Motion
    observation_space: spaces.Space[Any] | None


class ConfinedPolicy:
    """The policy of a .zip or .onnx file, acting in a child process, which is started at once.

    PolicyError, one line, wherever the policy itself gives one, and where it ends or takes too long. Seconds of a step
    beyond the policy's own: about 0.0001.
    """

    def __init__(self, file: Path, body: Body, seed: int) -> None:
        self.file = file
        size = (body.camera.height, body.camera.width)
        sizes = {key: (dtype, (*size, *trailing)) for key, (dtype, trailing) in FRAME_SPEC.items()}
        self._layout: dict[str, tuple[str, tuple[int, ...]]] = {
            key: (np.dtype(dtype).str, shape) for key, (dtype, shape) in {**sizes, "pose": (np.float32, (6,))}.items()
        }
        descriptor, name = tempfile.mkstemp(
            prefix="testspace-", dir=_SHARED_MEMORY if _SHARED_MEMORY.is_dir() else None
        )
        try:
            os.truncate(descriptor, sum(_bytes(*one) for one in self._layout.values()))
            self._frame = _mapped(descriptor, self._layout)
            spawn = multiprocessing.get_context("spawn")
            self._pipe, its_end = spawn.Pipe()
            known = ConfinedBody(body.camera, body.motion, getattr(body, "observation_space", None))
            arguments = (its_end, os.getpid(), file, known, seed, name, self._layout)
            self._process = spawn.Process(target=_serve, args=arguments, daemon=True)
            self._process.start()
            its_end.close()
            self._answer(START_SECONDS, "start")
        finally:
            os.close(descriptor)
            os.unlink(name)
        self._answer(LOAD_SECONDS, "load")

    def reset(self, seed: int | None = None) -> None:
        """Clear all state and reseed."""
        self._ask(["reset", seed], STEP_SECONDS, "reset")

    def act(self, observation: Frame, info: dict[str, Any]) -> Any:
        """The policy's action."""
        for key, values in observation.items():
            if key in self._frame:
                self._frame[key][...] = values
        return self._ask(["act", bool(info.get("collision"))], STEP_SECONDS, "choose an action")

    def arrays(self) -> dict[str, NDArray[Any]]:
        """See `protocol.Resumable`; nothing where the policy keeps nothing."""
        self._ask(["arrays", None], STEP_SECONDS, "say its state")
        with np.load(io.BytesIO(self._receive(STEP_SECONDS, "say its state")), allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """See `protocol.Resumable`."""
        self._ask(["restore", dict(arrays)], STEP_SECONDS, "resume")

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()

    def _ask(self, message: Any, seconds: float, what: str) -> Any:
        try:
            self._pipe.send(message)
        except OSError:
            raise self._ended(what) from None
        return self._answer(seconds, what)

    def _answer(self, seconds: float, what: str) -> Any:
        answer = json.loads(self._receive(seconds, what))
        if "error" in answer:
            self.close()
            raise PolicyError(str(answer["error"]))
        return answer["value"]

    def _receive(self, seconds: float, what: str) -> bytes:
        try:
            if not self._pipe.poll(seconds):
                self.close()
                raise PolicyError(f"{self.file}: the policy took more than {seconds:g} s to {what}; it was ended")
            return self._pipe.recv_bytes()
        except (EOFError, OSError):
            raise self._ended(what) from None

    def _ended(self, what: str) -> PolicyError:
        self.close()
        return PolicyError(f"{self.file}: the policy's process died as it was to {what} (of memory, or a crash)")


def _serve(
    pipe: Connection,
    parent: int,
    file: Path,
    body: ConfinedBody,
    seed: int,
    shared: str,
    layout: dict[str, tuple[str, tuple[int, ...]]],
) -> None:
    """The main function of the child."""
    end_with_parent(parent)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the run ends it
        signal.signal(number, signal.SIG_IGN)
    with open(shared, "rb+") as memory:
        frame = _mapped(memory.fileno(), layout)
    policy: Any = None

    def load() -> None:
        nonlocal policy
        _limit(file)
        policy = _load(file, body, seed)

    def start() -> None:
        _import(file)

    if not (_reply(pipe, start) and _reply(pipe, load)):
        return
    while True:
        try:
            what, value = pipe.recv()
        except EOFError:
            return
        if what == "act":
            alive = _reply(pipe, lambda: policy.act(frame, {"collision": value}))  # noqa: B023
        elif what == "arrays":
            state = io.BytesIO()
            alive = _reply(pipe, lambda: np.savez(state, **(policy.arrays() if hasattr(policy, "arrays") else {})))  # noqa: B023
            pipe.send_bytes(state.getvalue())
        else:
            method = getattr(policy, what, None)
            alive = _reply(pipe, lambda: None if method is None else method(value))  # noqa: B023
        if not alive:
            return


def _reply(pipe: Connection, call: Any) -> bool:
    """Send what the call gives, or its error; whether it was none."""
    try:
        pipe.send_bytes(json.dumps({"value": call()}).encode())
        return True
    except PolicyError as error:
        message = str(error)
    except MemoryError:
        message = "the policy needs more memory than a policy gets"
    except Exception as error:
        message = f"the policy failed: {type(error).__name__}: {str(error)[:200]}"
    pipe.send_bytes(json.dumps({"error": " ".join(message.split())}).encode())
    return False


def _import(file: Path) -> None:
    """Import the library, so that it does not count as the policy's memory and time."""
    if file.suffix.lower() == ".zip":
        from .sb3 import import_library
    else:
        from .onnx_files import import_library
    import_library(file)


def _limit(file: Path) -> None:
    """Bound the memory of this process."""
    with open("/proc/self/statm") as pages:
        now = int(pages.read().split()[0]) * resource.getpagesize()
    sizes = [one.stat().st_size for one in file.parent.glob(f"{file.name}*") if one.is_file()]  # weights beside it too
    most = now + MEMORY + 8 * sum(sizes)
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard == resource.RLIM_INFINITY or most < hard:
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _load(file: Path, body: ConfinedBody, seed: int) -> Any:
    if file.suffix.lower() == ".zip":
        from .sb3 import SB3Policy

        return SB3Policy(file, body, seed)
    from .onnx import ONNXPolicy

    return ONNXPolicy(file, body)


def _bytes(dtype: str, shape: tuple[int, ...]) -> int:
    """Bytes of an array, rounded up to whole cache lines."""
    return -(-np.dtype(dtype).itemsize * int(np.prod(shape)) // 64) * 64


def _mapped(descriptor: int, layout: dict[str, tuple[str, tuple[int, ...]]]) -> dict[str, NDArray[Any]]:
    """The arrays of a frame in shared memory."""
    memory, start, arrays = mmap.mmap(descriptor, 0), 0, {}
    for key, (dtype, shape) in layout.items():
        arrays[key] = np.ndarray(shape, dtype, memory, start)
        start += _bytes(dtype, shape)
    return arrays
