"""Ground truth of the test space: the labelled views that a house is evaluated on, and labelled frames for the bound.

Only stages of evaluation read it. Stages of collecting and learning know the poses of the views (`held_out_poses`), to
stay away from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.frame import Frame
from ...core.progress import Advance
from ...envs.assembly.building import build_scene
from ...envs.house.house import House
from ...envs.house.house_io import house_digest
from ...envs.render.raycast import RayCastSimulator
from ...learners.choices import SENSORY
from ...learners.heads.transfer import LabelledFrames
from ..protocol.held_out import draw_views, eval_rng, rooms_of, separated
from ..protocol.preset import Preset
from .held_out_poses import FILE, read_poses
from .store import Entry, Store


def views(store: Store, states: Sequence[House], preset: Preset, seed: int) -> Entry:
    """Held-out labelled views of a house, the same poses in each of its states, none of a blank wall: `read_views`."""
    settings = {
        "states": [house_digest(house) for house in states], **camera_settings(preset), "count": preset.eval_views,
        "seed": seed, "modalities": SENSORY,
    }  # fmt: skip

    def make(folder: Path, advance: Advance) -> None:
        first, *others = (_simulator(house, preset) for house in states)
        height = preset.transfer_set.camera_height
        rendered = [draw_views(first, preset.eval_views, height, eval_rng(seed), others)]
        poses = rendered[0][0]["pose"]
        rendered += [other.render_with_labels(poses) for other in others]
        np.save(folder / FILE, poses)
        np.savez(
            folder / "views.npz", allow_pickle=False,
            **{name: np.stack([frame[name] for frame, _ in rendered]) for name in SENSORY},
            semantic=np.stack([labels.semantic for _, labels in rendered]),
            room=rooms_of(poses, [room.polygon for room in first.scene.rooms]),
        )  # fmt: skip

    return store.get("views", settings, make, title=f"views of {states[0].source}")


def read_views(entry: Entry, state: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.int16]]:
    """rgb uint8 (N, H, W, 3) of the views in this state of the house, and their true classes int16 (N, H, W)."""
    with np.load(entry.folder / "views.npz", allow_pickle=False) as stored:
        return stored["rgb"][state], stored["semantic"][state]


def read_sensors(entry: Entry, state: int = 0) -> dict[str, NDArray[Any]]:
    """Depth, normals and edges of the views in this state of the house, as a batched Frame has them."""
    with np.load(entry.folder / "views.npz", allow_pickle=False) as stored:
        return {name: stored[name][state] for name in SENSORY[1:]}


def read_frames(entry: Entry) -> tuple[Frame, NDArray[np.int16]]:
    """The views of the house before any change as a batched Frame with `pose`, and their true classes (N, H, W)."""
    rgb, semantic = read_views(entry)
    return {"rgb": rgb, **read_sensors(entry), "pose": read_poses(entry)}, semantic


def frame_labels(house: House, poses: NDArray[np.floating], preset: Preset) -> NDArray[np.int16]:
    """True classes (N, H, W) of the agent's own frames, by their poses: for the bound."""
    simulator = _simulator(house, preset)
    parts = [simulator.render_with_labels(part)[1].semantic for part in np.array_split(poses, 1 + len(poses) // 250)]
    return np.concatenate(parts)


def read_rooms(entry: Entry) -> NDArray[np.int64]:
    """The room (N,) that each view is seen from, -1 in a doorway; the agent's pose alone says it."""
    with np.load(entry.folder / "views.npz", allow_pickle=False) as stored:
        rooms: NDArray[np.int64] = stored["room"]
    return rooms


def labelled_frames(house: House, held_out: Entry, preset: Preset, seed: int, count: int) -> LabelledFrames:
    """`count` labelled frames of the test space, apart from its held-out views: for the supervised bound, and for label
    propagation to choose a few from."""
    height = preset.transfer_set.camera_height
    frame, labels = draw_views(_simulator(house, preset), 2 * count, height, np.random.default_rng([seed, 2]))
    chosen = np.flatnonzero(separated(read_poses(held_out), frame["pose"]))[:count]
    return LabelledFrames(frame["rgb"][chosen], labels.semantic[chosen])


def camera_settings(preset: Preset) -> dict[str, Any]:
    """What decides how a house is sensed, as JSON."""
    camera, size = preset.camera, preset.transfer_set
    return {
        "camera": [camera.width, camera.height, camera.vertical_fov],
        "camera_height": size.camera_height,
        "light": size.light,
    }


def _simulator(house: House, preset: Preset) -> RayCastSimulator:
    return RayCastSimulator(build_scene(house), preset.camera, light=preset.transfer_set.light)
