"""Tasks side by side: every place once, errors as they were raised, by Ray as by a pool."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from testspace.experiments import grid
from testspace.experiments.digests import digest
from testspace.experiments.errors import UserError
from testspace.experiments.presets import find_preset


@pytest.fixture(params=["pool", "ray"])
def by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways, whatever is installed."""
    if request.param == "ray":
        pytest.importorskip("ray")
        return
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "ray" else find_spec(name, *more)
    )


@pytest.mark.usefixtures("by")
def test_every_place_is_done_once_and_an_error_arrives_as_it_was_raised() -> None:
    places: list[tuple[Any, ...]] = [("one",), ("two",), ("three",)]
    assert dict(grid.each(digest, places, 2)) == {place: digest(*place) for place in places}
    with pytest.raises(UserError, match="no preset 'huge'"):
        list(grid.each(find_preset, [("huge",)], 1))
