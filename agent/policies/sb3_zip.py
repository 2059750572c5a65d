"""The .zip files of Stable-Baselines3 and sb3-contrib, read without unpickling.

The zip stores classes and spaces as pickles, which can run code. They are not read: sizes stand next to them as text,
and of policy.pth only tensors are loaded (torch.load with weights_only).
"""

from __future__ import annotations

import io
import json
import math
import re
import zipfile
import zlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .protocol import PolicyError

MAX_BYTES = 2**30
"""Maximum uncompressed size of a zip member, in bytes."""
MAX_DATA = 2**24
"""Bytes of the JSON of an algorithm, whose objects take many times as much memory; real ones have 100 kB."""
MAX_SWELL = 400
"""Largest compression ratio of a large zip member; weights stay far below."""
MAX_LAYERS, MAX_WIDTH, MAX_WEIGHTS = 64, 2**16, 2**28
"""Layers of a network, units of a layer, and weights between the layers of `net_arch`."""
MAX_LSTM, MAX_LSTM_LAYERS = 4096, 8
"""Units and layers of a recurrent policy."""
MAX_TEXT, MAX_SIDE = 100_000, 2**20
"""Characters of the text that tells a space, and entries along an axis of an observation."""
_PART = re.compile(r"'(\w+)': Box\(([^()]*), \((\d{1,7}(?:, ?\d{1,7})*),?\), (\w+)\)")
PLAIN_KWARGS = ("net_arch", "ortho_init", "share_features_extractor", "normalize_images")
"""`policy_kwargs` that are stored as plain numbers and lists, and so can be read safely."""
RECURRENT_KWARGS = ("lstm_hidden_size", "n_lstm_layers", "shared_lstm", "enable_critic_lstm")
"""Those of sb3-contrib's recurrent policies."""
ACTIVATIONS = ("ELU", "GELU", "LeakyReLU", "ReLU", "SiLU", "Tanh")
"""Classes of `torch.nn` that `activation_fn` may name."""
TRAINING_KWARGS = ("optimizer_class", "optimizer_kwargs")
"""What acting does not need; A2C stores them by default."""
SAFE_ALTERNATIVE = "write FILE.py:CLASS that builds the policy and loads its weights itself, or export it as .onnx"


@dataclass(frozen=True)
class Part:
    """One observation that a policy was trained on."""

    shape: tuple[int, ...]
    dtype: str
    """A dtype's name in numpy."""
    picture: bool = False
    """uint8 of 0 to 255 with three axes, which Stable-Baselines3 convolves."""


@dataclass(frozen=True)
class StoredPolicy:
    """What is read of a zip."""

    weights: dict[str, Tensor]
    kwargs: dict[str, Any]
    """Arguments of the policy's class, plain values but for a class of `torch.nn` as `activation_fn`."""
    parts: dict[str, Part]
    """What it was trained on, by the keys of a Dict; one that is no Dict has the key ""."""


def read_zip(file: Path) -> StoredPolicy:
    """The policy of a zip. PolicyError, one line, if it is damaged, too large, or cannot be read without unpickling."""
    try:
        with zipfile.ZipFile(file) as archive:
            _check_sizes(archive, file)
            if archive.getinfo("data").file_size > MAX_DATA:
                raise PolicyError(f"{file}: its data are larger than {MAX_DATA >> 20} MiB when unpacked")
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
    weights = _weights(packed, file)
    kwargs = _kwargs(data.get("policy_kwargs") or {}, "lstm_actor.weight_ih_l0" in weights, file)
    return StoredPolicy(weights, kwargs, _parts(data.get("observation_space"), file))


def _weights(packed: io.BytesIO, file: Path) -> dict[str, Tensor]:
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
    return dict(weights)


def _kwargs(stored: Any, recurrent: bool, file: Path) -> dict[str, Any]:
    """`policy_kwargs` without what training alone needs."""
    if not isinstance(stored, dict):
        raise PolicyError(f"{file}: policy_kwargs is no JSON object")
    kwargs = {name: value for name, value in stored.items() if name not in (":type:", ":serialized:", *TRAINING_KWARGS)}
    activation = re.fullmatch(r"<class 'torch\.nn\.modules\.activation\.(\w+)'>", str(kwargs.get("activation_fn")))
    if activation is not None and activation[1] in ACTIVATIONS:
        kwargs["activation_fn"] = getattr(torch.nn, activation[1])
    known = {*PLAIN_KWARGS, *(RECURRENT_KWARGS if recurrent else ())}
    unreadable = sorted(name for name in kwargs if name not in known and not isinstance(kwargs[name], type))
    if ":serialized:" in stored and not kwargs and not set(stored) & set(TRAINING_KWARGS):
        unreadable = ["classes or functions"]
    if unreadable:
        raise PolicyError(
            f"{file}: its policy_kwargs contain {', '.join(unreadable)[:200]} as a pickle, which could run code;"
            f" {SAFE_ALTERNATIVE}"
        )
    _check_net_arch(kwargs.get("net_arch"), file)
    for name, most in zip(RECURRENT_KWARGS, (MAX_LSTM, MAX_LSTM_LAYERS, True, True), strict=True):
        value = kwargs.get(name, most)
        if type(value) is not type(most) or not 0 <= value <= most or (most is not True and value == 0):
            raise PolicyError(f"{file}: policy_kwargs.{name} is {str(value)[:40]}; it may be at most {most}")
    return kwargs


def _parts(space: Any, file: Path) -> dict[str, Part]:
    """What the text of an observation space tells. PolicyError where it tells nothing."""
    space = space if isinstance(space, dict) else {}
    text, kind = space.get("spaces"), str(space.get(":type:", ""))
    if "spaces.dict.Dict" in kind and isinstance(text, str):
        parts = {
            key: Part(tuple(int(side) for side in shape.split(",")), dtype, _is_picture(bounds, shape, dtype))
            for key, bounds, shape, dtype in _PART.findall(text[:MAX_TEXT])
        }
    elif "spaces.box.Box" in kind and isinstance(space.get("_shape"), list):
        parts = {"": Part(tuple(space["_shape"]), str(space.get("dtype")))}
    else:
        parts = {}
    sides = [side for part in parts.values() for side in part.shape]
    if not sides or not all(type(side) is int and 0 < side <= MAX_SIDE for side in sides):
        raise PolicyError(f"{file}: it does not tell an observation space that is read here; {SAFE_ALTERNATIVE}")
    return parts


def _is_picture(bounds: str, shape: str, dtype: str) -> bool:
    return dtype == "uint8" and bounds == "0, 255" and shape.count(",") == 2


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
