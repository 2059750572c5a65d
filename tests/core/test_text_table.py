"""Tables as text: columns line up, and Markdown is a table."""

from __future__ import annotations

from testspace.core.text_table import markdown, row


def test_columns_line_up() -> None:
    lines = [row("rate", "1", "22", name_width=6, width=4), row("", "333", "4", name_width=6, width=4)]
    assert lines == ["rate     1  22", "       333   4"]


def test_markdown_has_a_rule_below_its_head() -> None:
    assert markdown(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
