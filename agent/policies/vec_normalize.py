"""The running statistics of Stable-Baselines3's VecNormalize, which `VecNormalize.save` writes as a pickle.

They are looked for beside the policy's zip, read as data (`pickled_data`), and held as they are: acting does not update
them. Rewards are not normalized, since none are given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .pickled_data import Named, read_pickle, stored_array
from .protocol import PolicyError

MAX_BYTES = 2**26
"""Bytes of a file of statistics."""


@dataclass(frozen=True)
class Statistics:
    """Mean and variance of observations, by their names; one that is no Dict has the name ""."""

    file: Path
    means: Mapping[str, NDArray[np.float64]]
    variances: Mapping[str, NDArray[np.float64]]
    clip: float
    """Largest absolute value that is given to the policy."""
    epsilon: float

    def normalized(self, name: str, value: NDArray[Any]) -> NDArray[np.float32]:
        """An observation as the policy wants it, float32."""
        centred = (value - self.means[name]) / np.sqrt(self.variances[name] + self.epsilon)
        return np.clip(centred, -self.clip, self.clip).astype(np.float32)


def find_statistics(policy: Path) -> Path | None:
    """The statistics beside a policy's zip, or None.

    For `ppo.zip` this is `ppo_vecnormalize.pkl`; for `ppo_1000_steps.zip` also `ppo_vecnormalize_1000_steps.pkl`, as
    CheckpointCallback names them; else `vecnormalize.pkl`, as RL Baselines3 Zoo names them.
    """
    stem, names = policy.stem, [f"{policy.stem}_vecnormalize.pkl"]
    head, _, tail = stem.removesuffix("_steps").rpartition("_")
    if stem.endswith("_steps") and tail.isdigit():
        names.append(f"{head}_vecnormalize_{tail}_steps.pkl")
    found = (policy.with_name(name) for name in [*names, "vecnormalize.pkl"])
    return next((file for file in found if file.is_file()), None)


def read_statistics(file: Path) -> Statistics | None:
    """What VecNormalize.save stored; None where it normalized rewards only. PolicyError for any other file."""
    if file.stat().st_size > MAX_BYTES:
        raise PolicyError(f"{file}: larger than {MAX_BYTES >> 20} MiB, as statistics of observations are not")
    try:
        stored = read_pickle(file.read_bytes())
        if not isinstance(stored, Named) or not stored.name.endswith(".VecNormalize"):
            raise ValueError("it is no VecNormalize")
        state = stored.state
        if not isinstance(state, dict):
            raise ValueError("VecNormalize has no state")
        if state["norm_obs"] is not True:
            return None
        kept = state["obs_rms"]
        moments = kept if isinstance(kept, dict) else {"": kept}
        means = {str(name): stored_array(one.state["mean"]) for name, one in moments.items()}
        variances = {str(name): stored_array(one.state["var"]) for name, one in moments.items()}
        clip, epsilon = float(state["clip_obs"]), float(state["epsilon"])
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise PolicyError(
            f"{file}: not the statistics of Stable-Baselines3's VecNormalize, or damaged ({str(error)[:120]})"
        ) from None
    for name, mean in means.items():
        variance = variances[name]
        if mean.shape != variance.shape or not (np.isfinite(mean).all() and np.isfinite(variance).all()):
            raise PolicyError(f"{file}: mean and variance of {name or 'the observation'} are no finite numbers alike")
        if (variance < 0).any():
            raise PolicyError(f"{file}: a variance of {name or 'the observation'} is negative")
    if not (0 < clip < np.inf and 0 < epsilon < np.inf):
        raise PolicyError(f"{file}: clip_obs {clip:g} and epsilon {epsilon:g} must be positive")
    return Statistics(file, means, variances, clip, epsilon)
