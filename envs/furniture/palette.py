"""The look of one asset: materials by the database's names, and random choices seeded by its id."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from ..house.assets import Asset
from ..materials.materials import Rgb, kind_of, named, shifted
from ..materials.textures import BOOK_ROWS, MOTIFS, PICTURES, TEXTURE_ID
from ..scene import Material

WOODS: tuple[Rgb, ...] = (
    (0.66, 0.46, 0.27),
    (0.40, 0.25, 0.15),
    (0.80, 0.64, 0.42),
    (0.27, 0.17, 0.12),
    (0.55, 0.31, 0.18),
    (0.88, 0.85, 0.78),
)
FABRICS: tuple[Rgb, ...] = (
    (0.36, 0.44, 0.56),
    (0.62, 0.58, 0.52),
    (0.55, 0.26, 0.24),
    (0.30, 0.42, 0.34),
    (0.75, 0.69, 0.58),
    (0.28, 0.29, 0.33),
    (0.72, 0.52, 0.28),
    (0.48, 0.36, 0.50),
)
BRIGHTS: tuple[Rgb, ...] = (
    (0.80, 0.24, 0.20),
    (0.20, 0.44, 0.72),
    (0.92, 0.72, 0.20),
    (0.26, 0.60, 0.40),
    (0.88, 0.86, 0.82),
    (0.90, 0.50, 0.24),
    (0.45, 0.30, 0.62),
    (0.25, 0.64, 0.68),
)
SPINES: tuple[Rgb, ...] = (
    (0.60, 0.16, 0.16),
    (0.14, 0.28, 0.46),
    (0.16, 0.40, 0.30),
    (0.86, 0.68, 0.26),
    (0.24, 0.22, 0.24),
    (0.74, 0.42, 0.22),
    (0.46, 0.30, 0.52),
    (0.84, 0.82, 0.76),
)
METALS: tuple[Rgb, ...] = ((0.70, 0.71, 0.73), (0.32, 0.33, 0.35), (0.56, 0.57, 0.60), (0.76, 0.62, 0.36))
_DEFAULTS: dict[str, tuple[Rgb, ...]] = {
    "wood": WOODS,
    "fabric": FABRICS,
    "leather": ((0.42, 0.26, 0.17), (0.16, 0.14, 0.14), (0.72, 0.62, 0.50)),
    "metal": METALS,
    "plastic": BRIGHTS,
    "porcelain": ((0.95, 0.95, 0.93),),
    "marble": ((0.88, 0.86, 0.83),),
    "granite": ((0.42, 0.42, 0.44), (0.62, 0.58, 0.52)),
    "glass": ((0.72, 0.84, 0.86),),
    "carpet": FABRICS,
    "paper": ((0.93, 0.92, 0.88),),
    "wicker": ((0.74, 0.58, 0.38),),
    "concrete": ((0.66, 0.65, 0.63),),
}
_STAND_INS = {
    "marble": "stone",
    "granite": "stone",
    "leather": "fabric",
    "carpet": "fabric",
    "planks": "wood",
    "parquet": "wood",
    "wicker": "wood",
}
"""Kinds that may replace a requested kind."""


class Palette:
    """Random choices and materials of one asset; draws are in a fixed order, so an asset looks the same everywhere."""

    def __init__(self, entry: Asset, variant: int = 0) -> None:
        """variant: another number draws another shape and look of the same size."""
        self.asset = entry
        self._name = f"{entry.asset_id}/{variant}" if variant else entry.asset_id
        self.rng = np.random.default_rng(zlib.crc32(self._name.encode()))

    def real(self, low: float, high: float) -> float:
        """A uniform random number in [low, high)."""
        return float(self.rng.uniform(low, high))

    def pick(self, number: int) -> int:
        """A random index below `number`."""
        return int(self.rng.integers(number))

    def own(self, *kinds: str, skip: int = 0) -> Material | None:
        """The asset's own material of one of these kinds (the `skip`-th of them), if the database names it."""
        matches = [
            (k, n) for n in self.asset.materials if (k := kind_of(n)) and (k in kinds or _STAND_INS.get(k) in kinds)
        ]
        return named(matches[skip][1], matches[skip][0]) if len(matches) > skip else None

    def of(self, *kinds: str, skip: int = 0) -> Material:
        """The asset's own material of these kinds, else one drawn for the first kind."""
        choices = _DEFAULTS[kinds[0]]
        rgb = choices[self.pick(len(choices))]
        return self.own(*kinds, skip=skip) or self.paint(kinds[0], rgb)

    def paint(self, kind: str, rgb: Rgb) -> Material:
        """A material of that kind and colour, moved a little for this asset."""
        return named(kind, kind, shifted(rgb, self._name))

    def tinted(self, name: str, rgb: Rgb) -> Material:
        """A material without texture, its colour moved a little for this asset."""
        return plain(name, shifted(rgb, self._name))

    def textured(self, name: str, rgb: Rgb = (1.0, 1.0, 1.0), tile: float = 1.0, emission: float = 0.0) -> Material:
        """A material with a texture of that name."""
        return Material(name, rgb, TEXTURE_ID[name], tile, emission)

    def one(self, colours: Sequence[Rgb], kind: str = "plastic") -> Material:
        """A material of one of these colours."""
        return self.paint(kind, colours[self.pick(len(colours))])

    def picture(self) -> Material:
        """One of the painted pictures."""
        return self.textured(f"picture {self.pick(PICTURES)}")

    def motif(self, rgb: Rgb, tile: float = 0.4) -> Material:
        """A printed fabric on a ground of that colour."""
        return self.textured(f"motif {self.pick(MOTIFS)}", shifted(rgb, self._name), tile)

    def books(self) -> Material:
        """One of the rows of book spines."""
        return self.textured(f"books {self.pick(BOOK_ROWS)}")


def plain(name: str, rgb: Rgb, emission: float = 0.0) -> Material:
    """A material without texture."""
    return Material(name, rgb, -1, 1.0, emission)
