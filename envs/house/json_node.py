"""Reading untrusted JSON: values that know their path, so that every error names the field."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Never

from .house import HouseError

MAX_TEXT = 1000
"""Characters in one string of a house."""
_KINDS = {dict: "an object", list: "a list", str: "a string", bool: "true/false", type(None): "null"}


def excerpt(value: object) -> str:
    """``value`` shortened to one line for a message."""
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:57] + "...")
    return _KINDS.get(type(value)) or (str(value) if isinstance(value, float) else "a number")


class Node:
    """A value of a parsed JSON document, and its path."""

    __slots__ = ("path", "source", "value")

    def __init__(self, value: Any, source: str, path: str = "") -> None:
        self.value, self.source, self.path = value, source, path

    def fail(self, what: str, remedy: str) -> Never:
        """Raise HouseError about this value."""
        raise HouseError(self.source, self.path, what, remedy)

    def _wrong(self, expected: str) -> Never:
        self.fail(f"expected {expected}, found {excerpt(self.value)}", "correct the file or make it again")

    def members(self) -> dict[str, Any]:
        """The value as a JSON object."""
        if not isinstance(self.value, dict):
            self._wrong("an object")
        return self.value

    def optional(self, name: str) -> Node | None:
        """The member ``name``, or None if it is missing or null."""
        value = self.members().get(name)
        return None if value is None else Node(value, self.source, f"{self.path}.{name}" if self.path else name)

    def get(self, name: str) -> Node:
        """The member ``name``; HouseError if it is missing."""
        members = self.members()
        path = f"{self.path}.{name}" if self.path else name
        if name not in members:
            raise HouseError(self.source, path, "the field is missing", "correct the file or make it again")
        return Node(members[name], self.source, path)

    def items(self, most: int) -> list[Node]:
        """The members of a list of at most ``most``."""
        if not isinstance(self.value, list):
            self._wrong("a list")
        if len(self.value) > most:
            self.fail(f"{len(self.value)} entries, more than the {most} a house may have", "use a smaller house")
        return [Node(value, self.source, f"{self.path}[{index}]") for index, value in enumerate(self.value)]

    def number(self, low: float, high: float) -> float:
        """The value as a finite number within [low, high], int or float as it is."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self._wrong("a number")
        if value != value:
            self.fail("the number is NaN", "make the house again with finite numbers")
        if not low <= value <= high:
            text = f"{value:g}" if isinstance(value, float) or abs(value) < 10**15 else "a huge integer"
            self.fail(f"{text} is out of range", f"it must lie within {low:g} to {high:g}")
        return value

    def text(self) -> str:
        """The value as a string that is not empty."""
        if not isinstance(self.value, str):
            self._wrong("a string")
        if not 0 < len(self.value) <= MAX_TEXT:
            self.fail(f"a string of {len(self.value)} characters", f"it must have 1 to {MAX_TEXT}")
        if any("\ud800" <= letter <= "\udfff" for letter in self.value):
            self.fail("a string with half a character (a lone surrogate)", "correct the file or make it again")
        return self.value

    def flag(self) -> bool:
        """The value as true or false."""
        if not isinstance(self.value, bool):
            self._wrong("true or false")
        return self.value

    def numbers(self, names: str, low: float, high: float) -> tuple[float, ...]:
        """The members named by the letters of ``names``, as numbers."""
        return tuple(self.get(name).number(low, high) for name in names)

    def vector(self, bound: float) -> tuple[float, float, float]:
        """{x, y, z}, each within +-bound."""
        x, y, z = self.numbers("xyz", -bound, bound)
        return x, y, z

    def rest(self, known: Collection[str]) -> dict[str, Any]:
        """The members that ``known`` does not name."""
        return {name: value for name, value in self.members().items() if name not in known}
