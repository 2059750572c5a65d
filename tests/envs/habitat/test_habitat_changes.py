"""Changes of habitat-sim's scenes, by the lights and the things of a double."""

from __future__ import annotations

import json
import types
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from habitat_double import LIGHTS_OF_THE_SCENE, LightInfo, Thing, install
from habitat_scene_double import data_set
from scenes import box_room
from tiny_preset import tiny_preset

from testspace.core.frame import Camera
from testspace.envs.gym_envs.house_env import HouseEnv
from testspace.envs.habitat.habitat_errors import HabitatError
from testspace.envs.habitat.habitat_simulator import HabitatSimulator
from testspace.envs.perturbations import parse_change
from testspace.experiments.cli import main as cli
from testspace.experiments.cli import run_cli

CAMERA = Camera(48, 36, 70.0)
POSE = np.array([[0.0, 1.5, 0.0, 30.0, 0.0, 0.0]])
LIGHTS = [LightInfo((1.0, 2.0, 0.0, 1.0), (4.0, 4.0, 3.0)), LightInfo((0.0, 2.0, 1.0, 1.0), (-1.0, -1.0, -0.5))]


def things() -> list[Thing]:
    return [
        Thing("sofa_:0000", "STATIC", (0.0, 0.4, 2.0), (2.0, 0.8, 0.9)),
        Thing("bowl_:0000", "DYNAMIC", (1.0, 0.85, 1.0), (0.2, 0.1, 0.2)),
        Thing("plate_:0000", "DYNAMIC", (-1.0, 0.46, 1.0), (0.2, 0.12, 0.24), yaw=90.0),
        Thing("plate_:0001", "KINEMATIC", (-1.0, 1.06, -1.0), (0.2, 0.12, 0.2)),
        Thing("cup_:0000", "DYNAMIC", (0.3, 0.58, -1.2), (0.15, 0.16, 0.15)),
        Thing("lamp_:0000", "DYNAMIC", (-0.5, 0.7, -1.2), (0.4, 1.4, 0.4)),  # nothing is of its size
    ]


@pytest.fixture
def room(tmp_path: Path) -> str:
    return f"{data_set(tmp_path, 'room')}:room"


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., types.ModuleType]:
    return partial(install, monkeypatch, tmp_path / "child", box_room())


def test_other_light_is_seen_and_undone(room: str, put: Callable[..., types.ModuleType]) -> None:
    module = put(lights=LIGHTS)
    first = HabitatSimulator(room, CAMERA)
    before = first.render(POSE)["rgb"]
    weak, strong = (first.changed(parse_change(f"lighting={strength}"), 3) for strength in (0.4, 1))
    asked = module.asked["sim"].get_current_light_setup
    module.asked["lights"].clear()
    assert asked() == LIGHTS  # until it is looked at
    seen = strong.render(POSE)["rgb"]
    factor = np.array(asked()[0].color) / LIGHTS[0].color
    assert np.abs(factor - 1).max() > 0.2
    assert np.array(asked()[1].color) == pytest.approx(factor * LIGHTS[1].color)  # all lights alike, in sign as well
    assert [one.vector for one in asked()] == [one.vector for one in LIGHTS]
    assert np.abs(seen.astype(int) - before).mean() > 5
    weak.render(POSE)
    assert np.array(asked()[0].color) / LIGHTS[0].color - 1 == pytest.approx(0.4 * (factor - 1))
    np.testing.assert_array_equal(first.render(POSE)["rgb"], before)
    assert asked() == LIGHTS
    assert module.asked["lights"] == [LIGHTS_OF_THE_SCENE] * 3  # of what the lights really are under, no other key
    np.testing.assert_array_equal(strong.render(POSE)["rgb"], seen)


def test_things_change_places_and_come_back(room: str, put: Callable[..., types.ModuleType]) -> None:
    loose = things()
    put(things=loose)
    first = HabitatSimulator(room, CAMERA)

    def places() -> dict[str, tuple[float, ...]]:
        return {thing.handle: tuple(thing.translation) for thing in loose}

    def stood(thing: Thing) -> tuple[float, float, float]:
        x, y, z = thing.translation
        return round(x, 4), round(y - float(thing.root_scene_node.cumulative_bb.max[1]), 4), round(z, 4)

    before, spots = places(), {stood(thing) for thing in loose}
    moved = {}
    for strength in (0.5, 1):
        first.changed(parse_change(f"objects={strength}"), 1).render(POSE)
        moved[strength] = {handle for handle, place in places().items() if place != before[handle]}
        assert {stood(thing) for thing in loose} == spots  # each stands where one stood, neither in the air nor sunk
    assert len(moved[0.5]) == 2
    assert moved[1] == {"bowl_:0000", "plate_:0000", "plate_:0001", "cup_:0000"}
    after = places()
    twice = first.changed(parse_change("objects=1"), 1).changed(parse_change("objects=1"), 1)
    twice.render(POSE)
    assert places() == {handle: pytest.approx(place, abs=1e-6) for handle, place in before.items()}
    first.changed(parse_change("objects=1"), 1).render(POSE)
    assert places() == after
    assert first.floor is first.changed(parse_change("objects=1"), 1).floor
    first.render(POSE)
    assert places() == before


def test_what_a_scene_does_not_allow_is_refused(room: str, put: Callable[..., types.ModuleType]) -> None:
    put(things=things()[:2] + things()[5:])
    simulator = HabitatSimulator(room, CAMERA)
    for asked, words in (
        ("lighting=1", "room: its lighting cannot be changed: .*baked into its colours, as in scans .Replica"),
        ("objects=1", "room: its objects cannot be changed: 2 of them can move, and no two"),
        ("materials=1", "room: its materials cannot be changed: habitat-sim has no call"),
    ):
        with pytest.raises(HabitatError, match=words):
            simulator.changed(parse_change(asked), 0)
    assert simulator.changed(parse_change("lighting=0"), 0).render(POSE)["rgb"].any()


def test_light_that_does_not_show_is_refused(room: str, put: Callable[..., types.ModuleType]) -> None:
    module = put(lights=LIGHTS, flat=True)
    with pytest.raises(HabitatError, match=r"room: its lighting cannot be changed: .*flat shading"):
        HabitatSimulator(room, CAMERA).changed(parse_change("lighting=1"), 0)
    assert module.asked["sim"].get_current_light_setup() == LIGHTS  # as it was


def test_the_agent_stays_where_it_is(room: str, put: Callable[..., types.ModuleType]) -> None:
    put(lights=LIGHTS)
    simulator = HabitatSimulator(room, CAMERA)
    env = HouseEnv.from_simulator(simulator, camera_height=1.4)
    before, _ = env.reset(seed=1)
    after, info = env.change(simulator.changed(parse_change("lighting=1"), 0))
    assert info["displaced"] == 0.0
    np.testing.assert_array_equal(after["pose"], before["pose"])
    np.testing.assert_array_equal(after["depth"], before["depth"])
    assert (after["rgb"] != before["rgb"]).any()
    back, _ = env.change(simulator)
    np.testing.assert_array_equal(back["rgb"], before["rgb"])
    with pytest.raises(ValueError, match="must be a House"):
        env.change(HabitatSimulator(room, Camera(20, 20, 70.0)))


def test_a_life_goes_through_changes(
    room: str,
    put: Callable[..., types.ModuleType],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    loose = things()
    module = put(lights=LIGHTS, things=loose)
    small = tiny_preset(frames=24, rollout=12, learning_starts=12, replay_ratio=1.0)
    monkeypatch.setattr(run_cli, "find_preset", lambda name: small)
    out = tmp_path / "run"
    start = ["run", "--sim", "habitat", "--house", room, "--preset", "smoke", "--video", "0", "--out", str(out)]
    cli.main([*start, "--change", "at=12:lighting=1,objects=1"])
    summary = json.loads((out / "summary.json").read_text())
    assert [change["at"] for change in summary["changes"]] == [12]
    assert module.asked["lights"][-1] == LIGHTS_OF_THE_SCENE
    assert any(tuple(now.translation) != tuple(first.translation) for now, first in zip(loose, things(), strict=True))
    assert summary["segmentation"]["specialist"]["miou"] >= 0
    put(lights=LIGHTS)
    start[4], start[-1] = f"{data_set(tmp_path / 'bare', 'room', semantic=False)}:room", str(tmp_path / "other")
    with pytest.raises(SystemExit) as stop:
        cli.main([*start, "--change", "at=12:lighting=1"])
    assert stop.value.code == 2
    assert "has no labels" in capsys.readouterr().err.splitlines()[-1]
