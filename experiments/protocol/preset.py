"""The sizes of a run, and everything that follows from its length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import tyro

from ...agent.episode import EpisodeConfig
from ...agent.fusion.fusion_config import FusionConfig
from ...core.configs import from_json
from ...core.frame import Camera
from ...learners.adaptation.ttt_config import TTTConfig
from ...learners.generalist.specialist_config import SpecialistConfig
from ...learners.heads.head_config import HeadConfig
from ...learners.heads.transfer_config import TransferConfig
from ...learners.objectives.tst_config import TSTConfig
from .transfer_set_config import TransferSetConfig


@dataclass(frozen=True)
class Preset:
    """All the sizes of one run."""

    episode: EpisodeConfig = field(default_factory=EpisodeConfig)
    """How long the agent acts, and how often it learns."""
    milestones: tuple[float, ...] = (0.5, 1.0)
    """Shares of the episode at which the specialist is evaluated; from scratch it is transferred for that."""
    generalist: Annotated[str, tyro.conf.arg(metavar="{shipped,none,FILE}")] = "none"
    """The network to start from: shipped (the one that comes with the package), a file of weights, or none (masked
    modelling from scratch, then transfer)."""
    specialist: SpecialistConfig = field(default_factory=SpecialistConfig)
    """How the generalist is specialised."""
    learner: TSTConfig = field(default_factory=TSTConfig)
    """The masked model and its objective. Its schedule follows from the episode: see `learner_config`."""
    transfer_set: TransferSetConfig = field(default_factory=TransferSetConfig)
    """D_t, the labelled frames from external houses."""
    transfer: TransferConfig = field(default_factory=TransferConfig)
    """How the head and the encoder are fine-tuned on D_t."""
    fusion: FusionConfig = field(default_factory=FusionConfig)
    """How the agent's predictions are fused into pseudolabels."""
    head: HeadConfig = field(default_factory=HeadConfig)
    """The segmentation head."""
    own_frames: int = 3
    """Pseudolabelled frames of the agent for each frame of D_t in the specialist's transfer; 0 for D_t alone."""
    ttt: TTTConfig = field(default_factory=TTTConfig)
    """Test-time training."""
    eval_views: int = 300
    """Held-out views of the house."""
    ttt_views: int = 60
    """Held-out views on which test-time training is evaluated."""

    @classmethod
    def of_json(cls, stored: Mapping[str, Any]) -> Preset:
        """The sizes that were stored as JSON. UserError where they are those of another version."""
        return from_json(cls, stored, "the run's sizes")

    @property
    def camera(self) -> Camera:
        """The agent's camera."""
        return self.transfer_set.camera

    @property
    def from_scratch(self) -> bool:
        """Whether it starts without a generalist."""
        return self.generalist == "none"

    def steps(self, frames: int | None = None) -> int:
        """Steps of training due after so many frames (those of the episode), one at least."""
        episode, size = self.episode, self.learner.batch_size if self.from_scratch else self.specialist.batch_size
        return max(1, episode.steps(episode.frames if frames is None else frames, size))

    def learner_config(self) -> TSTConfig:
        """The learner's configuration with the schedule of a pre-training as long as the episode."""
        return scheduled(self.learner, self.steps())

    def specialist_config(self) -> SpecialistConfig:
        """The specialist's configuration with a schedule as long as the episode; see `scheduled`."""
        steps = self.steps()
        return replace(
            self.specialist, total_steps=steps, warmup_steps=min(self.specialist.warmup_steps, max(1, steps // 10))
        )

    def adapted(self, camera: Camera, camera_height: float, frames: int) -> Preset:
        """These sizes where the test space dictates the camera and allows no more than `frames` frames."""
        frames = min(self.episode.frames, frames)
        starts = min(self.episode.learning_starts, frames)
        return replace(
            self,
            episode=replace(self.episode, frames=frames, learning_starts=starts),
            transfer_set=replace(self.transfer_set, camera=camera, camera_height=camera_height),
        )


def scheduled(config: TSTConfig, steps: int) -> TSTConfig:
    """The configuration of a pre-training of `steps` steps: its learning rate warms up for a tenth of them at most,
    and reaches 0 at the last."""
    return replace(config, warmup_steps=min(config.warmup_steps, max(1, steps // 10)), total_steps=steps)
