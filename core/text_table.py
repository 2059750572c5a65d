"""Tables as text: fixed columns for a terminal, and Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def row(name: str, *cells: str, name_width: int = 28, width: int = 14) -> str:
    """One line of a terminal table: the name to the left, the cells to the right of their columns."""
    return f"{name:<{name_width}}" + "".join(f"{cell:>{width}}" for cell in cells)


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
