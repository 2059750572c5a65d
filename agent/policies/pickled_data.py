"""Pickles read as data.

A pickle is a program that builds objects. Here its instructions are followed without importing or calling anything that
they name: where the program would call something, a `Named` takes the place of the result. So no code of a file is run.
"""

from __future__ import annotations

import math
import pickletools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_INSTRUCTIONS = 100_000
"""Instructions that are followed; the statistics of Stable-Baselines3 have about a thousand."""
_VALUES = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY = {"EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_DICT": dict}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_WITH_VALUE = (
    "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8",
    "SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8",
)  # fmt: skip
_MARK = object()


@dataclass(eq=False)
class Named:
    """A class or function that a pickle names, or what a call of it would have made."""

    name: str
    """Module and name, with a point between them."""
    arguments: Any = None
    """What it would have been called with; None where it is only named."""
    state: Any = None
    """What the object's `__setstate__` would have been given."""


def read_pickle(data: bytes) -> Any:
    """The value of a pickle of protocols 2 to 5, with a `Named` in the place of every object.

    ValueError where it is damaged, has more than MAX_INSTRUCTIONS, or uses instructions that stored arrays and plain
    values do not need.
    """
    stack: list[Any] = []
    memo: list[Any] = []
    try:
        for number, (instruction, argument, _) in enumerate(pickletools.genops(data)):
            if number >= MAX_INSTRUCTIONS:
                raise ValueError(f"more than {MAX_INSTRUCTIONS} instructions")
            if instruction.name == "STOP":
                return stack[-1]
            _follow(instruction.name, argument, stack, memo)
    except (IndexError, KeyError, TypeError, AttributeError, UnicodeDecodeError, OverflowError) as error:
        raise ValueError(f"a damaged pickle ({type(error).__name__})") from None
    raise ValueError("a pickle without an end")


def _follow(name: str, argument: Any, stack: list[Any], memo: list[Any]) -> None:
    """One instruction of a pickle."""
    if name in _WITH_VALUE:
        stack.append(argument)
    elif name in _VALUES:
        stack.append(_VALUES[name])
    elif name in _EMPTY:
        stack.append(_EMPTY[name]())
    elif name in _TUPLES:
        _collect(stack, _TUPLES[name])
    elif name == "MARK":
        stack.append(_MARK)
    elif name == "TUPLE":
        stack.append(tuple(_since_mark(stack)))
    elif name in ("MEMOIZE", "BINPUT", "LONG_BINPUT"):
        if argument not in (None, len(memo)):
            raise ValueError("a pickle whose memory is out of order")
        memo.append(stack[-1])
    elif name in ("BINGET", "LONG_BINGET"):
        stack.append(memo[argument])
    elif name in ("APPEND", "APPENDS"):
        items = [stack.pop()] if name == "APPEND" else _since_mark(stack)
        stack[-1].extend(items)
    elif name in ("SETITEM", "SETITEMS"):
        items = [stack.pop(-2), stack.pop()] if name == "SETITEM" else _since_mark(stack)
        _entries(stack[-1]).update(zip(items[::2], items[1::2], strict=True))
    elif name == "GLOBAL":
        stack.append(Named(argument.replace(" ", ".", 1)))
    elif name == "STACK_GLOBAL":
        _collect(stack, 2)
        stack.append(Named(".".join(stack.pop())))
    elif name in ("REDUCE", "NEWOBJ"):
        arguments = stack.pop()
        stack.append(Named(stack.pop().name, arguments))
    elif name == "BUILD":
        state = stack.pop()
        stack[-1].state = state
    elif name not in ("PROTO", "FRAME"):
        raise ValueError(f"the instruction {name}, which stored arrays do not need")


def _collect(stack: list[Any], count: int) -> None:
    """Make one tuple of the last entries."""
    if len(stack) < count:
        raise IndexError
    stack[-count:] = [tuple(stack[-count:])]


def _since_mark(stack: list[Any]) -> list[Any]:
    """What was put after the last mark; both are taken away."""
    items = []
    while (item := stack.pop()) is not _MARK:
        items.append(item)
    return items[::-1]


def _entries(thing: Any) -> dict[Any, Any]:
    """The dict that entries are put into; those of an object such as an OrderedDict are not kept."""
    return thing if isinstance(thing, dict) else {}


def stored_array(value: Any) -> NDArray[np.float64]:
    """The numbers of a numpy array, float32 or float64, in a pickle of numpy 1 or 2. ValueError where it is another."""
    try:
        if value.name.endswith("._reconstruct"):  # protocols up to 4
            _, shape, kind, fortran, content = value.state
        elif value.name.endswith("._frombuffer"):  # protocol 5
            content, kind, shape, order = value.arguments
            fortran = order == "F"
        else:
            raise ValueError(f"{value.name} where an array was expected")
        size = {"f8": 8, "f4": 4}[kind.arguments[0]]
        order = {"<": "<", ">": ">"}[kind.state[1]]
        if not all(type(side) is int and side >= 0 for side in shape) or math.prod(shape) * size != len(content):
            raise ValueError(f"an array of shape {str(shape)[:60]} in {len(content)} bytes")
        flat = np.frombuffer(content, f"{order}f{size}").astype(np.float64)
        return flat.reshape(shape, order="F" if fortran else "C")
    except (AttributeError, TypeError, KeyError, IndexError) as error:
        raise ValueError(f"no array of floats ({type(error).__name__})") from None
