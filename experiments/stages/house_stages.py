"""Stages in the simulator: the labelled views that a house is tested on, and the frames that an agent collects in it.

Truth of a test space lives in `views` and `labelled_frames`, which `evaluate` alone reads; of the views, the others
know the poses, to keep away from them.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely
import torch
from numpy.typing import NDArray

from ...agent.policies import make_policy
from ...agent.policies.protocol import do
from ...core.digests import code_digest
from ...core.errors import UserError
from ...core.progress import Advance
from ...envs.assembly.building import build_scene
from ...envs.gym_envs.house_env import HouseEnv
from ...envs.house.house import House
from ...envs.house.house_io import house_digest
from ...envs.render.raycast import RayCastSimulator
from ...envs.simulator import stack_frames
from ...learners.choices import SENSORY, EvictionName
from ...learners.data.replay_buffer import ReplayBuffer
from ...learners.heads.transfer import LabelledFrames
from ..protocol.held_out import draw_views, too_near
from ..protocol.presets import Preset
from .store import SIMULATOR, Entry, Store


def views(store: Store, states: Sequence[House], preset: Preset, seed: int) -> Entry:
    """Held-out labelled views of a house, the same poses in each of its states, none of a blank wall: `read_views`."""
    settings = {
        "states": [house_digest(house) for house in states], **_senses(preset), "count": preset.evaluation_frames,
        "seed": seed, "senses": SENSORY, "code": code_digest(*SIMULATOR),
    }  # fmt: skip

    def make(folder: Path, advance: Advance) -> None:
        first, *others = (_simulator(house, preset) for house in states)
        rng, height = np.random.default_rng([seed, 1]), preset.transfer_set.camera_height
        seen = [draw_views(first, preset.evaluation_frames, height, rng, others)]
        seen += [other.render_with_labels(seen[0][0]["pose"]) for other in others]
        np.savez(
            folder / "views.npz", allow_pickle=False, pose=seen[0][0]["pose"],
            rgb=np.stack([frame["rgb"] for frame, _ in seen]),
            **{name: np.stack([frame[name] for frame, _ in seen]) for name in SENSORY[1:]},
            semantic=np.stack([labels.semantic for _, labels in seen]),
            room=_rooms(states[0], seen[0][0]["pose"]),
        )  # fmt: skip

    return store.get("views", f"views of {states[0].source}", settings, make)


def read_views(entry: Entry, state: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.int16]]:
    """rgb uint8 (N, H, W, 3) of the views in this state of the house, and the classes int16 (N, H, W) truly there."""
    with np.load(entry.folder / "views.npz", allow_pickle=False) as stored:
        return stored["rgb"][state], stored["semantic"][state]


def read_senses(entry: Entry, state: int = 0) -> dict[str, NDArray[Any]]:
    """Depth, normals and edges of the views in this state of the house, as a batched Frame has them."""
    with np.load(entry.folder / "views.npz", allow_pickle=False) as stored:
        return {name: stored[name][state] for name in SENSORY[1:]}


def read_rooms(entry: Entry) -> NDArray[np.int64]:
    """The number (N,) of the room that each view is seen from, -1 in a doorway; the agent's pose alone says it."""
    with np.load(entry.folder / "views.npz", allow_pickle=False) as stored:
        rooms: NDArray[np.int64] = stored["room"]
    return rooms


def within(held_out: Entry, poses: NDArray[np.floating], share: float) -> NDArray[np.bool_]:
    """Which of the poses (N, 6) lie in the ring around the middle of the house that holds this share of the views."""
    views = read_poses(held_out)[:, [0, 2]]
    middle = np.median(views, 0)
    radius = np.quantile(np.linalg.norm(views - middle, axis=1), share)
    return np.asarray(np.linalg.norm(poses[:, [0, 2]] - middle, axis=1) <= radius + 1e-6)


def views_within(held_out: Entry, share: float) -> NDArray[np.bool_]:
    """Which of the views lie in the ring of `within`."""
    return within(held_out, read_poses(held_out), share)


def part(store: Store, collected: Entry, held_out: Entry, share: float) -> Entry:
    """A replay buffer of the collected frames that lie in the ring of `within`."""
    settings = {
        "collected": collected.key, "held_out": held_out.key, "share": share,
        "code": code_digest("learners.data.replay_buffer"),
    }  # fmt: skip

    def make(folder: Path, advance: Advance) -> None:
        shutil.rmtree(folder / "buffer", ignore_errors=True)
        source = ReplayBuffer.reader(collected.folder / "buffer")
        poses = source.get(torch.arange(len(source)), ("pose",))["pose"].numpy()
        slots = torch.from_numpy(np.flatnonzero(within(held_out, poses, share)))
        if not len(slots):
            raise UserError(f"the agent was never in the middle {share:g} of the house; give it more frames")
        buffer = ReplayBuffer(folder / "buffer", len(slots), source.height, source.width)
        for some in slots.split(250):
            buffer.extend(source.get(some))
        buffer.flush()

    return store.get("part", f"the middle {share:g} of the house", settings, make)


def _rooms(house: House, poses: NDArray[np.float32]) -> NDArray[np.int64]:
    found = np.full(len(poses), -1, np.int64)
    for number, room in enumerate(house.rooms):
        found[shapely.contains_xy(shapely.Polygon(room.polygon), poses[:, 0], poses[:, 2])] = number
    return found


def read_poses(entry: Entry) -> NDArray[np.float32]:
    """Poses (N, 6) of the held-out views."""
    with np.load(entry.folder / "views.npz", allow_pickle=False) as stored:
        poses: NDArray[np.float32] = stored["pose"]
    return poses


def collect(store: Store, house: House, held_out: Entry, preset: Preset, seed: int, frames: int) -> Entry:
    """A replay buffer of what the agent saw in `frames` steps through the house, held-out views kept apart."""
    settings = {
        "house": house_digest(house), **_senses(preset), "frames": frames, "seed": seed, "held_out": held_out.key,
        "code": code_digest(*SIMULATOR, "envs.gym_envs.house_env", "agent.policies", "learners.data.replay_buffer"),
    }  # fmt: skip

    def make(folder: Path, advance: Advance) -> None:
        shutil.rmtree(folder / "buffer", ignore_errors=True)  # of a walk that was killed
        kept_apart, size, turn = read_poses(held_out), preset.transfer_set, preset.life.turn
        env = HouseEnv(
            house, camera=preset.camera, camera_height=size.camera_height, light=size.light, max_steps=frames + 1
        )
        explorer = make_policy("frontier", env, seed)
        explorer.reset(seed)
        buffer = ReplayBuffer(folder / "buffer", frames, preset.camera.height, preset.camera.width, seed)
        observation, info = env.reset()
        for first in range(0, frames, turn):
            seen = []
            for _ in range(min(turn, frames - first)):
                observation, _, _, _, info = do(env, explorer.act(observation, info))
                seen.append(observation)
            batch = stack_frames(seen)
            batch["step"] = np.arange(first, first + len(seen), dtype=np.int64)
            admitted = ~too_near(batch["pose"], kept_apart)
            buffer.extend({key: value[admitted] for key, value in batch.items()})
            advance(first + len(seen), frames)
        buffer.flush()

    return store.get("collect", f"collecting in {house.source}", settings, make)


def remember(store: Store, seen: Sequence[tuple[Entry, int]], capacity: int, replay: EvictionName, seed: int) -> Entry:
    """A replay buffer of `capacity` frames, through which went of each collection, in turn, the frames before a step.

    What it holds then is what the writer `replay` kept.
    """
    settings = {
        "seen": [(entry.key, until) for entry, until in seen], "capacity": capacity, "replay": replay, "seed": seed,
        "code": code_digest("learners.data.replay_buffer"),
    }  # fmt: skip

    def make(folder: Path, advance: Advance) -> None:
        shutil.rmtree(folder / "buffer", ignore_errors=True)
        buffer: ReplayBuffer | None = None
        for entry, until in seen:
            source = ReplayBuffer.reader(entry.folder / "buffer")
            if buffer is None:
                buffer = ReplayBuffer(
                    folder / "buffer", capacity, source.height, source.width, seed, eviction=replay
                )  # fmt: skip
            slots = torch.nonzero(source.get(torch.arange(len(source)), ("step",))["step"] < until)[:, 0]
            for some in slots.split(250):
                frames = source.get(some)
                buffer.extend({name: value for name, value in frames.items() if name != "step"})
        assert buffer is not None
        buffer.flush()

    return store.get("remember", f"memory ({replay})", settings, make)


def labelled_frames(house: House, held_out: Entry, preset: Preset, seed: int, count: int) -> LabelledFrames:
    """`count` frames of the test space with the truth, apart from its held-out views: for the supervised bound, and
    for label propagation to choose a few from."""
    height = preset.transfer_set.camera_height
    frame, labels = draw_views(_simulator(house, preset), 2 * count, height, np.random.default_rng([seed, 2]))
    apart = np.flatnonzero(~too_near(frame["pose"], read_poses(held_out)))[:count]
    return LabelledFrames(frame["rgb"][apart], labels.semantic[apart])


def _senses(preset: Preset) -> dict[str, Any]:
    camera, size = preset.camera, preset.transfer_set
    return {
        "camera": [camera.width, camera.height, camera.vertical_fov],
        "camera_height": size.camera_height,
        "light": size.light,
    }


def _simulator(house: House, preset: Preset) -> RayCastSimulator:
    return RayCastSimulator(build_scene(house), preset.camera, light=preset.transfer_set.light)
