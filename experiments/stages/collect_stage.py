"""The stage of collecting: what the agent sees in an episode, without learning."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from ...agent.actor import Actor
from ...agent.live import collect as act
from ...agent.policies import make_policy
from ...core.progress import Advance
from ...envs.gym_envs.house_env import HouseEnv
from ...envs.house.house import House
from ...envs.house.house_io import house_digest
from ...learners.data.replay_buffer import ReplayBuffer
from ..protocol.held_out import separated
from ..protocol.preset import Preset
from .held_out_poses import read_poses
from .store import Entry, Store


def collect(store: Store, house: House, held_out: Entry, preset: Preset, seed: int, frames: int) -> Entry:
    """A replay buffer of what the frontier policy sees in `frames` frames of the house, held-out views apart."""
    size, camera = preset.transfer_set, preset.camera
    settings = {
        "house": house_digest(house), "camera": [camera.width, camera.height, camera.vertical_fov],
        "camera_height": size.camera_height, "light": size.light, "frames": frames, "rollout": preset.episode.rollout,
        "seed": seed, "held_out": held_out.key,
    }  # fmt: skip

    def make(folder: Path, advance: Advance) -> None:
        env = HouseEnv(
            house, camera=camera, camera_height=size.camera_height, light=size.light, max_steps=frames + 1
        )  # fmt: skip
        episode = replace(preset.episode, frames=frames, memory=None)
        buffer = ReplayBuffer(folder / "buffer", frames, camera.height, camera.width, seed, resume=True)
        admit = partial(separated, read_poses(held_out))
        actor = Actor(env, make_policy("frontier", env, seed), buffer, admit, episode, folder / "agent", seed)

        def on_rollout(actor: Actor) -> None:
            advance(actor.frame, frames)

        act(actor, frames, on_rollout)

    return store.get("collect", settings, make, title=f"collecting in {house.source}")
