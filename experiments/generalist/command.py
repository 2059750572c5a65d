"""`testspace pretrain-generalist`: train the generalist on endless generated houses; run again, it resumes.

Its folder holds: config.json (the settings, including the excluded assets), metrics.jsonl (curves),
generalist.safetensors (the moving average so far, half precision), checkpoint/ (the latest state) and
checkpoint-steady/ (the last one before the learning rate decayed, from which a longer run resumes).
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch

from ... import __version__
from ...core.errors import UserError
from ...core.progress import Progress
from ...core.storage import recover_folder, write_json
from ...envs.house.classes import CLASSES
from ...envs.house.house import House
from ...envs.house.house_io import load_house, load_houses
from ...learners.generalist.augment import augment
from ...learners.generalist.network import NetworkConfig
from ...learners.generalist.training import Trainer, TrainingConfig
from ...learners.generalist.views import Views
from ...learners.generalist.weights import save_weights
from .exclusion import excluded_assets
from .stream import ChunkConfig, HouseStream
from .validate import ValidationHouses, references

LOG_STEPS = 50
"""Steps between two lines of metrics.jsonl."""


@dataclass(frozen=True)
class PretrainConfig:
    """One run of `testspace pretrain-generalist`."""

    out: Path
    """Output folder."""
    frames: int = 1_000_000
    """Total number of samples to train on."""
    seed: int = 0
    """Seed of the houses and of all other randomness."""
    exclude_houses: str | None = None
    """FILE[:LINE,LINE,...] of houses whose assets are left out, so that they can be evaluated on."""
    validate_houses: str | None = None
    """FILE:LINE,LINE,... of houses that it is evaluated in at intervals."""
    validate_views: int = 100
    """Held-out views per house."""
    validate_minutes: float = 20.0
    """Minutes between two evaluations."""
    save_minutes: float = 5.0
    """Minutes between two checkpoints."""
    workers: int = 1
    """Rendering processes."""
    threads: int = 1
    """Threads of the training process."""
    imagenet: bool = True
    """Whether to initialise the rgb branch from ImageNet weights."""
    chunk: ChunkConfig = field(default_factory=ChunkConfig)
    """How views are mixed."""
    training: TrainingConfig = field(default_factory=lambda: TrainingConfig(NetworkConfig(len(CLASSES))))
    """The network and its training."""


def train(config: PretrainConfig) -> Path:
    """Train to `config.frames` samples, from the folder's checkpoint if there is one; returns the weights file.

    Raises UserError if the folder holds another run, KeyboardInterrupt (also on SIGTERM) after saving everything.
    """
    if config.frames < config.training.batch or config.chunk.uses * config.chunk.frames % config.training.batch:
        raise UserError("pretrain-generalist: --frames must be at least one batch, and a chunk a whole number of them")
    torch.set_num_threads(config.threads)
    config.out.mkdir(parents=True, exist_ok=True)
    excluded, kept = excluded_assets(_houses(config.exclude_houses) if config.exclude_houses else ())
    _check_same_run(config, excluded, kept)
    trainer = Trainer(config.training, config.seed, config.imagenet)
    elapsed = _resume(trainer, config)
    return _Run(config, trainer, excluded, elapsed).finish()


def _houses(text: str) -> list[House]:
    """The houses of FILE:LINE,LINE,..., or all houses of FILE."""
    lines = references(text)
    return load_houses(text) if lines == [text] else [load_house(reference) for reference in lines]


def _check_same_run(config: PretrainConfig, excluded: frozenset[str], kept: frozenset[str]) -> None:
    """Write config.json, or compare it with the existing one."""
    identity = {
        "seed": config.seed,
        "imagenet": config.imagenet,
        "chunk": asdict(config.chunk),
        "training": asdict(config.training),
        "excluded_assets": sorted(excluded),
        "kept_assets": sorted(kept),
    }
    settings = json.loads(json.dumps(identity))
    file = config.out / "config.json"
    if file.exists():
        stored = json.loads(file.read_text())
        differing = [key for key in settings if stored.get(key) != settings[key]]
        if differing:
            raise UserError(f"{config.out} holds a run with another {', '.join(differing)}; use another --out")
    write_json(file, {**settings, "frames": config.frames, "excluded_houses": config.exclude_houses})


def _resume(trainer: Trainer, config: PretrainConfig) -> float:
    """Load the checkpoint from which a run of `config.frames` resumes; returns the seconds trained so far.

    That is the latest, unless its learning rate has already decayed for a shorter run.
    """
    latest, steady = config.out / "checkpoint", config.out / "checkpoint-steady"
    if not recover_folder(latest):
        return 0.0
    run = trainer.load(latest)
    if trainer.frames > config.training.falls_from(run["frames"]) and run["frames"] != config.frames:
        if not recover_folder(steady):
            raise UserError(f"{config.out} has no state from before its learning rate fell; use another --out")
        run = trainer.load(steady)
        if trainer.frames > config.training.falls_from(config.frames):
            raise UserError(
                f"{config.out}: its learning rate fell after {trainer.frames} frames; ask for more --frames"
            )
    return float(run["seconds"])


class _Run:
    """Training until the frames are reached or it is interrupted."""

    def __init__(self, config: PretrainConfig, trainer: Trainer, excluded: frozenset[str], elapsed: float) -> None:
        self.config, self.trainer, self.excluded = config, trainer, excluded
        self._before, self._begun = elapsed, time.monotonic()
        self._losses: list[float] = []
        self._stopped = False
        houses = references(config.validate_houses) if config.validate_houses else []
        self._validation = ValidationHouses(houses, config.validate_views)
        self._saved = self._validated = self._logged = time.monotonic()
        self._logged_frames = trainer.frames

    @property
    def seconds(self) -> float:
        """Seconds of training, including those of earlier processes."""
        return self._before + time.monotonic() - self._begun

    def finish(self) -> Path:
        """Train to the end; returns the weights file."""
        config, trainer = self.config, self.trainer
        per_chunk = config.chunk.uses * config.chunk.frames
        total = config.frames - config.frames % config.training.batch
        with _signals(self._stop), Progress() as progress, progress.stage("generalist") as advance:
            first, chunks = trainer.frames // per_chunk, -(-total // per_chunk)
            with HouseStream(
                config.seed, self.excluded, config.chunk, config.workers, first, config.out, chunks - first
            ) as stream:
                while trainer.frames < total and not self._stopped:
                    chunk = trainer.frames // per_chunk
                    views = stream.next_chunk(lambda: self._stopped)
                    if views is None:
                        break
                    trainer.count_labels(chunk, views.semantic)
                    order = config.chunk.order(config.seed, chunk)
                    end = min(total, (chunk + 1) * per_chunk)
                    while trainer.frames < end and not self._stopped:
                        at = trainer.frames % per_chunk
                        self._train(views.part(order[at : at + config.training.batch]), total)
                        advance(trainer.frames, total, f"loss {np.mean(self._losses[-LOG_STEPS:]):.3f}")
                        self._housekeeping(total)
            self._save()
        if self._stopped:
            raise KeyboardInterrupt
        self._validate()
        return config.out / "generalist.safetensors"

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopped = True

    def _train(self, views: Views, total: int) -> None:
        generator = self.trainer.generator()
        depth, normals = views.depth.astype(np.float32), views.normals.astype(np.float32) / 127
        batch = augment(views.rgb, views.semantic, depth, normals, views.camera, generator)
        self._losses.append(self.trainer.train(batch, generator, total))

    def _housekeeping(self, total: int) -> None:
        """Log, save and validate, each at its own interval."""
        config, trainer, now = self.config, self.trainer, time.monotonic()
        batch = config.training.batch
        if len(self._losses) >= LOG_STEPS:
            self._log()
        if trainer.frames <= config.training.falls_from(total) < trainer.frames + batch:
            self._save("checkpoint-steady")
        if now - self._saved >= 60 * config.save_minutes:
            self._save()
        if now - self._validated >= 60 * config.validate_minutes:
            self._validate()

    def _amounts(self) -> dict[str, int]:
        """Number of distinct frames trained on so far, and of their houses."""
        chunk = self.config.chunk
        full, rest = divmod(self.trainer.frames, chunk.uses * chunk.frames)
        houses = chunk.houses * (full + (rest > 0))  # a chunk is shuffled: its first frames come from all of its houses
        return {"distinct_frames": full * chunk.frames + min(rest, chunk.frames), "houses": houses}

    def _log(self) -> None:
        trainer, now = self.trainer, time.monotonic()
        self._write(
            loss=float(np.mean(self._losses)),
            rate=self.config.training.rate_at(trainer.frames, self.config.frames),
            frames_per_second=(trainer.frames - self._logged_frames) / (now - self._logged),
            **self._amounts(),
        )
        self._losses.clear()
        self._logged, self._logged_frames = now, trainer.frames

    def _write(self, **values: Any) -> None:
        line = {"frames": self.trainer.frames, "seconds": round(self.seconds, 1), **values}
        with (self.config.out / "metrics.jsonl").open("a") as out:
            out.write(json.dumps(line) + "\n")

    def _save(self, name: str = "checkpoint") -> None:
        self.trainer.save(self.config.out / name, {"frames": self.config.frames, "seconds": self.seconds})
        provenance = {
            "command": "testspace pretrain-generalist",
            "version": __version__,
            "seed": self.config.seed,
            "frames": self.trainer.frames,
            "of": self.config.frames,
            **self._amounts(),
            "seconds": round(self.seconds),
            "excluded_assets": sorted(self.excluded),
        }
        save_weights(self.config.out / "generalist.safetensors", self.trainer.average, CLASSES, provenance)
        self._saved = time.monotonic()

    def _validate(self) -> None:
        if self.config.validate_houses:
            self._write(miou=self._validation.evaluate(self.trainer.average))
        self._validated = time.monotonic()


@contextmanager
def _signals(stop: Any) -> Iterator[None]:
    """Let SIGINT and SIGTERM end the training between two steps, when everything can be saved."""
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
