"""The endless views as a data set of PyTorch, divided over the workers of a DataLoader and the ranks of a training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import distributed
from torch.utils.data import IterableDataset, get_worker_info

from .house_views import HouseViews, Sample, Shard
from .view_options import ViewError, ViewOptions


class HouseViewsDataset(IterableDataset[Any]):
    """Samples of `HouseViews` as tensors, in the layouts and dtypes of `MODALITIES`, without end.

    Each worker of each rank renders other houses; use as many workers as there are cores to spare. The batches depend
    on the options, and on the numbers of workers and ranks.

    To go on where a training has stopped, keep the state with its checkpoint. In one process (`num_workers=0`, or a
    StatefulDataLoader of torchdata) it is `state_dict()`. The workers of a DataLoader run ahead of the trainer, so
    there it is `state_after(batches, batch_size, num_workers)`. `load_state_dict` takes both.
    """

    def __init__(self, options: ViewOptions | None = None, transform: Callable[[Sample], Any] | None = None) -> None:
        """transform: applied to each sample, a dictionary of tensors, in the worker."""
        self.options = options or ViewOptions()
        self.transform = transform
        self._states: list[dict[str, Any]] = []
        self._first = 0  # the worker that is next to deliver a batch
        self._views: HouseViews | None = None

    def __iter__(self) -> Iterator[Any]:
        """From the beginning, or from the loaded state. ViewError for a state of other numbers of workers or ranks."""
        self._views = self._start()
        return map(self._sample, self._views)

    def state_dict(self) -> dict[str, Any]:
        """What this process's iterator has delivered so far."""
        return {"workers": [(self._views or self._start()).state_dict()], "first": 0}

    def state_after(self, batches: int, batch_size: int, num_workers: int = 0) -> dict[str, Any]:
        """The state after a DataLoader of these settings, begun anew with this data set, has yielded so many batches.

        It is that of each rank, where all have taken as many.
        """
        workers = max(num_workers, 1)
        states: list[dict[str, Any]] = [{}] * workers
        for turn in range(workers):  # a DataLoader takes a batch of each worker in turn
            state = self._start(turn, workers).state_dict()
            taken = batch_size * len(range(turn, batches, workers))
            states[(turn + self._first) % workers] = state | {"delivered": state["delivered"] + taken}
        return {"workers": states, "first": (self._first + batches) % workers}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Let the next iterators go on from a state."""
        self._states, self._first, self._views = [*state["workers"]], int(state["first"]), None

    def _start(self, turn: int | None = None, workers: int = 1) -> HouseViews:
        """The iterator of a worker; without arguments, of the one that this process is."""
        if turn is None:
            info = get_worker_info()
            turn, workers = (info.id, info.num_workers) if info else (0, 1)
        if len(self._states) > 1 and len(self._states) != workers:  # one alone may be of a worker that keeps its own
            raise ViewError(
                f"the state is of {len(self._states)} workers; use a DataLoader with as many, not {workers}"
            )
        worker = (turn + self._first) % workers
        joined = distributed.is_available() and distributed.is_initialized()
        rank, ranks = (distributed.get_rank(), distributed.get_world_size()) if joined else (0, 1)
        views = HouseViews(self.options, Shard(rank * workers + worker, ranks * workers))
        if self._states:
            views.load_state_dict(self._states[worker if len(self._states) > 1 else 0])
        return views

    def _sample(self, sample: Sample) -> Any:
        tensors = {name: torch.as_tensor(value) for name, value in sample.items()}
        return tensors if self.transform is None else self.transform(tensors)
