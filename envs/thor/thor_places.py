"""References to houses and scenes of AI2-THOR, and the Controller's options for this machine."""

from __future__ import annotations

import ctypes.util
import os
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..house.house import House
from ..house.house_io import load_house
from ..house.house_json import parse_house
from ..house.house_write import house_to_json
from .thor_errors import ThorError

_PROCTHOR = re.compile(r"procthor-10k:(train|val|test)/(\d+)")
INSTALL = "pip install 'testspace[thor]'"


def find_place(ref: str | House) -> tuple[House | None, str | dict[str, Any]]:
    """The House (None for iTHOR's scenes) and the `scene` argument of `Controller.reset`.

    ref: a House; "FILE.json" or "FILE.jsonl[.gz]:LINE"; "procthor-10k:train/17", fetched by `prior`; or a scene's name,
    "FloorPlan1". Raises HouseError for a broken house, ThorError if `prior` or the network is missing.
    """
    if isinstance(ref, str) and re.fullmatch(r"FloorPlan\w+", ref):
        return None, ref
    if isinstance(ref, str) and (match := _PROCTHOR.fullmatch(ref)):
        data = _procthor(match[1], int(match[2]))
        return parse_house(data, ref), data
    house = ref if isinstance(ref, House) else load_house(ref)
    return house, house_to_json(house)


def _procthor(split: str, number: int) -> dict[str, Any]:
    try:
        import prior
    except ImportError:
        raise ThorError("procthor-10k needs the package that fetches it: pip install prior") from None
    try:
        houses = prior.load_dataset("procthor-10k")[split]
    except Exception as error:
        raise ThorError(f"procthor-10k could not be fetched: {error or type(error).__name__}; save the house as a file"
                        " where there is a network, and name that") from None  # fmt: skip
    if number >= len(houses):
        raise ThorError(f"procthor-10k:{split} has houses 0 to {len(houses) - 1}, not {number}")
    return dict(houses[number])


def controller_class() -> Any:
    """The `ai2thor` Controller; ThorError with the line that installs it."""
    try:
        from ai2thor.controller import Controller
    except ImportError:
        raise ThorError(f"AI2-THOR is not installed: {INSTALL}") from None
    return Controller


def drawing_options() -> dict[str, Any]:
    """Options of the Controller for this machine: X if there is a display, else headless Vulkan.

    ThorError, naming what is missing, if there is neither, or no ai2thor.
    """
    controller_class()
    if os.environ.get("DISPLAY"):
        return {}
    if ctypes.util.find_library("vulkan"):
        from ai2thor.platform import CloudRendering

        return {"platform": CloudRendering}
    raise ThorError("AI2-THOR cannot draw here: $DISPLAY is not set, and there is no Vulkan for drawing without a"
                    " display; start an X server with GLX, or install libvulkan1 and a GPU's driver")  # fmt: skip


def describe_installation() -> str:
    """ai2thor's version, how it would draw here, and whether its build has been fetched, in one line.

    ThorError if it is not installed or cannot draw.
    """
    platform = drawing_options().get("platform")
    drawing = "headless by Vulkan" if platform else f"on the X display {os.environ['DISPLAY']}"
    import ai2thor.build

    name = f"thor-{'CloudRendering' if platform else 'Linux64'}-{ai2thor.build.COMMIT_ID}"
    fetched = (Path.home() / ".ai2thor/releases" / name).is_dir()
    build = "its build is here" if fetched else "its build (0.8 GB) comes at the first run"
    return f"ai2thor {version('ai2thor')}, draws {drawing}; {build}"
