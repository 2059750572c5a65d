"""The stage of a walk by any policy: its frames, and how much of the floor they had shown as it went on.

A policy that asks what a learner finds hard (`meet`) gets one that learns alongside, as in a life: on the frames so
far, without pseudolabels, at the preset's replay ratio. Of the test space's truth, the walk knows the held-out poses,
to keep away from them, and the floor, to measure what was covered.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...agent.live import Life, Turn
from ...agent.policies import make_policy
from ...core.digests import code_digest
from ...core.progress import Advance
from ...core.storage import write_json
from ...envs.gym_envs.house_env import HouseEnv
from ...envs.house.house import House
from ...envs.house.house_io import house_digest
from ...learners.data.replay_buffer import ReplayBuffer
from ...learners.objectives.tst import TSTLearner
from ..protocol.held_out import too_near
from ..protocol.presets import Preset
from .house_stages import read_poses
from .learning_stages import LabelledSet
from .store import SIMULATOR, Entry, Store


def walk(
    store: Store,
    house: House,
    held_out: Entry,
    labelled: LabelledSet,
    preset: Preset,
    seed: int,
    policy: str,
    told_at: Sequence[int],
) -> Entry:
    """A replay buffer of all that a policy saw in a life's frames, and its coverage: `read_coverage`.

    `policy`: what `make_policy` takes; of a file, its content counts. `labelled`: D_t, whose rgb is mixed into what
    the learner of a curious policy learns. `told_at`: frames at which coverage is measured, beside the ends of turns.
    Raises PolicyError.
    """
    frames, config = preset.life.frames, replace(preset.learner, pseudolabel_classes=0)
    settings = {
        "house": house_digest(house), "held_out": held_out.key, "policy": _content(policy), "frames": frames,
        "turn": preset.life.turn, "told_at": list(told_at),
        "first_frames": preset.life.first_frames, "replay_ratio": preset.life.replay_ratio,
        "config": asdict(config), "mix_in": labelled.key, "light": preset.transfer_set.light,
        "camera_height": preset.transfer_set.camera_height, "seed": seed,
        "code": code_digest(*SIMULATOR, "agent.live", "agent.policies"),
    }  # fmt: skip

    def make(folder: Path, advance: Advance) -> None:
        apart, camera = read_poses(held_out), preset.camera
        env = HouseEnv(
            house, camera=camera, camera_height=preset.transfer_set.camera_height, light=preset.transfer_set.light,
            max_steps=frames + 1,
        )  # fmt: skip
        acting = make_policy(policy, env, seed)
        asks = callable(getattr(acting, "meet", None))
        sizes = replace(preset.life, memory=None, replay="ring", replay_ratio=preset.life.replay_ratio if asks else 0.0)
        buffer = ReplayBuffer(folder / "buffer", frames, camera.height, camera.width, seed, resume=True)
        mix_in = torch.from_numpy(labelled.frames.rgb)

        def admit(poses: NDArray[np.float32]) -> NDArray[np.bool_]:
            return ~too_near(poses, apart)

        life = Life(env, acting, buffer, TSTLearner(config, seed), mix_in, admit, sizes, folder / "life", seed)
        file = folder / "coverage.json"
        rows = [row for row in json.loads(file.read_text()) if row[0] <= life.frame] if file.exists() else []

        def watch(turn: Turn) -> None:
            rows.append([turn.frame, turn.coverage])
            write_json(file, rows)
            advance(turn.frame, frames, f"{turn.coverage:.0%} of the floor seen")

        for until in sorted({*told_at, frames}):
            life.live(until, watch)

    return store.get("walk", f"walk by {policy} in {house.source}", settings, make)


def read_coverage(entry: Entry) -> NDArray[np.float64]:
    """Frames lived and share of the reachable floor seen by then, (N, 2), from (0, 0) on."""
    return np.array([[0, 0.0], *json.loads((entry.folder / "coverage.json").read_text())], np.float64)


def _content(policy: str) -> list[Any]:
    """What a policy's reference stands for: the name, and a digest of the file that it names."""
    file = Path(policy.rpartition(":")[0] or policy)
    return [policy, hashlib.sha256(file.read_bytes()).hexdigest()[:24]] if file.is_file() else [policy]
