"""The stage of pseudolabels: the scratch segmenter's predictions, fused across views (Section 4.3)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...agent.fusion.fusion_config import FusionConfig
from ...agent.fusion.pseudolabelled_frames import pseudolabelled_frames
from ...agent.fusion.semantic_map import fused_by
from ...core.frame import Camera
from ...core.progress import Advance
from ...learners.data.replay_buffer import ReplayBuffer
from ...learners.heads.transfer import LabelledFrames
from ...learners.nn.device import find_device
from .labelled_set import LabelledSet
from .store import Entry, Store
from .transfer_stage import read_segmenter


@dataclass(frozen=True)
class Pseudolabelled:
    """Frames of the agent with their pseudolabels."""

    collected: Entry
    pseudolabels: Entry

    def evenly(self, count: int) -> LabelledFrames:
        """`count` frames spread evenly over the buffer, with their pseudolabels."""
        labels = read_pseudolabels(self.pseudolabels)
        buffer = ReplayBuffer.reader(self.collected.folder / "buffer")
        return pseudolabelled_frames(buffer, lambda frames, indices: labels[indices], count)


def pseudolabel(
    store: Store,
    collected: Entry,
    segmenter: Entry,
    labelled: LabelledSet,
    camera: Camera,
    config: FusionConfig,
    rollout: int,
) -> Entry:
    """Pseudolabels of the collected frames by the segmenter and the semantic map: `read_pseudolabels`.

    The map sees the frames rollout by rollout, as the live agent's does.
    """
    settings = {
        "collected": collected.key, "segmenter": segmenter.key, "surfaces": labelled.key, "rollout": rollout,
        "config": asdict(config),
        "camera": [camera.width, camera.height, camera.vertical_fov],
    }  # fmt: skip

    def make(folder: Path, advance: Advance) -> None:
        buffer = ReplayBuffer.reader(collected.folder / "buffer")
        semantic_map = fused_by(
            read_segmenter(segmenter).to(find_device(store.device)), camera, labelled.surfaces, config
        )
        number = buffer.get(torch.arange(len(buffer)), ("step",))["step"] // rollout
        rollouts = torch.tensor_split(torch.arange(len(buffer)), torch.nonzero(torch.diff(number))[:, 0] + 1)
        for done, indices in enumerate(rollouts):
            semantic_map.add(buffer.get(indices))
            advance(done + 1, 2 * len(rollouts))
        labels = []
        for done, indices in enumerate(rollouts):
            labels.append(semantic_map.labels(buffer.get(indices)).numpy())
            advance(len(rollouts) + done + 1, 2 * len(rollouts))
        np.save(folder / "semantic.npy", np.concatenate(labels))

    return store.get("pseudolabel", settings, make, title="pseudolabels")


def read_pseudolabels(entry: Entry) -> Tensor:
    """Class ids int16 (N, H, W) of the frames of a buffer, by index; 0 = unknown."""
    return torch.from_numpy(np.load(entry.folder / "semantic.npy", allow_pickle=False))
