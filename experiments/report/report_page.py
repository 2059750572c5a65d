"""Layout of a report: one HTML page with inline style, responsive, light and dark."""

from __future__ import annotations

from html import escape

STYLE = """
:root { color-scheme: light dark; --paper: #fcfcfa; --ink: #1d1f21; --soft: #63686d; --line: #dfe0dc; --card: #f3f3ef;
  --scratch: #8a8f94; --specialist: #1f6fb8; --ttt: #c2590c; --seen: #2f9e6e; --unseen: #e0a021; --wall: #7a7f85; }
@media (prefers-color-scheme: dark) { :root { --paper: #16181a; --ink: #e8e8e4; --soft: #9aa0a6; --line: #34383c;
  --card: #1f2225; --scratch: #9aa0a6; --specialist: #62a9ea; --ttt: #f0924a; --seen: #4cc38d; --unseen: #e8b64a;
  --wall: #8b9197; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 68rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .35rem; letter-spacing: -.015em; }
h2 { font-size: 1.15rem; margin: 3rem 0 .35rem; letter-spacing: -.01em; }
p { margin: 0 0 1rem; max-width: 44rem; } .soft, small { color: var(--soft); } small { font-size: .82rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(12rem, 1fr)); gap: .75rem; }
.card { background: var(--card); border-radius: .6rem; padding: .85rem 1rem .9rem; }
.card b { display: block; white-space: nowrap; font-size: 1.5rem; line-height: 1.25; font-variant-numeric: tabular-nums;
  letter-spacing: -.02em; }
.card span { display: block; font-weight: 600; font-size: .88rem; } .card small { display: block; line-height: 1.4; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); gap: 1.5rem; }
.charts > :only-child { max-width: 34rem; }
figure { margin: 0; } figcaption { font-size: .82rem; color: var(--soft); line-height: 1.35; }
svg { display: block; width: 100%; height: auto; overflow: visible; } svg text { fill: var(--soft); font-size: 11px; }
.grid line { stroke: var(--line); } .axis { font-variant-numeric: tabular-nums; }
.keys { display: flex; flex-wrap: wrap; gap: .3rem 1rem; font-size: .85rem; margin: .6rem 0 1rem; }
.keys i { display: inline-block; width: .85rem; height: .85rem; border-radius: .2rem; margin-right: .35rem;
  vertical-align: -.08rem; box-shadow: inset 0 0 0 1px rgb(128 128 128 / .35); }
.panel { display: grid; grid-template-columns: repeat(var(--n), 1fr); gap: .35rem; margin: 0 0 1rem; }
.panel img { width: 100%; display: block; image-rendering: pixelated; border-radius: .2rem; background: #000; }
@media (max-width: 46rem) { .panel { grid-template-columns: repeat(4, 1fr); } body { padding-top: 1.5rem; } }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; }
td, th { padding: .28rem 1.1rem .28rem 0; border-bottom: 1px solid var(--line); vertical-align: middle; }
td.n, th.n { text-align: right; } td.bar { width: 11rem; padding-right: 0; }
.bar div { height: .42rem; border-radius: .2rem; margin: .12rem 0; min-width: 1px; }
pre { overflow-x: auto; background: var(--card); border-radius: .6rem; padding: 1rem; font-size: .8rem; }
summary { cursor: pointer; } .map { max-width: 44rem; } .map image { image-rendering: pixelated; }
svg .room { font-size: .34px; fill: var(--ink); text-anchor: middle; }
"""
"""Style sheet. Colours are named by meaning; charts and the map use the same names."""

COLOURS = {
    "scratch": "var(--scratch)", "generalist": "var(--scratch)", "generalist_rgbd": "var(--unseen)",
    "specialist": "var(--specialist)", "specialist_rgbd": "var(--seen)", "map": "var(--wall)",
    "specialist_map": "var(--ink)", "specialist_ttt": "var(--ttt)",
}  # fmt: skip
"""Colour of each method in all charts."""
NAMES = {
    "scratch": "scratch", "generalist": "generalist", "generalist_rgbd": "generalist, rgb-d",
    "specialist": "specialist", "specialist_rgbd": "specialist, rgb-d", "map": "fused map",
    "specialist_map": "specialist and map", "specialist_ttt": "with TTT",
}  # fmt: skip
"""Display name of each method. Without a word on it, a network sees rgb alone."""
BASELINES = ("scratch", "generalist", "generalist_rgbd")
"""Methods that are not trained in the house."""


def page(title: str, lead: str, sections: list[str]) -> str:
    """A whole HTML document; `title` is text, `lead` and `sections` are HTML."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body><h1>{escape(title)}</h1>\n"
        + "\n".join([lead, *sections])
        + "\n</body></html>\n"
    )


def section(heading: str, says: str, body: str) -> str:
    """A section: its heading (text), one paragraph that says how to read it (HTML), and its content (HTML)."""
    return f'<section><h2>{escape(heading)}</h2><p class="soft">{says}</p>{body}</section>'


def card(value: str, name: str, meaning: str) -> str:
    """A headline number with its meaning."""
    return f'<div class="card"><b>{escape(value)}</b><span>{escape(name)}</span><small>{escape(meaning)}</small></div>'


def keys(entries: list[tuple[str, str]]) -> str:
    """A legend of (CSS colour, text) entries."""
    shown = "".join(f'<span><i style="background:{colour}"></i>{escape(text)}</span>' for colour, text in entries)
    return f'<div class="keys">{shown}</div>'


def table(head: list[str], rows: list[list[str]], numbers_from: int = 1) -> str:
    """A table; cells are HTML, columns from `numbers_from` on are set flush right unless they hold a bar."""

    def cell(tag: str, column: int, text: str) -> str:
        kind = ' class="bar"' if "<div" in text else ' class="n"' if column >= numbers_from else ""
        return f"<{tag}{kind}>{text}</{tag}>"

    def line(tag: str, cells: list[str]) -> str:
        return "<tr>" + "".join(cell(tag, column, text) for column, text in enumerate(cells)) + "</tr>"

    return f'<div class="wide"><table>{line("th", head)}{"".join(line("td", row) for row in rows)}</table></div>'
