"""The fused semantic map of a run as a file: for the report, for Rerun, and to be looked up later.

report_data/semantic_map.npz in the run's folder has, of each of P cells: places int64 (P,), its id as `surface_places`
numbers them, sorted; centres float32 (P, 3), its middle in metres, y up from the floor; classes int16 (P,), the class
id; doubt float16 (P,), 1 less the probability of that class; evidence float32 (P,), the pixels that it was seen in; and
cell, the side of a cell in metres.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...agent.fusion.semantic_map import SemanticMap
from ...core.errors import UserError
from ...core.storage import read_arrays, replacing

MAX_CELLS = 400_000
"""Cells that are stored at most, those with the most evidence: 12 MB before compression, ten large houses."""
_ARRAYS = ("places", "centres", "classes", "doubt", "evidence")


class StoredMap(NamedTuple):
    """What the file holds: see the module."""

    places: NDArray[np.int64]
    centres: NDArray[np.float32]
    classes: NDArray[np.int16]
    doubt: NDArray[np.float16]
    evidence: NDArray[np.float32]
    cell: float


def map_file(run: Path) -> Path:
    """Where the map of a run lies."""
    return run / "report_data" / "semantic_map.npz"


def store_semantic_map(run: Path, fused: SemanticMap) -> None:
    """Write the map as it is now, whole or not at all; nothing where it is empty."""
    if not len(fused):
        return
    map_file(run).parent.mkdir(exist_ok=True)
    with replacing(map_file(run)) as unfinished, unfinished.open("wb") as out:
        np.savez_compressed(out, allow_pickle=False, **as_stored(fused)._asdict())


def as_stored(fused: SemanticMap) -> StoredMap:
    """The map as it is now, with MAX_CELLS at most."""
    centres, classes = fused.surface()
    evidence = fused.evidence()
    kept = np.arange(len(fused))
    if len(kept) > MAX_CELLS:
        kept = np.sort(np.argpartition(-evidence, MAX_CELLS)[:MAX_CELLS])
    return StoredMap(
        fused.arrays()["places"][kept], centres[kept].astype(np.float32), classes[kept],
        fused.doubt()[kept].astype(np.float16), evidence[kept], fused.config.cell,
    )  # fmt: skip


def read_semantic_map(run: Path) -> StoredMap | None:
    """The map that was stored last; None for a run without one. UserError where the file is damaged."""
    file = map_file(run)
    if not file.is_file():
        return None
    try:
        data = read_arrays(file)
        stored = StoredMap(**{name: data[name] for name in _ARRAYS}, cell=float(data["cell"]))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{file}: the semantic map cannot be read ({error}); remove it to go on without") from None
    if stored.centres.shape != (len(stored.places), 3) or any(len(one) != len(stored.places) for one in stored[:5]):
        raise UserError(f"{file}: its arrays differ in length; remove it to go on without")
    return stored
