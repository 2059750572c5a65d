"""Training throughput of the paper's models: `testspace bench training [--device cuda] [--compile]`.

Whole steps of TST-S and TST-B (Table 9: 224 x 224, patches of 16, tokens of rgb, depth, normals and edges), with crops,
masks and optimiser, on frames that are on the device already. Model FLOPs are those of the matrix products of a forward
and backward pass; their rate relative to that of a bare matrix product, measured here too, is the utilisation.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from ...core.text_table import row
from ...learners.nn.device import find_device
from ...learners.nn.precision import autocast, bf16_is_fast
from ...learners.objectives.paper_configs import PaperSize, pretraining
from ...learners.training.scaling import ScaledLearner
from ...learners.training.train_config import Scaling
from .machine import describe, publish

_COUNTED = 2
"""Samples whose FLOPs are counted."""


@dataclass(frozen=True)
class TrainingBench:
    """Settings of the benchmark."""

    sizes: tuple[PaperSize, ...] = ("small", "base")
    """Sizes of Table 9."""
    batch: int = 256
    """Samples per step."""
    steps: int = 20
    """Steps that are timed, after three that are not."""
    compile: bool = False
    """Compile the layers."""
    device: str = "auto"
    """Where it trains."""
    json_file: Annotated[Path | None, tyro.conf.arg(name="json")] = None
    """File for all figures."""


def random_frames(count: int, size: int, device: torch.device) -> dict[str, Tensor]:
    """Frames of the contract (count, size, size, ...) of noise."""
    shape = (count, size, size)
    return {
        "rgb": torch.randint(0, 256, (*shape, 3), dtype=torch.uint8, device=device),
        "depth": 5 * torch.rand(shape, device=device),
        "normals": torch.nn.functional.normalize(torch.randn(*shape, 3, device=device), dim=-1),
        "edges": torch.randint(0, 2, shape, dtype=torch.uint8, device=device),
    }


def model_flops(learner: ScaledLearner) -> float:
    """FLOPs a sample of the matrix products of a forward and backward pass, tokenizers included."""
    frames = random_frames(_COUNTED, learner.config.image_size, learner.device)
    view = learner.view(frames, torch.Generator().manual_seed(0))
    with FlopCounterMode(display=False) as counter, autocast(learner.device.type):
        torch.stack(list(learner.model.losses(*view).values())).mean().backward()
    learner.optimiser.zero_grad()
    return float(counter.get_total_flops()) / _COUNTED


def matrix_rate(device: torch.device) -> float:
    """FLOP/s of bare matrix products of random numbers, in the precision of training."""
    side = 8192 if device.type == "cuda" else 1024
    a = torch.randn(side, side, device=device, dtype=torch.bfloat16 if bf16_is_fast(device.type) else torch.float32)
    return 2.0 * side**3 / seconds_a_call(lambda: a @ a, 20, device)


def seconds_a_call(call: Callable[[], object], times: int, device: torch.device) -> float:
    """Mean duration of a call, after three that are not timed."""

    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    for _ in range(3):
        call()
    wait()
    started = time.perf_counter()
    for _ in range(times):
        call()
    wait()
    return (time.perf_counter() - started) / times


def training(size: PaperSize, config: TrainingBench, device: torch.device) -> dict[str, Any]:
    """Samples per second of a size, and how far they use the device."""
    counted = ScaledLearner(pretraining(size, batch_size=config.batch), device=device)
    flops = model_flops(counted)
    parameters = sum(p.numel() for p in counted.model.parameters())
    del counted  # a compiled model is not counted
    learner = ScaledLearner(pretraining(size, batch_size=config.batch), 0, Scaling(compile=config.compile), device)
    learner.has_tokenizers = True  # as they are: how fast they are does not depend on their weights
    frames = random_frames(config.batch, learner.config.image_size, device)
    rate = config.batch / seconds_a_call(lambda: learner.step(frames), config.steps, device)
    return {
        "size": size,
        "parameters": parameters,
        "samples_per_s": rate,
        "gflops_a_sample": flops / 1e9,
        "flops_per_s": rate * flops,
        "memory_gb": torch.cuda.max_memory_allocated(device) / 1e9 if device.type == "cuda" else None,
    }


def measure(config: TrainingBench) -> dict[str, Any]:
    """Run the benchmark; returns all figures."""
    device = find_device(config.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    matrix = matrix_rate(device)
    return {
        "machine": {**describe(), "device": name, "torch": torch.__version__},
        "settings": {**asdict(config), "json_file": None, "bf16": bf16_is_fast(device.type)},
        "matrix_flops_per_s": matrix,
        "training": [
            {**figures, "utilisation": figures["flops_per_s"] / matrix}
            for figures in (training(size, config, device) for size in config.sizes)
        ],
    }


def table(figures: dict[str, Any]) -> str:
    """The figures as text."""
    machine, settings = figures["machine"], figures["settings"]
    lines = [
        f"{machine['device']}, torch {machine['torch']}, {'bfloat16' if settings['bf16'] else 'float32'}, batch "
        f"{settings['batch']}{', compiled' if settings['compile'] else ''}; bare matrix products "
        f"{figures['matrix_flops_per_s'] / 1e12:.3g} TFLOP/s",
        row("", "parameters", "samples/s", "GFLOP a sample", "utilisation"),
    ]
    lines += [
        row(
            each["size"], f"{each['parameters'] / 1e6:.0f}M", f"{each['samples_per_s']:.1f}",
            f"{each['gflops_a_sample']:.1f}", f"{each['utilisation']:.2f}",
        )
        for each in figures["training"]
    ]  # fmt: skip
    return "\n".join(lines)


def main(config: TrainingBench) -> None:
    """Run the benchmark, print a table, and write the figures to `--json`."""
    figures = measure(config)
    publish(figures, table(figures), config.json_file)
