"""The stage of cross-modal retrieval (Appendix E) among the held-out views; it reads no label of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ...core.progress import Advance
from ...core.storage import write_json
from ...learners.masked.cross_modal_prediction import retrieve
from .evaluate_stage import read_score
from .pretrain_stage import read_learner
from .store import Entry, Store


def retrieval(store: Store, learner: Entry, held_out: Entry, target: str) -> dict[str, dict[int, float]]:
    """Recall@1, 5 and 10 of "image to depth" and "depth to image" among the held-out views, by what the learner
    predicts of the modality `target` from one alone and from the other alone (Appendix E)."""
    settings = {"learner": learner.key, "views": held_out.key, "target": target}

    def make(folder: Path, advance: Advance) -> None:
        with np.load(held_out.folder / "views.npz", allow_pickle=False) as stored:
            frames = {name: torch.from_numpy(stored[name][0]) for name in ("rgb", "depth")}
        model = read_learner(learner).model.eval()
        found = retrieve(model, frames, target)
        write_json(folder / "score.json", {"image to depth": found.forth, "depth to image": found.back})

    scores = read_score(store.get("retrieval", settings, make, title="retrieval"))
    return {way: {int(k): share for k, share in recall.items()} for way, recall in scores.items()}
