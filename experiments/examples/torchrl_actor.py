"""A TorchRL module as a policy. It is untrained here; weights would be loaded from safetensors.

    testspace run --policy torchrl_actor.py:actor --seed 7 --preset smoke --out runs/actor

The module reads keys of the Frame, in the layout of torchrl's GymEnv, and writes "action".
"""

from __future__ import annotations

import torch
from tensordict.nn import TensorDictModule, TensorDictSequential
from torch import Tensor, nn
from torchrl.modules import OneHotCategorical, ProbabilisticActor


class DepthColumns(nn.Module):
    """Depth (..., H, W) in metres as its mean over rows, in 8 columns (..., 8)."""

    def forward(self, depth: Tensor) -> Tensor:
        """float32 (..., 8); H is any, W a multiple of 8."""
        columns = depth.mean(-2)
        return columns.unflatten(-1, (8, -1)).mean(-1)


def actor(seed: int) -> ProbabilisticActor:
    """An actor over the five actions; weights initialised with the seed of the run."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        scores = TensorDictModule(nn.Sequential(DepthColumns(), nn.Linear(8, 5)), ["depth"], ["logits"])
    return ProbabilisticActor(TensorDictSequential(scores), in_keys=["logits"], distribution_class=OneHotCategorical)
