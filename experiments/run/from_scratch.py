"""Perception from scratch: masked modelling of a network with random weights, then transfer on D_t (Section 3.2)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ...agent.fusion.semantic_map import fused_by
from ...agent.trainer import Trainer
from ...core.errors import UserError
from ...core.frame import Frame
from ...core.progress import Advance
from ...core.storage import recover_folder, replace_folder
from ...learners.heads.segmentation import Segmenter
from ...learners.heads.transfer import LabelledFrames
from ...learners.masked.encoder import Encoder
from ...learners.masked.from_4m import start_from_4m
from ...learners.masked.masked_model import MaskedModel
from ...learners.objectives.tst import TSTLearner, scratch_encoder
from ..protocol.preset import Preset
from ..protocol.score import transfer
from ..protocol.transfer_set import TransferSet
from .perception_recipe import SPECIALIST, PerceptionRecipe, Predict, Training


class FromScratch(PerceptionRecipe):
    """See PerceptionRecipe. The pseudolabels are those of scratch, which has learned from external houses."""

    baseline = "scratch"
    pretrained = False

    def __init__(
        self,
        run: Path,
        preset: Preset,
        transfer_set: TransferSet,
        seed: int,
        device: torch.device,
        start_4m: Path | None = None,
    ) -> None:
        """run: the run's folder. start_4m: weights of 4M to start from."""
        self.run, self.preset, self.transfer_set, self.seed, self.device = run, preset, transfer_set, seed, device
        self.start_4m = start_4m
        self.labelled = transfer_set.labelled
        self.learnable = self.labelled.classes()
        self.facts = {"shared_assets": transfer_set.shared_assets}

    def prepare(self, advance: Advance) -> None:
        """Transfer scratch on D_t."""
        if not recover_folder(self._folder(self.baseline)):
            encoder = scratch_encoder(self.preset.learner, self.seed).to(self.device)
            self._transfer(self.baseline, encoder, None, advance)
        if self.preset.learner.pseudolabel_classes:
            surfaces, fusion = self.transfer_set.surfaces, self.preset.fusion
            self.semantic_map = fused_by(self.segmenter(self.baseline), self.preset.camera, surfaces, fusion)

    def training(self) -> Training:
        """A masked model, and rgb of D_t to mix in."""
        learner = TSTLearner(self.preset.learner_config(), self.seed, self.device)
        if self.start_4m is not None:
            try:
                start_from_4m(learner.model, self.start_4m)
            except ValueError as error:
                raise UserError(f"--start-4m: {error}") from None
        return Training(learner, torch.from_numpy(self.labelled.rgb), 0.5)

    def specialise(self, trainer: Trainer, advance: Advance) -> None:
        """Transfer the learner's encoder on D_t and on the agent's pseudolabelled frames."""
        assert isinstance(trainer.learner, TSTLearner)
        count = self.preset.own_frames * len(self.labelled)
        own = trainer.pseudolabelled(count) if count else None
        self._transfer(SPECIALIST, trainer.learner.encoder, own, advance)

    def has_specialist(self) -> bool:
        """Whether its folder is whole."""
        return recover_folder(self._folder(SPECIALIST))

    def rows(self, method: str) -> dict[str, Predict]:
        """The method itself, from rgb."""

        def predict(frames: Frame) -> NDArray[np.int16]:
            return self.segmenter(method).predict(frames["rgb"])

        return {method: predict}

    def segmenter(self, method: str) -> Segmenter:
        """The network of this method as it was stored last."""
        size = self.preset.learner
        encoder = Encoder(size.size, size.image_size, size.patch)
        return Segmenter.load(self._folder(method), encoder).to(self.device)

    @staticmethod
    def masked_model(trainer: Trainer) -> MaskedModel:
        """The model that was pre-trained, whose decoder test-time training needs."""
        assert isinstance(trainer.learner, TSTLearner)
        return trainer.learner.model

    def _transfer(self, method: str, encoder: Encoder, own: LabelledFrames | None, advance: Advance) -> None:
        frames = self.labelled if own is None else self.labelled.join(own)
        segmenter = transfer(encoder, frames, self.preset.transfer, self.preset.head, self.seed, advance)
        replace_folder(self._folder(method), segmenter.save)

    def _folder(self, method: str) -> Path:
        return self.run / "segmenters" / method
