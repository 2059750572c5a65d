"""The benchmark of cameras at smoke size: that it measures every example. How fast they are, no test asks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from testspace.envs.camera.examples import EXAMPLES
from testspace.experiments.bench.camera import CameraBench, main


def test_every_example_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "camera.json"
    main(CameraBench(side=16, frames=1, rounds=1, houses=1, json_file=file))
    figures = json.loads(file.read_text())
    assert figures["ms_a_frame"].keys() == {"direct light", "baked light", *EXAMPLES}
    assert min(figures["ms_a_frame"].values()) > 0
    assert figures["ms_a_view"].keys() == {"exact", "random cameras"}
    told = capsys.readouterr().out
    assert "16 x 16 pixels" in told
    assert all(name in told for name in EXAMPLES)
