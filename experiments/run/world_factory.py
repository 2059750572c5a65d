"""The test space of a run: the one place where `--sim` is chosen. All else of a run is the same for every simulator."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np

from ...core.errors import UserError
from ...core.frame import Frame, Labels
from ...envs.assembly.building import build_scene, load_scene
from ...envs.generator import generate_house
from ...envs.gym_envs.house_env import HouseEnv
from ...envs.gym_envs.world import World
from ...envs.habitat.habitat_simulator import HabitatSimulator
from ...envs.house.house import House
from ...envs.house.house_io import load_house
from ...envs.meshes import MeshWarning, is_mesh
from ...envs.recordings import FrameError, RecordingError, open_recording
from ...envs.recordings.recording_env import RecordingEnv
from ...envs.recordings.recording_simulator import RecordingSimulator
from ...envs.render.raycast import RayCastSimulator
from ...envs.simulator import Simulator, stack_frames, stack_labels
from ...envs.thor.thor_simulator import ThorEnv, ThorSimulator
from ..protocol.held_out import draw_views, random_poses
from ..protocol.presets import Preset
from .scheduled_changes import ScheduledChange, states_of

Sim = Literal["raycast", "thor", "habitat", "recording"]
"""What stands behind the Simulator protocol."""
HELD_OUT = 20
"""Of this many recorded frames at most one is held out for evaluation: what is near to it is not trained on."""
HEIGHTS = (0.3, 2.2)
"""Metres above the floor between which the transfer set is seen from where the recording's camera was."""

_UNLABELLED = "{} has no labels, so nothing could be scored: there is no mIoU in this report."

DrawViews = Callable[[int, np.random.Generator, Sequence[Simulator]], tuple[Frame, Labels | None]]


@dataclass(frozen=True)
class TestSpace:
    """Where the agent lives, and all that a run has to know of it."""

    env: World
    """The agent's body and senses there."""
    name: str
    """What it is called in the report."""
    house: House | None
    """Its house file, so that no asset of it is in the transfer set; None where there is none."""
    preset: Preset
    """The sizes of the run, with the camera and the length that the place allows."""
    draw_views: DrawViews
    """Draws held-out views, good in other states of the house too, and their labels where there are any."""
    told: Callable[[], list[str]] = list
    """What the user should know of it by now, one line each."""
    states: Callable[[Sequence[ScheduledChange], int], list[Any]] | None = None
    """The states of the place before the first of some changes and after each, by a seed: what `env.change` takes.
    None where it cannot change."""
    simulator_in: Callable[[Any], Simulator] | None = None
    """What renders such a state, by the same camera."""
    fixed: str = "a recording or a mesh cannot"
    """Why it cannot change, where it cannot."""
    close: Callable[[], None] = lambda: None
    """Ends what was started for it."""

    __test__ = False  # its name is not that of a test


def open_test_space(sim: Sim, house: str | None, seed: int, preset: Preset) -> TestSpace:
    """The test space that a run was asked for.

    Raises HouseError, MeshError, FloorError, ThorError, HabitatError or RecordingError where it cannot be used,
    UserError where `house` is missing.
    """
    if sim == "recording":
        if house is None:
            raise UserError("--sim recording needs the recording: name its folder or file with --house")
        return _recording(house, preset)
    if sim == "thor":
        return _thor(house or generate_house(seed), preset)
    if sim == "habitat":
        if house is None:
            raise UserError("--sim habitat needs a scene: --house FILE.glb, a Replica folder, or CONFIG.json:SCENE")
        return _habitat(house, preset)
    if is_mesh(house):
        return _mesh(str(house), preset)
    return _raycast(load_house(house) if house else generate_house(seed), preset)


def _mesh(path: str, preset: Preset) -> TestSpace:
    """A mesh file or a Replica folder; most have no labels."""
    height, light = preset.transfer_set.camera_height, preset.transfer_set.light
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", MeshWarning)
        scene = load_scene(path)
    env = HouseEnv.from_scene(
        scene, camera=preset.camera, camera_height=height, light=light, max_steps=preset.life.frames + 1
    )
    labelled = any(thing.class_id for thing in scene.instances)
    lines = [str(one.message) for one in caught if issubclass(one.category, MeshWarning)]
    if not labelled:
        lines.append(_UNLABELLED.format(path))

    def draw(n: int, rng: np.random.Generator, also: Sequence[Simulator]) -> tuple[Frame, Labels | None]:
        return _views(env.simulator, labelled, n, height, rng, also)

    return TestSpace(env, path, None, preset, draw, lambda: lines)


def _views(
    simulator: Simulator, labelled: bool, n: int, height: float, rng: np.random.Generator, also: Sequence[Simulator]
) -> tuple[Frame, Labels | None]:
    if labelled:
        return draw_views(simulator, n, height, rng, also)
    return simulator.render(random_poses(simulator, n, height, rng)), None


def _raycast(house: House, preset: Preset) -> TestSpace:
    height, light = preset.transfer_set.camera_height, preset.transfer_set.light
    env = HouseEnv(house, camera=preset.camera, camera_height=height, light=light, max_steps=preset.life.frames + 1)

    def draw(n: int, rng: np.random.Generator, also: Sequence[Simulator]) -> tuple[Frame, Labels]:
        return draw_views(env.simulator, n, height, rng, also)

    return TestSpace(
        env, house.source, house, preset, draw,
        states=lambda changes, seed: states_of(house, changes, seed),
        simulator_in=lambda state: RayCastSimulator(build_scene(state), preset.camera, light=light),
    )  # fmt: skip


def _thor(place: str | House, preset: Preset) -> TestSpace:
    """AI2-THOR's agent has a height of its own, from which the external houses are seen too."""
    simulator = ThorSimulator(place, preset.camera)
    env = ThorEnv(simulator)
    height = env.motion.camera_height
    adapted = replace(preset, transfer_set=replace(preset.transfer_set, camera_height=height))

    def told() -> list[str]:
        times = simulator.session.restarts
        return [f"AI2-THOR crashed or hung {times} times, and was started again."] if times else []

    def draw(n: int, rng: np.random.Generator, also: Sequence[Simulator]) -> tuple[Frame, Labels]:
        return draw_views(simulator, n, height, rng, also)

    return TestSpace(
        env, simulator.source, simulator.house, adapted, draw, told, partial(_states_in, simulator),
        simulator_in=lambda state: state, close=simulator.session.close,
    )  # fmt: skip


def _states_in(
    simulator: ThorSimulator | HabitatSimulator, changes: Sequence[ScheduledChange], seed: int
) -> list[ThorSimulator | HabitatSimulator]:
    found = [simulator]
    for number, change in enumerate(changes):
        found.append(found[-1].changed(change.wanted, seed + number))
    return found


def _habitat(place: str, preset: Preset) -> TestSpace:
    simulator = HabitatSimulator(place, preset.camera)
    height = preset.transfer_set.camera_height
    env = HouseEnv.from_simulator(simulator, simulator.source, camera_height=height, max_steps=preset.life.frames + 1)

    def told() -> list[str]:
        return [] if simulator.has_labels else [_UNLABELLED.format(place)]

    def draw(n: int, rng: np.random.Generator, also: Sequence[Simulator]) -> tuple[Frame, Labels | None]:
        return _views(simulator, simulator.has_labels, n, height, rng, also)

    return TestSpace(
        env, place, None, preset, draw, told,
        # what a change costs is measured by labels
        states=partial(_states_in, simulator) if simulator.has_labels else None,
        simulator_in=lambda state: state, fixed=f"{place} has no labels by which to score it", close=simulator.close,
    )  # fmt: skip


def _recording(path: str, preset: Preset) -> TestSpace:
    recording = open_recording(path)
    simulator = RecordingSimulator(recording, size=(preset.camera.height, preset.camera.width))
    env = RecordingEnv(simulator, preset.life.frames)
    height = float(np.clip(np.median(simulator.poses[:, 1]), *HEIGHTS))
    adapted = replace(
        preset,
        transfer_set=replace(preset.transfer_set, camera=simulator.camera, camera_height=height),
        life=replace(
            preset.life, frames=len(env.order), first_frames=min(preset.life.first_frames, len(env.order))
        ),
    )  # fmt: skip

    def told() -> list[str]:
        lines = [f"The recording {recording.source} was played: the agent could not steer."]
        if not simulator.has_labels:
            lines.append("It has no labels, so nothing could be scored: there is no mIoU in this report.")
        if recording.read_depth is None:
            lines.append("It has no depth: depth and normals are empty, and views cannot vote on pseudolabels.")
        if env.dropped:
            lines.append(f"{len(env.dropped)} of its frames could not be read, and were passed over.")
        return lines + recording.messages()

    def draw(n: int, rng: np.random.Generator, also: Sequence[Simulator]) -> tuple[Frame, Labels | None]:
        return recorded_views(simulator, env.order, min(n, max(1, len(env.order) // HELD_OUT)), rng)

    return TestSpace(env, recording.source, None, adapted, draw, told)


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
