"""The stage of TST-DINO (Appendix H): pre-training by self-distillation, on the rgb that TST-MAE has."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from ...core.progress import Advance
from ...core.storage import recover_folder, replace_folder
from ...learners.nn.device import find_device
from ...learners.objectives.dino import DinoConfig, DinoLearner
from ...learners.training.fit import STORE_EVERY, fit
from .pretrain_stage import DataMix, reporter
from .store import Entry, Store


def pretrain_dino(store: Store, config: DinoConfig, mix: DataMix, seed: int, title: str) -> Entry:
    """A DinoLearner after `mix.steps` steps; transfer takes its teacher's encoder."""
    settings = {"objective": "dino", "config": asdict(config), **mix.settings(), "seed": seed}

    def make(folder: Path, advance: Advance) -> None:
        learner, kept = DinoLearner(config, seed, find_device(store.device)), folder / "learner"
        if recover_folder(kept):
            learner.load(kept)
        batch = mix.sampler(config.batch_size, seed).batch
        fit(
            learner, lambda number: learner.step(*batch(number)), mix.steps, reporter(learner, mix.steps, advance),
            lambda: replace_folder(kept, learner.save), STORE_EVERY,
        )  # fmt: skip

    return store.get("pretrain", settings, make, title=title)
