"""Policies of Stable-Baselines3 and sb3-contrib, loaded from their .zip without unpickling.

PPO, A2C, DQN and RecurrentPPO on the observations of HouseEnv (all of them or some) or EgocentricObservation, with
plain layer sizes; these may have been stacked by VecFrameStack and normalized by VecNormalize.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray

from ...core.frame import Frame
from ...envs.gym_envs.motion import Action
from ..mapping.egocentric import EgocentricMap
from .packed import pack_generator, unpack_generator
from .protocol import Body, PolicyError
from .resolution import resampled
from .sb3_views import TrainedViews
from .sb3_zip import SAFE_ALTERNATIVE, StoredPolicy, read_zip
from .vec_normalize import find_statistics, read_statistics


class SB3Policy:
    """Samples each action from the policy's distribution (PPO, A2C), or takes the one of the highest value (DQN)."""

    def __init__(self, file: Path, body: Body, seed: int = 0) -> None:
        """PolicyError if the zip is not from Stable-Baselines3 or cannot be loaded safely."""
        import_library(file)
        stored = read_zip(file)
        found = find_statistics(file)
        statistics = None if found is None else read_statistics(found)
        self._views = TrainedViews(stored.parts, statistics, body.camera, file)
        self._frames = "" not in stored.parts
        self._greedy = any(name.startswith("q_net.") for name in stored.weights)
        self._recurrent = "lstm_actor.weight_ih_l0" in stored.weights
        self.policy: Any = self._untrained(stored, file)
        try:
            self.policy.load_state_dict(stored.weights)
        except RuntimeError as error:
            raise PolicyError(
                f"{file}: its weights do not fit a policy on {self._views.space} with"
                f" {stored.kwargs or 'default layers'} ({' '.join(str(error).split())[:160]}); {SAFE_ALTERNATIVE}"
            ) from None
        self.policy.set_training_mode(False)
        self.seed, self._map = seed, EgocentricMap(body.camera)
        self.reset(seed)

    def reset(self, seed: int | None = None) -> None:
        """Clear map, stack and recurrent state, and reseed with `seed`, or with the seed of the constructor."""
        self._rng = np.random.default_rng(self.seed if seed is None else seed)
        self._map.reset()
        self._views.reset()
        shape = self.policy.lstm_hidden_state_shape if self._recurrent else (2, 0)
        self._state = (torch.zeros(shape), torch.zeros(shape))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """See `protocol.Resumable`."""
        state = {"lstm": torch.stack(self._state).numpy()} if self._recurrent else {}
        return {**self._map.map.arrays(), **self._views.arrays(), **state, "rng": pack_generator(self._rng)}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """See `protocol.Resumable`."""
        self._map.map.restore(arrays)
        self._views.restore(arrays)
        if self._recurrent:
            hidden, cell = torch.from_numpy(np.asarray(arrays["lstm"]).copy())
            self._state = (hidden, cell)
        self._rng = unpack_generator(arrays["rng"])

    @torch.no_grad()
    def act(self, observation: Frame, info: dict[str, Any]) -> int:
        """The next action."""
        frame = observation if self._views.size is None else resampled(observation, *self._views.size)
        inputs: Any = self._views.see(frame if self._frames else {"": self._map.see(observation, info)})
        tensors = self.policy.obs_to_tensor(inputs if self._frames else inputs[""])[0]
        if self._greedy:
            return int(self.policy.q_net(tensors).argmax())
        if self._recurrent:
            distribution, self._state = self.policy.get_distribution(tensors, self._state, torch.zeros(1))
        else:
            distribution = self.policy.get_distribution(tensors)
        probabilities = distribution.distribution.probs[0].double().numpy()
        return int(self._rng.choice(len(Action), p=probabilities / probabilities.sum()))

    def _untrained(self, stored: StoredPolicy, file: Path) -> Any:
        """A policy with random weights; torch's global random state is unchanged."""
        space = self._views.space
        try:
            with torch.random.fork_rng(devices=[]):
                kind = _kinds(self._greedy, self._recurrent, file)[isinstance(space, spaces.Dict)]
                return kind(space, spaces.Discrete(len(Action)), lambda _: 0.0, **stored.kwargs)
        except (TypeError, AssertionError, ValueError, RuntimeError) as error:
            if isinstance(error, PolicyError):
                raise
            raise PolicyError(f"{file}: cannot build such a policy on {space} ({error}); {SAFE_ALTERNATIVE}") from None


def import_library(file: Path) -> None:
    """Import Stable-Baselines3. PolicyError where it is missing."""
    try:
        import stable_baselines3  # noqa: F401
    except ImportError:
        raise PolicyError(f"{file}: needs Stable-Baselines3: pip install 'testspace[sb3]'") from None


def _kinds(greedy: bool, recurrent: bool, file: Path) -> tuple[Any, Any]:
    """The classes of such policies on a Box and on a Dict. PolicyError where sb3-contrib is missing."""
    if recurrent:
        try:
            from sb3_contrib.common.recurrent.policies import (
                RecurrentActorCriticPolicy,
                RecurrentMultiInputActorCriticPolicy,
            )
        except ImportError:
            raise PolicyError(f"{file}: a recurrent policy needs sb3-contrib: pip install 'testspace[sb3]'") from None
        return RecurrentActorCriticPolicy, RecurrentMultiInputActorCriticPolicy
    from stable_baselines3.common.policies import ActorCriticPolicy, MultiInputActorCriticPolicy
    from stable_baselines3.dqn.policies import DQNPolicy, MultiInputPolicy

    return (DQNPolicy, MultiInputPolicy) if greedy else (ActorCriticPolicy, MultiInputActorCriticPolicy)
