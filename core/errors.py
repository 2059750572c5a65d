"""Errors that a user can fix: they end the command with one line and exit status 2, without a traceback."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

LEARNER_PACKAGES = (
    "huggingface_hub", "matplotlib", "safetensors", "tensorboard", "tensordict", "torch", "torchrl",
    "vector_quantize_pytorch",
)  # fmt: skip
"""What the extra `learn` brings; houses, renderer, environments and policies need none of it."""
_ELSEWHERE = "name another place with the command's options, or for the cache with TESTSPACE_CACHE"
_REMEDIES = {
    errno.EROFS: f"; {_ELSEWHERE}",
    errno.EACCES: f"; change its permissions, or {_ELSEWHERE}",
    errno.EPERM: f"; change its permissions, or {_ELSEWHERE}",
    errno.ENOSPC: "; make room, and run the command again",
    errno.EDQUOT: "; make room within your quota, and run the command again",
}
"""What to do about errors of the operating system, by their numbers."""


class UserError(ValueError):
    """A request that cannot be carried out; the message is one line that says what to do instead."""


def one_line(error: Exception) -> str | None:
    """The message for a user, or None for a bug, which needs its traceback.

    Messages for users are those of the ValueErrors that testspace declares (HouseError, RunFolderError, UserError, ...)
    and of OSError (no such file, no permission, disk full); and that a package of the extra `learn` is missing.
    """
    if isinstance(error, ModuleNotFoundError) and str(error.name).partition(".")[0] in LEARNER_PACKAGES:
        return without_learner(error)
    declared_here = isinstance(error, ValueError) and type(error).__module__.startswith("testspace.")
    if not declared_here and not isinstance(error, OSError):
        return None
    remedy = _REMEDIES.get(error.errno or 0, "") if isinstance(error, OSError) else ""
    return " ".join(f"{error}{remedy}".split())


def without_learner(error: ModuleNotFoundError) -> str:
    """What to do where one of LEARNER_PACKAGES is missing."""
    return f"this needs the learner, and {error.name} is not installed: pip install 'testspace[learn]'"


@contextmanager
def ending_in_one_line(program: str = "") -> Iterator[None]:
    """End the process with one line on stderr and exit status 2 on an error that a user can fix; raise all others.

    When the reader of the output is gone (`testspace ... | head`), the process ends silently, as other programs do.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter tries again as it ends
        sys.exit(128 + signal.SIGPIPE)
    except Exception as error:
        message = one_line(error)
        if message is None:
            raise
        print(f"{program}: error: {message}" if program else f"error: {message}", file=sys.stderr)
        sys.exit(2)
