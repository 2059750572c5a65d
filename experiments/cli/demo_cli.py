"""`testspace` alone, `testspace demo` and `testspace play`: what to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

WELCOME = """\
testspace: an agent explores one house and trains a vision model on what it sees there, without labels of that house.

  testspace demo                                           watch a trained network look around a new house
  testspace run --preset adapted-smoke --out runs/first    one agent in one house, in a minute; open report.html
  testspace segment my_pictures --out segmented            label your own pictures, a video or a camera
  testspace doctor                                         what this machine can do

All commands: testspace --help. Documentation: the folder docs/ of the repository; begin with docs/first-run.md."""
"""What is printed where no command is given."""

House = Annotated[str, tyro.conf.arg(metavar="FILE[:LINE]|SEED")]


def demo(*, out: Path = Path("demo"), house: House = "18", steps: int = 100, no_view: bool = False) -> None:
    """Watch the generalist look around a house that it has never seen; nothing is trained. Leaves a video.

    Args:
        out: New or empty folder for demo.mp4, demo.webp and demo.png.
        house: A ProcTHOR house, or the number of a generated one.
        steps: Steps of the agent.
        no_view: Do not open Rerun (where it is installed: a window, or a page without a display).
    """
    from ..tools.demo import DemoConfig, run_demo

    print(run_demo(DemoConfig(out, house, steps, not no_view)))


def play(*, house: House = "18", size: str = "640x480", fov: float = 75.0) -> None:
    """Walk through a house by keyboard: w, a, d or arrows; r and f look up and down (pip install 'testspace[play]').

    Args:
        house: A ProcTHOR house, or the number of a generated one.
        size: Pixels of the window, WIDTHxHEIGHT.
        fov: Vertical field of view, in degrees.
    """
    from ...core.frame import Camera
    from ..tools.play import play_house
    from ..tools.render import read_size

    width, height = read_size(size)
    play_house(house, Camera(width, height, fov))
