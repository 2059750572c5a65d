"""Every size of a preset can be set on the command line and in a file; later words win."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from testspace.core.errors import UserError
from testspace.core.frame import Camera
from testspace.experiments.cli.run_cli import options, parse_run
from testspace.experiments.protocol.preset import Preset, scheduled
from testspace.experiments.protocol.presets import PRESETS
from testspace.learners.objectives.tst_config import TSTConfig


def test_sizes_are_set_on_the_command_line() -> None:
    words = ["--out", "x", "--preset", "smoke", "--episode.frames", "800", "--learner.size", "tiny"]
    parsed = parse_run([*words, "--transfer.augment.flip", "0.25", "--milestones", "0.25", "1.0"])
    config, sizes = parsed.run, parsed.sizes
    smoke = PRESETS["smoke"]
    assert (str(config.out), config.preset) == ("x", "smoke")
    assert sizes == replace(
        smoke,
        episode=replace(smoke.episode, frames=800),
        learner=replace(smoke.learner, size="tiny"),
        transfer=replace(smoke.transfer, augment=replace(smoke.transfer.augment, flip=0.25)),
        milestones=(0.25, 1.0),
    )


def test_the_camera_is_set_by_three_words() -> None:
    words = ["--out", "x", "--preset", "smoke", "--camera", "48x48", "--fov", "60", "--camera-height", "1.2"]
    sizes = parse_run(words).sizes
    assert (sizes.camera, sizes.transfer_set.camera_height) == (Camera(48, 48, 60.0), 1.2)
    assert sizes.learner.image_size == 48
    plain = parse_run(["--out", "x", "--fov", "60"]).sizes
    assert plain.camera == Camera(128, 128, 60.0)
    assert plain.learner == PRESETS["adapted"].learner


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--camera", "96x72"], "square and a multiple of 8"),
        (["--camera", "50x50"], "square and a multiple of 8"),
        (["--fov", "200"], "1 and 170"),
        (["--frames", "300"], "--episode.frames"),
        (["--camera-height", "0"], "0.1 and 3"),
    ],
)
def test_a_camera_that_cannot_be_is_one_line(words: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_run(["--out", "x", "--preset", "nano", *words])


def test_a_file_sets_them_too_and_the_command_line_wins(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text(
        'preset = "smoke"\nseed = 3\nresume = true\nchange = ["at=2:lighting=1", "at=5:objects=0.5"]\n'
        "[episode]\nframes = 800\nreplay_ratio = 2.5\n[learner]\nmirror = false\n"
    )
    parsed = parse_run(["--config", str(file), "--out", "x", "--episode.frames", "90"])
    config, sizes = parsed.run, parsed.sizes
    assert (config.seed, config.resume, config.preset) == (3, True, "smoke")
    assert config.change == ("at=2:lighting=1", "at=5:objects=0.5")
    assert (sizes.episode.frames, sizes.episode.replay_ratio, sizes.learner.mirror) == (90, 2.5, False)
    assert sizes.episode.rollout == PRESETS["smoke"].episode.rollout


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"seed = ", "run.toml"), (b"\xff", "run.toml"), (b"#" * (2**20 + 1), "larger than"), (None, "No such file")],
)
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, content: bytes | None, words: str) -> None:
    file = tmp_path / "run.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UserError, match=words):
        parse_run(["--config", str(file), "--out", "x"])


def test_an_option_of_a_file_that_does_not_exist_names_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "run.toml"
    file.write_text("[episode]\nframe = 800\n")
    with pytest.raises(SystemExit, match="2"):
        parse_run(["--config", str(file), "--out", "x"])
    said = capsys.readouterr().err
    assert "--episode.frame" in said
    assert str(file) in said


def test_an_unknown_preset_is_named() -> None:
    with pytest.raises(UserError, match=r"no preset 'huge'.*smoke"):
        parse_run(["--out", "x", "--preset=huge"])


def test_values_become_words() -> None:
    values = {"seed": 3, "a": {"b_c": True, "d": False, "e": [1, 2]}, "view": False}
    assert options(values) == ["--seed", "3", "--a.b-c", "--a.no-d", "--a.e", "1", "2"]


@pytest.mark.parametrize("name", PRESETS)
def test_sizes_are_read_back_from_json(name: str) -> None:
    assert Preset.of_json(json.loads(json.dumps(asdict(PRESETS[name])))) == PRESETS[name]


def test_sizes_of_another_version_are_refused_in_one_line() -> None:
    stored = json.loads(json.dumps(asdict(PRESETS["smoke"])))
    stored["episode"]["turn"] = stored["episode"].pop("rollout")
    with pytest.raises(UserError, match=r"episode: stored by another version.*rollout, turn"):
        Preset.of_json(stored)


def test_a_schedule_is_as_long_as_its_episode() -> None:
    for frames in (300, 4000):
        preset = replace(PRESETS["nano"], episode=replace(PRESETS["nano"].episode, frames=frames))
        steps = frames * 4 // 32
        config = preset.learner_config()
        assert (preset.steps(), config.total_steps) == (steps, steps)
        assert config.warmup_steps == min(40, steps // 10)
    assert scheduled(TSTConfig(warmup_steps=5), 3).warmup_steps == 1


def test_a_place_that_dictates_its_camera_shortens_the_episode_and_its_schedule() -> None:
    nano = PRESETS["nano"]
    short = nano.adapted(nano.camera, 0.9, 300)
    assert (short.episode.frames, short.episode.learning_starts) == (300, 300)
    assert short.transfer_set.camera_height == 0.9
    assert short.learner_config().total_steps == 37
    assert nano.adapted(nano.camera, nano.transfer_set.camera_height, 10_000) == nano
