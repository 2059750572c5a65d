"""Tasks side by side: every place once, errors as they were raised, by Ray as by a pool."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from testspace.core.digests import digest
from testspace.core.errors import UserError
from testspace.experiments.paper import grid
from testspace.experiments.protocol.presets import find_preset


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
    assert dict(grid.map_trials(digest, places, 2)) == {place: digest(*place) for place in places}
    with pytest.raises(UserError, match="no preset 'huge'"):
        list(grid.map_trials(find_preset, [("huge",)], 1))


NODE = "sleep 0.5; sed 's/.*) . //' /proc/$PPID/stat | cut -d ' ' -f 1; : "
"""A command whose output is the process of the node on which it runs: the parent of the worker. It takes long enough
for another node to take the next one."""


def test_trials_run_on_the_machines_of_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        cluster.add_node(num_cpus=1)
        monkeypatch.setenv("RAY_ADDRESS", cluster.address)
        places = [(f"{NODE}{number}",) for number in range(6)]
        found = dict(grid.map_trials(subprocess.getoutput, places, 2))  # which every machine can import
    finally:
        cluster.shutdown()
    assert set(found) == set(places)
    assert len(set(found.values())) == 2


def sleep_and_tell(folder: str, name: str) -> None:
    """A task that says who does it, and takes longer than any test."""
    Path(folder, name).write_text(str(os.getpid()))
    time.sleep(600)


PARENT = """
import importlib.util, sys
from testspace.experiments.paper import grid
from test_grid import sleep_and_tell

if __name__ == "__main__":
    find_spec = importlib.util.find_spec
    importlib.util.find_spec = lambda name, *more: None if name == "ray" else find_spec(name, *more)
    list(grid.map_trials(sleep_and_tell, [(sys.argv[1], "one"), (sys.argv[1], "two")], 2))
"""


def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script, told = tmp_path / "parent.py", tmp_path / "told"
    script.write_text(PARENT)
    told.mkdir()
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    parent = subprocess.Popen([sys.executable, str(script), str(told)], env={**os.environ, "PYTHONPATH": path})
    try:
        _until(lambda: [file.read_text() for file in told.iterdir()].count("") == 0 and len(list(told.iterdir())) == 2)
    finally:
        parent.kill()
        parent.wait()
    workers = [int(file.read_text()) for file in told.iterdir()]
    _until(lambda: not any(_lives(worker) for worker in workers))


def _lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
