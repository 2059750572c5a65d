"""What a training command is configured by. Light to import: the command line reads it without torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from ..objectives.paper_configs import pretraining
from ..objectives.tst_config import TSTConfig


@dataclass(frozen=True)
class Scaling:
    """How a step is spread and computed; none of it changes what is learned, up to rounding."""

    micro_batch: int | None = None
    """Samples that a process computes at once. Unset: its whole share of a step. Fewer need less memory."""
    shard: Literal["ddp", "fsdp"] = "ddp"
    """ddp: each process holds the whole model. fsdp: each holds a part of every layer and its moments (size base)."""
    compile: bool = False
    """Compile the layers (torch.compile); needs a C++ compiler."""
    checkpointing: bool = False
    """Recompute each layer in the backward pass instead of keeping its activations: less memory."""
    bf16: bool | None = None
    """Matrix products in bfloat16. Unset: where that is fast."""


@dataclass(frozen=True)
class TrainConfig:
    """What is trained, on what data, and how it is spread over processes."""

    out: Path
    """Output folder."""
    frames: Path | None = None
    """Folder of frames (rgb/, and optionally depth/, normals/, poses.csv): see `data.frame_folder`."""
    buffer: Path | None = None
    """Folder of a replay buffer, such as the buffer/ of a run."""
    buffer_share: float = 0.5
    """Share of the frames that comes from the buffer, where both are given."""
    vertical_fov: float = 90.0
    """Vertical field of view of the camera, in degrees; needed only for normals from depth."""
    mix_in: Path | None = None
    """Folder of frames of external spaces, whose rgb makes up half of each step (Appendix L)."""
    learner: TSTConfig = field(default_factory=lambda: TSTConfig(total_steps=1000))
    """The masked model and its objective. Training ends after `total_steps`."""
    repeats: int = 1
    """Views of each frame that is read (repeated sampling; 4 in the paper), each mirrored, jittered and masked anew."""
    scaling: Scaling = field(default_factory=Scaling)
    """How a step is spread over processes."""
    device: str = "auto"
    """Where it is trained: auto (the GPU if there is one), cpu, cuda, cuda:1."""
    seed: int = 0
    """Seed of everything random."""
    store_every: int = 500
    """Steps between checkpoints."""
    log_every: int = 10
    """Steps between lines of metrics.jsonl."""
    resume: bool = False
    """Continue the training in the output folder."""


CHOICES: dict[str, tuple[str, TrainConfig]] = {
    "nano": ("Ours, for two CPU cores.", TrainConfig(out=tyro.MISSING)),
    "small": ("TST-S of Table 9.", TrainConfig(out=tyro.MISSING, learner=pretraining("small"), repeats=4)),
    "base": ("TST-B of Table 9.", TrainConfig(out=tyro.MISSING, learner=pretraining("base"), repeats=4)),
}
"""Presets by name: what the help says of each, and its values."""
if TYPE_CHECKING:
    PresetConfig = TrainConfig
else:
    PresetConfig = Annotated[
        tyro.extras.subcommand_type_from_defaults(
            {name: config for name, (_, config) in CHOICES.items()},
            {name: text for name, (text, _) in CHOICES.items()},
            prefix_names=False,
        ),
        tyro.conf.arg(name=""),
    ]
"""A TrainConfig on a command line: the name of a preset, then options that override its fields."""
