"""Pre-training from a folder of frames, a replay buffer, or both, on one process or many.

    testspace pretrain nano --frames my_frames --out runs/mine
    torchrun --nproc-per-node 8 -m testspace.learners.training.train base --scaling.shard fsdp --frames FOLDER --out b

Leaves in --out: encoder/ (for `Encoder.from_pretrained`), learner/ (for `--resume`, on any number of processes) and
metrics.jsonl. Ctrl-C, or SIGTERM, ends it after the current step, which is stored.
"""

from __future__ import annotations

import json
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import tyro
from torch import Tensor

from ...core.progress import Progress
from ...core.storage import recover_folder, replace_folder
from ..choices import SENSORY
from ..data.buffer_files import BufferError
from ..data.frame_folder import FrameFolder, FrameFolderError
from ..data.replay_buffer import ReplayBuffer
from ..masked.encoder import Encoder
from ..nn.device import find_device
from .fit import fit
from .scaling import Part, ScaledLearner, generator_of
from .train_config import PresetConfig, TrainConfig

SPOKEN_EVERY = 10.0
"""Seconds between two lines of progress."""
Get = Callable[[Sequence[int]], dict[str, Tensor]]


class TrainError(ValueError):
    """Invalid training configuration; the message says what to change."""


def train(config: TrainConfig) -> dict[str, float]:
    """Train, or resume, up to `learner.total_steps`; returns the last step's metrics ({} where it was complete).

    Under torchrun every process calls this. Raises TrainError, FrameFolderError or BufferError for invalid settings
    and data, and KeyboardInterrupt after storing everything where a signal ended it early.
    """
    steps = config.learner.total_steps
    if steps is None or steps < 1:
        raise TrainError("train: name the end, learner.total_steps")
    with ExitStack() as ends:
        device, stopped = ends.enter_context(_process_group(config.device)), ends.enter_context(_signals())
        readers = ends.enter_context(ThreadPoolExecutor(2))
        frames, modalities, held = _sources(config)
        named = [folder.name for folder in (config.buffer, config.frames) if folder is not None]
        card = {"house": " and ".join(named), "frames": held}
        external = FrameFolder(config.mix_in, config.learner.image_size) if config.mix_in else None
        try:
            learner = ScaledLearner(replace(config.learner, modalities=modalities), config.seed, config.scaling, device)
            log = _begin(config, learner)
        except ValueError as error:
            raise TrainError(str(error)) from None
        if not learner.has_tokenizers:
            generator = generator_of(config.seed, 0, 1 << 30)
            learner.fit_tokenizers(lambda n: frames(n, generator))

        def read(step: int) -> list[Future[Part]]:
            """Parts of this process, read while the previous step is computed."""
            parts = learner.parts if step < steps else ()
            of = (frames, external, learner.micro_batch, config.repeats)
            return [readers.submit(_part, *of, generator_of(config.seed, step, part)) for part in parts]

        coming, report, started, first = read(learner.steps), dict[str, float](), time.monotonic(), learner.steps
        advance = (
            ends.enter_context(ends.enter_context(Progress()).stage("pre-training")) if learner.rank == 0 else None
        )
        stopping = False

        def step(number: int) -> dict[str, float]:
            nonlocal coming
            now, coming = coming, read(number + 1)
            return learner.step_parts([part.result() for part in now])

        def stop() -> bool:
            nonlocal stopping
            stopping = learner.any_process(bool(stopped))
            return stopping

        def on_step(metrics: dict[str, float]) -> None:
            nonlocal report
            report = metrics
            if stopping or learner.steps == steps or learner.steps % config.log_every == 0:
                log({"step": learner.steps, **metrics})
            if advance is not None:
                rate = (learner.steps - first) * config.learner.batch_size / (time.monotonic() - started)
                advance(learner.steps, steps, f"loss {metrics['loss']:.4f}, {rate:.0f} samples/s")

        try:
            fit(learner, step, steps, on_step, lambda: _store(config.out, learner, card), config.store_every, stop)
        except KeyboardInterrupt:
            readers.shutdown(cancel_futures=True)
            raise
    return report


Frames = Callable[[int, torch.Generator], dict[str, Tensor]]
"""n frames, drawn by a generator."""


def _sources(config: TrainConfig) -> tuple[Frames, tuple[str, ...], int]:
    """Where frames come from, the modalities of the configuration that they have or that can be computed, and how many
    frames there are."""
    size, sources, there = config.learner.image_size, list[tuple[int, Get]](), set(SENSORY)
    if config.buffer is not None:
        buffer = ReplayBuffer.reader(config.buffer)
        if (buffer.height, buffer.width) != (size, size):
            raise TrainError(f"{config.buffer}: frames of {buffer.height} x {buffer.width}, not {size} x {size}")
        if not len(buffer):
            raise TrainError(f"{config.buffer}: no frame is stored there yet")
        sources.append((len(buffer), lambda slots: buffer.get(slots, SENSORY)))
    if config.frames is not None:
        folder = FrameFolder(config.frames, size, config.vertical_fov)
        sources.append((len(folder), folder.get))
        there &= {*folder.modalities}
    if not sources:
        raise TrainError("train: name --frames, --buffer, or both")

    def frames(n: int, generator: torch.Generator) -> dict[str, Tensor]:
        counts = [n] if len(sources) == 1 else [round(config.buffer_share * n), n - round(config.buffer_share * n)]
        parts = [
            get(torch.randint(held, (count,), generator=generator).tolist())
            for (held, get), count in zip(sources, counts, strict=True)
            if count
        ]
        return {key: torch.cat([part[key] for part in parts]) for key in parts[0] if key in there}

    modalities = tuple(name for name in config.learner.modalities if name in there or name not in SENSORY)
    return frames, modalities, sum(held for held, _ in sources)


def _part(frames: Frames, external: FrameFolder | None, size: int, repeats: int, generator: torch.Generator) -> Part:
    """`size` samples, half of them of the `external` folder where there is one."""
    own = size if external is None else size - size // 2
    read = frames(math.ceil(own / repeats), generator)
    views = {name: value.repeat_interleave(repeats, 0)[:own] for name, value in read.items()}
    if external is None:
        return Part(views, None, generator)
    chosen = torch.randint(len(external), (size - own,), generator=generator).tolist()
    return Part(views, external.rgb(chosen), generator)


@contextmanager
def _process_group(name: str) -> Iterator[torch.device]:
    """This process's device; in the group that is there, else the one that torchrun describes, else one of its own.

    `name`: what `find_device` takes; of several GPUs, torchrun gives each process its own.
    """
    device = find_device(name)
    cuda = device.type == "cuda"
    if cuda and name in ("auto", "cuda"):
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    if cuda:
        torch.cuda.set_device(device)
    if dist.is_initialized():
        yield device
        return
    backend, patience = "nccl" if cuda else "gloo", timedelta(hours=12)  # others wait while the first fits tokenizers
    if "RANK" in os.environ:
        dist.init_process_group(backend, timeout=patience)
    else:
        dist.init_process_group(backend, store=dist.HashStore(), rank=0, world_size=1)  # type: ignore[attr-defined]
    try:
        yield device
    finally:
        dist.destroy_process_group()


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Signals that ask for an end, as they come; a second one ends the process as it would have without this."""
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, _: object) -> None:
        came.append(number)
        for each, handler in before.items():
            signal.signal(each, handler)

    for number in before:
        signal.signal(number, note)
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def whole_process() -> Iterator[None]:
    """What is done inside is all that this process does. Under torchrun it ends there, as a SystemExit says, or with 0.

    It ends without the interpreter's own ending. torch's sharding keeps its process group to the last, and a thread of
    gloo's that is still giving back a tensor when the interpreter goes aborts a process that had done and stored
    everything (SIGABRT, 5 times in 24 on a busy core; neither a barrier nor destroying the group is enough).
    """
    if "RANK" not in os.environ:
        yield
        return
    status: str | int | None = 0
    try:
        yield
    except SystemExit as ended:
        status = ended.code
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status if isinstance(status, int) else status is not None)


def _begin(config: TrainConfig, learner: ScaledLearner) -> Callable[[dict[str, Any]], None]:
    """Load the checkpoint to resume from, if any; returns a function that appends a line to metrics.jsonl."""
    if learner.rank == 0:
        config.out.mkdir(parents=True, exist_ok=True)
        kept = recover_folder(config.out / "learner")
    dist.barrier()
    kept = (config.out / "learner").exists()
    if kept and not config.resume:
        raise TrainError(f"{config.out} holds a training; continue with --resume, or name another folder")
    if kept:
        learner.load(config.out / "learner")
    dist.barrier()
    file, rows = config.out / "metrics.jsonl", list[str]()
    if file.exists() and learner.rank == 0:  # steps that were not stored are repeated
        rows = [line for line in file.read_text().splitlines() if json.loads(line)["step"] <= learner.steps]
    if learner.rank == 0:
        file.write_text("".join(f"{row}\n" for row in rows))

    def log(row: dict[str, Any]) -> None:
        if learner.rank == 0:
            with file.open("a") as lines:
                lines.write(json.dumps(row) + "\n")

    return log


def _store(out: Path, learner: ScaledLearner, card: dict[str, Any]) -> None:
    """The learner, and the encoder by itself with its card."""
    stored = learner.checkpoint()
    if learner.rank == 0:
        replace_folder(out / "learner", stored.write)
        encoder = Encoder(learner.config.size, learner.config.image_size, learner.config.patch)
        own = {name: value for name, value in stored.weights.items() if name.startswith("encoder.")}
        encoder.load_state_dict({name.removeprefix("encoder."): value for name, value in own.items()})
        replace_folder(out / "encoder", partial(encoder.save_pretrained, model_card_kwargs=card))


def main(arguments: Sequence[str] | None = None) -> None:
    """Command for torchrun; exits with 0, 2 (one line on stderr says what to change), or 130 (interrupted, stored)."""
    config = tyro.cli(PresetConfig, prog="python -m testspace.learners.training.train", args=arguments)
    loud = os.environ.get("RANK", "0") == "0"
    try:
        train(config)
    except KeyboardInterrupt:
        if loud:
            print(f"stopped; {config.out} holds all of it: continue with --resume", file=sys.stderr)
        sys.exit(130)
    except (TrainError, FrameFolderError, BufferError, OSError) as error:
        if loud:
            print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    with whole_process():
        main()
