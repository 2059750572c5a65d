"""Acting and learning at the same time: the actor in a process of its own, on the same buffer; the learner never waits.

    actor:    environment -> policy -> frames on disk, up to the frame that it was sent to
    learner:  frames on disk -> as many steps as the replay ratio makes due by that frame

The learner waits for the first frames, and, its steps done, for the actor to reach the frame at which it is evaluated:
an evaluation follows exactly as many frames as where acting and learning alternate. Neither process outlives the other
for long, and each stores what it has: the actor what it saw, to the frame; the learner its last rollout.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..core.storage import DamagedError, read_arrays, write_arrays
from ..envs.gym_envs.world import World
from ..learners.data.shared_buffer import SharedBuffer
from .actor import agent_file, part_of
from .actor_process import INTERRUPTED, LONGEST_END, PAUSE, ActorError, ActorSettings, run_actor
from .live import Rollout
from .mapping.occupancy_map import OccupancyMap
from .trainer import Trainer

CHUNK = 8
"""Training steps between two looks at what the actor has done."""


class AsyncAgent:
    """An agent whose actor has a process of its own; otherwise as `live.AlternatingAgent`.

    `env` is not acted in: it says what the house is like, and changes with it. The actor is started when it is needed.
    """

    def __init__(self, env: World, settings: ActorSettings, trainer: Trainer, buffer: SharedBuffer) -> None:
        """`buffer` is the one that the trainer draws from."""
        self.env, self.settings, self.trainer, self.buffer = env, settings, trainer, buffer
        self.map = OccupancyMap(env.camera)
        self.path: list[tuple[float, float]] = []
        self.frame = 0
        self._fused = 0  # frames up to here are in the semantic map
        self._reported = 0  # frames seen by the last rollout that was reported
        self._fusing = 0.0  # seconds of the semantic map since then
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None
        learned = settings.folder / "learned.npz"
        if learned.exists():
            self._resume(learned)
        self._catch_up()

    def _resume(self, learned: Path) -> None:
        """Continue from what `_store` wrote; where it is damaged, the frames are fused and reported anew."""
        try:
            stored = read_arrays(learned)
        except DamagedError as error:
            print(f"{error}; its frames are fused again", file=sys.stderr, flush=True)
            return
        self._reported, self._fused = int(stored["reported"]), int(stored["fused"])
        if self.trainer.semantic_map is not None:
            self.trainer.semantic_map.restore(part_of(stored, "semantic"))

    def live(self, until: int, on_rollout: Callable[[Rollout], None]) -> None:
        """Learn while the actor acts to `until` frames; `on_rollout` is called after each of its rollouts, in order.

        Raises ActorError where the actor ends before, KeyboardInterrupt where it is interrupted.
        """
        trainer, learner, learning = self.trainer, self.trainer.learner, 0.0
        if self._reported < until:
            self._send("act", until)
        while self._reported < until:
            self._catch_up()
            ended = next((one for one in self.buffer.note.get("rollouts", ()) if one["frame"] > self._reported), None)
            due = trainer.steps_due(until if ended is None else ended["frame"])
            trainer.begin(self._reported + 1)  # its end is not known yet
            if ended is not None and due <= learner.steps:
                self._reported = ended["frame"]
                self._store()
                ended = {**ended, "fusing_s": self._fusing, "learning_s": learning}
                on_rollout(Rollout(**ended, samples_per_s=trainer.means.samples_per_s(), losses=trainer.means.means()))
                learning, self._fusing = 0.0, 0.0
            elif trainer.config.learning(self.frame) and learner.steps < due and len(self.buffer):
                started = time.perf_counter()
                trainer.train(min(learner.steps + CHUNK, due))
                learning += time.perf_counter() - started
            else:
                time.sleep(PAUSE)
            self._check()

    def change_house(self, house: Any) -> float:
        """Put another state of the house around the agent; returns how far it had to move, in metres."""
        self._send("change", house)
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

    def _send(self, what: str, value: Any) -> None:
        if self._process is None:
            spawn = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
            self._pipe, its_end = spawn.Pipe()
            self._process = spawn.Process(target=run_actor, args=(its_end, os.getpid(), self.settings), daemon=True)
            heard = signal.signal(signal.SIGINT, signal.SIG_IGN)  # until it can end in good order
            try:
                self._process.start()
            finally:
                signal.signal(signal.SIGINT, heard)
            its_end.close()
        assert self._pipe is not None
        self._pipe.send((what, value))

    def _check(self) -> None:
        """ActorError or KeyboardInterrupt where the actor's process has ended."""
        assert self._process is not None
        if self._process.is_alive():
            return
        code = self._process.exitcode
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        log = self.settings.folder / "actor.log"
        lines = log.read_text().splitlines() if code == 1 and log.exists() else []
        why = f"{lines[-1]} ({log} says where)" if lines else f"exit status {code}"
        raise ActorError(f"the actor's process died: {why}; what was stored is kept, continue with --resume")

    def _catch_up(self) -> None:
        """Read what the actor has stored since the last time."""
        self.buffer.refresh()
        if self.buffer.note.get("frame", 0) == self.frame:
            return
        self.frame = self.buffer.note["frame"]
        try:
            stored = read_arrays(agent_file(self.settings.folder, self.frame))
        except DamagedError:
            if self._process is None:  # its frames go back to the flush before, once the actor starts
                raise
            return  # two flushes later already
        self.path = [tuple(place) for place in stored["path"].tolist()]
        self.map.restore(part_of(stored, "map"))
        semantic_map = self.trainer.semantic_map
        if semantic_map is None or not len(self.buffer):
            return
        steps = self.buffer.get(range(len(self.buffer)), ("step",))["step"]
        new = torch.nonzero(steps >= self._fused).flatten()
        started = time.perf_counter()
        for indices in new.split(self.settings.config.rollout) if len(new) else ():
            semantic_map.add(self.buffer.get(indices))
        self._fusing += time.perf_counter() - started
        self._fused = max(self._fused, int(steps.max()) + 1)

    def _store(self) -> None:
        """Write the learner, and how far it has come, so that they survive a crash."""
        semantic_map = self.trainer.semantic_map
        arrays = {} if semantic_map is None else semantic_map.arrays()
        progress = {"reported": np.array(self._reported), "fused": np.array(self._fused)}
        write_arrays(
            self.settings.folder / "learned.npz",
            {**progress, **{f"semantic/{key}": value for key, value in arrays.items()}},
        )
        self.trainer.store()
