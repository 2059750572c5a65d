import json

import pytest

from testspace.envs.house import assets as module


def test_the_database_is_that_of_procthor(shared_data):
    raw = json.loads((shared_data / "procthor-asset-database.json").read_text())
    entries = {entry["assetId"]: entry for group in raw.values() for entry in group}
    assert len(module.assets()) == 1653
    assert set(module.assets()) == set(entries)
    for name, asset in module.assets().items():
        box = entries[name]["boundingBox"]
        assert asset.size == (box["x"], box["y"], box["z"])
        assert (asset.type, asset.split) == (entries[name]["objectType"], entries[name]["split"])


def test_an_unknown_asset_is_refused_with_near_names():
    with pytest.raises(KeyError, match="Bed_16"):
        module.asset("bed_116")
    assert module.asset("Bed_16").type == "Bed"


def test_holes_are_those_of_doors_and_windows():
    assert len(module.wall_holes()) == 41
    for name, hole in module.wall_holes().items():
        width, height, _ = module.asset(name).size
        assert hole.width == pytest.approx(width, abs=0.1)
        assert hole.height == pytest.approx(height, abs=0.1)
