"""Stable-Baselines3 policies, loaded from their .zip without unpickling.

The zip stores classes and spaces as pickles, which can run code. They are not read: the policy is rebuilt on our own
spaces and only the tensors of policy.pth are loaded (torch.load with weights_only). This supports PPO, A2C and DQN on
the observations of HouseEnv or EgocentricObservation, with plain layer sizes.
"""

from __future__ import annotations

import io
import json
import math
import re
import zipfile
import zlib
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor

from ...core.frame import FRAME_SPEC, Frame
from ...envs.gym_envs.motion import Action
from ..mapping.egocentric import SPACE, EgocentricMap
from .packed import pack_generator, unpack_generator
from .protocol import Body, PolicyError
from .resolution import check_shape, resampled

MAX_BYTES = 2**30
"""Maximum uncompressed size of a zip member, in bytes."""
MAX_SWELL = 400
"""Largest compression ratio of a large zip member; weights stay far below."""
MAX_LAYERS, MAX_WIDTH, MAX_WEIGHTS = 64, 2**16, 2**28
"""Layers of a network, units of a layer, and weights between the layers of `net_arch`."""
MAX_TEXT, MAX_SIDE = 10_000, 4096
"""Characters of the text that tells a space, and pixels of a picture's side."""
_PICTURE = re.compile(r"'rgb': Box\([^,()]+, [^,()]+, \((\d{1,5}, \d{1,5}, \d{1,5})\), uint8\)")
PLAIN_KWARGS = ("net_arch", "ortho_init", "share_features_extractor", "normalize_images")
"""`policy_kwargs` that are stored as plain numbers and lists, and so can be read safely."""
SAFE_ALTERNATIVE = "write FILE.py:CLASS that builds the policy and loads its weights itself, or export it as .onnx"


class SB3Policy:
    """Samples each action from the policy's distribution (PPO, A2C), or takes the one of the highest value (DQN)."""

    def __init__(self, file: Path, body: Body, seed: int = 0) -> None:
        """PolicyError if the zip is not from Stable-Baselines3 or cannot be loaded safely."""
        import_library(file)
        weights, kwargs, self._frames, self._size = _read(file)
        if self._size is not None:
            check_shape(str(file), *self._size, body.camera)
        space: Any = _as_trained(body, self._size) if self._frames else SPACE
        self._greedy = any(name.startswith("q_net.") for name in weights)
        self.policy: Any = _untrained(space, self._greedy, kwargs, file)
        try:
            self.policy.load_state_dict(weights)
        except RuntimeError as error:
            raise PolicyError(
                f"{file}: its weights do not fit a policy on {_space_name(space)} with {kwargs or 'default layers'}"
                f" ({' '.join(str(error).split())[:160]}); {SAFE_ALTERNATIVE}"
            ) from None
        self.policy.set_training_mode(False)
        self.seed, self._view = seed, EgocentricMap(body.camera)
        self.reset(seed)

    def reset(self, seed: int | None = None) -> None:
        """Clear the map and reseed with `seed`, or with the seed of the constructor."""
        self._rng = np.random.default_rng(self.seed if seed is None else seed)
        self._view.reset()

    def arrays(self) -> dict[str, NDArray[Any]]:
        """See `protocol.Resumable`."""
        return {**self._view.map.arrays(), "rng": pack_generator(self._rng)}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """See `protocol.Resumable`."""
        self._view.map.restore(arrays)
        self._rng = unpack_generator(arrays["rng"])

    @torch.no_grad()
    def act(self, observation: Frame, info: dict[str, Any]) -> int:
        """The next action."""
        if self._size is not None:
            observation = resampled(observation, *self._size)
        inputs: Any = observation if self._frames else self._view.see(observation, info)
        tensors = self.policy.obs_to_tensor(inputs)[0]
        if self._greedy:
            return int(self.policy.q_net(tensors).argmax())
        probabilities = self.policy.get_distribution(tensors).distribution.probs[0].double().numpy()
        return int(self._rng.choice(len(Action), p=probabilities / probabilities.sum()))


def import_library(file: Path) -> None:
    """Import Stable-Baselines3. PolicyError where it is missing."""
    try:
        import stable_baselines3  # noqa: F401
    except ImportError:
        raise PolicyError(f"{file}: needs Stable-Baselines3: pip install 'testspace[sb3]'") from None


def _read(file: Path) -> tuple[dict[str, Tensor], dict[str, Any], bool, tuple[int, int] | None]:
    """The policy's tensors, its plain `policy_kwargs`, whether it was trained on a Dict observation, and the height and
    width of its pictures, where they are told.

    The space itself is a pickle; its type and its shapes are stored next to it as text.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            _check_sizes(archive, file)
            data = json.loads(archive.read("data"))
            packed = io.BytesIO(archive.read("policy.pth"))
        if not isinstance(data, dict):
            raise ValueError("data is no JSON object")
        if zipfile.is_zipfile(packed):
            with zipfile.ZipFile(packed) as inner:
                _check_sizes(inner, file)
        packed.seek(0)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, KeyError, ValueError, RuntimeError) as error:
        # RuntimeError: encrypted, an unknown compression, nested too deep
        if isinstance(error, PolicyError):
            raise
        raise PolicyError(f"{file}: not a Stable-Baselines3 zip, or damaged ({str(error)[:160]})") from None
    try:
        weights = torch.load(packed, map_location="cpu", weights_only=True)
    except Exception as error:
        raise PolicyError(f"{file}: its policy.pth contains more than tensors ({type(error).__name__})") from None
    if (
        not isinstance(weights, dict)
        or not all(isinstance(v, Tensor) for v in weights.values())
        or not all(isinstance(name, str) for name in weights)
    ):
        raise PolicyError(f"{file}: its policy.pth is not a table of named tensors")
    broken = [name for name, value in weights.items() if not bool(torch.isfinite(value).all())]
    if broken:
        raise PolicyError(f"{file}: weights that are not finite numbers: {broken[0][:80]}; train or export it again")
    kwargs = data.get("policy_kwargs") or {}
    if not isinstance(kwargs, dict):
        raise PolicyError(f"{file}: policy_kwargs is no JSON object")
    unreadable = sorted(set(kwargs) - set(PLAIN_KWARGS)) if ":serialized:" not in kwargs else ["classes or functions"]
    if unreadable:
        raise PolicyError(
            f"{file}: its policy_kwargs contain {', '.join(unreadable)} as a pickle, which could run code;"
            f" {SAFE_ALTERNATIVE}"
        )
    _check_net_arch(kwargs.get("net_arch"), file)
    space = data.get("observation_space")
    space = space if isinstance(space, dict) else {}
    return dict(weights), kwargs, "spaces.dict.Dict" in str(space.get(":type:", "")), _picture_size(space, file)


def _picture_size(space: dict[str, Any], file: Path) -> tuple[int, int] | None:
    """Height and width of rgb, as the text of a space tells them; None where it does not. PolicyError for stacks."""
    told = _PICTURE.search(str(space.get("spaces", ""))[:MAX_TEXT])
    if told is None:
        return None
    shape = tuple(int(number) for number in told[1].split(","))
    if 3 not in (shape[0], shape[2]):
        raise PolicyError(f"{file}: it was trained on stacked frames, rgb {shape}; {SAFE_ALTERNATIVE}")
    height, width = shape[1:] if shape[0] == 3 else shape[:2]
    if not (0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE):
        raise PolicyError(f"{file}: pictures of {width} x {height} pixels; there may be {MAX_SIDE} a side")
    return height, width


def _check_sizes(archive: zipfile.ZipFile, file: Path) -> None:
    """PolicyError if the members of a zip would take more than MAX_BYTES, each or together, or are a bomb."""
    sizes = [(part.file_size, part.compress_size) for part in archive.infolist()]
    if sum(size for size, _ in sizes) > MAX_BYTES:
        raise PolicyError(f"{file}: larger than {MAX_BYTES >> 20} MiB when unpacked")
    if any(size > 2**20 and size > MAX_SWELL * max(1, packed) for size, packed in sizes):
        raise PolicyError(f"{file}: a member grows more than {MAX_SWELL} times when unpacked, as weights never do")


def _check_net_arch(net_arch: Any, file: Path) -> None:
    """PolicyError if `net_arch` is not a list of layer sizes, or one for each network, or describes too large ones."""
    if net_arch is None:
        return
    networks = list(net_arch.values()) if isinstance(net_arch, dict) else [net_arch]
    for layers in networks:
        if not isinstance(layers, list) or not all(type(size) is int and 0 < size <= MAX_WIDTH for size in layers):
            raise PolicyError(f"{file}: policy_kwargs.net_arch is not made of layer sizes from 1 to {MAX_WIDTH}")
        weights = sum(math.prod(pair) for pair in pairwise(layers))
        if len(layers) > MAX_LAYERS or weights > MAX_WEIGHTS:
            raise PolicyError(
                f"{file}: policy_kwargs.net_arch has more than {MAX_LAYERS} layers or {MAX_WEIGHTS} weights"
            )


def _as_trained(body: Body, size: tuple[int, int] | None) -> spaces.Dict:
    """HouseEnv's observation space as Stable-Baselines3 trains on it: images channels-first, of this height and width
    where it is known."""
    from stable_baselines3.common.preprocessing import is_image_space
    from stable_baselines3.common.vec_env import VecTransposeImage

    own: Any = getattr(body, "observation_space", None)
    if not isinstance(own, spaces.Dict):
        raise PolicyError("a policy on Frames needs an environment with HouseEnv's observation space")
    trained: dict[str, Any] = dict(own.items())
    if size is not None:
        for key in FRAME_SPEC:
            low, high = (float(bound.flat[0]) for bound in (trained[key].low, trained[key].high))
            trained[key] = spaces.Box(low, high, (*size, *trained[key].shape[2:]), trained[key].dtype)
    return spaces.Dict(
        {key: VecTransposeImage.transpose_space(one) if is_image_space(one) else one for key, one in trained.items()}
    )


def _untrained(space: Any, greedy: bool, kwargs: dict[str, Any], file: Path) -> Any:
    """A policy with random weights; torch's global random state is unchanged."""
    from stable_baselines3.common.policies import ActorCriticPolicy, MultiInputActorCriticPolicy
    from stable_baselines3.dqn.policies import DQNPolicy, MultiInputPolicy

    kinds: tuple[Any, Any] = (ActorCriticPolicy, MultiInputActorCriticPolicy)
    if greedy:
        kinds = (DQNPolicy, MultiInputPolicy)
    try:
        with torch.random.fork_rng(devices=[]):
            return kinds[isinstance(space, spaces.Dict)](space, spaces.Discrete(len(Action)), lambda _: 0.0, **kwargs)
    except (TypeError, AssertionError, ValueError, RuntimeError) as error:
        raise PolicyError(
            f"{file}: cannot build such a policy on {_space_name(space)} ({error}); {SAFE_ALTERNATIVE}"
        ) from None


def _space_name(space: Any) -> str:
    return f"EgocentricObservation, {SPACE.shape}" if space is SPACE else "HouseEnv's observation with this camera"
