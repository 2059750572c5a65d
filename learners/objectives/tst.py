"""TST-MM: learn from the agent's own unlabelled frames by masked modelling across its modalities (Sections 3.2.2, 4.1).

learner = TSTLearner(TSTConfig(), seed=0, device="cpu")
learner.fit_tokenizers(buffer.sample)          # nothing to do with targets "patches"
losses = learner.step(buffer.sample(32), transfer_rgb)
features = learner.encoder(rgb)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ...core.frame import Frame
from ..masked.encoder import Encoder
from ..masked.masked_model import MaskedModel
from ..masked.masking import Masking, mixture, split_patches
from ..modalities.modality import PSEUDOLABEL, SEQUENCES, crop, find, flip, jitter
from ..modalities.sequences import SequenceModality, Spans
from ..modalities.tokenizers import Sample, Tokenizer, fit
from ..nn.checkpoint import Checkpoint, read
from ..nn.optimisers import Optimiser, ParameterGroup, hidden_matrices
from ..nn.precision import autocast
from ..nn.schedules import warmup_cosine
from .surprise import surprise
from .tst_config import TSTConfig


class View(NamedTuple):
    """Augmented and masked batch: the arguments of `MaskedModel.losses`."""

    frames: dict[str, Tensor]
    """Frames (B, H, W, ...) by modality, after crop, mirror and jitter."""
    inputs: Tensor
    """Visible token numbers int64 (B, input budget)."""
    targets: Tensor
    """Target token numbers int64 (B, target budget)."""
    spans: dict[int, Spans] | None = None
    """Spans of its sequences, by number of their stream."""


class TSTLearner:
    """A masked model in training: one `step` for each batch of frames.

    Its model is on `device`; frames may be on any, and are moved.
    """

    def __init__(self, config: TSTConfig | None = None, seed: int = 0, device: str | torch.device = "cpu") -> None:
        self.config, self.seed, self.device = config or TSTConfig(), seed, torch.device(device)
        cfg = self.config
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.model = MaskedModel(
                cfg.size, cfg.image_size, cfg.patch, cfg.targets, cfg.decoder_layers, tuple(cfg.levels),
                cfg.pseudolabel_classes, cfg.modalities, cfg.rgb_beside_tokens, cfg.quantiser,
            )  # fmt: skip
        if cfg.objective == "mm":
            self.masking = masking_of(self.model, cfg)
        elif cfg.modalities != ("rgb",) or cfg.targets != "patches" or cfg.pseudolabel_classes:
            raise ValueError("learner: objective mae is of rgb patches alone: modalities ('rgb',), targets 'patches'")
        self.generator = torch.Generator().manual_seed(seed)
        self.model.tokenizers.requires_grad_(False)
        self.model.to(self.device)
        self._wrap()
        self._trained = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        groups = [
            ParameterGroup([p for p in self._trained.values() if p.ndim > 1], cfg.weight_decay),
            ParameterGroup([p for p in self._trained.values() if p.ndim <= 1], 0.0),
        ]
        hidden = hidden_matrices(self.model.encoder.layers, self.model.decoder)
        self.optimiser = Optimiser(groups, cfg.optimiser, cfg.betas, hidden)
        self.steps = 0
        """Steps taken, the skipped ones included."""
        self.nonfinite_steps = 0
        """Steps skipped because the loss or its gradient was not finite."""
        self.has_tokenizers = cfg.targets == "patches"
        """Whether `step` may be called: tokenizers are fitted, or not needed."""

    def _wrap(self) -> None:
        """Hook between placing the model and making its optimiser, for `scaling`."""

    @property
    def batch_size(self) -> int:
        """Samples a step."""
        return self.config.batch_size

    @property
    def uses_pseudolabels(self) -> bool:
        """Whether it predicts pseudolabels, which its frames must have then."""
        return bool(self.config.pseudolabel_classes)

    def surprise(self, frame: Frame) -> float:
        """How badly it predicts a frame of the contract; see `objectives.surprise`."""
        return surprise(self, frame)

    @property
    def encoder(self) -> Encoder:
        """The encoder in training; copy it before changing it."""
        return self.model.encoder

    def step(self, frames: Mapping[str, Tensor], transfer_rgb: Tensor | None = None) -> dict[str, float]:
        """One optimiser step on frames of the contract (B, H, W, ...) and rgb of the transfer set, uint8 (B', H, W, 3).

        The loss is the mean over the modalities of the frames, and masked autoencoding of the rgb mixed in, by their
        share of samples. Returns the losses, the gradient's norm and the learning rate. A step whose loss or gradient
        is not finite changes nothing and is counted. RuntimeError before `fit_tokenizers`.
        """
        self._ready()
        with autocast(self.device.type):
            losses = self.model.losses(*self.view(frames, self.generator))
            loss = torch.stack(list(losses.values())).mean()
            if transfer_rgb is not None and len(transfer_rgb):
                share = len(transfer_rgb) / (len(transfer_rgb) + len(frames["rgb"]))
                view = self.view_rgb(transfer_rgb, self.generator)
                losses["mix"] = self.model.losses(*view)[self.model.rgb_target]
                loss = (1 - share) * loss + share * losses["mix"]
        self.optimiser.zero_grad()
        loss.backward()
        return self._finish(loss, losses)

    def view(self, frames: Mapping[str, Tensor], generator: torch.Generator) -> View:
        """Frames of the contract, mirrored, jittered and masked by the generator."""
        cfg, batch = self.config, len(frames["rgb"])
        if cfg.objective == "mae":
            return self.view_rgb(frames["rgb"], generator)
        kept = (*cfg.modalities, PSEUDOLABEL) if cfg.pseudolabel_classes else cfg.modalities
        frames = self._moved({name: frames[name] for name in kept if name in frames or name == PSEUDOLABEL})
        if cfg.min_crop < 1:
            frames = crop(frames, cfg.min_crop, generator)
        if cfg.mirror:
            frames = flip(frames, torch.rand(batch, generator=generator) < 0.5)
        # Pseudolabels are computed from the frame before its colours change: the scene behind it stays the same.
        sensed = {modality.name: modality.sense(frames) for modality in find(cfg.modalities)}
        frames = {**frames, **sensed}
        if cfg.jitter:
            frames["rgb"] = jitter(frames["rgb"], cfg.jitter, generator)
        ids = {number: frames[self.model.names[number]].cpu() for number in self.masking.sequences.modalities}
        return View(frames, *self.masking.draw(batch, generator, ids))

    def view_rgb(self, rgb: Tensor, generator: torch.Generator) -> View:
        """The same for masked autoencoding of rgb uint8 (B, H, W, 3) alone."""
        rgb = rgb.to(self.device)
        if self.config.min_crop < 1:
            rgb = crop({"rgb": rgb}, self.config.min_crop, generator)["rgb"]
        if self.config.mirror:
            rgb = flip({"rgb": rgb}, torch.rand(len(rgb), generator=generator) < 0.5)["rgb"]
        if self.config.jitter:
            rgb = jitter(rgb, self.config.jitter, generator)
        visible, hidden = split_patches(len(rgb), self.model.patches, self.config.mask_ratio, generator)
        return View({"rgb": rgb}, visible, hidden + self.model.first_rgb_target)

    def learning_rate(self) -> float:
        """Learning rate of the next step."""
        cfg = self.config
        return warmup_cosine(cfg.learning_rate, self.steps, cfg.warmup_steps, cfg.total_steps)

    def _ready(self) -> None:
        if not self.has_tokenizers:
            raise RuntimeError("learner: targets are tokens, so call fit_tokenizers before step")
        self.model.train()

    def _finish(self, loss: Tensor, losses: Mapping[str, Tensor]) -> dict[str, float]:
        """Step along the gradients, unless one is not finite, and report."""
        norm, rate = self._clip(), self.learning_rate()
        if bool(torch.isfinite(loss)) and bool(torch.isfinite(norm)):
            self.optimiser.step(rate)
        else:
            self.nonfinite_steps += 1
        self.steps += 1
        return {
            "loss": loss.item(),
            **{f"loss_{name}": value.item() for name, value in losses.items()},
            "gradient_norm": norm.item(),
            "learning_rate": rate,
            "nonfinite_steps": float(self.nonfinite_steps),
        }

    def _clip(self) -> Tensor:
        return nn.utils.clip_grad_norm_(self._trained.values(), self.config.clip)

    def _moved(self, frames: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Frames on the device, but for sequences, which are masked on the CPU."""
        return {
            name: value if name in SEQUENCES else value.to(self.device, non_blocking=True)
            for name, value in frames.items()
        }

    def fit_tokenizers(
        self, sample: Sample, steps: int | None = None, progress: Callable[[int, int], None] | None = None
    ) -> dict[str, float]:
        """Train and freeze the tokenizers on frames that `sample(n)` draws; nothing with targets "patches".

        Returns each tokenizer's fraction of variance unexplained and normalised perplexity of codes. `progress(done,
        total)` is called after each step.
        """
        budget = self.config.tokenizer_steps if steps is None else steps
        report: dict[str, float] = {}
        for index, (name, tokenizer) in enumerate(self.model.tokenizers.items()):
            assert isinstance(tokenizer, Tokenizer)
            tokenizer.requires_grad_(True)
            done = index * budget

            def advance(step: int, done: int = done) -> None:
                if progress is not None:
                    progress(done + step, budget * len(self.model.tokenizers))

            quality = fit(tokenizer, lambda n: self._moved(sample(n)), budget, progress=advance)
            tokenizer.requires_grad_(False)
            report |= {
                f"tokenizer/{name}/unexplained": quality.variance_unexplained,
                f"tokenizer/{name}/codes": quality.perplexity,
            }
        self.has_tokenizers = True
        return report

    def save(self, folder: str | Path) -> None:
        """Write a checkpoint to resume from exactly: model.safetensors, optimiser.safetensors, learner.json."""
        self.checkpoint().write(Path(folder))

    def checkpoint(self) -> Checkpoint:
        """Checkpoint that `save` writes."""
        moments = {"generator": self.generator.get_state()}
        for name, parameter in self._trained.items():
            for key, value in self.optimiser.state(parameter).items():
                moments[f"{key}/{name}"] = torch.as_tensor(value)
        state = {
            "config": asdict(self.config), "seed": self.seed, "steps": self.steps,
            "nonfinite_steps": self.nonfinite_steps, "has_tokenizers": self.has_tokenizers,
        }  # fmt: skip
        return Checkpoint(self.model.state_dict(), moments, state)

    def load(self, folder: str | Path) -> None:
        """Resume from a folder that `save` wrote; ValueError where its configuration differs."""
        stored = read(Path(folder), asdict(self.config), asdict(TSTConfig()))
        own = self.model.state_dict()
        weights = {
            name: self._placed(value, own[name]) if name in own else value for name, value in stored.weights.items()
        }
        self.model.load_state_dict(weights)
        self.generator.set_state(stored.moments.pop("generator"))
        kinds = {key.split("/", 1)[0] for key in stored.moments}
        for name, parameter in self._trained.items():
            moments = {kind: stored.moments[f"{kind}/{name}"] for kind in kinds if f"{kind}/{name}" in stored.moments}
            if moments:
                placed = {kind: self._placed(value, parameter) for kind, value in moments.items()}
                self.optimiser.restore(parameter, placed)
        state = stored.state
        self.seed, self.steps, self.nonfinite_steps = state["seed"], state["steps"], state["nonfinite_steps"]
        self.has_tokenizers = state["has_tokenizers"]

    def _placed(self, value: Tensor, reference: Tensor) -> Tensor:
        """Stored tensor on the device of the model's own, for `scaling` also in as many shards."""
        return value.to(reference.device)


def scratch_encoder(config: TSTConfig, seed: int) -> Encoder:
    """The encoder that TSTLearner(config, seed) starts from, without any training: the scratch baseline."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Encoder(config.size, config.image_size, config.patch)


def masking_of(model: MaskedModel, config: TSTConfig) -> Masking:
    """Masking of the model's tokens; ValueError where the budgets do not fit its modalities."""
    seen = [stream.input is not None for stream in model.streams]
    predicted = [stream.target is not None for stream in model.streams]
    modalities = dict(zip(config.modalities, find(config.modalities), strict=True))
    sources = {number: modalities.get(stream.modality) for number, stream in enumerate(model.streams)}
    sequences = {number: source for number, source in sources.items() if isinstance(source, SequenceModality)}
    parts = mixture(seen, predicted, config.alphas, config.rgb_only)
    return Masking(model.index.sizes, config.input_budget, config.target_budget, parts, seen, predicted, sequences)
