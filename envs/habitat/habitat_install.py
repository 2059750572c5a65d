"""habitat-sim as it is installed on this machine, and the devices on which it can draw."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from .habitat_errors import HabitatError

INSTALL = "conda install habitat-sim withbullet headless -c conda-forge -c aihabitat-nightly"
"""Its stable channel, aihabitat, has builds for Python 3.9 only; the nightly one has 3.10 to 3.12."""
DEVICES = (0, -1)
"""The first GPU, then the CPU, in habitat-sim's numbers."""
SECONDS = 120.0
"""Without an end for this long, a device counts as one that cannot draw."""

# A renderer is only made where there is a sensor; NONE is its name of the empty scene.
_PROBE = """
import sys
import habitat_sim
backend, sensor = habitat_sim.SimulatorConfiguration(), habitat_sim.CameraSensorSpec()
backend.scene_id, backend.gpu_device_id, sensor.uuid = "NONE", int(sys.argv[1]), "rgb"
body = habitat_sim.agent.AgentConfiguration()
body.sensor_specifications = [sensor]
habitat_sim.Simulator(habitat_sim.Configuration(backend, [body])).close()
"""


def habitat() -> Any:
    """The module `habitat_sim`; HabitatError with the line that installs it."""
    try:
        import habitat_sim
    except ImportError as error:
        why = "is not installed, and pip cannot" if error.name == "habitat_sim" else f"cannot be imported ({error})"
        raise HabitatError(f"habitat-sim {why}: {INSTALL}") from None
    return habitat_sim


def drawing_device(devices: Sequence[int] = DEVICES) -> int:
    """The first of some devices on which habitat-sim can draw.

    Each is tried in a process of its own, because habitat-sim ends the process where it cannot. HabitatError, with its
    reason for every device, if it can on none.
    """
    reasons = []
    for device in devices:
        reason = _probe(device)
        if reason is None:
            return device
        reasons.append(f"{'CPU' if device < 0 else f'GPU {device}'}: {reason}")
    raise HabitatError(f"habitat-sim cannot draw here ({'; '.join(reasons)}); it needs EGL: a GPU with its driver, or"
                       " Mesa's software renderer (Debian: libegl1 and libgl1-mesa-dri)")  # fmt: skip


def describe_installation() -> str:
    """habitat-sim's version, the device that it draws on, and whether it has Bullet, in one line.

    HabitatError if it is not installed or cannot draw.
    """
    module, device = habitat(), drawing_device()
    drawing = "the CPU" if device < 0 else f"GPU {device}"
    bullet = "with Bullet" if module.built_with_bullet else "without Bullet: no furniture with doors or drawers"
    return f"habitat-sim {module.__version__}, draws on {drawing}, {bullet}"


def _probe(device: int) -> str | None:
    """Why habitat-sim cannot draw on a device; None where it can."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROBE, str(device)], capture_output=True, text=True, timeout=SECONDS, check=False
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"no answer within {SECONDS:.0f} s"
    if done.returncode == 0:
        return None
    lines = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    reasons = [line.rpartition("(): ")[2] for line in lines if "unable to" in line.lower() or "cannot" in line]
    return (reasons or lines or [f"its process ended with status {done.returncode}"])[0]
