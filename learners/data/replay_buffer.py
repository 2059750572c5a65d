"""The replay buffer: unlabelled frames of the test space (D_PT) on disk, evicted by a policy, sampled uniformly.

torchrl's ReplayBuffer over memory-mapped files. The schema is fixed to the frame contract: any other key is
refused, so labels of the test space cannot reach a learner through here (the paper's claim rests on it).

On disk, per frame of 64 x 64: rgb uint8, depth as millimetres in 16 bits (0 to 65.535 m, rounded; farther is clipped),
normals as int8 in units of 1/127, edges uint8, pose float32, and the frame number of the run.

Once the buffer is full, an eviction policy (ring, reservoir, balanced, minred) decides which frame is overwritten.

A process killed at any moment (kill -9) loses what came after the last `flush`, and nothing else: what a full buffer
had overwritten since is put back (`buffer_files`). A frame that differs from its checksum is replaced when the buffer
is resumed.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...core.frame import FRAME_SPEC
from ..choices import EvictionName
from .buffer_files import (
    FORMAT,
    PREVIOUS,
    SUMMED,
    BufferError,
    checksums,
    create_frames,
    open_frames,
    parse_state,
    read_state,
    reserve_frames,
    undo,
    write_state,
    write_undo,
)  # fmt: skip
from .eviction import POLICIES, Features, choose_indices, features_for, thumbnails

MAX_DEPTH = 65.535
"""Metres; the farthest depth that is stored."""
KEYS = (*FRAME_SPEC, "pose")
"""Keys that `extend` requires; it takes no others."""
WRITING = -1
"""Sequence number of a frame that is being written."""


class ReplayBuffer:
    """`capacity` frames in `folder`; its files have full size from the start, and take disk as they fill.

    `eviction` names the policy; `features` are what MinRed compares frames by. A folder that holds frames already is
    refused, unless `resume` is True: then the buffer continues from its last `flush` (with the stored sampling state;
    `seed` is for a new buffer only). Raises BufferError where the folder is not a buffer, or one of another
    size or policy. One process writes; others may `ReplayBuffer.reader(folder)`.
    """

    def __init__(
        self,
        folder: str | Path,
        capacity: int,
        height: int,
        width: int,
        seed: int = 0,
        resume: bool = False,
        eviction: EvictionName = "ring",
        features: Features = thumbnails,
    ) -> None:
        if min(capacity, height, width) < 1:
            raise BufferError(f"buffer: capacity and size must be 1 or more, got {capacity} of {height} x {width}")
        if eviction not in POLICIES:
            raise BufferError(f"buffer: no eviction '{eviction}'; there are {', '.join(POLICIES)}")
        self.folder, self.capacity, self.height, self.width = Path(folder), capacity, height, width
        self.eviction, self.features = eviction, features
        self.note: dict[str, Any] = {}
        """Small JSON of the caller that `flush` stores together with the frames."""
        self._read_only = False
        self._stored: dict[str, Any] | None = None  # what the last flush wrote
        occupied = self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir()))
        if occupied and not resume:
            raise BufferError(f"buffer: {self.folder} is not empty; resume it, or name an empty or new folder")
        state = read_state(self.folder) if occupied else None
        if state is None:  # new, or killed while it was created
            shutil.rmtree(self.folder / "frames", ignore_errors=True)
            create_frames(self.folder, capacity, height, width)
        else:
            settings = {"capacity": capacity, "height": height, "width": width, "eviction": eviction}
            stored = {key: state[key] for key in settings}
            if stored != settings:
                raise BufferError(f"buffer: {self.folder} was created with {stored}, which differs from {settings}")
        self._open(seed, state)
        if state is None:
            self.flush()
        else:
            self._repair(state)

    def rewind(self) -> bool:
        """Go back from the last flush to the one before it; False where there is none of fewer frames."""
        try:
            state = parse_state(self.folder / PREVIOUS)
        except BufferError:
            return False
        if state["total"] >= self._total and state["note"] == self.note:
            return False
        write_state(self.folder, state, state)
        self._open(state["seed"], state)
        self._repair(state)
        return True

    @classmethod
    def reader(cls, folder: str | Path, seed: int = 0) -> ReplayBuffer:
        """Read-only buffer of the frames that the last `flush` in `folder` stored, for any process."""
        state = read_state(Path(folder))
        if state is None:
            raise BufferError(f"buffer: {folder} holds no replay buffer (no state.json)")
        buffer = cls.__new__(cls)
        buffer.folder, buffer._read_only, buffer._stored = Path(folder), True, None
        buffer.capacity, buffer.height, buffer.width = state["capacity"], state["height"], state["width"]
        buffer.eviction = state["eviction"]
        buffer._open(seed, {**state, "sampler": None})
        return buffer

    def __len__(self) -> int:
        """Frames that can be sampled."""
        return len(self._buffer)

    @property
    def total_seen(self) -> int:
        """Number of frames ever passed to `extend`, including those overwritten or discarded."""
        return self._total

    def extend(self, frames: Mapping[str, Any]) -> None:
        """Store N frames: arrays or tensors (N, H, W, ...) by the keys of the frame contract, pose (N, 6).

        An optional key `step`, int64 (N,), holds their frame numbers in the run; without it they are counted from the
        first frame written. Raises BufferError on a missing key, on any other key (labels above all), and on
        another dtype or shape.
        """
        if self._read_only:
            raise BufferError(f"buffer: {self.folder} is open for reading only")
        count = self._check(frames)
        if count == 0:
            return
        if self._total < self.capacity:
            end = min(self._total + count, self.capacity)
            reserve_frames(self.folder, self.height, self.width, self._total, end)
        numbers = torch.arange(self._total, self._total + count)
        arrays = {key: torch.as_tensor(value) for key, value in {"step": numbers, **frames}.items()}
        indices = choose_indices(self._policy, numbers, arrays, self.features)
        kept = indices >= 0
        self._write({key: value[kept] for key, value in arrays.items()}, numbers[kept], indices[kept])
        self._total += count

    def sample(self, n: int) -> dict[str, Tensor]:
        """n frames, uniformly and with replacement: the contract's dtypes, and `step` int64 (n,).

        Raises BufferError where nothing is stored.
        """
        if len(self) == 0:
            raise BufferError("buffer: nothing to sample from, no frame is stored")
        indices, _ = self._buffer.sampler.sample(self._storage, n)
        return self._decoded(indices, (*KEYS, "step"))

    def get(self, indices: Sequence[int] | Tensor, keys: Sequence[str] = (*KEYS, "step")) -> dict[str, Tensor]:
        """The frames at these indices, 0 <= index < len(self), as `sample` returns them; fewer `keys` cost less."""
        indices = torch.as_tensor(indices, dtype=torch.long)
        if indices.numel() and (int(indices.min()) < 0 or int(indices.max()) >= len(self)):
            raise BufferError(f"buffer: indices must lie between 0 and {len(self) - 1}")
        unknown = set(keys) - {*KEYS, "step"}
        if unknown:
            raise BufferError(f"buffer: no key {', '.join(sorted(unknown))}; there are {', '.join(KEYS)}, step")
        return self._decoded(indices, keys)

    def all(self, keys: Sequence[str] = ("pose", "step")) -> dict[str, Tensor]:
        """Every stored frame, oldest first; mind the memory with images."""
        return self.get(self._tensors.get("sequence_number")[: len(self)].argsort(stable=True), keys)

    def flush(self) -> None:
        """Make all frames so far durable: their data goes to disk first, then state.json, replaced as a whole."""
        if self._read_only:
            raise BufferError(f"buffer: {self.folder} is open for reading only")
        for file in sorted((self.folder / "frames").iterdir()):
            with file.open("rb+") as handle:
                os.fsync(handle.fileno())  # dirty pages of a shared mapping belong to the file: fsync writes them
        state = {
            "format": FORMAT, "capacity": self.capacity, "height": self.height, "width": self.width,
            "eviction": self.eviction, "seed": self._policy.seed, "policy": self._policy.state(), "total": self._total,
            "sampler": bytes(self._generator.get_state().tolist()).hex(), "note": self.note,
        }  # fmt: skip
        write_state(self.folder, state, self._stored)
        self._stored = state

    def damaged(self) -> Tensor:
        """Indices int64 (N,) of the frames that differ from their checksums, or were never written to their end."""
        sums, numbers = (
            self._tensors.get(key).as_subclass(Tensor)[: len(self)] for key in ("checksum", "sequence_number")
        )
        found = [torch.zeros(0, dtype=torch.int64)]
        for part in torch.arange(len(self)).split(256):
            rows = {key: self._tensors.get(key).as_subclass(Tensor).index_select(0, part) for key in SUMMED}
            found.append(part[(checksums(rows) != sums[part]) | (numbers[part] == WRITING)])
        return torch.cat(found)

    def _decoded(self, indices: Tensor, keys: Sequence[str]) -> dict[str, Tensor]:
        # index_select copies frame by frame, twenty times as fast as the indexing that tensordict does
        tensors = {key: self._tensors.get(key).as_subclass(torch.Tensor) for key in keys}
        return _decode({key: value.index_select(0, indices) for key, value in tensors.items()})

    def _open(self, seed: int, state: dict[str, Any] | None) -> None:
        # torchrl takes longer to import than all the rest of the learners: import it only when frames are stored
        from torchrl.data import ImmutableDatasetWriter, LazyMemmapStorage, RandomSampler
        from torchrl.data import ReplayBuffer as TorchReplayBuffer

        self._total = 0 if state is None else state["total"]
        self._tensors = open_frames(self.folder, self.capacity, self.height, self.width)
        storage = LazyMemmapStorage(self.capacity, scratch_dir=str(self.folder / "frames"), existsok=True)
        # what torchrl's own checkpointer does for files that lie where the storage wants them
        storage._storage, storage.initialized, storage._len = self._tensors, True, min(self._total, self.capacity)
        self._policy = POLICIES[self.eviction](self.capacity, seed if state is None else state["seed"])
        self._generator = torch.Generator().manual_seed(seed)
        if state is not None and state["sampler"]:
            self._generator.set_state(torch.tensor(list(bytes.fromhex(state["sampler"])), dtype=torch.uint8))
        # torchrl's own writers only count up: ours write into the storage themselves
        self._buffer = TorchReplayBuffer(
            storage=storage, sampler=RandomSampler(), writer=ImmutableDatasetWriter(), generator=self._generator
        )
        self._storage = storage

    def _write(self, arrays: dict[str, Tensor], numbers: Tensor, indices: Tensor) -> None:
        """Encode and store frames at distinct indices; their sequence numbers are WRITING meanwhile."""
        from tensordict import TensorDict

        if not len(indices):
            return
        overwritten = indices[indices < len(self)]
        if len(overwritten):
            write_undo(self.folder, self._total, overwritten, self._tensors)
        self._tensors.get("sequence_number")[indices] = WRITING
        encoded = _encode(arrays)
        data = {**encoded, "sequence_number": torch.full_like(numbers, WRITING), "checksum": checksums(encoded)}
        self._storage.set(indices, TensorDict(data, batch_size=[len(numbers)]))
        self._tensors.get("sequence_number")[indices] = numbers

    def _repair(self, state: dict[str, Any]) -> None:
        """Put back what was overwritten since the flush, and replace damaged frames by the newest whole one; resume
        the policy."""
        self.note, self._stored = state["note"], state
        undo(self.folder, self._total, self._tensors)
        numbers = self._tensors.get("sequence_number")[: len(self)]
        damaged = self.damaged()
        if len(damaged):
            if len(damaged) == len(self):
                raise BufferError(f"buffer: all frames of {self.folder} are damaged; start anew in another folder")
            whole = numbers.as_subclass(Tensor).clone()
            whole[damaged] = WRITING
            newest = int(whole.argmax())
            for key in (*SUMMED, "sequence_number", "checksum"):
                values = self._tensors.get(key)
                values[damaged] = values[newest].clone()
            lost = f"{len(damaged)} of {len(self)} frames were damaged and are lost"
            print(f"buffer: {self.folder}: {lost}; another takes their place", file=sys.stderr, flush=True)
        stored = self.get(range(len(self)), ("pose", "rgb") if self.eviction == "minred" else ("pose",))
        compared = features_for(self._policy, self.features, stored["rgb"]) if "rgb" in stored else None
        self._policy.resume(state["policy"], numbers.numpy().copy(), stored["pose"].numpy(), compared)

    def _check(self, frames: Mapping[str, Any]) -> int:
        """Number of frames; BufferError where they break the frame contract or have another size."""
        unknown, missing = sorted(set(frames) - {*KEYS, "step"}), sorted(set(KEYS) - set(frames))
        if unknown:
            raise BufferError(
                f"buffer: {', '.join(unknown)} cannot be stored, only {', '.join(KEYS)} and step: "
                "labels of the test space never reach a learner"
            )
        if missing:
            raise BufferError(f"buffer: {', '.join(missing)} missing from the frames")
        count, image = len(frames["pose"]), (self.height, self.width)
        expected: dict[str, tuple[type, tuple[int, ...]]] = {"pose": (np.float32, (6,)), "step": (np.int64, ())}
        expected |= {key: (dtype, (*image, *trailing)) for key, (dtype, trailing) in FRAME_SPEC.items()}
        for key, value in frames.items():
            dtype, shape = torch.from_numpy(np.empty(0, expected[key][0])).dtype, (count, *expected[key][1])
            tensor = torch.as_tensor(value)
            if tensor.dtype != dtype or tuple(tensor.shape) != shape:
                raise BufferError(f"buffer: '{key}' is {tensor.dtype} {tuple(tensor.shape)}, expected {dtype} {shape}")
        return count


def as_stored(frames: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Frames as a buffer gives them back: depth in whole millimetres, normals in steps of 1/127."""
    return _decode(_encode(frames))


def _encode(frames: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Frames of the contract in their stored form. Depth is uint16 millimetres in an int16, for torch's kernels."""
    millimetres = (frames["depth"].clamp(0, MAX_DEPTH) * 1000).round().to(torch.int32)
    return {
        "rgb": frames["rgb"],
        "depth": millimetres.to(torch.int16),
        "normals": (frames["normals"].clamp(-1, 1) * 127).round().to(torch.int8),
        "edges": frames["edges"],
        "pose": frames["pose"],
        "step": frames["step"],
    }


def _decode(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    frames = dict(stored)
    if "depth" in frames:
        frames["depth"] = (frames["depth"].to(torch.int32) & 0xFFFF).to(torch.float32) / 1000
    if "normals" in frames:
        normals = frames["normals"].to(torch.float32)
        x, y, z = normals.unbind(-1)  # torch's own norm over three numbers takes twice as long
        length = (x * x).addcmul_(y, y).addcmul_(z, z).clamp_min_(1e-24).rsqrt_()
        frames["normals"] = normals.mul_(length[..., None])
    return frames
