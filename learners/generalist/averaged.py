"""A network in training beside the moving average of its weights, which is what is evaluated and kept."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

NETWORK, AVERAGE = "network/", "average/"
"""Prefixes of a checkpoint's weights."""


N = TypeVar("N", bound=nn.Module)


class AveragedNetwork(Generic[N]):
    """The network, its average and its optimiser."""

    def __init__(
        self, network: N, groups: Sequence[dict[str, Any]], betas: tuple[float, float], clip: float, decay: float
    ) -> None:
        """groups: of AdamW; each has a "factor" of the learning rate. clip: longest gradient. decay: of the average."""
        self.network = network.train()
        self.average = copy.deepcopy(network).eval().requires_grad_(False)
        self.optimiser = torch.optim.AdamW(groups, 1.0, betas, fused=True)
        self.clip, self.decay = clip, decay

    def step(self, loss: Tensor, rate: float, step: float) -> bool:
        """Descend along the loss's gradient, in step number `step`; False, and nothing is changed, where the loss or
        its gradient is not finite."""
        self.optimiser.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.clip)
        if not (bool(torch.isfinite(loss)) and bool(torch.isfinite(norm))):
            return False
        for group in self.optimiser.param_groups:
            group["lr"] = group["factor"] * rate
        self.optimiser.step()
        self._move_average(step)
        return True

    @torch.no_grad()
    def _move_average(self, step: float) -> None:
        decay = min(self.decay, (1 + step) / (20 + step))  # a young average forgets the start sooner
        averaged, current = self.average.state_dict(), self.network.state_dict()
        real = [name for name, value in averaged.items() if value.is_floating_point()]
        torch._foreach_lerp_([averaged[name] for name in real], [current[name] for name in real], 1 - decay)
        for name in averaged.keys() - set(real):
            averaged[name].copy_(current[name])

    def weights(self) -> dict[str, Tensor]:
        """Both networks' state, as a checkpoint holds it."""
        stored = {f"{NETWORK}{name}": value for name, value in self.network.state_dict().items()}
        return stored | {f"{AVERAGE}{name}": value for name, value in self.average.state_dict().items()}

    def moments(self) -> dict[str, Tensor]:
        """The optimiser's state, as a checkpoint holds it."""
        names: dict[Tensor, str] = {parameter: name for name, parameter in self.network.named_parameters()}
        return {
            f"{kind}/{names[parameter]}": value
            for parameter, state in self.optimiser.state.items()
            for kind, value in state.items()
        }

    def restore(self, weights: Mapping[str, Tensor], moments: Mapping[str, Tensor]) -> None:
        """Continue from what `weights` and `moments` gave, to the bit."""
        for prefix, network in ((NETWORK, self.network), (AVERAGE, self.average)):
            network.load_state_dict(
                {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
            )
        self.optimiser.state.clear()
        parameters = dict(self.network.named_parameters())
        for key, value in moments.items():
            kind, name = key.split("/", 1)
            parameter = parameters[name]
            self.optimiser.state.setdefault(parameter, {})[kind] = _like(value, parameter)


def _like(value: Tensor, parameter: Tensor) -> Tensor:
    """The value on the parameter's device, and with its order in memory, which files do not keep."""
    if value.shape == parameter.shape:
        return torch.empty_like(parameter).copy_(value)
    return value.to(parameter.device)  # the number of steps, which the fused optimiser has beside the weights
