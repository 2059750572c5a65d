"""The stage that scores what was learned in one simulator on what another one shows of the same house."""

from __future__ import annotations

from pathlib import Path

from ...core.progress import Advance
from ...core.storage import write_json
from ...envs.house.classes import CLASSES
from ...learners.generalist.inference import classify_frames, folded
from ...learners.generalist.weights import load_weights
from ..protocol.named_weights import load_named, weights_digest
from ..protocol.preset import Preset
from ..protocol.score import Score, score
from ..rundir.networks import weights_file
from .evaluate_stage import read_score
from .pictures_stage import read_pictures
from .run_stage import LiveRun
from .store import Entry, Store


def score_in(store: Store, run: LiveRun | None, shown: Entry, preset: Preset) -> dict[str, Score]:
    """Scores from rgb ("rgb") and with depth ("rgbd"), in these pictures, of the specialist of a run from the
    generalist; of the generalist itself for None."""
    network = weights_digest(preset.generalist) if run is None else run.entry.key
    settings = {"network": network, "pictures": shown.key}

    def make(folder: Path, advance: Advance) -> None:
        file = None if run is None else weights_file(run.folder, "specialist")
        found = folded(load_named(preset.generalist)[0] if file is None else load_weights(file, CLASSES))
        frames, semantic = read_pictures(shown)
        scores = {
            mode: score(
                classify_frames(found, frames, preset.camera, depth=mode == "rgbd"), semantic, range(1, len(CLASSES))
            )
            for mode in ("rgb", "rgbd")
        }
        write_json(folder / "score.json", scores)

    return read_score(store.get("score_in", settings, make, title="scores in another simulator's pictures"))
