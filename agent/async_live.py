"""Acting and learning at the same time: the actor in a process of its own, on the same buffer; the learner never waits.

    actor:    environment -> policy -> frames on disk, up to the frame that it was sent to
    learner:  frames on disk -> as many steps as the replay ratio wants by that frame, on what is there

The learner waits for the first frames, and, its steps done, for the actor to reach the frame at which it is tested: a
test is of just so many frames lived, as where acting and learning alternate. Neither process outlives the other for
long, and each stores what it has: the actor what it saw, to the frame; the learner its last turn.
"""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..core.storage import write_arrays
from ..envs.gym_envs.world import World
from ..learners.data.replay_buffer import ReplayBuffer
from ..learners.data.shared_buffer import SharedBuffer
from ..learners.objectives.tst import TSTLearner
from .actor import Acting, LifeConfig
from .fusion.semantic_map import SemanticMap
from .live import Turn
from .mapping.occupancy_map import OccupancyMap
from .policies import Policy
from .trainer import Learning, Tally

CHUNK = 8
"""Steps between two looks at what the actor has done."""
PAUSE = 0.05
"""Seconds between two looks while there is nothing to do."""
LONGEST_END = 30.0
"""Seconds that the actor has to store what it saw when it is told to end."""
INTERRUPTED = 130

OpenWorld = Callable[[Any], AbstractContextManager[tuple[World, Policy]]]
"""Opens the world of the actor and its policy, in the state of the house that is given (None: as it is at first)."""


class ActorError(ValueError):
    """The actor's process ended before its time."""


class Begin(NamedTuple):
    """What the actor is started with; all of it can be pickled."""

    world: OpenWorld
    house: Any
    admit: Callable[[NDArray[np.float32]], NDArray[np.bool_]]
    config: LifeConfig
    buffer: Path
    size: tuple[int, int]
    folder: Path
    seed: int


class ApartLife(Learning):
    """A life whose actor has a process of its own; otherwise as `live.Life`.

    `env` is not acted in: it says what the house is like, and changes with it. The actor is started when it is needed.
    """

    def __init__(
        self,
        env: World,
        begin: Begin,
        learner: TSTLearner,
        mix_in: Tensor,
        semantic_map: SemanticMap | None = None,
    ) -> None:
        self.buffer: SharedBuffer
        buffer = SharedBuffer.reader(begin.buffer)
        super().__init__(buffer, learner, mix_in, begin.config, begin.folder, begin.seed, semantic_map)
        self.buffer.reseed(begin.seed + learner.steps)  # not the draws of before a stop
        self.env, self.begin, self.map = env, begin, OccupancyMap(env.camera)
        self.path: list[tuple[float, float]] = []
        self.frame = self._seen = 0
        self._turn = 0  # frames lived by the last turn that was told
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None
        learned = begin.folder / "learned.npz"
        if learned.exists():
            with np.load(learned, allow_pickle=False) as stored:
                self._turn, self._seen = int(stored["turn"]), int(stored["seen"])
                if semantic_map is not None:
                    semantic_map.restore({"ballots": stored["ballots"], "votes": stored["votes"]})
        self._catch_up()

    def live(self, until: int, watch: Callable[[Turn], None]) -> None:
        """Learn while the actor lives to `until` frames; `watch` is called after each of its turns, in order.

        Raises ActorError where the actor ends before, KeyboardInterrupt where it is interrupted.
        """
        tally = Tally()
        if self._turn < until:
            self._order("live", until)
        while self._turn < until:
            self._catch_up()
            turn = next((one for one in self.buffer.note.get("turns", ()) if one["frame"] > self._turn), None)
            goal = self._owed(until)
            if turn is not None and self._owed(turn["frame"]) <= self.learner.steps:
                self._turn = turn["frame"]
                self._store()
                watch(Turn(**turn, samples_per_s=tally.samples_per_s(), losses=tally.means()))
                tally = Tally()
            elif self._begun(self.frame) and self.learner.steps < goal and (turn is not None or len(self.buffer)):
                if not self.learner.has_tokenizers:
                    self.learner.fit_tokenizers(self.buffer.sample)
                due = goal if turn is None else self._owed(turn["frame"])
                self._steps(min(CHUNK, due - self.learner.steps), tally)
            else:
                time.sleep(PAUSE)
            self._check()

    def change_house(self, house: Any) -> float:
        """Put another state of the house round the agent; returns how far it had to move aside."""
        self._order("change", house)
        assert self._pipe is not None
        while not self._pipe.poll(PAUSE):
            self._check()
        displaced = float(self._pipe.recv())
        self.env.reset(options={"house": house})
        return displaced

    def close(self) -> None:
        """Let the actor store what it has, and end."""
        if self._process is not None and self._process.is_alive():
            self._process.terminate()
            self._process.join(LONGEST_END)
            self._process.kill()

    def _order(self, what: str, value: Any) -> None:
        if self._process is None:
            spawn = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
            self._pipe, its_end = spawn.Pipe()
            self._process = spawn.Process(target=_actor, args=(its_end, os.getpid(), self.begin), daemon=True)
            heard = signal.signal(signal.SIGINT, signal.SIG_IGN)  # until it can end in good order
            try:
                self._process.start()
            finally:
                signal.signal(signal.SIGINT, heard)
            its_end.close()
        assert self._pipe is not None
        self._pipe.send((what, value))

    def _check(self) -> None:
        """ActorError or KeyboardInterrupt where the actor's process is no more."""
        assert self._process is not None
        if self._process.is_alive():
            return
        code = self._process.exitcode
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        log = self.folder / "actor.log"
        lines = log.read_text().splitlines() if code == 1 and log.exists() else []
        why = f"{lines[-1]} ({log} says where)" if lines else f"exit status {code}"
        raise ActorError(f"the actor's process died: {why}; what was stored stays, go on with --resume")

    def _catch_up(self) -> None:
        """Take note of what the actor has stored since the last time."""
        self.buffer.refresh()
        if self.buffer.note.get("frame", 0) == self.frame:
            return
        self.frame = self.buffer.note["frame"]
        with np.load(self.folder / "agent.npz", allow_pickle=False) as stored:
            self.path = [tuple(place) for place in stored["path"].tolist()]
            self.map.restore({key.removeprefix("map/"): stored[key] for key in stored if key.startswith("map/")})
        if self.semantic_map is None or not len(self.buffer):
            return
        steps = self.buffer.get(range(len(self.buffer)), ("step",))["step"]
        new = torch.nonzero(steps >= self._seen).flatten()
        for some in new.split(self.config.turn) if len(new) else ():
            self.semantic_map.add(self.buffer.get(some))
        self._seen = max(self._seen, int(steps.max()) + 1)

    def _store(self) -> None:
        """Make the learner survive a crash, and how far it has come."""
        votes = {} if self.semantic_map is None else self.semantic_map.arrays()
        told = {"turn": np.array(self._turn), "seen": np.array(self._seen)}
        write_arrays(self.folder / "learned.npz", {**told, **votes})
        super()._store()


@contextmanager
def only_actor(folder: Path) -> Iterator[None]:
    """Waits until no other process acts in this life: one whose learner was killed ends within a frame.

    ActorError where one goes on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    waiting_ends = time.monotonic() + LONGEST_END
    with (folder / "actor.lock").open("a+") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > waiting_ends:
                    raise ActorError(f"{folder}: another process lives this life; end it first") from None
                time.sleep(PAUSE)
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield


class _Actor(Acting):
    """Keeps what became of each turn in the buffer's note, where the learner finds it with the frames."""

    def _note(self) -> dict[str, Any]:
        seen, held = self._covered()
        turn = {"frame": self.frame, "coverage": seen, "buffer_coverage": held}
        turn |= {"collisions": self.acted[0], "simulator_fps": self.acted[1]}
        return {**super()._note(), "turns": [*self.buffer.note.get("turns", ()), turn]}


def _actor(pipe: Connection, learner: int, begin: Begin) -> None:
    """The actor's process: does what it is told until it is interrupted, or its learner's process is gone."""
    stopped = 0

    def stop(number: int, frame: Any) -> None:
        nonlocal stopped
        stopped = stopped or number

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)

    def halted() -> bool:
        return bool(stopped) or os.getppid() != learner

    torch.set_num_threads(1)
    try:
        with only_actor(begin.folder), begin.world(begin.house) as (env, policy):
            buffer = ReplayBuffer(
                begin.buffer, begin.config.capacity, *begin.size, begin.seed, resume=True, eviction=begin.config.replay
            )
            actor = _Actor(env, policy, buffer, begin.admit, begin.config, begin.folder, begin.seed)
            actor.halted = halted
            while not halted():
                if not pipe.poll(PAUSE):
                    continue
                what, value = pipe.recv()
                if what == "change":
                    pipe.send(actor.change_house(value))
                while what == "live" and actor.frame < value and not halted():
                    actor.act(min(begin.config.turn, value - actor.frame))
    except EOFError:
        pass  # the learner is gone
    except Exception:
        (begin.folder / "actor.log").write_text(traceback.format_exc())
        sys.exit(1)
    sys.exit(INTERRUPTED if stopped == signal.SIGINT else 0)
