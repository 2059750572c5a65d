"""Layout of a report: one HTML page with inline style, responsive, light and dark."""

from __future__ import annotations

from html import escape

STYLE = """
:root { color-scheme: light dark; --paper: #fcfcfa; --ink: #1d1f21; --soft: #5b6065; --line: #dfe0dc; --card: #f3f3ef;
  --scratch: #85898e; --specialist: #1f6fb8; --ttt: #c2590c; --seen: #2f9e6e; --unseen: #d99a1b; --wall: #7a7f85;
  --map: #7d52b8; --joint: #b0306f; --c6: #12908f; --c7: #7d6a1c; --c8: #d3696b; }
@media (prefers-color-scheme: dark) { :root { --paper: #16181a; --ink: #e8e8e4; --soft: #a3a9ae; --line: #34383c;
  --card: #1f2225; --scratch: #9aa0a6; --specialist: #62a9ea; --ttt: #f0924a; --seen: #4cc38d; --unseen: #e8b64a;
  --wall: #8b9197; --map: #b18fe6; --joint: #ec75ad; --c6: #45c7c4; --c7: #c9b35a; --c8: #f0a3a1; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 72rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .35rem; letter-spacing: -.015em; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 3rem 0 .35rem; letter-spacing: -.01em; } h3 { font-size: 1rem; margin: 0 0 .5rem; }
p { margin: 0 0 1rem; max-width: 48rem; } .soft, small { color: var(--soft); } small { font-size: .82rem; }
.flow { display: flex; gap: .4rem; align-items: stretch; margin: 1.25rem 0 .75rem; }
.step { flex: 1 1 0; background: var(--card); border-radius: .6rem; padding: .85rem 1rem; }
.step h3 { margin: 0; } .step p { margin: .6rem 0 0; font-variant-numeric: tabular-nums; }
.step b { font-size: 1.7rem; line-height: 1.2; letter-spacing: -.02em; } .step p + p b { font-size: 1.25rem; }
.step em { font-style: normal; font-size: .85rem; white-space: nowrap; }
.step span { display: block; font-size: .85rem; color: var(--soft); }
.arrow { align-self: center; } .arrow::before { content: "\\2192"; font-style: normal; color: var(--soft); }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.9rem, 1fr)); gap: .75rem;
  margin: 0 0 1.25rem; }
.card { border: 1px solid var(--line); border-radius: .6rem; padding: .6rem .8rem .7rem; }
.card b { display: block; white-space: nowrap; font-size: 1.15rem; line-height: 1.3;
  font-variant-numeric: tabular-nums; letter-spacing: -.01em; }
.card span { display: block; font-weight: 600; font-size: .85rem; }
.card small { display: block; line-height: 1.35; font-size: .78rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr)); gap: 1.5rem; }
.charts > :only-child { max-width: 38rem; }
figure { margin: 0; } figcaption { font-size: .82rem; color: var(--soft); line-height: 1.35; }
svg { display: block; width: 100%; height: auto; overflow: visible; } svg text { fill: var(--soft); font-size: 11px; }
.grid line { stroke: var(--line); } .axis { font-variant-numeric: tabular-nums; }
.keys { display: flex; flex-wrap: wrap; gap: .3rem 1rem; font-size: .85rem; margin: .6rem 0 1rem; }
.keys i, .name i { display: inline-block; width: .85rem; height: .85rem; border-radius: .2rem; margin-right: .35rem;
  vertical-align: -.08rem; box-shadow: inset 0 0 0 1px rgb(128 128 128 / .35); }
.panel { display: grid; grid-template-columns: repeat(var(--n), 1fr); gap: .5rem .35rem; margin: 0 0 1.75rem; }
img { width: 100%; display: block; image-rendering: pixelated; border-radius: .2rem; background: #000; }
video { width: 100%; display: block; border-radius: .4rem; background: #111316; }
.compare { display: grid; grid-template-columns: 1fr 1fr 1fr; gap: .75rem; margin: 0 0 1.5rem; }
.slider { position: relative; touch-action: pan-y; }
.slider .after { position: absolute; inset: 0; height: 100%; clip-path: inset(0 0 0 var(--at)); }
.slider::after { content: ""; position: absolute; top: 0; bottom: 0; left: calc(var(--at) - 1px); width: 2px;
  background: #fff; box-shadow: 0 0 0 1px rgb(0 0 0 / .45); pointer-events: none; }
.slider::before { content: "\\2194"; position: absolute; z-index: 1; top: 50%; left: var(--at); width: 2rem;
  height: 2rem; transform: translate(-50%, -50%); border-radius: 50%; background: #fff; color: #1d1f21;
  text-align: center; line-height: 2rem; box-shadow: 0 1px 4px rgb(0 0 0 / .45); pointer-events: none; }
.slider input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; cursor: ew-resize; }
.slider:focus-within { outline: 2px solid var(--specialist); outline-offset: 2px; }
.ends { display: flex; justify-content: space-between; gap: 1rem; } .ends span + span { text-align: right; }
.classes { columns: 2 24rem; column-gap: 2.5rem; margin-bottom: 1rem; }
.classes > div { display: grid; grid-template-columns: 8.5rem 1fr; align-items: center; gap: .6rem; padding: .25rem 0;
  border-bottom: 1px solid var(--line); break-inside: avoid; font-size: .88rem; }
.classes > div > div > div { display: flex; align-items: center; gap: .4rem; line-height: 1; }
.classes > div > div > div > i { display: block; height: .55rem; border-radius: .15rem; min-width: 1px; }
.classes small { font-size: .74rem; font-variant-numeric: tabular-nums; line-height: 1.15; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; }
td, th { padding: .28rem 1.1rem .28rem 0; border-bottom: 1px solid var(--line); vertical-align: middle; }
td.n, th.n { text-align: right; } td.bar { width: 11rem; padding-right: 0; }
.bar div { height: .5rem; border-radius: .2rem; margin: .12rem 0; min-width: 1px; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--card); border-radius: .6rem;
  padding: .7rem 1rem; font-size: .82rem; margin: 0 0 1rem; } pre + p, p:has(+ pre) { margin-bottom: .3rem; }
details { margin: 0 0 1rem; } summary { cursor: pointer; margin-bottom: .5rem; }
.map { max-width: 44rem; max-height: 34rem; } .map image { image-rendering: pixelated; }
svg .room { font-size: .34px; fill: var(--ink); text-anchor: middle; paint-order: stroke; stroke: var(--paper);
  stroke-width: .09px; stroke-linejoin: round; }
@media (max-width: 46rem) { body { padding-top: 1.5rem; } .panel { grid-template-columns: repeat(3, 1fr); }
  .flow { flex-direction: column; } .arrow::before { content: "\\2193"; }
  .step { display: grid; grid-template-columns: 1fr 1fr; gap: 0 1rem; }
  .step > h3, .step > small { grid-column: 1 / -1; }
  .compare { grid-template-columns: 1fr 1fr; } .compare .wider { grid-column: 1 / -1; order: -1; }
  .cards { grid-template-columns: 1fr 1fr; } }
@media print { :root { color-scheme: light; --paper: #fff; --ink: #000; --soft: #444; --card: #f3f3ef; --line: #ccc; }
  body { max-width: none; padding: 0; font-size: 12px; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  h2 { break-after: avoid; } figure, video, .panel, .compare, .step, .card, tr { break-inside: avoid; }
  .compare { grid-template-columns: 1fr 2fr 1fr; } .compare .wider { grid-column: auto; order: 0; }
  .slider { display: grid; grid-template-columns: 1fr 1fr; gap: .35rem; } .slider input { display: none; }
  .slider .after { position: static; clip-path: none; } .slider::after, .slider::before { content: none; } }
"""
"""Style sheet. Colours are named by meaning; charts and the map use the same names. On paper, both pictures of a slider
are beside each other."""

COLOURS = {
    "scratch": "var(--scratch)", "generalist": "var(--scratch)", "generalist_rgbd": "var(--unseen)",
    "specialist": "var(--specialist)", "specialist_rgbd": "var(--seen)", "map": "var(--map)",
    "specialist_map": "var(--joint)", "specialist_ttt": "var(--ttt)",
}  # fmt: skip
"""Colour of each method in all charts."""
CURVES = tuple(
    f"var(--{name})"
    for name in ("specialist", "ttt", "seen", "map", "unseen", "joint", "c6", "c7", "c8", "scratch")
)  # fmt: skip
"""Distinct colours of curves that are not of methods, in order."""
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
