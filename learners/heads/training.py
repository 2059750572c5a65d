"""The loop that trains every head, by the recipe of `transfer.TransferConfig`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..optimisers import Optimiser, hidden_matrices
from ..transfer import Progress, TransferConfig, endless_order, parameter_groups, schedule
from .task import TaskModel

Loss = Callable[[NDArray[np.int64], torch.Generator], tuple[Tensor, dict[str, float]]]
"""The loss of the frames of these indices, and what else is worth telling; it draws from the generator alone."""


def train(
    model: TaskModel, frames: int, loss_of: Loss, config: TransferConfig, seed: int, progress: Progress | None = None
) -> None:
    """Train encoder and head (the head alone where `config.frozen`) on as many frames, then leave them in eval mode."""
    device = next(model.parameters()).device
    model.to(device).train().requires_grad_(True)
    if config.frozen:
        model.encoder.eval().requires_grad_(False)
    model.encoder.set_drop_path(config.drop_path)
    groups = parameter_groups(model, config)
    optimiser = Optimiser(groups, config.optimiser, config.betas, hidden_matrices(*model.hidden))
    generator = torch.Generator().manual_seed(seed)
    order = endless_order(frames, generator)
    for step in range(config.steps):
        loss, told = loss_of(np.array([next(order) for _ in range(config.batch_size)]), generator)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(optimiser.parameters, config.clip)
        optimiser.step(schedule(step, config))
        if progress is not None:
            progress(step + 1, config.steps, {"loss": loss.item(), **told})
    model.encoder.set_drop_path(0.0)
    model.requires_grad_(True).eval()
