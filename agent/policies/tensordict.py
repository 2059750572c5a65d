"""TorchRL and tensordict modules as policies: they read the Frame from a TensorDict and write "action"."""

from __future__ import annotations

from typing import Any

import torch
from tensordict import TensorDict
from torchrl.envs.utils import ExplorationType, set_exploration_type

from ...core.frame import Frame
from ...envs.gym_envs.motion import Action
from .protocol import PolicyError


class TensorDictPolicy:
    """Calls the module on one Frame in the layout of torchrl's GymEnv: keys at the root, no batch axis.

    An action of len(Action) entries is read as one-hot or scores, by argmax. Distributions return their mode, which
    makes the policy deterministic.
    """

    def __init__(self, module: Any, name: str) -> None:
        """PolicyError if the module does not write "action"."""
        if "action" not in module.out_keys:
            raise PolicyError(f"policy {name!r}: the module writes {list(module.out_keys)}, not 'action'")
        self.module = module.eval()

    @torch.no_grad()
    def act(self, observation: Frame, info: dict[str, Any]) -> int:
        """The next action."""
        frame = TensorDict({key: torch.as_tensor(value) for key, value in observation.items()}, [])
        frame["collision"] = torch.tensor(bool(info.get("collision")))
        with set_exploration_type(ExplorationType.DETERMINISTIC):
            action = self.module(frame)["action"].flatten()
        return int(action.argmax() if action.numel() == len(Action) else action.item())
