"""The table of the model card, at a tiny size."""

from __future__ import annotations

from pathlib import Path

import pytest

from testspace.envs.generator import generate_house
from testspace.envs.house.house_io import load_house, save_house
from testspace.experiments.generalist.exclusion import excluded_assets, known_assets
from testspace.experiments.generalist.validate import main


def test_the_table_of_the_shipped_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_house(generate_house(1, rooms=1), tmp_path / "house.json")
    lines = (tmp_path / "house.json").read_text()
    (tmp_path / "houses.jsonl").write_text(" ".join(lines.split("\n")) + "\n")
    main(["shipped", f"{tmp_path / 'houses.jsonl'}:0", "--views", "3"])
    head, _, row, mean = capsys.readouterr().out.splitlines()
    assert head == "| house (line) | rgb | rgb-d | noisy rgb-d | assets known |"
    assert row.startswith("| 0 | ")
    assert mean.startswith("| **mean** | ")
    assert row.split("|")[2:5] == mean.split("|")[2:5]
    main(["shipped", f"{tmp_path / 'houses.jsonl'}:0", "--views", "3", "--confusions"])
    head, _, *rows = capsys.readouterr().out.splitlines()
    assert head == "| class | right, rgb | right, rgb-d | taken for, from rgb |"
    right = [int(row.split("|")[2].strip(" %")) for row in rows]
    assert right == sorted(right)
    assert 1 < len(rows) <= 8


def test_only_assets_of_kept_types_are_known(tmp_path: Path) -> None:
    save_house(generate_house(2, rooms=2, split="train"), tmp_path / "house.json")
    house = load_house(tmp_path / "house.json")
    excluded, kept = excluded_assets([house])
    assert known_assets(house, excluded) == kept
    assert known_assets(house, ()) >= kept | excluded


def test_bad_weights_and_numbers_are_refused(tmp_path: Path) -> None:
    for weights, views in ((str(tmp_path / "none"), "1"), ("shipped", "0")):
        with pytest.raises(SystemExit, match="2"):
            main([weights, "houses.jsonl:0", "--views", views])
