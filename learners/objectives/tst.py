"""TST-MM: learn from the agent's own unlabelled frames by masked modelling across its modalities (sections 3.2.2, 4.1).

learner = TSTLearner(TSTConfig(), seed=0)
learner.fit_tokenizers(buffer.sample)          # nothing to do with targets "patches"
losses = learner.step(buffer.sample(32), transfer_rgb)
features = learner.encoder(rgb)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..masked.masked_model import Encoder, MaskedModel
from ..masked.masking import Masking, mixture, split_positions
from ..modalities.modality import PSEUDOLABEL, crop, find, flip, jitter
from ..modalities.sequences import SequenceModality, Spans
from ..modalities.tokenizers import Sample, Tokenizer, fit
from ..nn.checkpoint import Checkpoint, read
from ..nn.optimisers import Optimiser, ParameterGroup, hidden_matrices
from ..nn.precision import autocast
from .teacher import distance, follow, mean_of
from .tst_config import TSTConfig


class View(NamedTuple):
    """What the model is shown of a batch: the arguments of `MaskedModel.losses`."""

    frames: dict[str, Tensor]
    """After mirror and jitter, by modality."""
    inputs: Tensor
    """Token numbers int64 (B, input budget)."""
    targets: Tensor
    """Token numbers int64 (B, target budget)."""
    spans: dict[int, Spans] | None = None
    """Of its sequences, by slot."""


class TSTLearner:
    """A masked model in training: one `step` for each batch of frames, with no end that must be known beforehand."""

    def __init__(self, config: TSTConfig | None = None, seed: int = 0) -> None:
        self.config, self.seed = config or TSTConfig(), seed
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
        self._place()
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
        """Steps left out because the loss or its gradient was not finite."""
        self.has_tokenizers = cfg.targets == "patches"
        """Whether `step` may be called: tokenizers are fitted, or not needed."""
        self.decay: tuple[int, int] | None = None
        """Step at which the learning rate began to fall, and steps in which it falls to 0."""
        self.teacher = mean_of(self.model.encoder) if cfg.teacher_decay else None
        """The mean of past encoders, where the configuration asks for one."""

    def _place(self) -> None:
        """Done to the model before its optimiser is made: where it lies, and in how many parts (`scaling`)."""

    @property
    def encoder(self) -> Encoder:
        """What is transferred: the teacher, else the rgb encoder in training; copy it before changing it."""
        return self.model.encoder if self.teacher is None else self.teacher

    def decay_over(self, steps: int) -> None:
        """From now on let the learning rate fall in a line, to 0 after `steps`: an end not known beforehand."""
        self.decay = self.steps, max(1, steps)

    def fit_tokenizers(
        self, sample: Sample, steps: int | None = None, progress: Callable[[int, int], None] | None = None
    ) -> dict[str, float]:
        """Train and freeze the tokenizers on frames that `sample(n)` draws; nothing with targets "patches".

        Returns each one's unexplained variance and use of its codes. `progress(done, total)` is called after each step.
        """
        budget = self.config.tokenizer_steps if steps is None else steps
        report: dict[str, float] = {}
        for index, (name, tokenizer) in enumerate(self.model.tokenizers.items()):
            assert isinstance(tokenizer, Tokenizer)
            tokenizer.requires_grad_(True)
            done = index * budget

            def tell(step: int, done: int = done) -> None:
                if progress is not None:
                    progress(done + step, budget * len(self.model.tokenizers))

            quality = fit(tokenizer, sample, budget, progress=tell)
            tokenizer.requires_grad_(False)
            report |= {
                f"tokenizer/{name}/unexplained": quality.unexplained,
                f"tokenizer/{name}/codes": quality.codes_used,
            }
        self.has_tokenizers = True
        return report

    def step(self, frames: Mapping[str, Tensor], transfer_rgb: Tensor | None = None) -> dict[str, float]:
        """One optimiser step on frames of the contract (B, H, W, ...) and rgb of the transfer set, uint8 (B', H, W, 3).

        The loss is the mean over the modalities of the frames, and masked autoencoding of the rgb mixed in, by their
        share of samples. Returns both, each modality's loss, the learning rate. RuntimeError before `fit_tokenizers`.
        """
        self._ready()
        with autocast():
            view = self.view(frames, self.generator)
            losses = self.model.losses(*view)
            loss = torch.stack(list(losses.values())).mean()
            if transfer_rgb is not None and len(transfer_rgb):
                share = len(transfer_rgb) / (len(transfer_rgb) + len(frames["rgb"]))
                losses["mix"] = self.model.losses(*self.view_rgb(transfer_rgb, self.generator))[
                    self.model.predicted_rgb
                ]
                loss = (1 - share) * loss + share * losses["mix"]
            if self.teacher is not None and self.config.teacher_weight:
                losses["teacher"] = distance(
                    self.model.encoder, self.teacher, view.frames["rgb"], self.config.input_budget, self.generator
                )
                loss = loss + self.config.teacher_weight * losses["teacher"]
        self.optimiser.zero_grad()
        loss.backward()
        return self._finish(loss, losses)

    def _ready(self) -> None:
        if not self.has_tokenizers:
            raise RuntimeError("learner: targets are tokens, so call fit_tokenizers before step")
        self.model.train()

    def _finish(self, loss: Tensor, losses: Mapping[str, Tensor]) -> dict[str, float]:
        """Step along the gradients that are there, unless one is not finite, and report."""
        norm, rate = self._clip(), self._rate()
        if bool(torch.isfinite(loss)) and bool(torch.isfinite(norm)):
            self.optimiser.step(rate)
            if self.teacher is not None:
                follow(self.teacher, self.model.encoder, self.config.teacher_decay, self.steps)
        else:
            self.nonfinite_steps += 1
        self.steps += 1
        report = {"loss": loss.item(), **{f"loss_{name}": value.item() for name, value in losses.items()}}
        return {
            **report,
            "gradient_norm": norm.item(),
            "learning_rate": rate,
            "nonfinite_steps": float(self.nonfinite_steps),
        }

    def _clip(self) -> Tensor:
        return nn.utils.clip_grad_norm_(self._trained.values(), self.config.clip)

    def view(self, frames: Mapping[str, Tensor], generator: torch.Generator) -> View:
        """What the model is shown of frames of the contract: mirrored, jittered and masked by the generator."""
        cfg, batch = self.config, len(frames["rgb"])
        if cfg.objective == "mae":
            return self.view_rgb(frames["rgb"], generator)
        kept = (*cfg.modalities, PSEUDOLABEL) if cfg.pseudolabel_classes else cfg.modalities
        frames = {name: frames[name] for name in kept if name in frames or name == PSEUDOLABEL}
        if cfg.min_crop < 1:
            frames = crop(frames, cfg.min_crop, generator)
        if cfg.mirror:
            frames = flip(frames, torch.rand(batch, generator=generator) < 0.5)
        # Pseudolabels are of the frame before its light is changed: what is behind it stays the same.
        sensed = {modality.name: modality.sense(frames) for modality in find(cfg.modalities)}
        frames = {**frames, **sensed}
        if cfg.jitter:
            frames["rgb"] = jitter(frames["rgb"], cfg.jitter, generator)
        ids = {number: frames[self.model.names[number]].cpu() for number in self.masking.sequences}
        return View(frames, *self.masking.draw(batch, generator, ids))

    def view_rgb(self, rgb: Tensor, generator: torch.Generator) -> View:
        """The same for masked autoencoding of rgb uint8 (B, H, W, 3) alone."""
        if self.config.min_crop < 1:
            rgb = crop({"rgb": rgb}, self.config.min_crop, generator)["rgb"]
        if self.config.mirror:
            rgb = flip({"rgb": rgb}, torch.rand(len(rgb), generator=generator) < 0.5)["rgb"]
        if self.config.jitter:
            rgb = jitter(rgb, self.config.jitter, generator)
        visible = max(1, round(self.config.mix_visible * self.model.positions))
        keep, hidden = split_positions(len(rgb), self.model.positions, visible, generator)
        return View({"rgb": rgb}, keep, hidden + self.model.first_rgb)

    def _rate(self) -> float:
        """The learning rate of this step."""
        cfg, rate = self.config, self.config.learning_rate
        if self.decay is not None:
            rate *= max(0.0, 1 - (self.steps - self.decay[0]) / self.decay[1])
        if self.steps < cfg.warmup_steps:
            return rate * (self.steps + 1) / cfg.warmup_steps
        if cfg.total_steps is None:
            return rate
        done = (self.steps - cfg.warmup_steps) / max(1, cfg.total_steps - cfg.warmup_steps)
        return rate * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

    def save(self, folder: str | Path) -> None:
        """Write all that training needs to go on exactly: model.safetensors, optimiser.safetensors, learner.json."""
        self.checkpoint().write(Path(folder))

    def checkpoint(self) -> Checkpoint:
        """What `save` writes."""
        moments = {"generator": self.generator.get_state()}
        for name, parameter in self._trained.items():
            for key, value in self.optimiser.state(parameter).items():
                moments[f"{key}/{name}"] = torch.as_tensor(value)
        if self.teacher is not None:
            moments |= {f"teacher/{name}": value for name, value in self.teacher.state_dict().items()}
        state = {
            "config": asdict(self.config), "seed": self.seed, "steps": self.steps,
            "nonfinite_steps": self.nonfinite_steps, "decay": self.decay, "has_tokenizers": self.has_tokenizers,
        }  # fmt: skip
        return Checkpoint(self.model.state_dict(), moments, state)

    def load(self, folder: str | Path) -> None:
        """Go on from a folder that `save` wrote; ValueError where its configuration is another one."""
        stored = read(Path(folder), asdict(self.config), asdict(TSTConfig()))
        self._load_weights(stored.weights)
        self.generator.set_state(stored.moments.pop("generator"))
        if self.teacher is not None:
            own = {name: stored.moments.pop(f"teacher/{name}") for name in self.teacher.state_dict()}
            self.teacher.load_state_dict(own)
        kinds = {key.split("/", 1)[0] for key in stored.moments}
        for name, parameter in self._trained.items():
            moments = {kind: stored.moments[f"{kind}/{name}"] for kind in kinds if f"{kind}/{name}" in stored.moments}
            if moments:
                self.optimiser.restore(parameter, self._placed(moments, parameter))
        state = stored.state
        self.seed, self.steps, self.nonfinite_steps = state["seed"], state["steps"], state["nonfinite_steps"]
        self.decay = tuple(state["decay"]) if state.get("decay") else None
        self.has_tokenizers = state["has_tokenizers"]

    def _load_weights(self, weights: dict[str, Tensor]) -> None:
        self.model.load_state_dict(weights)

    def _placed(self, moments: dict[str, Tensor], parameter: nn.Parameter) -> dict[str, Tensor]:
        """The moments where the parameter lies."""
        return moments


def scratch_encoder(config: TSTConfig, seed: int) -> Encoder:
    """The encoder that TSTLearner(config, seed) starts from, without any training: the scratch baseline."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Encoder(config.size, config.image_size, config.patch)


def masking_of(model: MaskedModel, config: TSTConfig) -> Masking:
    """How the tokens of this model are masked; ValueError where the budgets do not fit its modalities."""
    seen, predicted = [bool(slot.sees) for slot in model.slots], [bool(slot.predicts) for slot in model.slots]
    known = dict(zip(config.modalities, find(config.modalities), strict=True))
    sources = {number: known.get(slot.modality) for number, slot in enumerate(model.slots)}
    sequences = {number: source for number, source in sources.items() if isinstance(source, SequenceModality)}
    parts = mixture(seen, predicted, config.alphas, config.rgb_only)
    budgets = config.input_budget, config.target_budget
    return Masking(model.numbering.sizes, *budgets, parts, seen, predicted, sequences)
