"""MiniWorld, a 3-D environment of a few quads and boxes, in a house of its own."""

from __future__ import annotations

from typing import Any

import pyglet

pyglet.options["headless"] = True  # before MiniWorld opens its window

import gymnasium  # noqa: E402
import miniworld  # noqa: E402


def prepare(house: str, side: int, frames: int) -> tuple[dict[str, Any], Any, int]:
    """A description, a call that renders, and the frames of a call. `house` is ignored: it cannot load one."""
    del house
    env: Any = gymnasium.make("MiniWorld-FourRooms-v0", obs_width=side, obs_height=side).unwrapped
    env.reset(seed=0)

    def work() -> None:
        for _ in range(frames):
            env.agent.dir += 0.3
            env.render_obs()
            env.render_depth()

    return (
        {
            "version": miniworld.__version__,
            "renders": "rgb and depth of its own four rooms; no normals, labels or shadows",
        },
        work,
        frames,
    )
