"""The stage of a house's held-out views as a simulator shows them, with the truth, of which only scores are made."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.frame import Frame
from ...core.progress import Advance
from ...envs.house.house import House
from ...envs.house.house_io import house_digest
from ...learners.choices import SENSORY
from ..protocol.held_out import eval_rng
from ..protocol.preset import Preset
from ..run.world_factory import View, open_space
from .run_stage import Sim, place_for
from .store import Entry, Store
from .truth import camera_settings, frame_labels

_FILE = "pictures.npz"


def pictures(store: Store, house: House, sim: Sim, preset: Preset, seed: int) -> Entry:
    """The held-out views that a run in this simulator has, with classes: the simulator's, or those of our own scene at
    the same poses where it has none (habitat-sim, which is given the same triangles)."""
    settings = {
        "house": house_digest(house), "sim": sim, **camera_settings(preset), "count": preset.eval_views, "seed": seed,
    }  # fmt: skip

    def make(folder: Path, advance: Advance) -> None:
        view = View(preset.camera, preset.transfer_set.camera_height, preset.transfer_set.light)
        with closing(open_space(sim, str(place_for(house, sim, folder)), seed, view, 1)) as space:
            frames, labels = space.draw_views(preset.eval_views, eval_rng(seed), [])
        semantic = frame_labels(house, frames["pose"], preset) if labels is None else labels.semantic
        arrays = {name: frames[name] for name in (*SENSORY, "pose")}
        np.savez(folder / _FILE, allow_pickle=False, **arrays, semantic=semantic)

    return store.get("pictures", settings, make, title=f"views of {house.source} in {sim}")


def read_pictures(entry: Entry) -> tuple[Frame, NDArray[np.int16]]:
    """The views with `pose`, and their true classes (N, H, W)."""
    with np.load(entry.folder / _FILE, allow_pickle=False) as stored:
        return {name: stored[name] for name in (*SENSORY, "pose")}, stored["semantic"]
