import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testspace.envs.generator import generate_house
from testspace.envs.generator.splits import SPLITS, asset_splits
from testspace.envs.house.assets import assets, assets_of
from testspace.experiments.audit.generator_check import GeneratorCheck, run_check
from testspace.experiments.audit.house_audit import KINDS, audit, penetration, upright

SEEDS = range(2000, 2012)


def used(house):
    return {o.asset_id for o in (*house.all_objects(), *house.doors, *house.windows)}


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_wrong_with_a_house(seed):
    assert audit(generate_house(seed)) == []


@given(seed=st.integers(0, 2**63), rooms=st.integers(1, 10))
@settings(max_examples=8, deadline=None)
def test_nothing_is_wrong_whatever_is_asked_for(seed, rooms):
    house = generate_house(seed, rooms)
    assert len(house.rooms) == rooms
    assert audit(house) == []


def test_splits_share_no_asset():
    by_split = {split: set().union(*(used(generate_house(seed, split=split)) for seed in range(6))) for split in SPLITS}
    assert all(len(names) > 30 for names in by_split.values())
    assert not by_split["train"] & by_split["val"]
    assert not by_split["train"] & by_split["test"]
    assert not by_split["val"] & by_split["test"]
    for split, names in by_split.items():
        assert {assets()[name].split for name in names} <= {split, None}


def test_every_asset_has_a_split_and_what_there_is_one_of_is_for_training():
    assert set(asset_splits()) == set(assets())
    assert [asset_splits()[a.asset_id] for a in assets_of("WineBottle")] == ["train"]
    assert sorted(asset_splits()[a.asset_id] for a in assets_of("Toilet")) == ["test", "train"]


def test_splits_and_excluded_assets_add_up():
    beds = [a.asset_id for a in assets_of("Bed")]
    house = generate_house(5, 6, beds, split="val")
    assert not used(house) & set(beds)
    assert all(asset_splits()[name] == "val" for name in used(house))
    with pytest.raises(ValueError, match="train, val, test"):
        generate_house(0, split="dev")


def moved(house, index, **changes):
    """The house with one of its objects changed, its children gone."""
    things = list(house.objects)
    things[index] = dataclasses.replace(things[index], children=(), **changes)
    return dataclasses.replace(house, objects=tuple(things))


def kinds(house):
    return {fault.kind for fault in audit(house)}


def test_the_checker_finds_what_was_put_wrong():
    house = generate_house(2003, 3)
    x, y, z = house.objects[0].position
    assert kinds(moved(house, 1, position=house.objects[0].position)) >= {"through an object"}
    assert kinds(moved(house, 0, position=(x + 100.0, y, z))) == {"through a wall"}
    assert kinds(moved(house, 0, position=(x, y + 0.2, z))) >= {"in the air"}
    assert "invalid" in kinds(moved(house, 0, asset_id=house.objects[0].asset_id + "x"))
    pane, wall = house.windows[0], next(w for w in house.walls if w.id == house.windows[0].wall0)
    share = (pane.hole[0] + pane.hole[2]) / 2 / wall.length
    at = [a + (b - a) * share for a, b in zip(wall.p0, wall.p1, strict=True)]
    assert "over a window" in kinds(moved(house, 0, position=(at[0], 1.5, at[1])))
    way = next(door for door in house.doors if door.room0 != door.room1)
    wall = next(w for w in house.walls if w.id == way.wall0)
    share = (way.hole[0] + way.hole[2]) / 2 / wall.length
    at = [a + (b - a) * share for a, b in zip(wall.p0, wall.p1, strict=True)]
    assert "in a door's way" in kinds(moved(house, 0, position=(at[0], y, at[1])))
    shut = tuple(d if d.openness is None else dataclasses.replace(d, openness=0.0) for d in house.doors)
    assert "unreachable room" in kinds(dataclasses.replace(house, doors=shut))


def test_things_that_lose_their_table_hang_in_the_air():
    house = generate_house(2003, 3)
    index = next(i for i, thing in enumerate(house.objects) if thing.children)
    child = house.objects[index].children[0]
    x, y, z = child.position
    lifted = dataclasses.replace(child, position=(x, y + 0.1, z))
    things = list(house.objects)
    things[index] = dataclasses.replace(things[index], children=(lifted,))
    assert any(fault.kind == "in the air" and child.id in fault.what
               for fault in audit(dataclasses.replace(house, objects=tuple(things))))  # fmt: skip


def test_penetration_of_boxes():
    box = upright(0.0, 0.0, 2.0, 1.0, 0.0, 1.0)
    assert penetration(box, upright(1.4, 0.0, 1.0, 1.0, 0.5, 2.0)) == pytest.approx(0.1)
    assert penetration(box, upright(0.0, 0.0, 0.2, 0.2, 0.9, 2.0)) == pytest.approx(0.1)
    assert penetration(box, upright(1.6, 0.0, 1.0, 1.0, 0.0, 1.0)) < 0
    assert penetration(box, upright(0.0, 0.0, 1.0, 1.0, 1.1, 2.0)) < 0


def test_the_command_writes_its_tables(tmp_path, capsys):
    assert run_check(GeneratorCheck(seeds=2, rooms=1, out=tmp_path))
    written = json.loads((tmp_path / "generator.json").read_text())
    assert written["generated"]["faults"] == {kind: {} for kind in KINDS}
    assert written["generated"]["means"]["rooms a house"] == 1.0
    text = (tmp_path / "generator.md").read_text()
    assert all(f"| {kind} | 0 |" in text for kind in KINDS)
    assert capsys.readouterr().out == text
