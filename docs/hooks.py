"""MkDocs hook: fills in the generated parts of each page."""

from __future__ import annotations

from typing import Any

from testspace.experiments.cli.documentation import filled


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page with its generated parts."""
    return filled(markdown)
