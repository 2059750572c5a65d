"""The simulator's benchmark at smoke size: that it measures what it says. How fast it is, no test asks."""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from testspace.core.frame import Camera
from testspace.envs.assembly.building import build_scene
from testspace.envs.generator import generate_house
from testspace.envs.generator.house_reference import find_house
from testspace.envs.house.house_io import save_house
from testspace.envs.render.raycast import RayCastSimulator
from testspace.envs.scene import Scene
from testspace.experiments.bench import first_frame, peers, sim, work
from testspace.experiments.bench.meshes import with_triangles
from testspace.experiments.bench.sim import SimBench
from testspace.experiments.cli import main as cli


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("house") / "house.json"
    save_house(generate_house(1, rooms=1), file)
    return file


@pytest.fixture(scope="module")
def scene(house: Path) -> Scene:
    return build_scene(find_house(str(house)))


@pytest.fixture(scope="module")
def in_another_process(house: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return first_frame.in_new_process(str(house), 2, tmp_path_factory.mktemp("light"))


def test_it_prints_a_screen_and_writes_every_figure(
    house: Path,
    scene: Scene,
    in_another_process: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # One process stands for the three that are else started, and processes for environments are left out: each costs
    # seconds to start, and tells nothing new.
    runs = dict.fromkeys(("compile", "cold", "cached"), in_another_process)
    monkeypatch.setattr(sim, "cold_and_cached", lambda *_: runs)
    rates = {"batched_one_thread": 10.0, "batched_all_cores": 19.0}
    vectors = {"cores": 2, "frames_per_s": rates, "batched_ratio_of_cores": 1.9, "async_ratio_of_cores": 0.9}
    monkeypatch.setattr(sim, "vectors", lambda *_: vectors)
    file = tmp_path / "figures.json"
    own = len(scene.faces)
    sim.main(SimBench(str(house), file, rounds=1, sides=(8,), triangles=(own // 2, own + 100), steps=20))
    figures = json.loads(file.read_text())
    assert figures["determinism"]["same"] is True, figures["determinism"]
    rates = figures["frames_per_s"]["8"]
    assert rates["ratio_to_bare_hits"] == pytest.approx(rates["all_modalities"] / rates["bare_hits"])
    assert figures["growth"]["triangles"] == [own, own + 100]
    cost = list(figures["growth"]["ms_a_frame"].values())
    assert figures["growth"]["ratio"] == pytest.approx(cost[1] / cost[0])
    assert list(figures["memory"]["resident_mb"]) == ["2", "20"]
    assert min(figures["memory"]["resident_mb"].values()) > 10
    assert figures["first_frame"]["cold"]["process_s"] > figures["first_frame"]["cold"]["first_frame_s"] > 0
    assert figures["machine"]["cores"] >= 1
    said = capsys.readouterr().out
    assert "8 x 8" in said
    assert len(said.splitlines()) < 60
    assert max(map(len, said.replace(str(house), "house.json").splitlines())) < 120
    assert "yes" in next(line for line in said.splitlines() if line.startswith("vector environments, batched"))
    assert "NO" in next(line for line in said.splitlines() if line.startswith("vector environments, async"))


def test_the_command_passes_on_what_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[SimBench] = []
    monkeypatch.setattr("testspace.experiments.bench.sim.main", asked.append)
    cli.main(["bench", "sim", "--house", "a.jsonl.gz:3", "--json", "f.json", "--peers", "--rounds", "2"])
    assert asked == [SimBench("a.jsonl.gz:3", Path("f.json"), True, rounds=2)]


def test_cut_triangles_look_the_same(scene: Scene) -> None:
    finer = with_triangles(scene, 2 * len(scene.faces))
    assert len(finer.faces) == 2 * len(scene.faces)
    frames = []
    for each in (scene, finer):
        simulator = RayCastSimulator(each, Camera(48, 48), light="direct", cache=False)
        poses = work.poses_on(RayCastSimulator(scene).floor, 4)
        frames.append(simulator.render_with_labels(poses))
    (a, a_labels), (b, b_labels) = frames
    assert (a_labels.instance == b_labels.instance).mean() > 0.999
    near = a_labels.instance == b_labels.instance
    np.testing.assert_allclose(a["depth"][near], b["depth"][near], rtol=1e-4, atol=1e-4)


def test_a_house_with_more_triangles_than_asked_keeps_them(scene: Scene) -> None:
    assert with_triangles(scene, len(scene.faces) // 2) is scene


def test_bare_hits_are_the_hits_of_the_simulator(scene: Scene) -> None:
    camera = Camera(16, 16)
    simulator = RayCastSimulator(scene, camera)
    poses = work.poses_on(simulator.floor, 2)
    depth = simulator.render(poses)["depth"]
    bare = work.packet_hits(scene, camera, poses, threads=2)()
    # not to the bit: each kernel is compiled for itself, and may fuse a product and a sum where the other does not
    np.testing.assert_allclose(np.where(depth > 0, bare, 0), depth, rtol=1e-5)


def test_in_each_round_all_take_their_turn() -> None:
    turns: list[str] = []
    rates = work.best_rates({name: (lambda name=name: turns.append(name), 5) for name in "ab"}, rounds=3)
    assert turns == ["a", "b"] * 4
    assert set(rates) == {"a", "b"}
    assert all(x != y for x, y in pairwise(turns))


def test_a_peer_that_is_missing_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], house: Path
) -> None:
    monkeypatch.setitem(sys.modules, "moderngl", None)
    sys.modules.pop("testspace.experiments.bench.peer_moderngl", None)
    peers.serve("moderngl", str(house), 16)
    said = json.loads(capsys.readouterr().out)
    assert said["missing"].startswith("not installed")
    assert "pip install" in said["missing"]


@pytest.mark.parametrize("name", ["moderngl", "mujoco"])
def test_peers_render_the_same_house(name: str, house: Path, scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    with peers._Peer(name, str(house), 64) as peer:
        if "missing" in peer.report:
            pytest.skip(f"{name}: {peer.report['missing']}")
        assert peer.round() > 0
    assert peer.report["depth_agreeing"] > 0.98
    assert peer.report.get("instances_agreeing", 1.0) > 0.98
