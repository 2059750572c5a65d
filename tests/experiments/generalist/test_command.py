"""The command: an interrupted and resumed run equals an uninterrupted one, bit for bit."""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from testspace.core.errors import UserError
from testspace.envs.generator import generate_house
from testspace.envs.house.classes import CLASSES
from testspace.envs.house.house_io import save_house
from testspace.experiments.cli.main import main
from testspace.experiments.generalist import command
from testspace.experiments.generalist.command import PretrainConfig, train
from testspace.experiments.generalist.stream import ChunkConfig
from testspace.experiments.generalist.validate import references
from testspace.experiments.protocol.generated_views import house_views
from testspace.learners.generalist.network import NetworkConfig
from testspace.learners.generalist.training import Trainer, TrainingConfig
from testspace.learners.generalist.views import Views
from testspace.learners.generalist.weights import load_weights, read_provenance

NETWORK = NetworkConfig(len(CLASSES), widths=(16, 16, 32, 64), blocks=(1, 1, 1), attention=1, decoder=24, grid=4)
TRAINING = TrainingConfig(NETWORK, batch=4, warm_up=2)


def config(out: Path, frames: int) -> PretrainConfig:
    return PretrainConfig(out, frames, imagenet=False, chunk=ChunkConfig(1, 8, 2), training=TRAINING)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@functools.cache
def views_of(number: int) -> Views:
    return house_views(0, number, (), 8)


class InlineStream:
    """The chunks of a stream of such configurations, rendered once, in this process."""

    def __init__(self, seed: int, excluded: object, chunk: ChunkConfig, workers: int, first: int, *more: object):
        assert (seed, chunk.houses, chunk.views) == (0, 1, 8)
        self.next = first

    def __enter__(self) -> InlineStream:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing to end."""

    def next_chunk(self, stop: object) -> Views:
        self.next += 1
        return views_of(self.next - 1)


@pytest.fixture(scope="module")
def inline() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "HouseStream", InlineStream)
        yield


@pytest.fixture
def interrupting(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of frames at which SIGINT arrives."""
    at: list[int] = []
    step = Trainer.step

    def interrupted(self, *arguments):
        loss = step(self, *arguments)
        if self.frames in at:
            at.remove(self.frames)
            os.kill(os.getpid(), signal.SIGINT)
        return loss

    monkeypatch.setattr(Trainer, "step", interrupted)
    return at


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, inline: None) -> Path:
    """The folder of a run of 32 frames in one go."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("uninterrupted")
    train(config(folder, 32))
    return folder


def test_curves_validation_and_what_was_excluded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "LOG_STEPS", 2)
    houses = tmp_path / "houses.jsonl"
    for number in (1, 2):
        save_house(generate_house(number, rooms=1), tmp_path / f"{number}.json")
    houses.write_text("\n".join(json.dumps(json.loads((tmp_path / f"{n}.json").read_text())) for n in (1, 2)) + "\n")
    settings = replace(
        config(tmp_path / "run", 16), exclude_houses=f"{houses}", validate_houses=f"{houses}:1", validate_views=4
    )
    train(settings)
    stored = json.loads((tmp_path / "run/config.json").read_text())
    assert stored["excluded_assets"]
    assert not set(stored["excluded_assets"]) & set(stored["kept_assets"])
    lines = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert [line["frames"] for line in lines] == [8, 16, 16]
    assert [line.get("distinct_frames") for line in lines] == [8, 8, None]
    assert lines[0]["loss"] > 0
    assert set(lines[-1]["miou"]) == {"rgb", "rgb-d", "noisy rgb-d"}
    assert set(lines[-1]["miou"]["rgb"]) == {"1", "mean"}
    with pytest.raises(UserError, match="another excluded_assets"):
        train(replace(settings, exclude_houses=f"{houses}:1"))


def test_an_interrupted_run_is_resumed_to_the_bit(uninterrupted: Path, tmp_path: Path, interrupting: list[int]) -> None:
    interrupting += [12, 24]
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            train(config(tmp_path, 32))
    file = train(config(tmp_path, 32))
    for name in ("model", "optimiser"):
        whole, parts = (load_file(run / "checkpoint" / f"{name}.safetensors") for run in (uninterrupted, tmp_path))
        assert whole.keys() == parts.keys()
        assert [key for key in whole if not torch.equal(whole[key], parts[key])] == []
    assert load_weights(file, CLASSES).config == NETWORK
    assert read_provenance(file)["frames"] == 32


def test_a_finished_run_is_extended_from_before_its_decay(uninterrupted: Path, tmp_path: Path) -> None:
    train(config(tmp_path / "whole", 48))
    shutil.copytree(uninterrupted, tmp_path / "longer")
    train(config(tmp_path / "longer", 48))
    whole, longer = (load_file(tmp_path / run / "checkpoint/model.safetensors") for run in ("whole", "longer"))
    assert [key for key in whole if not torch.equal(whole[key], longer[key])] == []
    with pytest.raises(UserError, match="ask for more --frames"):
        train(config(tmp_path / "longer", 40))


def test_a_reference_names_a_file_or_some_of_its_lines() -> None:
    assert references("a/b.jsonl.gz:3,17") == ["a/b.jsonl.gz:3", "a/b.jsonl.gz:17"]
    assert references("a/b.jsonl.gz") == ["a/b.jsonl.gz"]


def test_a_run_shorter_than_a_batch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="at least one batch"):
        train(config(tmp_path, 3))


def test_the_command_line_fills_the_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    configs: list[PretrainConfig] = []
    monkeypatch.setattr(command, "train", lambda config: configs.append(config) or tmp_path / "generalist.safetensors")
    options = ["--frames", "64", "--seed", "3", "--workers", "2", "--threads", "2", "--no-imagenet"]
    houses = ["--exclude-houses", "a.jsonl", "--validate-houses", "a.jsonl:3,5", "--validate-views", "7"]
    main(["pretrain-generalist", "--out", str(tmp_path), *options, *houses, "--validate-minutes", "1.5"])
    expected = PretrainConfig(tmp_path, 64, 3, "a.jsonl", "a.jsonl:3,5", 7, 1.5, workers=2, threads=2, imagenet=False)
    assert configs == [expected]
    assert capsys.readouterr().out == f"{tmp_path / 'generalist.safetensors'}\n"
