"""What is learned does not depend on how many processes, parts and sessions a training is spread over."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partialmethod
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch
import torch.distributed as dist
from forks import FORKS
from frames import boxes
from two_processes import train_in_turn

from testspace.learners.masked.encoder import Encoder
from testspace.learners.objectives.tst import TSTLearner
from testspace.learners.objectives.tst_config import TSTConfig
from testspace.learners.training.scaling import Part, ScaledLearner, generator_of
from testspace.learners.training.train import TrainError, main, train
from testspace.learners.training.train_config import Scaling, TrainConfig

pytestmark = pytest.mark.usefixtures("small_networks")

SMALL = TSTConfig(
    image_size=32, decoder_layers=1, input_budget=16, target_budget=24, batch_size=8, warmup_steps=2, total_steps=4,
    base_learning_rate=2e-2,
)  # fmt: skip
ARGUMENTS = [
    "--learner.image-size", "32", "--learner.decoder-layers", "1", "--learner.input-budget", "16",
    "--learner.target-budget", "24", "--learner.batch-size", "8", "--learner.warmup-steps", "2",
    "--learner.total-steps", "4", "--learner.base-learning-rate", "2e-2", "--scaling.micro-batch", "4",
    "--scaling.bf16", "False", "--log-every", "1", "--store-every", "1",
]  # fmt: skip


def folder_of(path: Path, seed: int, depth: bool = True) -> Path:
    """A folder of 12 frames."""
    frames = boxes(12, seed, 32)
    (path / "rgb").mkdir(parents=True)
    for index in range(12):
        assert cv2.imwrite(str(path / "rgb" / f"{index:02}.png"), frames["rgb"][index].numpy())
    if depth:
        (path / "depth").mkdir()
        for index, metres in enumerate(frames["depth"].numpy()):
            assert cv2.imwrite(str(path / "depth" / f"{index:02}.png"), (metres * 1000).astype("uint16"))
    return path


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Frames, and rgb to mix in."""
    path = tmp_path_factory.mktemp("frames")
    return folder_of(path / "own", 0), folder_of(path / "external", 9, depth=False)


@pytest.fixture(scope="module")
def alone(folders: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory, small_networks: None) -> Path:
    """What one process leaves behind."""
    out = tmp_path_factory.mktemp("alone") / "run"
    train(config_of(folders, out))
    return out


def config_of(folders: tuple[Path, Path], out: Path, **changes: Any) -> TrainConfig:
    asked = TrainConfig(
        out, frames=folders[0], mix_in=folders[1], learner=SMALL, scaling=Scaling(micro_batch=4, bf16=False),
        log_every=1, store_every=1, repeats=2,
    )  # fmt: skip
    return replace(asked, **changes)


def rows(out: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def assert_alike(one: Path, other: Path, tolerance: float = 1e-5) -> None:
    assert len(rows(one)) == len(rows(other)) == 4
    for first, second in zip(rows(one), rows(other), strict=True):
        assert first == pytest.approx(second, rel=tolerance)
    rgb = boxes(2, 5, 32)["rgb"]
    with torch.no_grad():
        features = [Encoder.from_pretrained(out / "encoder")(rgb) for out in (one, other)]
    torch.testing.assert_close(*features, rtol=1e-3, atol=1e-3)


def test_two_processes_learn_what_one_learns_and_so_do_two_sessions(
    folders: tuple[Path, Path], alone: Path, tmp_path: Path
) -> None:
    out, step_parts = tmp_path / "begun", ScaledLearner.step_parts

    class Killed(Exception):
        pass

    def killed(self: ScaledLearner, parts: list[Part]) -> dict[str, float]:
        if self.steps == 2:
            raise Killed
        return step_parts(self, parts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScaledLearner, "step_parts", killed)
        with pytest.raises(Killed):
            train(config_of(folders, out))
    assert not dist.is_initialized()
    with pytest.raises(TrainError, match="--resume"):
        train(config_of(folders, out))
    shutil.copytree(out, tmp_path / "again")
    train(config_of(folders, tmp_path / "again", resume=True))
    assert [row["loss"] for row in rows(tmp_path / "again")] == [row["loss"] for row in rows(alone)]
    assert train(config_of(folders, tmp_path / "again", resume=True)) == {}  # all was done

    # As torchrun starts them, but with nothing to import: by these variables, and a store that this process serves.
    words = ["nano", "--frames", str(folders[0]), "--mix-in", str(folders[1]), "--repeats", "2", *ARGUMENTS]
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    logs = [tmp_path / f"{rank}.log" for rank in range(2)]
    both = [
        FORKS.Process(target=train_in_turn, args=(rank, store.port, tmp_path, words, log))
        for rank, log in enumerate(logs)
    ]
    for process in both:
        process.start()
    for process, log in zip(both, logs, strict=True):
        process.join()
        assert process.exitcode == 0, log.read_text()
    for name in ("ddp", "fsdp", "begun"):
        assert_alike(tmp_path / name, alone)
    learner = replace(SMALL, targets="tokens", tokenizer_steps=3)
    train(config_of(folders, tmp_path / "tokens_alone", learner=learner))
    assert_alike(tmp_path / "tokens", tmp_path / "tokens_alone")


def test_ctrl_c_stores_the_step_that_it_is_at(folders: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-m", "testspace.learners.training.train", "nano", "--frames", str(folders[0])]
    command += ["--out", str(out), *ARGUMENTS, "--learner.total-steps", "100000", "--store-every", "100000"]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 120
    while time.monotonic() < until and not (out / "metrics.jsonl").is_file() and running.poll() is None:
        time.sleep(0.05)
    time.sleep(0.3)
    running.send_signal(signal.SIGINT)
    _, told = running.communicate(timeout=60)
    assert running.returncode == 130, told
    assert "continue with --resume" in told
    state = json.loads((out / "learner" / "learner.json").read_text())
    assert state["steps"] == rows(out)[-1]["step"] >= 1


def test_the_encoders_card_names_the_folders_and_their_frames(folders: tuple[Path, Path], alone: Path) -> None:
    frames = len(list((folders[0] / "rgb").iterdir()))
    assert f"- House: {folders[0].name}\n- Frames: {frames}\n" in (alone / "encoder" / "README.md").read_text()


def parts_of(count: int) -> list[Part]:
    return [
        Part(boxes(4, index, 32), boxes(2, 50 + index, 32)["rgb"], generator_of(0, 0, index)) for index in range(count)
    ]


def test_parts_add_up_to_the_loss_and_the_gradient_of_the_whole_step() -> None:
    """Against the model itself, on all views at once: every modality's mean is over the whole step."""
    config = replace(SMALL, batch_size=18)
    learner = ScaledLearner(config, 1, Scaling(micro_batch=6, bf16=False))
    learner._finish = lambda loss, losses: {"loss": loss.item(), **{k: v.item() for k, v in losses.items()}}  # type: ignore[method-assign]
    report = learner.step_parts(parts_of(3))
    whole = TSTLearner(config, 1)
    parts = parts_of(3)
    own = [whole.view(part.frames, part.generator) for part in parts]
    mixed = [whole.view_rgb(part.transfer_rgb, part.generator) for part in parts if part.transfer_rgb is not None]
    frames = {key: torch.cat([view.frames[key] for view in own]) for key in own[0].frames}
    losses = whole.model.losses(frames, torch.cat([v.inputs for v in own]), torch.cat([v.targets for v in own]))
    rgb = torch.cat([view.frames["rgb"] for view in mixed])
    mix = whole.model.losses({"rgb": rgb}, *(torch.cat([view[at] for view in mixed]) for at in (1, 2)))["rgb"]
    loss = torch.stack(list(losses.values())).mean() * 2 / 3 + mix / 3
    loss.backward()
    assert report == pytest.approx({"loss": loss.item(), **{k: v.item() for k, v in losses.items()}, "mix": mix.item()})
    for one, other in zip(learner.model.parameters(), whole.model.parameters(), strict=True):
        assert (one.grad is None) == (other.grad is None)
        if one.grad is not None and other.grad is not None:
            torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # torch's own, while it compiles
@pytest.mark.parametrize("option", ["compile", "checkpointing"])
def test_compiling_and_checkpointing_change_nothing(option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled to a graph: code for it would need a C++ compiler, and a minute."""
    monkeypatch.setattr(torch.nn.Module, "compile", partialmethod(torch.nn.Module.compile, backend="eager"))
    plain = ScaledLearner(SMALL, 1, Scaling(bf16=False))
    changed = ScaledLearner(SMALL, 1, replace(plain.scaling, **{option: True}))
    assert changed.step_parts(parts_of(1)) == pytest.approx(plain.step_parts(parts_of(1)), rel=1e-5)
    assert list(changed.model.state_dict()) == list(plain.model.state_dict())


def test_each_part_has_draws_of_its_own() -> None:
    drawn = [
        float(torch.rand((), generator=generator_of(*key))) for key in ((0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0))
    ]
    assert len(set(drawn)) == 4
    assert float(torch.rand((), generator=generator_of(1, 0, 0))) == drawn[3]


def test_what_cannot_be_done_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="choose sizes that divide"):
        ScaledLearner(SMALL, scaling=Scaling(micro_batch=3))
    with pytest.raises(ValueError, match="muon needs whole matrices"):
        ScaledLearner(replace(SMALL, optimiser="muon"), scaling=Scaling(shard="fsdp"))
    with pytest.raises(ValueError, match="an agent's"):
        ScaledLearner(replace(SMALL, pseudolabel_classes=3))
    with pytest.raises(SystemExit, match="2"):
        main(["nano", "--out", str(tmp_path)])
    assert capsys.readouterr().err == "error: train: name --frames, --buffer, or both\n"
