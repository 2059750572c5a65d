"""A vector environment whose simulator renders all agents of a house in one call.

`gymnasium.make_vec("testspace/House-v0", num_envs=16, house=7)` makes one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from ...core.frame import Camera, Frame
from ..house.house import House
from ..simulator import Simulator
from .continuous_env import ContinuousHouseEnv
from .house_env import OBSERVED, HouseEnv
from .loaded_house import LoadedHouse

HouseLike = House | Path | str | int | LoadedHouse
"""What HouseEnv takes as a house."""


class _Body(HouseEnv):
    """An agent of a vector environment: it moves, and the vector environment renders for all."""

    def _observe(self) -> Frame:
        return {}

    def measured(self, frame: Frame) -> Frame:
        """What the agent observes of a true frame."""
        return frame


class _ContinuousBody(ContinuousHouseEnv):
    """The same of a wheeled robot."""

    def _observe(self) -> Frame:
        return {}


class HouseVectorEnv(VectorEnv[Frame, NDArray[np.int64], NDArray[Any]]):
    """`num_envs` agents that cannot see or touch each other, in one house or spread evenly over several.

    Each behaves, and sees, exactly as a HouseEnv with the same arguments and seed. Observations are Frames with a
    leading axis (num_envs, ...), new arrays at every step. What happens to an agent whose episode has ended is
    Gymnasium's `AutoresetMode`:

        NEXT_STEP   it is reset at the next step, whose action it ignores
        SAME_STEP   it is reset at once; `infos` has "final_obs" and "final_info", the last of the old episode
        DISABLED    it must be reset by `reset(options={"reset_mask": ...})`

    Raises what HouseEnv raises.
    """

    metadata: dict[str, Any]
    single: ClassVar[type[HouseEnv]] = HouseEnv
    """The environment of one agent, whose parameters are `options`."""
    body: ClassVar[type[_Body] | type[_ContinuousBody]] = _Body
    """An agent that does not render."""

    def __init__(
        self,
        num_envs: int = 1,
        house: HouseLike | Sequence[HouseLike] = 0,
        camera: Camera = Camera(),  # noqa: B008 (frozen)
        threads: int | None = None,
        render_mode: str | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        **options: Any,
    ) -> None:
        """house: as for HouseEnv, or several: agent i lives in number i modulo their count.
        threads: rendering threads; None for one on each core. options: other parameters of HouseEnv, such as `step`,
        `max_steps` or `antialias`."""
        houses: list[Any] = list(house) if isinstance(house, (list, tuple)) else [house]
        if num_envs < 1 or not houses:
            raise ValueError(f"HouseVectorEnv: needs 1 agent and 1 house or more, got {num_envs} and {len(houses)}")
        self.num_envs, self.render_mode = num_envs, render_mode
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {**HouseEnv.metadata, "autoreset_mode": self.autoreset_mode}
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        threads = cores if threads is None else threads
        first = self.single(houses[0], camera, threads=threads, render_mode=render_mode, **options)
        others = [self.single(one, camera, threads=threads, **options) for one in houses[1:num_envs]]
        self._houses = [first.loaded, *(other.loaded for other in others)]
        self._bodies = [
            self.body(self._houses[i % len(self._houses)], render_mode=render_mode, **options) for i in range(num_envs)
        ]
        self.single_action_space, self.single_observation_space = first.action_space, first.observation_space
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self._ended: NDArray[np.bool_] | None = None
        self._rgb: NDArray[np.uint8] | None = None
        self._last: Frame | None = None

    @property
    def simulators(self) -> list[Simulator]:
        """What renders each house, in the order of `house`."""
        return [house.simulator for house in self._houses]

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Frame, dict[str, Any]]:
        """Put all agents at their starts. seed: one for each agent, or the first of num_envs seeds in a row. options:
        HouseEnv's, for all; "house" replaces the house; "reset_mask", bool (num_envs,), says which are reset, and the
        others stay as they are."""
        seeds = [seed] * self.num_envs if seed is None else seed
        if isinstance(seeds, (int, np.integer)):
            seeds = [int(seeds) + i for i in range(self.num_envs)]
        if len(seeds) != self.num_envs:
            raise ValueError(f"HouseVectorEnv: {len(seeds)} seeds for {self.num_envs} agents")
        if options and "house" in options:
            self._enter(options["house"])
            options = {key: value for key, value in options.items() if key != "house"}
        mask = np.ones(self.num_envs, np.bool_)
        if options and "reset_mask" in options:
            options = dict(options)
            mask = self._checked(options.pop("reset_mask"))
        infos: dict[str, Any] = {}
        for i in np.flatnonzero(mask).tolist():
            infos = self._add_info(infos, self._bodies[i].reset(seed=seeds[i], options=options)[1], i)
        ended = np.zeros(self.num_envs, np.bool_) if self._ended is None else self._ended
        self._ended = ended & ~mask
        return self._observe(mask), infos

    def step(
        self, actions: NDArray[np.int64] | Sequence[int]
    ) -> tuple[Frame, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """One action of each agent: Frames, rewards (0), terminations (False), truncations, and infos."""
        if self._ended is None:
            raise gymnasium.error.ResetNeeded("HouseVectorEnv: call reset() before step()")
        if len(actions) != self.num_envs:
            raise ValueError(f"HouseVectorEnv: {len(actions)} actions for {self.num_envs} agents")
        mode = self.autoreset_mode
        if mode == AutoresetMode.DISABLED and self._ended.any():
            raise gymnasium.error.ResetNeeded(
                "HouseVectorEnv: reset the ended agents: reset(options={'reset_mask': ...})"
            )
        infos: dict[str, Any] = {}
        truncated = np.zeros(self.num_envs, np.bool_)
        for i, (body, action) in enumerate(zip(self._bodies, actions, strict=True)):
            if self._ended[i]:
                info = body.reset()[1]
            else:
                _, _, _, truncated[i], info = body.step(action)
            infos = self._add_info(infos, info, i)
        self._ended = truncated.copy()
        observed = self._observe()
        if mode == AutoresetMode.SAME_STEP and truncated.any():
            observed, infos = self._restarted(observed, truncated, infos)
        return observed, np.zeros(self.num_envs), np.zeros(self.num_envs, np.bool_), truncated, infos

    def _restarted(self, last: Frame, ended: NDArray[np.bool_], infos: dict[str, Any]) -> tuple[Frame, dict[str, Any]]:
        """The observations and infos after the ended agents were reset at once, with the last of their episodes."""
        before, infos = infos, {}
        for i in range(self.num_envs):
            old = {key: before[key][i] for key in before if not key.startswith("_")}
            if ended[i]:
                final = {key: value[i].copy() for key, value in last.items()}
                old = {**self._bodies[i].reset()[1], "final_obs": final, "final_info": old}
            infos = self._add_info(infos, old, i)
        assert self._ended is not None
        self._ended[:] = False
        return self._observe(ended), infos

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """What each agent sees, uint8 (H, W, 3), in render_mode "rgb_array"; None otherwise."""
        if self.render_mode is None or self._rgb is None:
            return None
        return tuple(self._rgb.copy())

    def _checked(self, mask: Any) -> NDArray[np.bool_]:
        """A mask of the agents; ValueError for another shape or dtype."""
        array = np.asarray(mask)
        if array.shape != (self.num_envs,) or array.dtype != np.bool_:
            raise ValueError(
                f"HouseVectorEnv: reset_mask must be bool ({self.num_envs},), got {array.dtype} {array.shape}"
            )
        return array

    def _enter(self, house: House) -> None:
        """Move all agents to another house, which is built once."""
        if len(self._houses) != 1:
            raise ValueError(f"HouseVectorEnv: the option 'house' is for one house, here are {len(self._houses)}")
        self._houses = [self._houses[0].changed(house)]
        for body in self._bodies:
            body.loaded = self._houses[0]

    def _observe(self, moved: NDArray[np.bool_] | None = None) -> Frame:
        """Observations of all agents; those that have not `moved` see what they last saw, noise included."""
        poses = np.stack([body.pose for body in self._bodies])
        several = len(self._houses)
        frames = [house.simulator.render(poses[i::several]) for i, house in enumerate(self._houses)]
        if several == 1:
            merged = {key: frames[0][key] for key in OBSERVED}
        else:
            merged = {
                key: np.empty((self.num_envs, *frames[0][key].shape[1:]), frames[0][key].dtype) for key in OBSERVED
            }
            for i, frame in enumerate(frames):
                for key in OBSERVED:
                    merged[key][i::several] = frame[key]
        if self.body is not _Body:
            merged = self._measured(merged, moved)
        self._rgb = merged["rgb"]
        return merged

    def _measured(self, true: Frame, moved: NDArray[np.bool_] | None) -> Frame:
        """What each agent measures of its true frame."""
        last, rows = self._last, []
        for i, body in enumerate(self._bodies):
            if moved is None or moved[i] or last is None:
                rows.append(body.measured({key: true[key][i] for key in OBSERVED}))
            else:
                rows.append({key: last[key][i] for key in OBSERVED})
        self._last = {key: np.stack([row[key] for row in rows]) for key in OBSERVED}
        return {key: value.copy() for key, value in self._last.items()}


class ContinuousHouseVectorEnv(HouseVectorEnv):
    """`num_envs` wheeled robots: the same of ContinuousHouseEnv, whose actions are float32 (num_envs, 2)."""

    single = ContinuousHouseEnv
    body = _ContinuousBody
