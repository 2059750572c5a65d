"""What the generalist endures: a row for each camera, of the truth as that camera has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from testspace.envs.generator import generate_house
from testspace.envs.house.house_io import save_house
from testspace.experiments.generalist import cameras


def test_a_row_for_each_camera_and_none_lost_without_effect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    house = tmp_path / "house.json"
    save_house(generate_house(5, rooms=1), house)
    chosen = {name: cameras.MODELS[name] for name in ("exact", "exposure", "distortion", "everything")}
    monkeypatch.setattr(cameras, "MODELS", {**chosen, "exact again": cameras.MODELS["exact"]})
    cameras.main(["shipped", str(house), "--views", "4"])
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[0] for row in rows] == [*chosen, "exact again"]
    values = {row[0]: [float(value) for value in row[1:]] for row in rows}
    assert values["exact"] == values["exact again"]
    assert values["exact"][2:] == [0, 0]
    for name in chosen:
        assert all(0 < value <= 100 for value in values[name][:2])
        assert values[name][2] == pytest.approx(values[name][0] - values["exact"][0], abs=0.11)
    assert values["everything"][2] < 0


def test_no_views_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cameras.main(["shipped", "houses.jsonl:1", "--views", "0"])
    assert "--views must be 1 or more, got 0" in capsys.readouterr().err
