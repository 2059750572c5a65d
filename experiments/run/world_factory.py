"""Opens the test space of a run: the one place where `--sim` is chosen. Everything else of a run is the same for every
simulator."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import UserError
from ...core.frame import Camera, Frame, Labels
from ...datasets.poses import random_poses
from ...envs.assembly.building import build_scene, load_scene
from ...envs.choices import Light, Sensors
from ...envs.floor import shut_in
from ...envs.generator.house_reference import find_house
from ...envs.gym_envs.house_env import HouseEnv
from ...envs.gym_envs.measured_world import MeasuredWorld
from ...envs.gym_envs.world import World
from ...envs.habitat.habitat_simulator import HabitatSimulator
from ...envs.house.house import House, HouseWarning
from ...envs.meshes import MeshWarning, is_mesh
from ...envs.meshes.parts import Up
from ...envs.recordings import FrameError, RecordingError, open_recording
from ...envs.recordings.recording_env import RecordingEnv
from ...envs.recordings.recording_simulator import RecordingSimulator
from ...envs.render.raycast import RayCastSimulator
from ...envs.simulator import Simulator, stack_frames, stack_labels
from ...envs.thor.thor_simulator import ThorEnv, ThorSimulator
from ..protocol.held_out import draw_views
from .run_config import Sim as Sim
from .scheduled_changes import ScheduledChange, states_of

MAX_HELD_OUT_FRACTION = 1 / 20
"""Share of a recording's frames that is held out for evaluation, at most: what is near to them is not trained on."""
CAMERA_HEIGHTS = (0.3, 2.2)
"""Range of the transfer set's camera height, in metres above the floor, for a recording's camera of any height."""

_UNLABELLED = "{} has no labels, so nothing could be scored: there is no mIoU in this report."

DrawViews = Callable[[int, np.random.Generator, Sequence[Simulator]], tuple[Frame, Labels | None]]


@dataclass(frozen=True)
class View:
    """How a test space is sensed; some places dictate their own camera and height."""

    camera: Camera
    camera_height: float
    """Metres above the floor."""
    light: Light
    up: Up | None = None
    """Axis of a mesh file that points up; None for its format's."""
    scale: float = 1.0
    """Metres of one unit of a mesh file."""
    storey: int = 0
    """Storey of a mesh file that the agent walks on, 0 for the lowest."""
    sensors: Sensors = "exact"
    """What a robot would measure; a recording has its own."""


@dataclass(frozen=True)
class OpenSpace:
    """An open test space, and everything that a run has to know about it."""

    env: World
    """The agent's environment."""
    name: str
    """Its name in the report."""
    house: House | None
    """Its house file, so that no asset of it is in the transfer set; None where there is none."""
    camera: Camera
    """The camera of the agent, and so of the transfer set."""
    camera_height: float
    """Metres above the floor, of the transfer set's views."""
    frames: int
    """Frames that the agent can see there: those it was opened for, or fewer where a recording is shorter."""
    draw_views: DrawViews
    """Draws held-out views, valid in other states of the house too, and their labels where there are any."""
    notes: Callable[[], list[str]] = list
    """What the user should know about it by now, one line each."""
    states: Callable[[Sequence[ScheduledChange], int], list[Any]] | None = None
    """The states of the place before the first of some changes and after each, by a seed: what `env.change` takes.
    None where it cannot change."""
    simulator_in: Callable[[Any], Simulator] | None = None
    """Renders such a state, by the same camera."""
    fixed: str = "a recording or a mesh cannot"
    """Why it cannot change, where it cannot."""
    poses: NDArray[np.float64] | None = None
    """(N, 6): the only poses that the agent can have, in a recording."""
    has_depth: bool = True
    """Whether its frames have depth."""
    remedy: str = "check the house's rooms and its start"
    """What the user can do where the agent sees nothing there."""
    close: Callable[[], None] = lambda: None
    """Ends what was started for it."""


def open_space(sim: Sim, house: str | None, seed: int, view: View, frames: int) -> OpenSpace:
    """Open a test space for an episode of so many frames; with `view.sensors` its environment measures as a robot does.

    Raises HouseError, MeshError, FloorError, ThorError, HabitatError or RecordingError where it cannot be used,
    UserError where `house` is missing, or options do not go together.
    """
    if view.sensors != "exact":
        if sim == "recording":
            raise UserError("--sensors is for simulators: a recording has the noise of its own camera")
        space = open_space(sim, house, seed, replace(view, sensors="exact"), frames)
        return replace(space, env=MeasuredWorld(space.env, view.sensors, seed))
    ours = sim == "raycast" and is_mesh(house)
    if view.scale != 1.0 and not ours:
        raise UserError("--scale is for mesh files (.glb, .gltf, .obj, .ply) of our ray caster")
    if view.storey and not ours:
        raise UserError("--storey is for mesh files (.glb, .gltf, .obj, .ply) of our ray caster")
    if view.up is not None and not (ours or sim == "habitat"):
        raise UserError("--up is for mesh files (.glb, .gltf, .obj, .ply) of our ray caster and of habitat-sim")
    if sim == "recording":
        if house is None:
            raise UserError("--sim recording needs the recording: name its folder or file with --house")
        return _recording(house, view, frames)
    if sim == "thor":
        return _thor(find_house(house or str(seed)) if house is None or house.isdecimal() else house, view, frames)
    if sim == "habitat":
        if house is None:
            raise UserError("--sim habitat needs a scene: --house FILE.glb, a Replica folder, or CONFIG.json:SCENE")
        return _habitat(house, view, frames)
    if is_mesh(house):
        return _mesh(str(house), view, frames)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", HouseWarning)
        described = find_house(house or str(seed))
    lines = [str(one.message) for one in caught if issubclass(one.category, HouseWarning)]
    space = _raycast(described, view, frames)
    closed = shut_in(space.env.scene, space.env.floor)
    if closed is not None:
        lines.append(f"{space.name}: the agent starts in {closed.type} {closed.id} and cannot leave it: of its"
                     f" {len(space.env.scene.rooms)} rooms it sees {space.env.floor.area:.1f} m2 of one."
                     " Open a door, or move the start (metadata.agent)")  # fmt: skip
    return replace(space, notes=lambda: lines)


def _mesh(path: str, view: View, frames: int) -> OpenSpace:
    """A mesh file or a Replica folder; most have no labels."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", MeshWarning)
        scene = load_scene(path, view.up, view.scale, view.storey)
    env = HouseEnv.from_scene(
        scene, camera=view.camera, camera_height=view.camera_height, light=view.light, max_steps=frames + 1
    )  # fmt: skip
    labelled = any(thing.class_id for thing in scene.instances)
    lines = [str(one.message) for one in caught if issubclass(one.category, MeshWarning)]
    if not labelled:
        lines.append(_UNLABELLED.format(path))

    def draw(n: int, rng: np.random.Generator, also: Sequence[Simulator]) -> tuple[Frame, Labels | None]:
        return _views(env.simulator, labelled, n, view.camera_height, rng, also)

    return OpenSpace(
        env,
        path,
        None,
        view.camera,
        view.camera_height,
        frames,
        draw,
        lambda: lines,
        remedy="try --up z, --up=-y or --scale, and whether its surfaces are wound outwards",
    )


def _views(
    simulator: Simulator, labelled: bool, n: int, height: float, rng: np.random.Generator, also: Sequence[Simulator]
) -> tuple[Frame, Labels | None]:
    if labelled:
        return draw_views(simulator, n, height, rng, also)
    return simulator.render(random_poses(simulator, n, height, rng)), None


def _raycast(house: House, view: View, frames: int) -> OpenSpace:
    env = HouseEnv(
        house, camera=view.camera, camera_height=view.camera_height, light=view.light, max_steps=frames + 1
    )  # fmt: skip

    def draw(n: int, rng: np.random.Generator, also: Sequence[Simulator]) -> tuple[Frame, Labels]:
        return draw_views(env.simulator, n, view.camera_height, rng, also)

    return OpenSpace(
        env, house.source, house, view.camera, view.camera_height, frames, draw,
        states=lambda changes, seed: states_of(house, changes, seed),
        simulator_in=lambda state: RayCastSimulator(build_scene(state), view.camera, light=view.light),
    )  # fmt: skip


def _thor(place: str | House, view: View, frames: int) -> OpenSpace:
    """AI2-THOR's agent has a height of its own, from which the external houses are seen too."""
    simulator = ThorSimulator(place, view.camera)
    env = ThorEnv(simulator)
    height = env.motion.camera_height

    def notes() -> list[str]:
        times = simulator.session.restarts
        return [f"AI2-THOR crashed or hung {times} times, and was restarted."] if times else []

    def draw(n: int, rng: np.random.Generator, also: Sequence[Simulator]) -> tuple[Frame, Labels]:
        return draw_views(simulator, n, height, rng, also)

    return OpenSpace(
        env, simulator.source, simulator.house, view.camera, height, frames, draw, notes,
        states=partial(_states_in, simulator), simulator_in=lambda state: state, close=simulator.session.close,
    )  # fmt: skip


def _states_in(
    simulator: ThorSimulator | HabitatSimulator, changes: Sequence[ScheduledChange], seed: int
) -> list[ThorSimulator | HabitatSimulator]:
    states = [simulator]
    for number, change in enumerate(changes):
        states.append(states[-1].changed(change.kinds, seed + number))
    return states


def _habitat(place: str, view: View, frames: int) -> OpenSpace:
    simulator = HabitatSimulator(place, view.camera, up=view.up)
    height = view.camera_height
    env = HouseEnv.from_simulator(simulator, simulator.source, camera_height=height, max_steps=frames + 1)

    def notes() -> list[str]:
        return simulator.notes + ([] if simulator.has_labels else [_UNLABELLED.format(place)])

    def draw(n: int, rng: np.random.Generator, also: Sequence[Simulator]) -> tuple[Frame, Labels | None]:
        return _views(simulator, simulator.has_labels, n, view.camera_height, rng, also)

    return OpenSpace(
        env, place, None, view.camera, view.camera_height, frames, draw, notes,
        # what a change costs is measured by labels
        states=partial(_states_in, simulator) if simulator.has_labels else None,
        simulator_in=lambda state: state, fixed=f"{place} has no labels by which to score it", close=simulator.close,
    )  # fmt: skip


def _recording(path: str, view: View, frames: int) -> OpenSpace:
    recording = open_recording(path)
    simulator = RecordingSimulator(recording, size=(view.camera.height, view.camera.width))
    env = RecordingEnv(simulator, frames)
    height = float(np.clip(np.median(simulator.poses[:, 1]), *CAMERA_HEIGHTS))

    def notes() -> list[str]:
        lines = [f"The recording {recording.source} was played: the agent could not steer."]
        if not simulator.has_labels:
            lines.append("It has no labels, so nothing could be scored: there is no mIoU in this report.")
        if recording.read_depth is None:
            lines.append("It has no depth: depth and normals are empty, and predictions cannot be fused across views.")
        if env.dropped:
            lines.append(f"{len(env.dropped)} of its frames could not be read, and were skipped.")
        return lines + recording.messages()

    def draw(n: int, rng: np.random.Generator, also: Sequence[Simulator]) -> tuple[Frame, Labels | None]:
        most = max(1, int(len(env.order) * MAX_HELD_OUT_FRACTION))
        return recorded_views(simulator, env.order, min(n, most), rng)

    return OpenSpace(
        env,
        recording.source,
        None,
        simulator.camera,
        height,
        len(env.order),
        draw,
        notes,
        poses=simulator.poses[env.order],
        has_depth=recording.read_depth is not None,
        remedy="check the axes (camera_axes, up) and the unit of depth (depth_scale) of the recording",
    )


def recorded_views(
    simulator: RecordingSimulator, order: np.ndarray[tuple[int], np.dtype[np.int64]], n: int, rng: np.random.Generator
) -> tuple[Frame, Labels | None]:
    """n of the frames numbered `order`, one from each of n stretches of equal length, and their labels if there are
    any. What cannot be read is replaced by another of its stretch, or left out; RecordingError where none is left."""
    frames: list[Frame] = []
    labels: list[Labels] = []
    for stretch in np.array_split(order, n):
        for index in rng.permutation(stretch)[:10].tolist():
            try:
                frame = simulator.frame(index)
                if simulator.has_labels:
                    labels.append(simulator.labels(index))
            except FrameError:
                continue
            frames.append(frame)
            break
    if not frames:
        raise RecordingError(simulator.recording.source, "no frame of it can be read for evaluation")
    return stack_frames(frames), stack_labels(labels) if labels else None
