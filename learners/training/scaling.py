"""One training on many processes: the learner's step in parts, over DDP or FSDP2. The model is unaware of it.

    step = batch_size samples = processes x parts of each x micro_batch

A step is cut into parts of `micro_batch` samples. Part i of step s is drawn with a generator of its own, from (seed, s,
i), and each modality's loss is its mean over the targets of the whole step; so what is learned does not depend on how
many processes share the parts, nor on how often the training was stopped, but for the order of sums.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

from ..masked.masked_model import MaskedModel
from ..modalities.tokenizers import Sample
from ..nn.checkpoint import Checkpoint
from ..nn.precision import autocast
from ..objectives.tst import TSTLearner, View
from ..objectives.tst_config import TSTConfig
from .train_config import Scaling


class Part(NamedTuple):
    """What a process computes at once."""

    frames: Mapping[str, Tensor]
    """Frames of the contract (B, H, W, ...)."""
    transfer_rgb: Tensor | None
    """rgb of the transfer set uint8 (B', H, W, 3), as many in every part."""
    generator: torch.Generator
    """Draws mirrors, jitter and masks."""


def generator_of(seed: int, step: int, part: int) -> torch.Generator:
    """The generator of a part of a step: any process that computes it draws the same."""
    (state,) = np.random.SeedSequence([seed, step, part]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state) >> 1)


class ScaledLearner(TSTLearner):
    """Distributed TSTLearner: every process of the group holds one, and all call `step`, `save` and `load` together.

    Its folders are those of a TSTLearner, and any number of processes can resume from them.
    """

    def __init__(
        self,
        config: TSTConfig,
        seed: int = 0,
        scaling: Scaling | None = None,
        device: str | torch.device = "cpu",
    ) -> None:
        """In the default process group, or alone where there is none.

        ValueError where the parts do not make up the batch, and for options that need an agent or a single process.
        """
        self.scaling = scaling or Scaling()
        self.rank, self.processes = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
        per_process, left = divmod(config.batch_size, self.processes)
        self.micro_batch = self.scaling.micro_batch or max(1, per_process)
        if left or per_process % self.micro_batch:
            raise ValueError(
                f"scaling: batch_size {config.batch_size} is not {self.processes} processes x a number of parts x "
                f"micro_batch {self.micro_batch}; choose sizes that divide"
            )
        parts = per_process // self.micro_batch
        self.parts = range(self.rank * parts, (self.rank + 1) * parts)
        """Numbers of the parts of a step that this process computes."""
        if config.pseudolabel_classes:
            raise ValueError("scaling: the semantic map is an agent's; use pseudolabel_classes 0")
        if self.scaling.shard == "fsdp" and config.optimiser == "muon":
            raise ValueError("scaling: muon needs whole matrices; use shard ddp, or adamw")
        super().__init__(config, seed, device)

    def _wrap(self) -> None:
        model = self.model
        blocks = [*model.encoder.layers, *model.decoder]
        for block in blocks:
            if self.scaling.checkpointing:
                block.forward = partial(checkpoint, block.forward, use_reentrant=False)
            if self.scaling.compile:
                block.compile()
        losses: nn.Module = _Losses(model)
        if self.scaling.shard == "fsdp" and dist.is_initialized():
            for block in blocks:
                fully_shard(block)
            fully_shard(losses, ignored_params=set(model.tokenizers.parameters()))
        elif self.processes > 1:
            with warnings.catch_warnings():  # its new name is not there in every version of torch that we take
                warnings.simplefilter("ignore", FutureWarning)
                losses = DistributedDataParallel(losses, broadcast_buffers=False)
        self._losses = losses

    def step(self, frames: Mapping[str, Tensor], transfer_rgb: Tensor | None = None) -> dict[str, float]:
        """One optimiser step in which this process's only part is these frames."""
        return self.step_parts([Part(frames, transfer_rgb, generator_of(self.seed, self.steps, self.rank))])

    def step_parts(self, parts: Sequence[Part]) -> dict[str, float]:
        """One optimiser step; these are the parts of this process, and every process has as many.

        Returns what `TSTLearner.step` does, of the whole step.
        """
        self._ready()
        batches = [self._prepared(part) for part in parts]
        counts = [_targets(self.model, each.view) for each in batches]
        whole = self._summed(torch.stack(counts).sum(0)).clamp_min(1)
        own, mixed = (0 if view is None else len(view.inputs) for view in (batches[0].view, batches[0].mix))
        share = mixed / (own + mixed)
        totals: dict[str, Tensor] = {}
        self.optimiser.zero_grad()
        for number, (each, count) in enumerate(zip(batches, counts, strict=True)):
            with self._synchronised(number == len(batches) - 1):
                with autocast(self.device.type, self.scaling.bf16):
                    losses = self._losses(each)
                weights = dict(zip(self.model.names, (count / whole).tolist(), strict=True))
                weights["mix"] = 1 / (len(batches) * self.processes)
                losses = {name: loss * weights[name] for name, loss in losses.items()}
                modalities = [loss for name, loss in losses.items() if name != "mix"]
                loss = (1 - share) * torch.stack(modalities).mean()
                if "mix" in losses:
                    loss = loss + share * losses["mix"]
                (loss * self.processes).backward()  # gradients are averaged over processes, and these are shares
            for name, value in {"": loss, **losses}.items():
                totals[name] = totals.get(name, torch.zeros_like(value)) + value.detach()
        summed = dict(zip(totals, self._summed(torch.stack(list(totals.values())).double()), strict=True))
        return self._finish(summed.pop(""), summed)

    def fit_tokenizers(
        self, sample: Sample, steps: int | None = None, progress: Callable[[int, int], None] | None = None
    ) -> dict[str, float]:
        """As `TSTLearner`, by the first process, for all; the others get an empty report."""
        report: dict[str, float] = {}
        if self.rank == 0:
            report = super().fit_tokenizers(sample, steps, progress)
        if self.processes > 1:
            for tensor in self.model.tokenizers.state_dict().values():
                dist.broadcast(tensor, 0)
        self.has_tokenizers = True
        return report

    def any_process(self, flag: bool) -> bool:
        """Whether the flag is set in any process."""
        return bool(self._summed(torch.tensor(float(flag))))

    def _prepared(self, part: Part) -> _Batch:
        mix = part.transfer_rgb
        view = self.view(part.frames, part.generator)
        if mix is None or not len(mix):
            return _Batch(view, None)
        return _Batch(view, self.view_rgb(mix, part.generator))

    def _summed(self, values: Tensor) -> Tensor:
        """The sum over all processes, on the CPU."""
        values = values.to(self.device)
        if self.processes > 1:
            dist.all_reduce(values)
        return values.cpu()

    def _synchronised(self, last: bool) -> AbstractContextManager[object]:
        """Gradients are synchronised once per step, with its last part."""
        losses = self._losses
        if isinstance(losses, DistributedDataParallel):
            return nullcontext() if last else losses.no_sync()
        if isinstance(losses, FSDPModule):
            losses.set_requires_gradient_sync(last)
        return nullcontext()

    def _clip(self) -> Tensor:
        return _whole(super()._clip())

    def save(self, folder: str | Path) -> None:
        """As `TSTLearner`; the first process writes."""
        stored = self.checkpoint()
        if self.rank == 0:
            stored.write(Path(folder))

    def checkpoint(self) -> Checkpoint:
        """As `TSTLearner`, whole, in every process; all must ask for it."""
        stored = super().checkpoint()
        weights, moments = ({k: _whole(v).cpu() for k, v in of.items()} for of in (stored.weights, stored.moments))
        return replace(stored, weights=weights, moments=moments)

    def _placed(self, value: Tensor, reference: Tensor) -> Tensor:
        if isinstance(reference, DTensor) and value.shape == reference.shape:
            return distribute_tensor(value.to(reference.device), reference.device_mesh, reference.placements)
        return value.to(self.device)


@dataclass(frozen=True)
class _Batch:
    """Views of one part. A class of its own, since DDP would move token numbers in a tuple away from the CPU."""

    view: View
    mix: View | None


class _Losses(nn.Module):
    """All that a step computes, as one forward pass: what DDP and FSDP wrap."""

    def __init__(self, model: MaskedModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: _Batch) -> dict[str, Tensor]:
        model, losses = self.model, self.model.losses(*batch.view)
        # A stream of which no token is seen leaves its embedding out; but every process must have every gradient.
        parts = (model.encoder.embed, model.embed, model.sequences.embed)
        idle = torch.stack([p.view(-1)[0] for part in parts for p in part.parameters()]).sum() * 0.0
        losses = {name: loss + idle for name, loss in losses.items()}
        if batch.mix is not None:
            losses["mix"] = model.losses(*batch.mix)[model.rgb_target]
        return losses


def _targets(model: MaskedModel, view: View) -> Tensor:
    """How many targets each stream has in this view, float64 (streams,)."""
    return model.index.stream[view.targets].flatten().bincount(minlength=len(model.streams)).double()


def _whole(tensor: Tensor) -> Tensor:
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
