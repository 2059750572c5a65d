"""Optimisers: AdamW as in the paper, or Muon for the matrices of hidden layers and AdamW for all other parameters.

Muon (Jordan et al., 2024) steps along the orthogonalised momentum of a matrix. Where only a thousand steps can be
afforded, as at nano, it goes about twice as far in them; a step of transfer costs a third more.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from ..choices import OptimiserName
from .muon import Muon


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that share a learning rate and a weight decay."""

    parameters: list[nn.Parameter]
    weight_decay: float
    scale: float = 1.0
    """Learning-rate multiplier."""


class Optimiser:
    """One optimiser over all groups, with one learning rate that the caller passes to each step."""

    def __init__(
        self,
        groups: Sequence[ParameterGroup],
        name: OptimiserName,
        betas: tuple[float, float],
        hidden: Collection[Tensor] = (),
    ) -> None:
        """With the name "muon", those parameters that are in `hidden` are Muon's; ValueError for another name.

        Muon's step is scaled to the mean square of AdamW's (Liu et al., 2025), so that the learning rate serves both.
        """
        if name not in ("adamw", "muon"):
            raise ValueError(f"optimiser: no '{name}'; there are adamw, muon")
        matrices = {id(parameter) for parameter in hidden} if name == "muon" else set()
        parts: dict[bool, list[dict[str, Any]]] = {False: [], True: []}
        for group in groups:
            for by_muon, chosen in parts.items():
                members = [p for p in group.parameters if (id(p) in matrices) == by_muon]
                if members:
                    chosen.append({"params": members, "weight_decay": group.weight_decay, "scale": group.scale})
        self.parts: list[Optimizer] = []
        if parts[False]:
            self.parts.append(AdamW(parts[False], betas=betas, fused=True))
        if parts[True]:
            self.parts.append(Muon(parts[True]))

    @property
    def parameters(self) -> list[nn.Parameter]:
        """All parameters that a step moves."""
        return [p for part in self.parts for group in part.param_groups for p in group["params"]]

    def zero_grad(self) -> None:
        """Clear the gradients."""
        for part in self.parts:
            part.zero_grad()

    def step(self, rate: float) -> None:
        """One step at this learning rate."""
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = rate * group["scale"]
            part.step()

    def state(self, parameter: nn.Parameter) -> Mapping[str, Tensor]:
        """State of a parameter between steps; empty before the first."""
        for part in self.parts:
            if parameter in part.state:
                return part.state[parameter]
        return {}

    def restore(self, parameter: nn.Parameter, state: Mapping[str, Tensor]) -> None:
        """Restore what `state` returned."""
        for part in self.parts:
            if any(p is parameter for group in part.param_groups for p in group["params"]):
                part.state[parameter] = dict(state)


def hidden_matrices(*stacks: nn.Module) -> list[Tensor]:
    """The weights of all linear maps in `stacks`: what Muon is for, unlike embeddings, output maps and vectors."""
    return [module.weight for stack in stacks for module in stack.modules() if isinstance(module, nn.Linear)]
