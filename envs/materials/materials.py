"""Colours and procedural textures by the name of a Unity material.

The database has only names of materials, so the look is derived from the words of the name ("DarkWood2",
"bathroomTilesBlue"): a kind of material gives the texture, words for colours the colour, and a stable hash of the
name a small shift, so that neighbours in a list still differ.
"""

from __future__ import annotations

import colorsys
import re
import zlib
from functools import lru_cache

import numpy as np

from ..scene import Material
from .textures import TEXTURE_ID

Rgb = tuple[float, float, float]

# kind: (pattern in the lower-case name, texture, metres a repeat, default colour); first match wins
_KINDS: dict[str, tuple[str, str, float, Rgb]] = {
    "checker": (r"checker", "checker", 1.2, (0.9, 0.88, 0.84)),
    "brick": (r"brick", "brick", 0.9, (0.66, 0.36, 0.28)),
    "subway": (r"subway|kitchentiles|smallkitchen", "subway", 0.9, (0.88, 0.88, 0.84)),
    "small tiles": (r"smalltiles|glasstiles|mosaic|fireplacetiles", "small tiles", 0.6, (0.62, 0.70, 0.72)),
    "tiles": (r"tile|kitchenfloor|kitchenwall", "tiles", 1.2, (0.82, 0.80, 0.75)),
    "marble": (r"marble", "marble", 1.5, (0.88, 0.86, 0.83)),
    "granite": (r"granite|countertop|stone", "granite", 0.6, (0.55, 0.54, 0.53)),
    "porcelain": (r"porcelain|ceramic", "", 1.0, (0.94, 0.93, 0.90)),
    "carpet": (r"carpet|rug", "carpet", 0.7, (0.60, 0.53, 0.48)),
    "leather": (r"leather", "leather", 0.5, (0.40, 0.25, 0.17)),
    "fabric": (
        r"fabric|fabirc|cloth|sofa|couch|cushion|cusion|pillow|blanket|sheet|mattress|armchair|towel",
        "fabric",
        0.25,
        (0.60, 0.58, 0.56),
    ),
    "wicker": (r"wicker|rattan|bamboo", "wicker", 0.3, (0.72, 0.56, 0.36)),
    "concrete": (r"concrete|cement", "concrete", 1.5, (0.66, 0.65, 0.63)),
    "plaster": (r"wall(?!paper)|plaster|purewhite|pvc", "plaster", 1.0, (0.90, 0.89, 0.86)),
    "stripes": (r"wallpaper", "wallpaper", 0.6, (0.86, 0.83, 0.76)),
    "trellis": (r"trellis", "trellis", 0.7, (0.86, 0.83, 0.76)),
    "sprigs": (r"sprig", "sprigs", 0.5, (0.86, 0.83, 0.76)),
    "parquet": (r"cross|slash|hatch", "parquet", 1.0, (0.62, 0.42, 0.25)),
    "planks": (r"plank|floor|beams", "planks", 1.2, (0.62, 0.44, 0.28)),
    "wood": (r"wood|cabinet|counter|robinegg|drawer", "wood", 0.8, (0.60, 0.41, 0.25)),
    "metal": (r"metal|steel|alumin|iron|chrome|brass|copper|gold|silver", "brushed", 0.5, (0.68, 0.69, 0.71)),
    "plastic": (r"plastic|plasitc|rubber|foil", "", 1.0, (0.55, 0.56, 0.58)),
    "glass": (r"glass", "", 1.0, (0.72, 0.82, 0.84)),
    "paper": (r"paper|cardboard", "", 1.0, (0.90, 0.88, 0.82)),
}

_COLOURS: dict[str, Rgb] = {
    "offwhite": (0.94, 0.92, 0.87),
    "eggshell": (0.91, 0.87, 0.76),
    "white": (0.93, 0.93, 0.91),
    "whil": (0.93, 0.93, 0.91),
    "cream": (0.92, 0.86, 0.72),
    "black": (0.12, 0.12, 0.13),
    "grey": (0.58, 0.58, 0.58),
    "gray": (0.58, 0.58, 0.58),
    "sand": (0.82, 0.74, 0.58),
    "beige": (0.85, 0.77, 0.63),
    "tan": (0.80, 0.68, 0.51),
    "brown": (0.44, 0.29, 0.19),
    "maroon": (0.45, 0.13, 0.16),
    "red": (0.72, 0.22, 0.19),
    "orange": (0.86, 0.48, 0.18),
    "yellow": (0.90, 0.76, 0.34),
    "green": (0.38, 0.58, 0.36),
    "robinegg": (0.43, 0.68, 0.68),
    "teal": (0.16, 0.52, 0.53),
    "blue": (0.33, 0.48, 0.70),
    "purple": (0.48, 0.34, 0.60),
    "pink": (0.88, 0.64, 0.64),
    "brass": (0.78, 0.63, 0.33),
    "copper": (0.74, 0.45, 0.31),
    "gold": (0.83, 0.67, 0.29),
    "chrome": (0.78, 0.79, 0.81),
}

GLASS = 0.3
"""Opacity of glass."""
_CLOTHS: tuple[Rgb, ...] = (
    (0.60, 0.58, 0.56),
    (0.36, 0.44, 0.56),
    (0.72, 0.66, 0.55),
    (0.34, 0.43, 0.38),
    (0.56, 0.32, 0.28),
    (0.42, 0.43, 0.47),
    (0.74, 0.56, 0.36),
    (0.82, 0.79, 0.73),
)
"""Colours of fabrics whose names contain no colour, by name."""


def shifted(rgb: Rgb, key: str, amount: float = 0.04) -> Rgb:
    """The colour, moved a little in hue, saturation and value by a stable hash of the key."""
    bits = zlib.crc32(key.encode())
    h, s, v = colorsys.rgb_to_hsv(*rgb)
    shift = [((bits >> k) & 255) / 127.5 - 1.0 for k in (0, 8, 16)]
    saturation = float(np.clip(s + amount * shift[1] * min(1.0, 4 * s), 0, 1))
    r, g, b = colorsys.hsv_to_rgb(
        (h + 0.3 * amount * shift[0]) % 1.0, saturation, float(np.clip(v + amount * shift[2], 0.04, 0.97))
    )
    return (round(r, 4), round(g, 4), round(b, 4))


def kind_of(name: str) -> str | None:
    """The kind of material in a name ("wood", "metal", ...), or None."""
    lower = re.sub(r"_?mat\b|[\s_]", "", name.lower())
    return next((kind for kind, (pattern, *_) in _KINDS.items() if re.search(pattern, lower)), None)


def colour_word(name: str) -> Rgb | None:
    """The colour in a name, or None."""
    lower = re.sub(r"[\s_]", "", name.lower()).replace("standard", "").replace("hammeredmetal", "")
    matches = [(lower.find(word), rgb) for word, rgb in _COLOURS.items() if word in lower]
    if "floorsrednrm" in lower or "crossred" in lower:
        return (0.50, 0.26, 0.16)
    return min(matches, key=lambda pair: pair[0])[1] if matches else None


@lru_cache(maxsize=4096)
def named(name: str, kind: str | None = None, colour: Rgb | None = None) -> Material:
    """The material of that Unity name.

    `kind` and `colour` (sRGB) override those of the name.
    """
    kind = kind or kind_of(name) or "plastic"
    _, texture, tile, default = _KINDS[kind]
    lower = name.lower()
    if colour is None:
        rgb = colour_word(name) or (_CLOTHS[zlib.crc32(name.encode()) % len(_CLOTHS)] if kind == "fabric" else default)
        if kind in ("wood", "planks", "parquet"):
            rgb = _wood(lower, rgb)
        elif "dark" in lower:
            rgb = (rgb[0] * 0.5, rgb[1] * 0.5, rgb[2] * 0.5)
        colour = shifted(rgb, name)
    opacity = GLASS if kind == "glass" else 1.0
    return Material(name, colour, TEXTURE_ID[texture] if texture else -1, tile, opacity=opacity)


def _wood(lower: str, rgb: Rgb) -> Rgb:
    """Shades of wood by their words in the name."""
    shades = (
        ("pureblack", (0.10, 0.09, 0.09)),
        ("pale", (0.80, 0.68, 0.51)),
        ("rich", (0.47, 0.26, 0.14)),
        ("light", (0.78, 0.62, 0.42)),
        ("worn", (0.55, 0.46, 0.36)),
        ("medium", (0.58, 0.38, 0.22)),
    )
    if "dark" in lower:
        return (0.30, 0.19, 0.13) if "light" not in lower else (0.5, 0.35, 0.22)
    shade = next((shade for word, shade in shades if word in lower), None)
    if shade is not None:
        return shade
    # red, orange and yellow are stains that let the wood through; other colours are paint
    stained = rgb[0] > 1.6 * rgb[2]
    return (0.5 * rgb[0] + 0.28, 0.5 * rgb[1] + 0.19, 0.5 * rgb[2] + 0.11) if stained else rgb


def floor_material(name: str, colour: Rgb | None = None) -> Material:
    """The material of a floor: wood is laid as boards."""
    kind = kind_of(name)
    return named(name, "planks" if kind in ("wood", None, "plaster") else kind, colour)


def wall_material(name: str, colour: Rgb | None = None) -> Material:
    """The material of a wall: painted plaster by default, sometimes with wallpaper, by name and colour."""
    kind = kind_of(name)
    if kind == "planks" and "concrete" in name.lower():
        kind = "concrete"
    if kind in (None, "plaster"):
        paper = zlib.crc32(f"{name} {colour}".encode()) % 8
        kind = {0: "stripes", 1: "trellis", 2: "sprigs"}.get(paper, "plaster")
    return named(name, kind, colour)


def ceiling_material(name: str, colour: Rgb | None = None) -> Material:
    """The material of a ceiling: plaster, except for boards, tiles and brick."""
    kind = kind_of(name)
    kept = ("planks", "wood", "tiles", "small tiles", "subway", "checker", "brick")
    return named(name, kind if kind in kept else "plaster", colour or named(name).rgb)
