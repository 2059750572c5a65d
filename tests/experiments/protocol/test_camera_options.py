"""The camera of an experiment by options; those of a run are tried in tests/experiments/cli/test_run_cli.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from testspace.core.errors import UserError
from testspace.core.frame import Camera
from testspace.experiments.paper.options import ExperimentOptions
from testspace.experiments.paper.registry import find_experiment
from testspace.experiments.paper.tables import command
from testspace.experiments.protocol.camera_options import CameraOptions


def test_an_experiment_takes_the_camera_of_its_options() -> None:
    options = ExperimentOptions(Path("x"), preset="smoke", view_from=CameraOptions("48x48", 60.0, 1.2))
    sizes = options.sizes()
    assert (sizes.camera, sizes.transfer_set.camera_height) == (Camera(48, 48, 60.0), 1.2)
    assert sizes.learner.image_size == 48
    assert ExperimentOptions(Path("x"), preset="smoke").sizes().camera == Camera(32, 32)
    with pytest.raises(UserError, match="square and a multiple of 8"):
        CameraOptions("96x72").sizes(sizes)


def test_the_command_of_a_result_names_the_camera() -> None:
    results = {"settings": {}, "houses": ["a/h.json"], "seeds": [0], "preset": "smoke"}
    camera = {"camera": "48x48", "fov": None, "camera_height": 1.2}
    told = command(find_experiment("fusion"), {**results, "camera": camera}, "out")
    assert "--house h.json --camera 48x48 --camera-height 1.2 --seeds 0" in told
    assert "--camera" not in command(find_experiment("fusion"), results, "out")  # of an earlier version
