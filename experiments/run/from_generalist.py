"""Perception from the generalist: it labels the agent's frames, with depth, and is trained on as the specialist."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...agent.fusion.semantic_map import SemanticMap, generalist_probabilities
from ...agent.trainer import Trainer
from ...core.errors import UserError
from ...core.frame import Camera, Frame
from ...core.progress import Advance
from ...envs.house.classes import CLASSES
from ...envs.house.house import House
from ...learners.generalist.inference import classify_frames, folded, probabilities_at
from ...learners.generalist.network import Generalist
from ...learners.generalist.specialist import SpecialistLearner
from ...learners.generalist.views import PIXELS, ViewSet
from ...learners.generalist.weights import WeightsError, load_weights, save_weights
from ..protocol.generated_views import external_views, surface_prior
from ..protocol.named_weights import load_named
from ..protocol.preset import Preset
from ..protocol.transfer_set import house_assets
from ..rundir.networks import weights_file
from .perception_recipe import SPECIALIST, PerceptionRecipe, Predict, Training

_CHUNK = 4
"""Frames whose probabilities are spread to every pixel at once, 7 MB each."""


class FromGeneralist(PerceptionRecipe):
    """See PerceptionRecipe. The baseline is the generalist as it comes."""

    baseline = "generalist"
    pretrained = True

    def __init__(self, run: Path, preset: Preset, house: House | None, seed: int, device: torch.device) -> None:
        """run: the run's folder. house: the test space, whose assets generated houses do without; None: unknown.

        Raises WeightsError where the weights cannot be used, UserError for a camera that the network does not have.
        """
        camera = preset.camera
        if (camera.width, camera.height) != (PIXELS, PIXELS):
            raise UserError(
                f"the generalist sees {PIXELS} x {PIXELS} pixels, this test space {camera.width} x {camera.height}; "
                "use --generalist none"
            )
        self.run, self.preset, self.seed, self.device = run, preset, seed, device
        self.assets = frozenset(house_assets(house)) if house else frozenset()
        network, provenance = load_named(preset.generalist)
        self.generalist = network.to(device)
        self.learnable = tuple(range(1, len(CLASSES)))
        known = self.assets - frozenset(provenance.get("excluded_assets", ()))
        self.facts = {"shared_assets": [], "generalist_knows": [len(known), len(self.assets)]}
        self.generated: ViewSet | None = None
        self._folded: dict[str, Generalist] = {}  # by method, as it was stored last

    def prepare(self, advance: Advance) -> None:
        """Make the generated views; the map is empty at first."""
        config = self.preset.specialist
        views = external_views(config.generated_houses, config.generated_views, self.assets, self.seed, advance)
        self.generated = ViewSet(views)
        teacher = self.network(SPECIALIST if self.has_specialist() else self.baseline)
        predict, camera = generalist_probabilities(teacher, self.preset.camera), self.preset.camera
        fusion = self.preset.fusion
        prior = surface_prior(views) if fusion.prior_power else None
        self.semantic_map = SemanticMap(predict, self.learnable, camera, prior, fusion)

    def training(self) -> Training:
        """The specialist in training, and generated views to mix in."""
        assert self.generated is not None, "prepare() comes first"
        config = self.preset.specialist_config()
        learner = SpecialistLearner(self.generalist, config, self.generated, self.preset.camera, self.seed, self.device)
        return Training(learner, self.generated, 1 - config.own_share)

    def specialise(self, trainer: Trainer, advance: Advance) -> None:
        """Store the specialist as it is now; from here on it labels the agent's frames, and earlier ones anew."""
        assert isinstance(trainer.learner, SpecialistLearner)
        provenance = {"command": "testspace run", "frames": trainer.learner.steps * trainer.learner.batch_size}
        file = weights_file(self.run, SPECIALIST)
        file.parent.mkdir(exist_ok=True)
        save_weights(file, trainer.learner.specialist, CLASSES, provenance)
        self._folded.pop(SPECIALIST, None)
        self.recall(trainer, advance)

    def recall(self, trainer: Trainer, advance: Advance) -> None:
        """Let the specialist as it was stored last label the agent's frames: those to come, and those it has kept.

        Where the buffer has evicted frames, the map keeps what it heard of them.
        """
        assert self.semantic_map is not None
        # as stored, in half precision: what a resumed run has
        self.semantic_map.predict = generalist_probabilities(self.network(SPECIALIST), self.preset.camera)
        buffer = trainer.buffer
        if not len(buffer) or buffer.total_seen > len(buffer):
            return
        self.semantic_map.clear()
        order = torch.argsort(buffer.get(range(len(buffer)), ("step",))["step"])
        for done, indices in enumerate(order.split(self.preset.episode.rollout)):
            self.semantic_map.add(buffer.get(indices))
            advance(min(len(order), (done + 1) * self.preset.episode.rollout), len(order), "frames labelled anew")

    def has_specialist(self) -> bool:
        """Whether its file is whole; a damaged one is removed."""
        file = weights_file(self.run, SPECIALIST)
        try:
            return file.exists() and bool(self.network(SPECIALIST))
        except WeightsError as error:
            print(f"{error}; it is made again of what was learned", file=sys.stderr, flush=True)
            file.unlink()
            return False

    def rows(self, method: str) -> dict[str, Predict]:
        """The network from rgb, and from rgb and depth; for the specialist also the map, and both together."""
        network, fused, camera = self.network(method), self.semantic_map, self.preset.camera
        rows: dict[str, Predict] = {
            method: lambda frames: classify_frames(network, frames, camera, depth=False),
            f"{method}_rgbd": lambda frames: classify_frames(network, frames, camera),
        }
        if method == SPECIALIST and fused is not None:
            rows["map"] = lambda frames: fused.labels(_tensors(frames)).numpy()
            rows[f"{method}_map"] = lambda frames: _with_map(network, fused, frames, camera)
        return rows

    def network(self, method: str) -> Generalist:
        """The `folded` network of this method as it was stored last."""
        if method not in self._folded:
            trained = method != self.baseline
            network = load_weights(weights_file(self.run, method), CLASSES) if trained else self.generalist
            self._folded[method] = folded(network.to(self.device))
        return self._folded[method]


def _with_map(network: Generalist, fused: SemanticMap, frames: Frame, camera: Camera) -> NDArray[np.int16]:
    """The product of the network's and the map's probabilities, some frames at a time."""
    parts = []
    for start in range(0, len(frames["rgb"]), _CHUNK):
        part = _tensors({key: value[start : start + _CHUNK] for key, value in frames.items()})
        probabilities = probabilities_at(network, part, camera).permute(0, 2, 3, 1)
        parts.append(fused.combined(part, probabilities.numpy()))
    return np.concatenate(parts)


def _tensors(frames: Frame) -> dict[str, Tensor]:
    return {key: torch.from_numpy(np.ascontiguousarray(value)) for key, value in frames.items()}
