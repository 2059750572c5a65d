"""The stages that compare what was learned in one simulator with what another one shows of the same house.

The pictures hold the truth of the test space, and only scores are made of them.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np

from ...core.progress import Advance
from ...core.storage import write_json
from ...envs.house.classes import CLASSES
from ...envs.house.house import House
from ...envs.house.house_io import house_digest
from ...learners.choices import SENSORY
from ...learners.generalist.inference import classify_frames, folded
from ...learners.generalist.weights import load_weights
from ..protocol.held_out import eval_rng
from ..protocol.named_weights import load_named, weights_digest
from ..protocol.preset import Preset
from ..protocol.score import Score, score
from ..run.world_factory import View, open_space
from ..rundir.networks import weights_file
from .evaluate_stage import read_score
from .run_stage import LiveRun, Sim, place_for
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


def score_in(store: Store, run: LiveRun | None, shown: Entry, preset: Preset) -> dict[str, Score]:
    """Scores from rgb ("rgb") and with depth ("rgbd"), in these pictures, of the specialist of a run from the
    generalist; of the generalist itself for None."""
    network = weights_digest(preset.generalist) if run is None else run.entry.key
    settings = {"network": network, "pictures": shown.key}

    def make(folder: Path, advance: Advance) -> None:
        file = None if run is None else weights_file(run.folder, "specialist")
        found = folded(load_named(preset.generalist)[0] if file is None else load_weights(file, CLASSES))
        with np.load(shown.folder / _FILE, allow_pickle=False) as stored:
            frames = {name: stored[name] for name in (*SENSORY, "pose")}
            semantic = stored["semantic"]
        scores = {
            mode: score(
                classify_frames(found, frames, preset.camera, depth=mode == "rgbd"), semantic, range(1, len(CLASSES))
            )
            for mode in ("rgb", "rgbd")
        }
        write_json(folder / "score.json", scores)

    return read_score(store.get("score_in", settings, make, title="scores in another simulator's pictures"))
