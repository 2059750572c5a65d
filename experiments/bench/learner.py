"""Learner throughput: `testspace bench learner [--json FILE]`, relative to the matrix-product rate measured with it.

A training step of masked modelling on given codes (rgb pixels, and tokens of rgb, depth, normals and edges, 224 x 224
in patches of 16; vocabularies 16k and 3 x 8k; AdamW), at two sizes. The peers are ml-4m's own model, if its package
`fourm` is importable, and `peer_4m`, a reimplementation of 4M's approach that is not ml-4m. All have the same input and
target tokens and the same optimiser. Every round times all of them in turn, and the best round counts. FLOPs
are counted on our step (matrix products only), and utilisation is their rate relative to bare matrix products. The
ratio to a peer if our step were its matrix products alone, at their rate within the step, bounds what any change to
the rest of the step can reach.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import tyro
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from ...learners.data.replay_buffer import ReplayBuffer
from ...learners.masked.encoder import Encoder, Size
from ...learners.masked.masked_model import MaskedModel
from ...learners.masked.masking import Masking, mixture
from ...learners.nn.precision import autocast, bf16_is_fast
from .learner_table import table
from .machine import cores, describe, publish
from .peer_4m import fourm_step, restated_step
from .step_profile import where_a_step_goes
from .work import best_rates

IMAGE, PATCH = 224, 16
CODES = {"rgb": 16384, "depth": 8192, "normals": 8192, "edges": 8192}


@dataclass(frozen=True)
class Work:
    """Size of a training step."""

    name: str
    dim: int
    layers: int
    """Layers of the encoder, and of the decoder."""
    budget: int
    """Input tokens, and target tokens."""


WORKS = (
    Work("dim 384, 8+8 layers, 128/128 tokens", 384, 8, 128),
    Work("nano: 192, 4+4 layers, 64/64 tokens", 192, 4, 64),
)


@dataclass(frozen=True)
class LearnerBench:
    """Settings of the benchmark."""

    json_file: Annotated[Path | None, tyro.conf.arg(name="json")] = None
    """File for all figures."""
    rounds: int = 5
    """Number of rounds; the best counts."""
    batch: int = 16
    """Samples per step."""
    threads: int | None = None
    """Threads of torch; by default, torch's own number."""
    fp32: tyro.conf.FlagCreatePairsOff[bool] = False
    """Use float32 instead of bfloat16 autocast."""


@dataclass
class Prepared:
    """Our model of one size and a batch of codes, which all peers are timed on."""

    model: MaskedModel
    masking: Masking
    contents: dict[str, Tensor]
    generator: torch.Generator

    def draw(self) -> tuple[Tensor, Tensor]:
        """Input and target tokens of the batch, int64 (B, K) each; always the same, so that all steps do equal work."""
        inputs, targets, _ = self.masking.draw(len(self.contents["rgb codes"]), self.generator.manual_seed(0))
        return inputs, targets


def prepare(work: Work, batch: int) -> Prepared:
    """A model with random weights and a batch of random content."""
    torch.manual_seed(0)
    model = MaskedModel(
        Size(work.dim, work.layers, work.layers), IMAGE, PATCH, "tokens", rgb_beside_tokens=True, codes=CODES
    )
    inputs = [stream.input is not None for stream in model.streams]
    targets = [stream.target is not None for stream in model.streams]
    parts = mixture(inputs, targets, (0.01, 0.1, 1.0, 10.0), 1.0)
    masking = Masking(model.index.sizes, work.budget, work.budget, parts, inputs, targets)
    contents = {f"{name} codes": torch.randint(count, (batch, model.patches)) for name, count in CODES.items()}
    contents["rgb patches"] = torch.randn(batch, model.patches, 3 * PATCH**2)
    return Prepared(model, masking, contents, torch.Generator().manual_seed(0))


def our_step(prepared: Prepared, bf16: bool) -> Callable[[], None]:
    """Our training step: masks, loss, gradient, AdamW."""
    optimiser = torch.optim.AdamW(prepared.model.parameters(), lr=1e-4, betas=(0.9, 0.95), fused=True)

    def step() -> None:
        with autocast(enabled=bf16):
            losses = prepared.model.losses_of_tokens(prepared.contents, *prepared.draw())
            loss = torch.stack(list(losses.values())).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return step


def matrix_products(bf16: bool, side: int = 1024) -> tuple[Callable[[], None], float]:
    """Bare matrix products, enough of them per call to be timed, and the FLOPs per call."""
    a = torch.randn(side, side, dtype=torch.bfloat16 if bf16 else torch.float32)
    times = 20

    def multiply() -> None:
        for _ in range(times):
            a @ a

    return multiply, times * 2.0 * side**3


def flops(prepared: Prepared) -> float:
    """FLOPs of the matrix products of our forward and backward pass."""
    with FlopCounterMode(display=False) as counter:
        losses = prepared.model.losses_of_tokens(prepared.contents, *prepared.draw())
        torch.stack(list(losses.values())).mean().backward()
    return float(counter.get_total_flops())


def training(work: Work, config: LearnerBench, bf16: bool) -> dict[str, Any]:
    """Samples per second of ours and of the peers, utilisation, and the overhead of our step."""
    prepared = prepare(work, config.batch)
    step = our_step(prepared, bf16)
    multiply, bare = matrix_products(bf16)
    peers = {"4M's way, restated": restated_step(prepared.model, prepared.contents, prepared.draw(), bf16)}
    own, missing = fourm_step(prepared.model, prepared.contents, prepared.draw(), bf16)
    if own is not None:
        peers["ml-4m"] = own
    timed: dict[str, tuple[Callable[[], Any], int]] = {"testspace": (step, config.batch)}
    timed |= {name: (peer, config.batch) for name, peer in peers.items()}
    rates = best_rates({**timed, "matrix": (multiply, 1)}, config.rounds)
    machine, needed = rates.pop("matrix") * bare, flops(prepared) / config.batch
    profile = where_a_step_goes(step)
    products = profile["matrix products"]
    return {
        "work": work.name,
        "parameters": sum(p.numel() for p in prepared.model.parameters()),
        "samples_per_s": rates,
        "gflops_a_sample": needed / 1e9,
        "machine_gflops_per_s": machine / 1e9,
        "utilisation": {name: rate * needed / machine for name, rate in rates.items()},
        "ratio": {name: rates["testspace"] / rates[name] for name in peers},
        "ml-4m_missing": missing,
        "share_of_a_step": overhead(prepared, config, config.batch / rates["testspace"]),
        "where_a_step_goes": profile,
        "ratio_if_matrix_products_were_all": {name: rates["testspace"] / rates[name] / products for name in peers},
    }


def overhead(prepared: Prepared, config: LearnerBench, seconds: float) -> dict[str, float]:
    """Fractions of a step spent on sampling from the replay buffer (frames of 224 x 224) and on masking."""
    frames = 64
    with tempfile.TemporaryDirectory() as folder:
        buffer = ReplayBuffer(Path(folder) / "buffer", frames, IMAGE, IMAGE)
        size = (frames, IMAGE, IMAGE)
        buffer.extend(
            {
                "rgb": np.zeros((*size, 3), np.uint8), "depth": np.ones(size, np.float32),
                "normals": np.zeros((*size, 3), np.float32), "edges": np.zeros(size, np.uint8),
                "pose": np.zeros((frames, 6), np.float32),
            }
        )  # fmt: skip
        works: dict[str, tuple[Callable[[], Any], int]] = {
            "buffer": (partial(buffer.sample, config.batch), 1),
            "masking": (prepared.draw, 1),
        }
        return {name: 1 / rate / seconds for name, rate in best_rates(works, config.rounds).items()}


def inference(config: LearnerBench, bf16: bool) -> dict[str, Any]:
    """Milliseconds per frame of the small encoder at 224 x 224, and of timm's ViT-S/16: one frame, and a batch."""
    ours = Encoder("small", IMAGE, PATCH).eval()
    networks: dict[str, Any] = {"testspace small": ours}
    try:
        from ...learners.encoders.timm_encoders import timm_encoder

        networks["timm ViT-S/16"] = timm_encoder("vit_small_patch16_224", IMAGE, random=True).eval()
    except (ImportError, ValueError):
        pass  # timm needs torchvision too; without them, only ours is timed
    sizes = {name: sum(p.numel() for p in network.parameters()) for name, network in networks.items()}
    result: dict[str, Any] = {"parameters": sizes}
    for count in (1, config.batch):
        rgb = torch.randint(0, 256, (count, IMAGE, IMAGE, 3), dtype=torch.uint8)

        def encode(network: Any, rgb: Tensor = rgb) -> None:
            with torch.no_grad(), autocast(enabled=bf16):
                network(rgb)

        works: dict[str, tuple[Callable[[], Any], int]] = {
            n: (partial(encode, net), count) for n, net in networks.items()
        }
        rates = best_rates(works, config.rounds)
        result[f"ms_a_frame_in_{count}"] = {name: 1000 / rate for name, rate in rates.items()}
    return result


def measure(config: LearnerBench) -> dict[str, Any]:
    """Run the benchmark; returns all figures."""
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    bf16 = not config.fp32 and bf16_is_fast()
    start = time.perf_counter()
    figures: dict[str, Any] = {
        "machine": {**describe(), "threads": torch.get_num_threads(), "cores": cores(), "torch": torch.__version__},
        "settings": {**asdict(config), "json_file": None, "precision": "bfloat16 autocast" if bf16 else "float32"},
        "training": [training(work, config, bf16) for work in WORKS],
        "inference": inference(config, bf16),
    }
    figures["machine"] |= {"load_at_the_end": describe()["load"], "seconds": time.perf_counter() - start}
    return figures


def main(config: LearnerBench) -> None:
    """Run the benchmark, print a table, and write the figures to `--json`."""
    figures = measure(config)
    publish(figures, table(figures), config.json_file)


if __name__ == "__main__":
    main(tyro.cli(LearnerBench))
