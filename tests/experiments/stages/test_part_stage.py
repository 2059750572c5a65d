"""A part of a house is the ring around its middle that holds a share of the held-out views."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from frames import boxes

from testspace.core.progress import Progress
from testspace.experiments.stages.held_out_poses import FILE, views_within
from testspace.experiments.stages.part_stage import part
from testspace.experiments.stages.store import Entry, Store
from testspace.learners.data.replay_buffer import ReplayBuffer


def test_a_part_of_a_house_is_the_ring_that_holds_that_share_of_the_views(tmp_path: Path) -> None:
    views = tmp_path / "views"
    views.mkdir()
    poses = np.zeros((9, 6), np.float32)
    poses[:, 0] = range(100, 109)  # the middle is 104; half of the views, or one more, lie within 2 m of it
    np.save(views / FILE, poses)
    frames = boxes(8, size=32)
    frames["pose"] = torch.zeros(8, 6)
    frames["pose"][:, 0] = 100 + torch.arange(8)
    buffer = ReplayBuffer(tmp_path / "seen" / "buffer", 8, 32, 32)
    buffer.extend(frames)
    buffer.flush()
    held_out, seen = Entry("views", "views", views, 0.0, {}), Entry("collect", "seen", tmp_path / "seen", 0.0, {})
    assert views_within(held_out, 0.5).sum() == 5
    kept = part(Store(Progress(), tmp_path / "stages"), seen, held_out, 0.5)
    x = ReplayBuffer.reader(kept.folder / "buffer").all(("pose",))["pose"][:, 0]
    assert x.tolist() == [102, 103, 104, 105, 106]
