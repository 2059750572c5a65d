"""The files of a replay buffer: frames, how many of them count (state.json), and what was overwritten since.

    frames/KEY.memmap     one row for each slot; `checksum` is the CRC-32 of a frame's other rows
    state.json            as of the last flush, with a digest of itself; state.previous.json: of the flush before it
    undo/TOTAL.npz        frames that were overwritten once TOTAL frames had been seen

A frame counts from the flush after it was written, and until then what it overwrote can be put back: so a process that
is killed at any moment leaves exactly what it had flushed.
"""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ...core.digests import digest
from ...core.storage import DamagedError, read_arrays, replacing, reserve, write_arrays
from .eviction import POLICIES

if TYPE_CHECKING:
    from tensordict import TensorDict

FORMAT = 4
STATE, PREVIOUS, UNDO = "state.json", "state.previous.json", "undo"
SUMMED = ("rgb", "depth", "normals", "edges", "pose", "step")
"""Keys of a frame that its checksum covers, in this order."""
_COUNTS = ("capacity", "height", "width", "total", "seed")


class BufferError(ValueError):
    """A folder or a frame that the replay buffer does not accept."""


def layout(height: int, width: int) -> dict[str, tuple[torch.dtype, tuple[int, ...]]]:
    """dtype and shape of a stored frame, by key."""
    image = (height, width)
    return {
        "rgb": (torch.uint8, (*image, 3)), "depth": (torch.int16, image), "normals": (torch.int8, (*image, 3)),
        "edges": (torch.uint8, image), "pose": (torch.float32, (6,)), "step": (torch.int64, ()),
        "sequence_number": (torch.int64, ()), "checksum": (torch.int64, ()),
    }  # fmt: skip


def create_frames(folder: Path, capacity: int, height: int, width: int) -> None:
    """Files of full size, which take room on the disk as they are `reserve_frames`d."""
    from tensordict import TensorDict

    (folder / "frames").mkdir(parents=True)
    one = {key: torch.zeros(shape, dtype=dtype) for key, (dtype, shape) in layout(height, width).items()}
    TensorDict(one).expand(capacity).memmap_like(prefix=str(folder / "frames"))


def open_frames(folder: Path, capacity: int, height: int, width: int) -> TensorDict:
    """The mapped files. BufferError where one is missing or shorter than its frames."""
    from tensordict import MemoryMappedTensor, TensorDict

    tensors = {}
    for key, (dtype, shape) in layout(height, width).items():
        file, full = folder / "frames" / f"{key}.memmap", torch.Size((capacity, *shape))
        if not file.is_file():
            raise BufferError(f"buffer: {file} is gone, and with it the frames; start anew in another folder")
        if file.stat().st_size < full.numel() * dtype.itemsize:
            raise BufferError(f"buffer: {file} was cut, and with it the frames; start anew in another folder")
        tensors[key] = MemoryMappedTensor.from_filename(file, dtype, full)
    return TensorDict(tensors, batch_size=[capacity])


def reserve_frames(folder: Path, height: int, width: int, start: int, end: int) -> None:
    """Take room for the slots from `start` to `end`: OSError, and not the end of the process, on a full disk."""
    for key, (dtype, shape) in layout(height, width).items():
        size = torch.Size(shape).numel() * dtype.itemsize
        reserve(folder / "frames" / f"{key}.memmap", start * size, end * size)


def checksums(stored: Mapping[str, Tensor]) -> Tensor:
    """CRC-32 int64 (N,) of N frames in their stored form."""
    rows = [np.ascontiguousarray(stored[key].numpy()) for key in SUMMED]
    sums = np.zeros(len(rows[0]), np.int64)
    for index in range(len(sums)):
        found = 0
        for row in rows:
            found = zlib.crc32(row[index], found)
        sums[index] = found
    return torch.from_numpy(sums)


def read_state(folder: Path) -> dict[str, Any] | None:
    """What the last flush stored; None in an empty folder, or in a buffer killed before its first flush.

    Where that is damaged, the flush before it, and a line on stderr. BufferError where both are.
    """
    if not folder.is_dir():
        raise BufferError(f"buffer: {folder} is not a folder")
    states = [folder / STATE, folder / PREVIOUS]
    if not any(file.exists() for file in states):
        foreign = [path.name for path in folder.iterdir() if path.name != "frames" and not path.name.endswith(".tmp")]
        if foreign:
            raise BufferError(f"buffer: {folder} holds '{foreign[0]}' and no {STATE}: not a replay buffer")
        if _holds_frames(folder):
            raise BufferError(f"buffer: {folder / STATE} is gone, which counts the frames; start anew elsewhere")
        return None
    try:
        return parse_state(states[0])
    except BufferError as error:
        if not states[1].exists():
            raise
        state = parse_state(states[1])
        print(f"{error}; going on from the flush before, of frame {state['total']}", file=sys.stderr, flush=True)
        return state


def parse_state(file: Path) -> dict[str, Any]:
    """A state file. BufferError, one line, where it is missing, damaged or of another format."""
    try:
        state = json.loads(file.read_text())
        if not isinstance(state, dict) or state.get("format") != FORMAT:
            raise ValueError(f"format {FORMAT} expected")
        if state.pop("digest", None) != digest(state):
            raise ValueError("it differs from its digest")
        if not all(isinstance(state[key], int) for key in _COUNTS):
            raise ValueError(f"one of {', '.join(_COUNTS)} is not a whole number")
        if state["eviction"] not in POLICIES or not isinstance(state["note"], dict):
            raise ValueError(f"'eviction' is not one of {', '.join(POLICIES)}, or 'note' is no object")
    except (OSError, ValueError, KeyError, RecursionError) as error:
        raise BufferError(f"buffer: {file} cannot be read: {error}") from error
    return state


def write_state(folder: Path, state: Mapping[str, Any], before: Mapping[str, Any] | None) -> None:
    """Store a state and the one before it, and forget what was overwritten before that."""
    before = state if before is None else before
    for name, one in ((PREVIOUS, before), (STATE, state)):
        with replacing(folder / name) as unfinished:
            unfinished.write_text(json.dumps({**one, "digest": digest(one)}, indent=2) + "\n")
    for total, file in undo_files(folder):
        if total < before["total"]:
            file.unlink()


def write_undo(folder: Path, total: int, slots: Tensor, frames: TensorDict) -> None:
    """Store the frames in these slots, which are to be overwritten when `total` frames were seen."""
    (folder / UNDO).mkdir(exist_ok=True)
    arrays = {key: frames.get(key).as_subclass(Tensor)[slots].numpy() for key in frames.keys()}  # noqa: SIM118
    write_arrays(folder / UNDO / f"{total}.npz", {**arrays, "slots": slots.numpy()})


def undo(folder: Path, total: int, frames: TensorDict) -> None:
    """Put back what was overwritten since `total` frames were seen; a line on stderr where that is damaged."""
    for seen, file in reversed(undo_files(folder)):
        if seen < total:
            break
        try:
            stored = read_arrays(file)
            slots = torch.from_numpy(stored.pop("slots"))
            for key, values in stored.items():
                frames.get(key)[slots] = torch.from_numpy(values)
        except (DamagedError, KeyError, IndexError, RuntimeError, TypeError) as error:
            print(f"{error}; frames that it held are newer than the rest now", file=sys.stderr, flush=True)
        file.unlink()


def undo_files(folder: Path) -> list[tuple[int, Path]]:
    """The files that `write_undo` left, by the frames seen before, oldest first."""
    return sorted((int(file.stem), file) for file in (folder / UNDO).glob("*.npz") if file.stem.isdigit())


def _holds_frames(folder: Path) -> bool:
    """Whether any frame was ever written."""
    file = folder / "frames" / "checksum.memmap"
    return file.is_file() and any(file.read_bytes())
