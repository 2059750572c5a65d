"""How fast the learner is: `testspace bench learner [--json FILE]`, on the matrix rate of the very same minute.

A training step of masked modelling on codes at hand (rgb pixels, and tokens of rgb, depth, normals and edges, 224 x 224
in patches of 16; vocabularies 16k and 3 x 8k; AdamW), at two sizes. Beside ours stands ml-4m's own model where its
package `fourm` is importable; and, always, `peer_4m`: 4M's way of working, written anew, which is not ml-4m.
All see and predict the same tokens with the same optimiser. Everything that is compared takes its turn in every round,
and the best round counts. The model's FLOPs are counted on our step, all of them matrix products, and utilisation is
their rate over that of bare matrix products. What would be ahead of a peer if our step were its matrix products alone,
at the rate that they have in it, bounds what any change to the rest can reach.
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
    """A training step's size."""

    name: str
    dim: int
    layers: int
    """Of the encoder, and of the decoder."""
    budget: int
    """Tokens seen, and tokens predicted."""


WORKS = (
    Work("dim 384, 8+8 layers, 128/128 tokens", 384, 8, 128),
    Work("nano: 192, 4+4 layers, 64/64 tokens", 192, 4, 64),
)


@dataclass(frozen=True)
class LearnerBench:
    """What is measured, and how thoroughly."""

    json_file: Annotated[Path | None, tyro.conf.arg(name="json")] = None
    """Where to write every figure."""
    rounds: int = 5
    """The best of this many."""
    batch: int = 16
    """Samples a step."""
    threads: int | None = None
    """Threads of torch; unset: as many as it takes by itself."""
    fp32: tyro.conf.FlagCreatePairsOff[bool] = False
    """In float32, not in bfloat16 by autocast."""


@dataclass
class Prepared:
    """Our model of a size, with codes of a batch, as each of those compared is given them."""

    model: MaskedModel
    masking: Masking
    contents: dict[str, Tensor]
    generator: torch.Generator

    def draw(self) -> tuple[Tensor, Tensor]:
        """Input and target tokens of the batch, int64 (B, K) each: drawn anew and always the same, for a like work."""
        inputs, targets, _ = self.masking.draw(len(self.contents["rgb codes"]), self.generator.manual_seed(0))
        return inputs, targets


def prepare(work: Work, batch: int) -> Prepared:
    """A model with random weights, and a batch of random content."""
    torch.manual_seed(0)
    model = MaskedModel(
        Size(work.dim, work.layers, work.layers), IMAGE, PATCH, "tokens", rgb_beside_tokens=True, codes=CODES
    )
    seen = [stream.input is not None for stream in model.streams]
    predicted = [stream.target is not None for stream in model.streams]
    parts = mixture(seen, predicted, (0.01, 0.1, 1.0, 10.0), 1.0)
    masking = Masking(model.index.sizes, work.budget, work.budget, parts, seen, predicted)
    contents = {f"{name} codes": torch.randint(count, (batch, model.patches)) for name, count in CODES.items()}
    contents["rgb patches"] = torch.randn(batch, model.patches, 3 * PATCH**2)
    return Prepared(model, masking, contents, torch.Generator().manual_seed(0))


def our_step(prepared: Prepared, bf16: bool) -> Callable[[], None]:
    """A training step: masks, loss, gradient, AdamW."""
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
    """Bare matrix products, as many that a call takes long enough to time, and the FLOPs of a call."""
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
    """Samples a second of ours and of the peers, utilisation, and what of our step is not the model."""
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
    where = where_a_step_goes(step)
    products = where["matrix products"]
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
        "where_a_step_goes": where,
        "ratio_if_matrix_products_were_all": {name: rates["testspace"] / rates[name] / products for name in peers},
    }


def overhead(prepared: Prepared, config: LearnerBench, seconds: float) -> dict[str, float]:
    """Shares of a step that drawing from the replay buffer (frames of 224 x 224) and masking take."""
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
    """Milliseconds a frame of the encoder at size small, 224 x 224, beside timm's ViT-S/16: one frame, and a batch."""
    ours = Encoder("small", IMAGE, PATCH).eval()
    networks: dict[str, Any] = {"testspace small": ours}
    try:
        from ...learners.encoders.timm_encoders import timm_encoder

        networks["timm ViT-S/16"] = timm_encoder("vit_small_patch16_224", IMAGE, random=True).eval()
    except (ImportError, ValueError):
        pass  # timm needs torchvision beside it; without them ours stands alone
    sizes = {name: sum(p.numel() for p in network.parameters()) for name, network in networks.items()}
    result: dict[str, Any] = {"parameters": sizes}
    for count in (1, config.batch):
        rgb = torch.randint(0, 256, (count, IMAGE, IMAGE, 3), dtype=torch.uint8)

        def look(network: Any, rgb: Tensor = rgb) -> None:
            with torch.no_grad(), autocast(enabled=bf16):
                network(rgb)

        works: dict[str, tuple[Callable[[], Any], int]] = {
            n: (partial(look, net), count) for n, net in networks.items()
        }
        rates = best_rates(works, config.rounds)
        result[f"ms_a_frame_in_{count}"] = {name: 1000 / rate for name, rate in rates.items()}
    return result


def measure(config: LearnerBench) -> dict[str, Any]:
    """Every figure."""
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
    """Measure, print a table, and write the figures where asked."""
    figures = measure(config)
    publish(figures, table(figures), config.json_file)


if __name__ == "__main__":
    main(tyro.cli(LearnerBench))
