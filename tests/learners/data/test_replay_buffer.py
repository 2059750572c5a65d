"""The replay buffer keeps frames, refuses labels, and survives kill -9."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest
import torch
from forks import FORKS
from numbered_frames import SIZE, frames, store_for_ever

from testspace.learners.choices import EvictionName
from testspace.learners.data.buffer_files import BufferError
from testspace.learners.data.replay_buffer import ReplayBuffer
from testspace.learners.data.shared_buffer import SharedBuffer


def numbers_agree(stored: dict[str, torch.Tensor]) -> bool:
    number = stored["step"]
    return bool(
        (stored["rgb"] == (number % 251).view(-1, 1, 1, 1)).all()
        and torch.allclose(stored["depth"], (number % 60).float().view(-1, 1, 1).expand_as(stored["depth"]))
        and (stored["edges"] == (number % 2 * 255).view(-1, 1, 1)).all()
        and (stored["pose"] == number.view(-1, 1)).all()
    )


def test_gives_back_what_it_was_given_within_its_precision(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    normals = rng.normal(size=(5, SIZE, SIZE, 3)).astype(np.float32)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    normals[0, 0, 0] = 0
    given = frames(0, 5) | {
        "rgb": rng.integers(0, 256, (5, SIZE, SIZE, 3), dtype=np.uint8),
        "depth": rng.uniform(0, 65, (5, SIZE, SIZE)).astype(np.float32),
        "normals": normals,
    }
    given["depth"][0, 0, :2] = 0, 100
    buffer = ReplayBuffer(tmp_path / "b", 10, SIZE, SIZE)
    buffer.extend(given)
    got = buffer.all(tuple(given))
    for key, value in given.items():
        assert got[key].dtype == torch.as_tensor(value).dtype
    for key in ("rgb", "edges", "pose", "step"):
        assert np.array_equal(got[key].numpy(), given[key])
    assert np.abs(got["depth"].numpy() - np.minimum(given["depth"], 65.535)).max() <= 0.0005 + 1e-5
    assert np.abs(got["normals"].numpy() - normals).max() < 0.01
    assert (got["normals"][0, 0, 0] == 0).all()
    assert got["depth"][0, 0, 0] == 0


def test_the_ring_forgets_the_oldest(tmp_path: Path) -> None:
    buffer = ReplayBuffer(tmp_path / "b", 10, SIZE, SIZE)
    buffer.extend(frames(0, 7))
    assert (len(buffer), buffer.total_seen) == (7, 7)
    buffer.extend(frames(7, 28))
    assert (len(buffer), buffer.total_seen) == (10, 35)
    assert buffer.all()["step"].tolist() == list(range(25, 35))
    assert numbers_agree(buffer.sample(50))


def test_samples_uniformly_and_by_seed(tmp_path: Path) -> None:
    first, second, other = (ReplayBuffer(tmp_path / str(i), 10, SIZE, SIZE, seed) for i, seed in enumerate((1, 1, 2)))
    for buffer in (first, second, other):
        buffer.extend(frames(0, 10))
    drawn = first.sample(5000)["step"]
    counts = torch.bincount(drawn, minlength=10).numpy()
    assert ((counts - 500) ** 2 / 500).sum() < 27.9  # chi-square, 9 degrees of freedom, p = 0.001
    assert torch.equal(drawn, second.sample(5000)["step"])
    assert not torch.equal(drawn, other.sample(5000)["step"])


@pytest.mark.parametrize("label", ["semantic", "instance", "labels", "boxes", "caption"])
def test_labels_cannot_enter(tmp_path: Path, label: str) -> None:
    buffer = ReplayBuffer(tmp_path / "b", 10, SIZE, SIZE)
    with pytest.raises(BufferError, match=rf"{label} cannot be stored.*labels of the test space never reach"):
        buffer.extend(frames(0, 2) | {label: np.zeros((2, SIZE, SIZE), np.int16)})
    buffer.extend(frames(0, 2))
    buffer.flush()
    assert len(buffer) == 2
    stored = {file.stem for file in (tmp_path / "b").rglob("*.memmap")}
    assert stored == {"rgb", "depth", "normals", "edges", "pose", "step", "sequence_number", "checksum"}
    assert set(buffer.sample(1)) == stored - {"sequence_number", "checksum"}


def test_refuses_frames_that_break_the_contract(tmp_path: Path) -> None:
    buffer = ReplayBuffer(tmp_path / "b", 10, SIZE, SIZE)
    with pytest.raises(BufferError, match="nothing to sample"):
        buffer.sample(1)
    with pytest.raises(BufferError, match="depth missing"):
        buffer.extend({key: value for key, value in frames(0, 2).items() if key != "depth"})
    with pytest.raises(BufferError, match=r"'depth' is torch\.float64"):
        buffer.extend(frames(0, 2) | {"depth": np.zeros((2, SIZE, SIZE))})
    with pytest.raises(BufferError, match="'rgb' is"):
        buffer.extend(frames(0, 2) | {"rgb": np.zeros((2, SIZE + 1, SIZE, 3), np.uint8)})
    buffer.extend(frames(0, 2))
    with pytest.raises(BufferError, match="between 0 and 1"):
        buffer.get([2])
    with pytest.raises(BufferError, match="no key semantic"):
        buffer.get([0], ["semantic"])


@pytest.mark.parametrize("eviction", ["ring", "reservoir", "balanced", "minred"])
def test_goes_on_as_if_it_had_never_stopped(tmp_path: Path, eviction: EvictionName) -> None:
    straight = ReplayBuffer(tmp_path / "a", 10, SIZE, SIZE, 3, eviction=eviction)
    stopped = ReplayBuffer(tmp_path / "b", 10, SIZE, SIZE, 3, eviction=eviction)
    stopped.note = {"frame": 28}
    for buffer in (straight, stopped):
        buffer.extend(frames(0, 28))
        buffer.sample(4)
        buffer.flush()
    resumed = ReplayBuffer(tmp_path / "b", 10, SIZE, SIZE, 99, resume=True, eviction=eviction)
    assert resumed.note == {"frame": 28}
    for buffer in (straight, resumed):
        for first in range(28, 98, 5):
            buffer.extend(frames(first, 5))
    assert torch.equal(straight.sample(20)["step"], resumed.sample(20)["step"])
    assert torch.equal(straight.all()["step"], resumed.all()["step"])
    if eviction == "ring":
        assert resumed.all()["step"].tolist() == list(range(88, 98))


def test_refuses_folders_it_must_not_touch(tmp_path: Path) -> None:
    ReplayBuffer(tmp_path / "b", 10, SIZE, SIZE)
    with pytest.raises(BufferError, match="not empty"):
        ReplayBuffer(tmp_path / "b", 10, SIZE, SIZE)
    with pytest.raises(BufferError, match="'capacity': 10"):
        ReplayBuffer(tmp_path / "b", 11, SIZE, SIZE, resume=True)
    with pytest.raises(BufferError, match="'eviction': 'ring'"):
        ReplayBuffer(tmp_path / "b", 10, SIZE, SIZE, resume=True, eviction="reservoir")
    with pytest.raises(BufferError, match="no eviction 'heap'; there are ring, reservoir, balanced, minred"):
        ReplayBuffer(tmp_path / "c", 10, SIZE, SIZE, eviction="heap")  # type: ignore[arg-type]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("dear")
    with pytest.raises(BufferError, match=r"'thesis\.tex'"):
        ReplayBuffer(tmp_path / "other", 10, SIZE, SIZE, resume=True)
    assert (tmp_path / "other" / "thesis.tex").read_text() == "dear"
    for name in ("state.json", "state.previous.json"):
        (tmp_path / "b" / name).write_text("{")
    with pytest.raises(BufferError, match="cannot be read"):
        ReplayBuffer(tmp_path / "b", 10, SIZE, SIZE, resume=True)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BufferError, match="no replay buffer"):
        ReplayBuffer.reader(tmp_path / "empty")


def test_another_reader_sees_what_was_flushed_and_cannot_write(tmp_path: Path) -> None:
    buffer = ReplayBuffer(tmp_path / "b", 10, SIZE, SIZE)
    buffer.extend(frames(0, 4))
    buffer.flush()
    buffer.extend(frames(4, 4))
    program = (
        "import sys; from testspace.learners.data.replay_buffer import ReplayBuffer as R\n"
        "r = R.reader(sys.argv[1]); print(len(r), sorted(set(r.sample(200)['step'].tolist())))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, str(tmp_path / "b")], capture_output=True, text=True
    )
    assert done.stdout.strip() == "4 [0, 1, 2, 3]", done.stderr
    with pytest.raises(BufferError, match="reading only"):
        ReplayBuffer.reader(tmp_path / "b").extend(frames(0, 1))


@contextmanager
def writer(folder: Path, eviction: EvictionName) -> Iterator[tuple[BaseProcess, Connection]]:
    """A process that stores frames until it is killed, and the numbers of frames that it has flushed."""
    numbers, its_end = FORKS.Pipe(duplex=False)
    process = FORKS.Process(target=store_for_ever, args=(folder, eviction, its_end))
    process.start()
    its_end.close()
    with numbers:
        yield process, numbers
    process.join()


@pytest.mark.parametrize(
    ("eviction", "rounds"), [("ring", 1), ("ring", 7), ("reservoir", 7), ("balanced", 4), ("minred", 4)]
)
def test_kill_9_in_the_middle_loses_at_most_one_flush(tmp_path: Path, eviction: EvictionName, rounds: int) -> None:
    folder = tmp_path / "b"
    with writer(folder, eviction) as (process, numbers):
        flushed = [numbers.recv() for _ in range(rounds)]
        process.kill()
        process.join()
        with suppress(EOFError):
            while True:
                flushed.append(numbers.recv())
    total = json.loads((folder / "state.json").read_text())["total"]
    assert total in (flushed[-1], flushed[-1] + 48)  # it may have been killed before it could report a flush
    buffer = ReplayBuffer(folder, 64, 8, 8, resume=True, eviction=eviction)
    assert (buffer.total_seen, len(buffer)) == (total, min(total, 64))
    assert numbers_agree(buffer.get(range(len(buffer))))
    buffer.extend(frames(total, 64))
    stored = buffer.all()
    assert numbers_agree(buffer.get(range(len(buffer))))
    straight = ReplayBuffer(tmp_path / "straight", 64, 8, 8, eviction=eviction)  # as if nobody had killed anything
    for first in range(0, total + 64, 48):
        straight.extend(frames(first, min(48, total + 64 - first)))
    assert torch.equal(stored["step"], straight.all()["step"])


@pytest.mark.parametrize("written", ["nothing", "half", "all"])
def test_what_was_overwritten_after_the_last_flush_is_put_back(tmp_path: Path, written: str) -> None:
    buffer = ReplayBuffer(tmp_path / "b", 4, SIZE, SIZE)
    buffer.extend(frames(0, 6))
    buffer.flush()
    buffer.extend(frames(6, 3))
    buffer.extend(frames(9, 2))
    if written == "half":  # as `extend` leaves it when it is killed after the first modality
        buffer._tensors.get("sequence_number")[1] = -1
        buffer._tensors.get("rgb")[1] = 77
    elif written == "nothing":
        (tmp_path / "b" / "undo" / "9.npz").write_bytes(b"")  # killed as it was written
        buffer._tensors.get("rgb")[:] = buffer._tensors.get("rgb").clone()
    resumed = ReplayBuffer(tmp_path / "b", 4, SIZE, SIZE, resume=True)
    assert resumed.total_seen == 6
    if written != "nothing":
        assert resumed.all()["step"].tolist() == [2, 3, 4, 5]
    assert numbers_agree(resumed.get(range(4)))
    assert not list((tmp_path / "b" / "undo").iterdir())


def test_the_flush_before_the_last_one_can_be_gone_back_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    buffer = ReplayBuffer(tmp_path / "b", 4, SIZE, SIZE)
    for first in (0, 3, 6):
        buffer.extend(frames(first, 3))
        buffer.note = {"frame": first + 3}
        buffer.flush()
    (tmp_path / "b" / "state.json").write_text('{"format": 4, "total"')
    resumed = ReplayBuffer(tmp_path / "b", 4, SIZE, SIZE, resume=True)
    assert (resumed.total_seen, resumed.note) == (6, {"frame": 6})
    assert resumed.all()["step"].tolist() == [2, 3, 4, 5]  # what the last flush had overwritten is back
    assert "state.json cannot be read" in capsys.readouterr().err
    assert not resumed.rewind()
    resumed.extend(frames(6, 3))
    resumed.flush()
    assert resumed.rewind()
    assert resumed.all()["step"].tolist() == [2, 3, 4, 5]


def test_a_damaged_frame_is_named_and_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    buffer = ReplayBuffer(tmp_path / "b", 4, SIZE, SIZE)
    buffer.extend(frames(0, 4))
    buffer.flush()
    assert buffer.damaged().tolist() == []
    buffer._tensors.get("rgb")[1, 0, 0, 0] += 1
    assert ReplayBuffer.reader(tmp_path / "b").damaged().tolist() == [1]
    resumed = ReplayBuffer(tmp_path / "b", 4, SIZE, SIZE, resume=True)
    assert resumed.get(range(4))["step"].tolist() == [0, 3, 2, 3]
    assert numbers_agree(resumed.get(range(4)))
    assert "1 of 4 frames were damaged" in capsys.readouterr().err
    assert resumed.damaged().tolist() == []


@pytest.mark.parametrize("key", ["rgb", "depth", "step", "checksum"])
def test_a_missing_or_short_file_of_frames_is_one_line(tmp_path: Path, key: str) -> None:
    buffer = ReplayBuffer(tmp_path / "b", 4, SIZE, SIZE)
    buffer.extend(frames(0, 4))
    buffer.flush()
    file = tmp_path / "b" / "frames" / f"{key}.memmap"
    file.write_bytes(file.read_bytes()[:-1])
    for make in (ReplayBuffer.reader, lambda folder: ReplayBuffer(folder, 4, SIZE, SIZE, resume=True)):
        with pytest.raises(BufferError, match=rf"{key}\.memmap was cut"):
            make(tmp_path / "b")
    file.unlink()
    with pytest.raises(BufferError, match=rf"{key}\.memmap is gone"):
        ReplayBuffer.reader(tmp_path / "b")
    for name in ("state.json", "state.previous.json"):
        (tmp_path / "b" / name).unlink()
    if key != "checksum":  # never a silent start from zero
        with pytest.raises(BufferError, match=r"state\.json is gone"):
            ReplayBuffer(tmp_path / "b", 4, SIZE, SIZE, resume=True)


def test_a_full_disk_is_an_error_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, start: int, length: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    buffer = ReplayBuffer(tmp_path / "b", 8, SIZE, SIZE)
    buffer.extend(frames(0, 4))
    buffer.flush()
    with monkeypatch.context() as patch:
        patch.setattr("testspace.core.storage.os.posix_fallocate", full)
        with pytest.raises(OSError, match=r"No space left.*rgb\.memmap"):
            buffer.extend(frames(4, 4))
    resumed = ReplayBuffer(tmp_path / "b", 8, SIZE, SIZE, resume=True)
    resumed.extend(frames(4, 4))
    assert numbers_agree(resumed.all(("rgb", "depth", "edges", "pose", "step")))


def test_frames_are_whole_while_another_process_overwrites_them(tmp_path: Path) -> None:
    folder = tmp_path / "b"
    with writer(folder, "ring") as (process, numbers):
        for _ in range(3):  # full by now
            numbers.recv()
        reader = SharedBuffer.reader(folder)
        newest = []
        for _ in range(5):
            numbers.recv()
            reader.refresh()
            for _ in range(20):
                drawn = reader.sample(64)
                assert numbers_agree(drawn)
                newest.append(int(drawn["step"].max()))
        process.kill()
    assert newest[-1] > newest[0]
    assert len(reader) == 64
    assert reader.total_seen >= 8 * 48


def test_a_frame_being_overwritten_is_read_again_once_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer = ReplayBuffer(tmp_path / "b", 4, SIZE, SIZE)
    buffer.extend(frames(0, 4))
    buffer.flush()
    reader = SharedBuffer.reader(tmp_path / "b")
    buffer._tensors.get("sequence_number")[1] = -1
    buffer._tensors.get("rgb")[1] = 77
    pauses = []

    def written(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            buffer.extend(frames(4, 2))  # indices 0 and 1

    monkeypatch.setattr("testspace.learners.data.shared_buffer.time.sleep", written)
    whole = reader.get(range(4))
    assert numbers_agree(whole)
    assert whole["step"].tolist()[1] == 5
    assert len(pauses) >= 3
