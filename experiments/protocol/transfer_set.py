"""The transfer set D_t: labelled frames from external houses only, built once and cached.

By default the external houses are generated, from assets that the test space does not use; the check that no asset is
shared runs on whatever houses are given, and its count goes into the run's summary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ...agent.fusion.surface_prior import SurfacePrior
from ...core.cache import cached_parts
from ...core.digests import code_digest, digest, library_versions
from ...core.errors import UserError
from ...envs.assembly.building import build_scene
from ...envs.generator import generate_house
from ...envs.house.classes import CLASSES
from ...envs.house.house import House, HouseObject
from ...envs.house.house_io import house_digest
from ...envs.render.raycast import RayCastSimulator
from ...learners.choices import SENSORY
from ...learners.heads.transfer import LabelledFrames
from .held_out import draw_views
from .transfer_set_config import TransferSetConfig

_THIS = "experiments.protocol.transfer_set"  # its code and all that it imports: a changed renderer makes new frames
FIRST_SEED = 1_000_000
"""Generated transfer houses have seeds from here on, far from those that people give to `--seed`."""


def house_assets(house: House) -> set[str]:
    """Ids of every asset in the house: doors, windows, objects and what rests on them."""

    def of(thing: HouseObject) -> set[str]:
        return {thing.asset_id}.union(*(of(child) for child in thing.children))

    found = {opening.asset_id for opening in (*house.doors, *house.windows)}
    return found.union(*(of(thing) for thing in house.objects))


class TransferSet(NamedTuple):
    """D_t, and what was counted while it was made."""

    labelled: LabelledFrames
    """rgb and classes."""
    shared_assets: list[str]
    """Sorted ids of the assets that transfer houses share with the test space: none for generated houses."""
    surfaces: SurfacePrior
    """Which classes lie on which surfaces in the transfer houses."""
    file: Path
    """Where it is kept."""

    def sensory(self) -> dict[str, NDArray[Any]]:
        """Depth float16 (N, H, W), normals float16 (N, H, W, 3) and edges uint8 (N, H, W) of the labelled frames."""
        with np.load(self.file, allow_pickle=False) as stored:
            return {name: stored[name] for name in SENSORY[1:]}


def transfer_set(
    test_space: House | None,
    config: TransferSetConfig,
    given: Sequence[House] = (),
    progress: Callable[[int, int], None] | None = None,
) -> TransferSet:
    """D_t for this test space (None: a place without a house file), from the cache where it was built before.

    Raises UserError where the test space itself is among the given houses.
    """
    own = house_assets(test_space) if test_space else set()
    shared = sorted(own & set().union(*(house_assets(house) for house in given)))
    if test_space and any(house_digest(house) == house_digest(test_space) for house in given):
        raise UserError(f"transfer houses: {test_space.source} is the test space itself; labels of it must not be used")
    key = digest(
        [
            repr(config),
            sorted(own) if not given else [house_digest(house) for house in given],
            code_digest(_THIS),
            library_versions(),
        ]
    )
    total = len(given) or config.houses
    arrays, file = cached_parts("transfer-sets", key, total, partial(_frames, config, given, own), progress or _silent)
    surfaces = SurfacePrior(config.camera, len(CLASSES))
    surfaces.counts[:] = arrays["surfaces"].sum(0)
    labelled = LabelledFrames(arrays["rgb"], arrays["semantic"], arrays["instance"])
    return TransferSet(labelled, shared, surfaces, file)


def _silent(done: int, total: int) -> None:
    """Report no progress."""


def _frames(config: TransferSetConfig, given: Sequence[House], own: set[str], index: int) -> dict[str, NDArray[Any]]:
    """The frames of one house, and its count of surfaces (1, ...); a generated one has none of the assets `own`."""
    house = given[index] if given else generate_house(FIRST_SEED + index, exclude_assets=own)
    if not given and house_assets(house) & own:
        raise RuntimeError(f"generated house {FIRST_SEED + index} uses assets of the test space")
    simulator = RayCastSimulator(build_scene(house), config.camera, light=config.light)
    rng = np.random.default_rng([FIRST_SEED, index])
    frame, labels = draw_views(simulator, config.frames_per_house, config.camera_height, rng)
    seen = {**{name: frame[name] for name in SENSORY}, "semantic": labels.semantic, "instance": labels.instance}
    small = {name: values.astype(np.float16) if values.dtype == np.float32 else values for name, values in seen.items()}
    surfaces = SurfacePrior(config.camera, len(CLASSES))
    surfaces.add({key: torch.from_numpy(frame[key]) for key in ("depth", "normals", "pose")}, labels.semantic)
    return {**small, "surfaces": surfaces.counts[None]}
