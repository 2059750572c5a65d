"""The stage that scores pseudolabels on the agent's own frames. It sees the truth of the test space."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ...core.progress import Advance
from ...core.storage import write_json
from ...envs.assembly.building import build_scene
from ...envs.house.house import House
from ...envs.render.raycast import RayCastSimulator
from ...learners.data.replay_buffer import ReplayBuffer
from ..protocol.preset import Preset
from ..protocol.score import score
from .evaluate_stage import read_score
from .pseudolabel_stage import Pseudolabelled, read_pseudolabels
from .store import Store

EVERY = 5
"""One frame in so many is scored: neighbours see much the same."""


def label_score(
    store: Store, house: House, own: Pseudolabelled, preset: Preset, learnable: Sequence[int]
) -> dict[str, Any]:
    """The score of the agent's pseudolabels on its own frames, which are rendered again with their labels."""
    settings = {
        "pseudolabels": own.pseudolabels.key, "light": preset.transfer_set.light, "learnable": list(learnable),
    }  # fmt: skip

    def make(folder: Path, advance: Advance) -> None:
        buffer = ReplayBuffer.reader(own.collected.folder / "buffer")
        indices = torch.arange(0, len(buffer), EVERY)
        simulator = RayCastSimulator(build_scene(house), preset.camera, light=preset.transfer_set.light)
        _, labels = simulator.render_with_labels(buffer.get(indices, ("pose",))["pose"].numpy())
        predicted = read_pseudolabels(own.pseudolabels)[indices].numpy()
        write_json(folder / "score.json", score(predicted, labels.semantic, learnable))

    return read_score(store.get("label_score", settings, make, title="score of the pseudolabels"))
