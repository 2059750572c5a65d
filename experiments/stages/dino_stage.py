"""The stage of TST-DINO (Appendix H): pre-training by self-distillation, on the rgb that TST-MAE has."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from ...core.digests import code_digest
from ...core.progress import Advance
from ...core.storage import recover_folder
from ...learners.objectives.dino import DinoConfig, DinoLearner
from .learning_stages import Diet, Feed, train
from .store import Entry, Store


def pretrain_dino(store: Store, config: DinoConfig, diet: Diet, seed: int, title: str) -> Entry:
    """A DinoLearner after `diet.steps` steps; transfer takes its teacher's encoder."""
    settings = {
        "objective": "dino", "config": asdict(config), "steps": diet.steps, "own": [entry.key for entry in diet.own],
        "mix_in": [diet.mix_in.key, diet.mix_share] if diet.mix_in else None, "seed": seed,
        "code": code_digest("learners.objectives.dino", "learners.data.replay_buffer"),
    }  # fmt: skip

    def make(folder: Path, advance: Advance) -> None:
        learner, kept = DinoLearner(config, seed), folder / "learner"
        if recover_folder(kept):
            learner.load(kept)
        train(learner, Feed(diet, config.batch_size, seed), diet.steps, kept, advance)

    return store.get("pretrain", title, settings, make)
