"""Test-Space Training as a live agent: explore one house, learn it without labels, see better in it.

The names below are what most programs need; each is loaded when it is first used. Importing the package also
registers the environment, so that `gymnasium.make("testspace/House-v0", house=7)` works.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .core.errors import LEARNER_PACKAGES, without_learner
from .envs.gym_envs import registration as _registration

if TYPE_CHECKING:
    from .agent.mapping.occupancy_map import OccupancyMap
    from .agent.policies import make_policy
    from .core.frame import Camera
    from .envs.assembly.building import build_scene
    from .envs.generator import generate_house
    from .envs.gym_envs.house_env import HouseEnv
    from .envs.house.house import House
    from .envs.house.house_io import load_house
    from .envs.render.raycast import RayCastSimulator
    from .envs.scene import Scene
    from .learners.data.replay_buffer import ReplayBuffer
    from .learners.heads.segmentation import Segmenter
    from .learners.masked.encoder import Encoder
    from .learners.objectives.tst import TSTLearner

    __version__: str

_WHERE = {
    "Camera": "core.frame",
    "Encoder": "learners.masked.encoder",
    "House": "envs.house.house",
    "HouseEnv": "envs.gym_envs.house_env",
    "OccupancyMap": "agent.mapping.occupancy_map",
    "RayCastSimulator": "envs.render.raycast",
    "ReplayBuffer": "learners.data.replay_buffer",
    "Scene": "envs.scene",
    "Segmenter": "learners.heads.segmentation",
    "TSTLearner": "learners.objectives.tst",
    "build_scene": "envs.assembly.building",
    "generate_house": "envs.generator",
    "load_house": "envs.house.house_io",
    "make_policy": "agent.policies",
}

__all__ = [
    "Camera",
    "Encoder",
    "House",
    "HouseEnv",
    "OccupancyMap",
    "RayCastSimulator",
    "ReplayBuffer",
    "Scene",
    "Segmenter",
    "TSTLearner",
    "build_scene",
    "generate_house",
    "load_house",
    "make_policy",
]


def __getattr__(name: str) -> Any:
    """Load a name of the table, or the version, on first use (PEP 562)."""
    if name == "__version__":
        value = _version()
    elif name in _WHERE:
        try:
            value = getattr(import_module(f".{_WHERE[name]}", __name__), name)
        except ModuleNotFoundError as error:
            if str(error.name).partition(".")[0] not in LEARNER_PACKAGES:
                raise
            raise ModuleNotFoundError(without_learner(error), name=error.name) from None
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def _version() -> str:
    """What was installed, as git's tags name it; "0+unknown" for a tree that is not."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(__name__)
    except PackageNotFoundError:
        return "0+unknown"


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})


_registration.register()
