"""The house of code stands as it is meant to: arrows one way, rooms of a readable size, nothing of one machine."""

from __future__ import annotations

import ast
import pkgutil
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("agent", "core", "datasets", "envs", "experiments", "learners")
SOURCES = sorted(file for room in ROOMS for file in (ROOT / room).rglob("*.py"))
MAY_IMPORT = {
    "core": {"core"},
    "envs": {"envs", "core"},
    "datasets": {"datasets", "envs", "core"},
    "learners": {"learners", "core"},
    "agent": {"agent", "envs", "learners", "core"},
    "experiments": {"experiments", "agent", "datasets", "envs", "learners", "core", "__version__"},
}
ROOMS_OF = {
    "agent": {
        "actor": {"episode", "fusion", "mapping", "policies"},
        "actor_process": {"actor", "episode", "policies"},
        "async_live": {"actor", "actor_process", "live", "mapping", "trainer"},
        "episode": set(),
        "fusion": set(),
        "live": {"actor", "mapping", "policies", "trainer"},
        "mapping": set(),
        "policies": {"mapping"},
        "rewards": {"mapping"},
        "trainer": {"episode", "fusion"},
    },
    "core": {
        "cache": {"digests", "storage"},
        "children": set(),
        "configs": {"errors"},
        "digests": set(),
        "edges": set(),
        "errors": set(),
        "frame": set(),
        "jit": set(),
        "memory": set(),
        "normals": {"frame", "jit"},
        "pose_cells": set(),
        "pictures": set(),
        "progress": set(),
        "storage": {"errors"},
        "text_table": set(),
        "video": {"errors"},
    },
    "datasets": {
        "generated": {"poses"},
        "house_views": {"generated", "light", "poses", "view_options"},
        "light": set(),
        "poses": set(),
        "torch_views": {"house_views", "view_options"},
        "view_options": {"poses"},
    },
    "envs": {
        "assembly": {"floor_level", "furniture", "generator", "house", "materials", "meshes", "packs", "scene"},
        "camera": {"gym_envs", "house"},
        "choices": set(),
        "conventions": set(),
        "floor": {"floor_level", "house", "scene"},
        "floor_level": {"house", "scene"},
        "furniture": {"house", "materials", "scene"},
        "generator": {"furniture", "house"},
        "gym_envs": {
            "assembly",
            "choices",
            "floor",
            "generator",
            "house",
            "meshes",
            "packs",
            "render",
            "scene",
            "simulator",
        },
        "habitat": {"conventions", "floor", "house", "meshes", "perturbations", "simulator"},
        "house": set(),
        "materials": {"scene"},
        "meshes": {"house", "scene"},
        "packs": {"furniture", "house", "meshes", "scene"},
        "perturbations": {"assembly", "floor", "furniture", "house"},
        "recordings": {"conventions", "floor", "gym_envs", "house", "meshes", "scene", "simulator"},
        "render": {"choices", "floor", "house", "scene", "simulator"},
        "scene": set(),
        "simulator": {"floor"},
        "thor": {"assembly", "floor", "gym_envs", "house", "perturbations", "scene", "simulator"},
    },
    "experiments": {
        "audit": set(),
        "bench": set(),
        "cli": {"bench", "generalist", "paper", "protocol", "report", "robustness", "run", "rundir", "tools"},
        "examples": {"protocol"},
        "generalist": {"protocol"},
        "paper": {"protocol", "run", "stages"},
        "protocol": set(),
        "report": {"rundir"},
        "robustness": {"rundir"},
        "run": {"protocol", "report", "rundir"},
        "rundir": set(),
        "stages": {"protocol", "run", "rundir"},
        "tools": {"protocol", "report", "run", "rundir"},
    },
    "learners": {
        "adaptation": {"encoders", "heads", "masked", "nn"},
        "choices": set(),
        "data": {"choices", "modalities"},
        "encoders": set(),
        "generalist": {"modalities", "nn"},
        "heads": {"choices", "encoders", "masked", "metrics", "modalities", "nn"},
        "masked": {"choices", "encoders", "metrics", "modalities", "nn"},
        "metrics": set(),
        "modalities": {"choices", "encoders", "nn"},
        "nn": {"choices"},
        "objectives": {"choices", "masked", "modalities", "nn"},
        "training": {"choices", "data", "masked", "modalities", "nn", "objectives"},
    },
}
"""For each package, which of its rooms (folders, and modules beside them) each room imports, also inside functions."""
# Gymnasium is not among them: it loads in a tenth of a second, and the package registers its environment there.
HEAVY = ("torch", "torchrl", "timm", "numba", "cv2", "scipy", "embreex", "matplotlib")


def imports(source: str, package: tuple[str, ...]) -> set[str]:
    """Dotted names inside testspace that a module in `package`, ('envs', 'build'), imports, to the imported name."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {name.name.removeprefix("testspace.") for name in node.names if name.name.startswith("testspace.")}
        elif isinstance(node, ast.ImportFrom):
            module = node.module.split(".") if node.module else []
            if node.level:
                base = [*package[: len(package) - node.level + 1], *module]
            elif module[:1] == ["testspace"]:
                base = module[1:]
            else:
                continue
            found |= {".".join([*base, name.name]) for name in node.names}
    return found


def allowed(name: str, room: str) -> bool:
    """Whether modules of the room may import this dotted name."""
    return any(name == target or name.startswith(target + ".") for target in MAY_IMPORT[room])


def test_the_reader_of_imports_sees_every_form() -> None:
    source = (
        "import testspace.agent.live\nfrom ..learners import data\nfrom .scene import Scene\nfrom torch import nn\n"
    )
    source += "def f():\n    from testspace.core.frame import Camera\n"
    found = {"agent.live", "learners.data", "envs.scene.Scene", "core.frame.Camera"}
    assert imports(source, ("envs",)) == found
    assert imports("from ...learners.nn import layers", ("envs", "house")) == {"learners.nn.layers"}
    assert [name for name in sorted(found) if not allowed(name, "envs")] == ["agent.live", "learners.data"]
    assert allowed("core.frame.Camera", "learners")
    assert not allowed("envs.house.house.House", "learners")


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_arrows_point_one_way(file: Path) -> None:
    folder = file.relative_to(ROOT).parent.parts
    wrong = [name for name in sorted(imports(file.read_text(), folder)) if not allowed(name, folder[0])]
    assert wrong == []


def arrows(package: str) -> dict[str, set[str]]:
    """Each room of the package, and the rooms that it imports."""
    rooms: dict[str, set[str]] = {}
    for file in sorted((ROOT / package).rglob("*.py")):
        parts = file.relative_to(ROOT).with_suffix("").parts
        if parts[1] == "__init__":
            continue
        names = [name.split(".") for name in imports(file.read_text(), parts[:-1])]
        targets = {name[1] for name in names if name[0] == package and len(name) > 1}
        rooms[parts[1]] = rooms.get(parts[1], set()) | targets - {parts[1]}
    return rooms


@pytest.mark.parametrize("package", ROOMS_OF)
def test_rooms_import_the_rooms_of_the_table_and_no_others(package: str) -> None:
    assert arrows(package) == ROOMS_OF[package]


@pytest.mark.parametrize("package", ROOMS_OF)
def test_rooms_form_no_circle(package: str) -> None:
    # static_order raises CycleError, which names the circle
    assert set(TopologicalSorter(ROOMS_OF[package]).static_order()) == set(ROOMS_OF[package])


def public(docstring: str) -> list[str]:
    """The names in backquotes of the sentence that begins with "Public:"."""
    _, colon, rest = docstring.partition("Public:")
    return re.findall(r"`([\w.]+)`", rest) if colon else []


def test_the_reader_of_public_names_sees_all_lines() -> None:
    assert public("Rooms of `x`.\n\nPublic: `house.House`,\n`load`.\n") == ["house.House", "load"]
    assert public("A folder.") == []


@pytest.mark.parametrize(
    "file", [file for file in SOURCES if file.name == "__init__.py"], ids=lambda file: file.relative_to(ROOT).as_posix()
)
def test_what_a_room_calls_public_is_there(file: Path) -> None:
    package = ".".join(["testspace", *file.relative_to(ROOT).parent.parts])
    names = public(ast.get_docstring(ast.parse(file.read_text())) or "")
    assert names or file.relative_to(ROOT).parts[0] not in ROOMS_OF, "a room says what is public"
    assert [name for name in names if pkgutil.resolve_name(f"{package}.{name}") is None] == []


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_a_file_can_be_read_at_once(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= 400


def test_nothing_of_one_machine_is_committed() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    machine = re.compile(
        r"/(home|root|Users|opt|work|mnt)/\w|\b(extra-|)index-url\b|find-links|pythonhosted|download\.pytorch"
    )
    this = Path(__file__).relative_to(ROOT).as_posix()
    found = []
    for name in listed.stdout.splitlines():
        file = ROOT / name
        if name == this or not file.is_file() or file.suffix in (".png", ".webp", ".gz", ".safetensors"):
            continue
        found += [f"{name}: {line.strip()}" for line in file.read_text().splitlines() if machine.search(line)]
    assert found == []


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_the_package_or_its_command_line_loads_nothing_heavy() -> None:
    loaded = f"print([name for name in {HEAVY!r} if name in sys.modules])"
    assert run_python(f"import sys, testspace; {loaded}") == "[]"
    assert run_python(f"import sys, testspace.experiments.cli.main; {loaded}") == "[]"
    listed = "from testspace.experiments.paper.listing import listing; listing()"
    assert run_python(f"import sys; {listed}; {loaded}") == "[]"
