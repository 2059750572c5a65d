"""Changes of houses: by strength and seed, exactly undoable, and never to a house that is physically wrong."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from two_rooms import two_rooms

from testspace.core.frame import Camera
from testspace.envs.generator import generate_house
from testspace.envs.gym_envs.house_env import HouseEnv
from testspace.envs.house.assets import asset
from testspace.envs.house.house import House, HouseObject
from testspace.envs.house.house_io import house_to_json, load_house, parse_house
from testspace.envs.perturbations import (
    KINDS,
    Change,
    ChangeError,
    Perturbation,
    effect,
    make_change,
    parse_change,
    perturb,
)
from testspace.envs.perturbations.support_surfaces import surfaces
from testspace.experiments.audit.house_audit import audit

EVERYTHING = "lighting=1,objects=1,materials=1"
GENERATED = [generate_house(seed) for seed in (0, 3, 12)]


@pytest.fixture(scope="module")
def real(shared_data: object) -> list[House]:
    return [load_house(f"{shared_data}/procthor-houses.jsonl.gz:{line}") for line in range(48)]


def new_faults(before: House, after: House) -> Counter[str]:
    """Kinds of physical fault of which there are more than there were."""
    return Counter(fault.kind for fault in audit(after)) - Counter(fault.kind for fault in audit(before))


def layout(house: House) -> object:
    fixed = [(o.id, o.position, o.rotation) for o in house.objects if o.kinematic]
    walls = [replace(wall, material=GENERATED[0].ceiling_material) for wall in house.walls]
    return [r.polygon for r in house.rooms], walls, house.doors, house.windows, fixed, house.agent


@settings(max_examples=20, deadline=None)
@given(
    number=st.integers(0, 2),
    seed=st.integers(0, 2**32),
    strengths=st.tuples(*[st.sampled_from([0.0, 1e-9, 0.25, 0.7, 1.0])] * 3),
    new_assets=st.booleans(),
)
def test_undone_a_change_leaves_nothing_behind(
    number: int, seed: int, strengths: tuple[float, ...], new_assets: bool
) -> None:
    house = GENERATED[number]
    wanted = [Perturbation(kind, strength) for kind, strength in zip(KINDS, strengths, strict=True)]
    after, change = perturb(house, wanted, seed, new_assets=new_assets)
    stored = Change.from_json(json.loads(json.dumps(change.to_json(), allow_nan=False)))
    assert stored == change
    assert stored.apply(house) == after
    assert stored.undo(after) == house
    assert (after == house) == (not any(strengths))
    again = parse_house(json.loads(json.dumps(house_to_json(after), allow_nan=False)), after.source)
    assert house_to_json(again) == house_to_json(after)
    assert layout(after) == layout(house)
    if not new_assets:
        assert {o.asset_id for o in after.all_objects()} == {o.asset_id for o in house.all_objects()}


def test_a_kind_changes_its_own_part_only_and_does_the_same_in_company() -> None:
    house = GENERATED[2]
    light, things, looks = (perturb(house, f"{kind}=0.8", seed=5)[0] for kind in KINDS)
    assert replace(light, lights=house.lights, skybox=house.skybox) == replace(house, objects=light.objects)
    assert replace(things, objects=house.objects) == house
    assert looks.lights == house.lights
    assert [o.position for o in looks.all_objects()] == [o.position for o in house.all_objects()]
    together = perturb(house, "materials=0.8,lighting=0.8,objects=0.8", seed=5)[0]
    assert (together.lights, together.walls) == (light.lights, looks.walls)
    assert [o.position for o in together.all_objects()] == [o.position for o in things.all_objects()]


def test_stronger_changes_do_more() -> None:
    strengths = (0.0, 0.1, 0.35, 0.6, 0.85, 1.0)
    for house in GENERATED:
        for seed in range(3):
            for kind, measures in (("lighting", "light sun"), ("objects", "displacement"), ("materials", "surfaces")):
                effects = [effect(house, perturb(house, f"{kind}={s}", seed)[0]) for s in strengths]
                for measure in measures.split():
                    values = [getattr(one, measure) for one in effects]
                    assert values[0] == 0
                    assert all(a <= b + 1e-9 for a, b in pairwise(values)), (kind, measure, values)
                    assert values[-1] > 0.2


def test_other_seeds_do_other_things() -> None:
    changed = [perturb(GENERATED[2], EVERYTHING, seed)[0] for seed in (0, 0, 1)]
    assert changed[0] == changed[1]
    assert changed[0].lights != changed[2].lights
    assert changed[0].objects != changed[2].objects
    assert changed[0].walls != changed[2].walls


@pytest.mark.parametrize("seed", [0, 1])
def test_generated_houses_stay_sound(seed: int) -> None:
    for house in GENERATED:
        assert not new_faults(house, perturb(house, EVERYTHING, seed)[0]), house.source


def test_real_houses_stay_as_sound_as_they_were(real: list[House]) -> None:
    for line, house in list(enumerate(real))[2::8]:  # the audit of all 48 takes minutes
        after, change = perturb(house, EVERYTHING, line)
        assert change.undo(after) == house
        assert Change.from_json(json.loads(json.dumps(change.to_json()))) == change
        assert not new_faults(house, after), house.source
        found = effect(house, after)
        assert found.moved > 0.2, house.source
        assert found.light > 0.2, house.source


def test_a_lamp_goes_off_but_not_all_of_them(real: list[House]) -> None:
    off = [[light.intensity == 0 for light in perturb(house, "lighting=1")[0].lights[1:]] for house in real]
    assert any(any(lamps) for lamps in off)
    assert not any(all(lamps) for lamps in off)


def test_the_sun_stays_above_the_horizon() -> None:
    for seed in range(20):
        for strength in (0.3, 0.7, 1.0):
            sun = perturb(two_rooms(), f"lighting={strength}", seed)[0].lights[0]
            assert sun.rotation is not None
            assert 0 < sun.rotation[0] < 90


def test_new_assets_come_when_asked_for() -> None:
    house = GENERATED[2]
    known = {o.asset_id for o in house.all_objects()}
    found = [{o.asset_id for o in perturb(house, "objects=1", s, new_assets=True)[0].all_objects()} for s in range(6)]
    assert any(assets - known for assets in found)
    assert any(known - assets for assets in found)


def test_surfaces_are_where_the_mesh_is() -> None:
    """A dining table's top, by the asset's size; a shelf has more than one; a ball does not lie on either's edge."""
    name = next(o.asset_id for o in GENERATED[0].all_objects() if asset(o.asset_id).type == "DiningTable")
    top = surfaces(name)[0]
    width, height, depth = asset(name).size
    assert top.y == pytest.approx(height / 2, abs=0.02)
    assert top.holds(0.0, 0.0, 0.1, 0.1, 0.3)
    assert not top.holds(width / 2, 0.0, 0.1, 0.1, 0.3)
    middles = np.array([top.middle(cell) for cell in top.cells(0.2, 0.3, 0.2)])
    assert np.abs(middles[:, 0]).max() <= width / 2 - 0.09
    assert np.abs(middles[:, 1]).max() <= depth / 2 - 0.14


def test_a_change_fits_its_own_house_only() -> None:
    house, other = GENERATED[0], GENERATED[1]
    after, change = perturb(house, "objects=1,lighting=0.5", 3)
    for wrong in (lambda: change.apply(other), lambda: change.undo(house), lambda: change.apply(after)):
        with pytest.raises(ChangeError, match="does not fit"):
            wrong()
    with pytest.raises(ChangeError, match="not a stored change"):
        Change.from_json({"perturbations": "lighting=1", "seed": 0, "new_assets": False, "edits": [{"part": "roof"}]})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "lighting, objects, materials"),
        ("lighting", "KIND=STRENGTH"),
        ("lighting=much", "KIND=STRENGTH"),
        ("weather=1", "there is no change 'weather'.*lighting, objects, materials"),
        ("lighting=1.5", "from 0 to 1, got 1.5"),
        ("lighting=nan", "from 0 to 1"),
        ("lighting=0.1,lighting=0.2", "twice"),
    ],
)
def test_what_cannot_be_read_is_said(text: str, says: str) -> None:
    with pytest.raises(ChangeError, match=says):
        parse_change(text)


def test_what_can_be_read() -> None:
    assert parse_change("lighting=0.6, objects = 0.3") == (Perturbation("lighting", 0.6), Perturbation("objects", 0.3))
    assert str(make_change(two_rooms(), "lighting=0.60,objects=0")) == "lighting=0.6,objects=0"


def test_the_house_changes_under_the_agents_feet() -> None:
    env = HouseEnv(two_rooms(), camera=Camera(16, 16))
    with pytest.raises(ValueError, match="reset"):
        env.change(env.house)
    first, _ = env.reset()
    change = make_change(env.house, "lighting=1,materials=1", 2)
    seen, info = env.change(change.apply(env.house))
    assert info == {"collision": False, "step": 0, "displaced": 0.0}
    assert np.array_equal(seen["depth"], first["depth"])
    assert np.abs(seen["rgb"].astype(int) - first["rgb"]).mean() > 5
    back, _ = env.change(change.undo(env.house))
    assert all(np.array_equal(back[key], first[key]) for key in first)


def test_an_agent_on_whom_something_is_put_stands_beside_it() -> None:
    env = HouseEnv(two_rooms(), camera=Camera(16, 16))
    env.reset(options={"position": (4.5, -1.5)})
    pose = env.pose
    box = HouseObject("box", "Box_20", (4.5, asset("Box_20").size[1] / 2, 1.5), (0.0, 0.0, 0.0), False)
    _, info = env.change(replace(env.house, objects=(*env.house.objects, box)))
    assert 0.2 < info["displaced"] < 0.7
    assert np.hypot(*(env.pose - pose)[[0, 2]]) == pytest.approx(info["displaced"])
    assert np.array_equal(env.pose[3:], pose[3:])
    assert env.floor.contains(env.pose[0], env.pose[2])
    env.reset(options={"house": two_rooms()})
    assert len(env.house.objects) == 1
