"""The command line: what it passes on, and how it says that something went wrong."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from testspace.core.errors import UserError, one_line
from testspace.core.progress import Progress
from testspace.experiments.cli import main as cli
from testspace.experiments.protocol.preset import Preset
from testspace.experiments.protocol.presets import PRESETS
from testspace.experiments.run.run_config import RunConfig


class Asked(ModuleType):
    """Stands in for `experiments.run.live_run`: keeps what the command line asks for, and does as it is told."""

    def __init__(self, fails_with: BaseException | None = None) -> None:
        super().__init__("testspace.experiments.run.live_run")
        self.fails_with = fails_with
        self.config: RunConfig | None = None

    def run_episode(self, config: RunConfig, sizes: Preset) -> None:
        self.config, self.sizes = config, sizes
        if self.fails_with is not None:
            raise self.fails_with
        config.out.mkdir()
        score = {"miou": 0.5, "pixel_accuracy": 0.75}
        summary = {"frames": 10, "coverage": 0.25, "seconds": 3.2, "segmentation": {"scratch": score}}
        (config.out / "summary.json").write_text(json.dumps(summary))


def asked(monkeypatch: pytest.MonkeyPatch, fails_with: BaseException | None = None) -> Asked:
    run = Asked(fails_with)
    monkeypatch.setitem(sys.modules, "testspace.experiments.run.live_run", run)
    return run


def test_run_passes_on_what_was_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = asked(monkeypatch), tmp_path / "run"
    cli.main(["run", "--house", "a.jsonl.gz:3", "--seed", "4", "--preset", "smoke", "--out", str(out), "--resume"])
    assert run.config == RunConfig(out, "a.jsonl.gz:3", seed=4, preset="smoke", resume=True)
    assert run.sizes == PRESETS["smoke"]
    said = capsys.readouterr().out
    assert "10 frames" in said
    assert "25% of the floor seen, 3 s" in said
    assert "mIoU  50.0%   pixel accuracy  75.0%" in said
    assert str(out / "report.html") in said


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UserError("no preset 'huge'; there are\n smoke, nano"), "no preset 'huge'; there are smoke, nano"),
        (FileNotFoundError(2, "No such file or directory", "a.json"), "No such file or directory: 'a.json'"),
        (
            OSError(30, "Read-only file system", "a"),
            "'a'; name another place with the command's options, or for the cache with TESTSPACE_CACHE",
        ),
        (
            PermissionError(13, "Permission denied", "a"),
            "'a'; change its permissions, or name another place with the"
            " command's options, or for the cache with TESTSPACE_CACHE",
        ),
        (OSError(28, "No space left on device", "a"), "'a'; make room, and run the command again"),
    ],
)
def test_what_the_user_can_mend_is_one_line_and_status_2(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked(monkeypatch, error)
    with pytest.raises(SystemExit) as stopped:
        cli.main(["run", "--out", "x"])
    assert stopped.value.code == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("testspace: error: ")
    assert output.err.endswith(f"{said}\n")
    assert output.err.count("\n") == 1


def test_our_own_mistakes_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    assert one_line(ValueError("shapes differ")) is None
    asked(monkeypatch, ValueError("shapes differ"))
    with pytest.raises(ValueError, match="shapes differ"):
        cli.main(["run", "--out", "x"])


def test_an_interrupted_run_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked(monkeypatch, KeyboardInterrupt())
    with pytest.raises(SystemExit) as stopped:
        cli.main(["run", "--out", "my run", "--seed", "7"])
    assert stopped.value.code == 130
    assert "testspace run --out 'my run' --seed 7 --resume" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["run"], ["run", "--out", "x", "--seed", "one"], ["walk"], ["run", "--nosuch"]])
def test_a_command_that_cannot_be_read_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2
    assert capsys.readouterr().out == ""


def test_alone_it_says_what_to_begin_with(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main([])
    said = capsys.readouterr().out
    begin = re.findall(r"^  testspace (\S+)", said, re.MULTILINE)
    assert begin == ["demo", "run", "segment", "doctor"]
    assert set(begin) <= set(cli.app._subcommands)
    assert "docs/first-run.md" in said


def test_help_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["run", "--help"])
    assert stopped.value.code == 0
    said = capsys.readouterr().out
    for option in (
        "--house",
        "--seed",
        "--policy",
        "--preset",
        "--out",
        "--resume",
        "--transfer-houses",
        "--episode.frames",
    ):
        assert option in said


def test_report_refuses_a_folder_without_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["report", str(tmp_path)])
    assert stopped.value.code == 2
    assert f"testspace: error: {tmp_path}" in capsys.readouterr().err


def test_progress_estimates_from_its_own_pace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [100.0]
    monkeypatch.setattr("testspace.core.progress.time.monotonic", lambda: now[0])
    with Progress() as progress, progress.stage("living") as advance:
        advance(1000, 2000)  # a resumed stage: these were done before
        for done in (1100, 1200, 1300):
            now[0] += 8
            advance(done, 2000, "loss 3.1")
    assert capsys.readouterr().err.splitlines() == [
        "living: 1200/2000, 16 s, about 1 min 4 s left, loss 3.1",
        "living: done in 24 s",
    ]


def test_progress_says_nothing_of_what_was_quick(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress() as progress, progress.stage("quick") as advance:
        advance(1, 1)
    assert capsys.readouterr().err == ""
