"""Mutated files over all readers: houses, meshes, recordings, furniture packs, models, weights and policies.

A corpus is a folder of samples: files, and folders that one reader takes as a whole. What reads a sample follows from
its name and content.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from ...agent.policies import make_policy
from ...core.frame import Camera
from ...envs.assembly.building import build_scene
from ...envs.generator import generate_house
from ...envs.gym_envs.house_env import HouseEnv
from ...envs.house.classes import CLASSES
from ...envs.house.house_io import load_house, save_house
from ...envs.meshes.mesh_files import is_mesh, load_mesh
from ...envs.meshes.replica import is_replica
from ...envs.meshes.write import write_glb
from ...envs.packs.install import install
from ...envs.recordings.layouts import open_recording
from ...envs.recordings.plain import PlainWriter
from ...learners.generalist.weights import load_weights
from ...learners.heads.segmentation import Segmenter
from ...learners.objectives.tst import scratch_encoder
from ...learners.objectives.tst_config import TSTConfig
from .cases import GIGABYTE, Outcome, run_case
from .damage import DAMAGES, reworded

TOGETHER = 40
"""Cases of one process: only where it dies is each made in one of its own."""
SECONDS = 10.0
Read = Callable[[Path], object]


def read_house(path: Path) -> None:
    """A house, and its triangles."""
    build_scene(load_house(path))


def read_recording(path: Path) -> None:
    """A recording with its frames."""
    recording = open_recording(path)
    for index in range(min(len(recording.time), 4)):
        recording.rgb(index)
        recording.depth(index)


def read_policy(path: Path) -> None:
    """A policy, and some of its actions."""
    env = HouseEnv(4, camera=Camera(16, 16), light="direct")
    policy = make_policy(str(path), env)
    observation, info = env.reset()
    for _ in range(3):
        observation, *_, info = env.step(policy.act(observation, info))  # type: ignore[arg-type]


def reader_of(sample: Path) -> Read | None:
    """What reads this sample; None where nothing does."""
    ending = sample.suffix.lower()
    if sample.is_dir() and (sample / "model.safetensors").exists():
        return lambda path: Segmenter.from_pretrained(str(path))
    if ending == ".json":
        return read_house
    if ending in (".zip", ".onnx"):
        return read_policy
    if is_replica(sample) if sample.is_dir() else is_mesh(sample):
        return lambda path: load_mesh(path)
    if ending in (".deb", ".sh3f"):
        return lambda path: install(path)
    if ending == ".safetensors":
        return lambda path: load_weights(path, CLASSES)
    return read_recording


def make_samples(folder: Path) -> None:
    """Put samples that the package can make itself into an empty folder: a house, meshes, a recording, a model."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        return
    house = generate_house(5, rooms=1)
    save_house(house, folder / "house.json")
    write_glb(build_scene(house), folder / "house.glb")
    (folder / "cube.mtl").write_text("newmtl red\nKd 0.8 0.1 0.1\nnewmtl blue\nKd 0.1 0.1 0.8\n")
    corners = [f"v {x} {y} {z}" for x in (0, 4) for y in (0, 3) for z in (0, 5)]
    faces = ["usemtl red", "f 1 2 4 3", "f 5 6 8 7", "usemtl blue", "f 1 2 6 5", "f 3 4 8 7", "f 1 3 7 5", "f 2 4 8 6"]
    (folder / "cube.obj").write_text("\n".join(["mtllib cube.mtl", *corners, *faces]) + "\n")
    env = HouseEnv(4, camera=Camera(32, 24), light="direct")
    writer = PlainWriter(folder / "recording", env.camera)
    writer.add(env.reset(seed=0)[0], 0.0)
    for number in range(1, 4):
        writer.add(env.step(1)[0], number / 10)
    encoder = scratch_encoder(TSTConfig(image_size=16, patch=8), 0)
    Segmenter(encoder, range(1, 5)).save_pretrained(folder / "model", model_card_kwargs={})


def mutated(samples: Sequence[Path], work: Path, seed: int, count: int) -> Iterator[tuple[str, Outcome]]:
    """`count` mutated samples: the name of each case, and what came of it.

    Whatever a case writes goes to `work`, whose cache it uses.
    """
    work.mkdir(parents=True, exist_ok=True)
    os.environ["TESTSPACE_CACHE"] = str(work / "cache")
    known = [(sample, reader) for sample in samples if (reader := reader_of(sample)) is not None]
    for start in range(0, count, TOGETHER):
        numbers = range(start, min(start + TOGETHER, count))
        report = work / "outcomes"
        report.unlink(missing_ok=True)

        def together(numbers: range = numbers, report: Path = report) -> None:
            with report.open("a") as lines:
                for number in numbers:
                    lines.write(json.dumps([number, *_read(known, work, seed, number)]) + "\n")
                    lines.flush()

        outcome = run_case(together, SECONDS * 3, GIGABYTE)
        done = {}
        for line in report.read_text().splitlines() if report.exists() else ():
            number, name, kind, text = json.loads(line)
            done[number] = (name, Outcome(kind, text))
        for number in numbers:
            if number not in done:  # one of them has ended the process: each by itself
                name = _case(known, seed, number)[0]
                outcome = run_case(lambda number=number: _read(known, work, seed, number, raising=True))  # type: ignore[misc]
                done[number] = (name, outcome)
            yield done[number]


def _case(known: Sequence[tuple[Path, Read]], seed: int, number: int) -> tuple[str, Path, Read, np.random.Generator]:
    rng = np.random.default_rng([seed, number])
    sample, reader = known[int(rng.integers(len(known)))]
    return f"{sample.name} {seed}/{number}", sample, reader, rng


def _read(
    known: Sequence[tuple[Path, Read]], work: Path, seed: int, number: int, raising: bool = False
) -> tuple[str, str, str]:
    """Damage a copy of a sample and read it: the case's name, the kind of its outcome, and its message."""
    name, sample, reader, rng = _case(known, seed, number)
    copy = work / "case" / sample.name
    shutil.rmtree(copy.parent, ignore_errors=True)
    copy.parent.mkdir()
    if sample.is_dir():
        shutil.copytree(sample, copy)
    else:
        for beside in (sample, *sample.parent.glob(f"{sample.stem}.mtl"), *sample.parent.glob(f"{sample.stem}.bin")):
            shutil.copy(beside, copy.parent)
    files = sorted(file for file in copy.parent.rglob("*") if file.is_file())
    file = files[int(rng.integers(len(files)))]
    kinds = [*DAMAGES, "reworded", "reworded"]
    kind = kinds[int(rng.integers(len(kinds)))]
    content = (reworded if kind == "reworded" else DAMAGES[kind])(file.read_bytes(), rng)
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    name = f"{name} {file.relative_to(copy.parent)} {kind}"
    try:
        reader(copy)
    except Exception as error:
        from ...core.errors import one_line

        message = one_line(error)
        if message is None and raising:
            raise
        text = message or f"{type(error).__name__}: {error}"
        return name, "TRACEBACK" if message is None else "refused", text[:500]
    return name, "whole", ""
