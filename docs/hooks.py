"""MkDocs calls this for each page: what is made from the code is put in."""

from __future__ import annotations

from typing import Any

from testspace.experiments.cli.documentation import filled


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page's text with its parts put in."""
    return filled(markdown)
