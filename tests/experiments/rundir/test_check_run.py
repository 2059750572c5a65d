"""`testspace doctor RUN` names what is damaged, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numbered_frames import SIZE, frames

from testspace.core.errors import UserError
from testspace.core.storage import replace_folder, write_arrays, write_json
from testspace.experiments.cli import main as cli
from testspace.experiments.rundir.check_run import check_run
from testspace.experiments.rundir.run_folder import RunFolder
from testspace.learners.data.replay_buffer import ReplayBuffer
from testspace.learners.nn.checkpoint import save_tensors


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """What a run leaves, with little in it."""
    out = tmp_path / "run"
    folder = RunFolder(out, {"seed": 1}, resume=False)
    folder.log("evaluation", 20, method="specialist", miou=0.5)
    folder.close()
    buffer = ReplayBuffer(out / "buffer", 8, SIZE, SIZE)
    for first in (0, 3):
        buffer.extend(frames(first, 3))
        buffer.flush()
    for name in ("agent/agent-00000003.npz", "agent/agent-00000006.npz", "report_data/map.npz"):
        (out / name).parent.mkdir(exist_ok=True)
        write_arrays(out / name, {"path": np.arange(200.0)})
    for _ in range(2):
        replace_folder(out / "agent" / "learner", lambda new: (new.mkdir(), write_json(new / "learner.json", {})))
    (out / "segmenters").mkdir()
    save_tensors({"weight": torch.arange(300.0)}, out / "segmenters" / "specialist.safetensors")
    write_json(out / "summary.json", {"frames": 6})
    return out


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.write_bytes(content)


def test_a_whole_run_is_whole(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not [str(check) for check in check_run(run) if check.wrong]
    cli.main(["doctor", str(run)])
    assert "6 frames" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("metrics.jsonl", flip),
        ("buffer/state.json", flip),
        ("agent/agent-00000006.npz", flip),
        ("agent/learner/learner.json", Path.unlink),
        ("segmenters/specialist.safetensors", flip),
        ("segmenters/specialist.safetensors", Path.unlink),
        ("report_data/map.npz", flip),
        ("config.json", lambda file: file.write_text("{")),
        ("summary.json", lambda file: file.write_text("")),
    ],
)
def test_a_damaged_file_is_named(
    run: Path, name: str, damage: Callable[[Path], object], capsys: pytest.CaptureFixture[str]
) -> None:
    damage(run / name)
    with pytest.raises(SystemExit) as end:
        cli.main(["doctor", str(run)])
    assert end.value.code == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("DAMAGED")]
    assert len(lines) == 1
    assert name.rpartition("/")[0].partition("/")[0] in lines[0]


def test_damaged_frames_are_counted(run: Path) -> None:
    buffer = ReplayBuffer(run / "buffer", 8, SIZE, SIZE, resume=True)
    buffer._tensors.get("depth")[2, 0, 0] += 1
    assert [check.found for check in check_run(run) if check.wrong] == ["1 of 6 frames differ from their checksums"]


def test_another_folder_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run there"):
        check_run(tmp_path)
