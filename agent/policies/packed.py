"""Plain values and random generators as arrays, so that a policy's state fits into an .npz file without pickles."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray


def pack(value: Any) -> NDArray[np.uint8]:
    """A JSON value as uint8 (N,)."""
    return np.frombuffer(json.dumps(value).encode(), np.uint8)


def unpack(array: NDArray[np.uint8]) -> Any:
    """The value that `pack` was given; tuples are lists."""
    return json.loads(array.tobytes())


def pack_generator(rng: np.random.Generator) -> NDArray[np.uint8]:
    """The state of a generator of `np.random.default_rng`."""
    return pack(rng.bit_generator.state)


def unpack_generator(array: NDArray[np.uint8]) -> np.random.Generator:
    """A generator that goes on where the packed one was."""
    rng = np.random.default_rng()
    rng.bit_generator.state = unpack(array)
    return rng
