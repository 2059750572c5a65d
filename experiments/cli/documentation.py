"""Generated parts of the documentation: commands, environments, the frame contract.

`docs/hooks.py` inserts each of PARTS where a page has the line <!-- made from the code: NAME -->.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import os
import re
from collections.abc import Callable
from functools import cache
from importlib import import_module
from unittest import mock

import gymnasium

from ...core import frame
from ...core.frame import FRAME_SPEC
from ...envs.gym_envs import registration
from . import main as cli

COLUMNS = 100
"""Width of the help texts."""
PLACE = re.compile(r"^<!-- made from the code: (\w+) -->$", re.MULTILINE)
"""Marker of a generated part."""


def commands() -> list[tuple[str, ...]]:
    """All commands as tuples of words, groups before their members: ("bench",), ("bench", "sim")."""
    all_words: list[tuple[str, ...]] = []
    pending: list[tuple[str, ...]] = [()]
    while pending:
        words = pending.pop(0)
        all_words += [words] if words else []
        names = re.findall(r"^[│\s]*• ([\w-]+)", help_of(*words), re.MULTILINE)
        pending[:0] = [(*words, name) for name in names]
    return all_words


@cache
def help_of(*words: str) -> str:
    """Output of `testspace WORDS --help`."""
    printed = io.StringIO()
    plain = {"COLUMNS": str(COLUMNS), "NO_COLOR": "1", "TERM": "dumb"}
    with mock.patch.dict(os.environ, plain), contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        cli.main([*words, "--help"])
    return "\n".join(line.rstrip() for line in printed.getvalue().splitlines()).strip()


def commands_part() -> str:
    """The help of each command under a heading."""
    return "\n\n".join(f"## testspace {' '.join(words)}\n\n```text\n{help_of(*words)}\n```" for words in commands())


def environments_part() -> str:
    """The registered environments, with a table of parameters each."""
    registration.register()
    parts = []
    for name in sorted(name for name in gymnasium.registry if name.startswith("testspace/")):
        spec = gymnasium.registry[name]
        module, _, made = str(spec.entry_point).partition(":")
        kind = getattr(import_module(module), made)
        several = (
            f" `make_vec` gives `{str(spec.vector_entry_point).partition(':')[2]}`." if spec.vector_entry_point else ""
        )
        lines = [f"## `{name}`", f"`{made}` of `{module}`: {_first_sentence(kind)}{several}"]
        lines.append(_docstring(kind.__init__))
        rows = ["| parameter | type | default |", "| --- | --- | --- |"]
        for parameter in list(inspect.signature(kind.__init__).parameters.values())[1:]:
            kinds = str(parameter.annotation).replace("|", "\\|")
            rows.append(f"| `{parameter.name}` | {kinds} | `{parameter.default!r}` |")
        parts.append("\n\n".join([*lines, "\n".join(rows)]))
    return "\n\n".join(parts)


def frame_part() -> str:
    """The frame contract as a table."""
    trailing = {(): "(H, W)", (3,): "(H, W, 3)"}
    source = inspect.getsource(frame)
    rows = ["| key | type | meaning |", "| --- | --- | --- |"]
    for key, (dtype, shape) in FRAME_SPEC.items():
        meaning = re.search(rf'^    "{key}": .*?  # (.*)$', source, re.MULTILINE)
        assert meaning is not None
        rows.append(f"| `{key}` | {dtype.__name__} {trailing[shape]} | {meaning[1]} |")
    rows.append("| `pose` | float32 (6,) | x, y, z, yaw, pitch, roll of the camera: metres, degrees |")
    return "\n".join(rows)


PARTS: dict[str, Callable[[], str]] = {
    "commands": commands_part,
    "environments": environments_part,
    "frame": frame_part,
}
"""Generated parts by name."""


def filled(page: str) -> str:
    """A Markdown page with its generated parts. KeyError for an unknown part."""
    return PLACE.sub(lambda place: PARTS[place[1]](), page)


def _docstring(thing: object) -> str:
    """A docstring, cleaned."""
    return inspect.getdoc(thing) or ""


def _first_sentence(thing: object) -> str:
    return " ".join(_docstring(thing).split("\n\n")[0].split())
