"""The actor's process of `async_live`: it acts up to the frames that it is sent to, until its learner is gone."""

from __future__ import annotations

import fcntl
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

import torch

from ..core.children import end_with_parent
from ..envs.gym_envs.world import World
from ..learners.data.replay_buffer import ReplayBuffer
from .actor import Acted, Actor, Admit
from .episode import EpisodeConfig
from .policies import Policy

PAUSE = 0.05
"""Seconds between two looks while there is nothing to do."""
LONGEST_END = 30.0
"""Seconds that the actor has to store its frames to end."""
INTERRUPTED = 130
"""Exit status after Ctrl-C."""

OpenWorld = Callable[[Any], AbstractContextManager[tuple[World, Policy]]]
"""Opens the actor's world and its policy, in the given state of the house (None: the first one)."""


class ActorError(ValueError):
    """The actor's process ended before its time."""


class ActorSettings(NamedTuple):
    """What the actor's process is started with; all of it can be pickled."""

    world: OpenWorld
    house: Any
    admit: Admit
    config: EpisodeConfig
    buffer: Path
    size: tuple[int, int]
    """Height and width of the frames, in pixels."""
    folder: Path
    seed: int


@contextmanager
def only_actor(folder: Path) -> Iterator[None]:
    """Wait until no other process acts in this episode: one whose learner was killed ends at once.

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
                    raise ActorError(f"{folder}: another process acts in this run; end it first") from None
                time.sleep(PAUSE)
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield


class _ReportingActor(Actor):
    """Keeps the metrics of each rollout in the buffer's note, where the learner finds them with the frames."""

    def _note(self, acted: Acted) -> dict[str, Any]:
        seen, held = self.coverage()
        rollout = {"frame": self.frame, "coverage": seen, "buffer_coverage": held, **acted._asdict()}
        return {**super()._note(acted), "rollouts": [*self.buffer.note.get("rollouts", ()), rollout]}


def run_actor(pipe: Connection, learner: int, settings: ActorSettings) -> None:
    """The main function of the process: obeys the pipe until it is interrupted; it dies with the learner's process.

    `learner`: the learner's process id. Messages are ("act", frames) and ("change", state of the house).
    """
    end_with_parent(learner)
    stopped = 0

    def stop(number: int, frame: Any) -> None:
        nonlocal stopped
        stopped = stopped or number

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)

    def halted() -> bool:
        return bool(stopped)

    torch.set_num_threads(1)
    config = settings.config
    try:
        with only_actor(settings.folder), settings.world(settings.house) as (env, policy):
            buffer = ReplayBuffer(
                settings.buffer, config.capacity, *settings.size, settings.seed, resume=True, eviction=config.eviction
            )
            actor = _ReportingActor(env, policy, buffer, settings.admit, config, settings.folder, settings.seed)
            actor.halted = halted
            while not halted():
                if not pipe.poll(PAUSE):
                    continue
                what, value = pipe.recv()
                if what == "change":
                    pipe.send(actor.change_house(value))
                while what == "act" and actor.frame < value and not halted():
                    actor.act(min(config.rollout, value - actor.frame))
    except EOFError:
        pass  # the learner is gone
    except Exception:
        (settings.folder / "actor.log").write_text(traceback.format_exc())
        sys.exit(1)
    sys.exit(INTERRUPTED if stopped == signal.SIGINT else 0)
