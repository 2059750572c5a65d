"""TST-DINO: learn from the agent's unlabelled rgb by self-distillation with the DINOv2 objective (Appendices G, H).

learner = DinoLearner(DinoConfig(), seed=0)
losses = learner.step(buffer.sample(32))
features = learner.encoder(rgb)

The student sees global crops with some patches masked, and small local crops; the teacher, an exponential moving
average of the student, sees the whole global crops. Written from the papers. Departures: our Encoder has no class
token, so a crop's feature is the mean of its patches; crops are square; the schedule is a warm-up, then constant.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from ..choices import SizeName
from ..masked.encoder import Encoder
from ..modalities.modality import jitter, patchify
from ..nn.layers import linear
from ..nn.optimisers import Optimiser, ParameterGroup
from ..nn.precision import autocast
from ..nn.schedules import warmup_cosine
from .dino_losses import distillation_loss, koleo_loss, sinkhorn, update_ema


@dataclass(frozen=True)
class DinoConfig:
    """The objective and its optimiser. The defaults are our nano, for two CPU cores."""

    size: SizeName = "nano"
    """Width and depth of the encoder."""
    image_size: int = 64
    """Height and width of the frames and of the global crops, in pixels."""
    patch: int = 8
    """Height and width of a patch, in pixels."""
    local_size: int = 32
    """Height and width of the local crops, in pixels."""
    local_crops: int = 4
    """Local crops of each frame, in addition to two global ones."""
    global_scale: tuple[float, float] = (0.32, 1.0)
    """Range of the fraction of the frame's area in a global crop."""
    local_scale: tuple[float, float] = (0.05, 0.32)
    """Range of the fraction of the frame's area in a local crop."""
    jitter: float = 0.4
    """Photometric jitter of each crop."""
    mask_probability: float = 0.5
    """Probability that patches of a global crop are masked for the student."""
    mask_ratio: tuple[float, float] = (0.1, 0.5)
    """Range of the fraction of patches masked then."""
    prototypes: int = 1024
    """Outputs of each head (65,536 or more at scale)."""
    hidden: int = 256
    """Hidden width of the heads."""
    bottleneck: int = 64
    """Width before the prototypes."""
    student_temperature: float = 0.1
    """Temperature of the student's softmax."""
    teacher_temperature: float = 0.07
    """Temperature of the teacher's assignments."""
    momentum: float = 0.99
    """EMA decay of the teacher."""
    koleo: float = 0.1
    """Weight of the KoLeo loss; the DINO and iBOT losses have weight 1."""
    batch_size: int = 32
    """Frames per step, for the learning rate."""
    base_learning_rate: float = 4e-3
    """Learning rate for 256 samples a step; what is used is this times batch_size / 256."""
    betas: tuple[float, float] = (0.9, 0.99)
    """Decay of AdamW's moments."""
    weight_decay: float = 0.04
    """Weight decay, on matrices only."""
    warmup_steps: int = 100
    """Steps in which the learning rate rises from 0."""
    clip: float = 3.0
    """Largest norm of the gradient."""

    @property
    def learning_rate(self) -> float:
        """Peak learning rate, by the linear scaling rule: base_learning_rate * batch_size / 256."""
        return self.base_learning_rate * self.batch_size / 256


class Head(nn.Module):
    """Features (..., D) to logits (..., K): an MLP, then cosines to K prototypes."""

    def __init__(self, dim: int, config: DinoConfig) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(dim, config.hidden), nn.GELU(),
            nn.Linear(config.hidden, config.hidden), nn.GELU(),
            nn.Linear(config.hidden, config.bottleneck),
        )  # fmt: skip
        self.prototypes = linear(config.bottleneck, config.prototypes)

    def forward(self, x: Tensor) -> Tensor:
        """x (..., D) to cosines (..., K), from -1 to 1; the loss divides them by its temperature."""
        return F.linear(F.normalize(self.mlp(x), dim=-1), F.normalize(self.prototypes.weight, dim=-1))


class StudentTeacherNet(nn.Module):
    """Network of the student and of the teacher: an encoder, its two heads, and the embedding of a masked patch."""

    def __init__(self, config: DinoConfig) -> None:
        super().__init__()
        self.encoder = Encoder(config.size, config.image_size, config.patch)
        self.dino_head, self.ibot_head = Head(self.encoder.dim, config), Head(self.encoder.dim, config)
        self.mask_token = nn.Parameter(torch.randn(self.encoder.dim) * 0.02)

    def features(self, rgb: Tensor, masked: Tensor | None = None) -> Tensor:
        """Patch features (B, N, D) of crops of any size, uint8 (B, S, S, 3); `masked` bool (B, N)."""
        encoder, side = self.encoder, rgb.shape[1] // self.encoder.patch
        x = encoder.embed(patchify(encoder.normalise(rgb), encoder.patch))
        if masked is not None:
            x = torch.where(masked[..., None], self.mask_token.to(x.dtype), x)
        return encoder.encode(x + self._positions(side) + encoder.modality)

    def _positions(self, side: int) -> Tensor:
        """The encoder's positions (side * side, D), spread over a crop of fewer patches."""
        rows, columns = self.encoder.grid
        if (side, side) == (rows, columns):
            return self.encoder.positions
        table = self.encoder.positions.view(1, rows, columns, -1).permute(0, 3, 1, 2)
        return F.interpolate(table, (side, side), mode="bilinear", align_corners=True).flatten(2)[0].T


class DinoLearner:
    """Student and teacher in training, on rgb alone, with the interface of `TSTLearner.step`.

    Its networks are on `device`; frames may be on any, and are moved.
    """

    def __init__(self, config: DinoConfig | None = None, seed: int = 0, device: str | torch.device = "cpu") -> None:
        self.config, self.seed, self.device = config or DinoConfig(), seed, torch.device(device)
        if self.config.local_size % self.config.patch:
            raise ValueError(f"dino: local_size {self.config.local_size} is not a multiple of the patch")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.student = StudentTeacherNet(self.config).to(self.device)
        self.teacher = copy.deepcopy(self.student).requires_grad_(False)
        self.generator = torch.Generator().manual_seed(seed)
        parameters = list(self.student.parameters())
        groups = [
            ParameterGroup([p for p in parameters if p.ndim > 1], self.config.weight_decay),
            ParameterGroup([p for p in parameters if p.ndim <= 1], 0.0),
        ]
        self.optimiser = Optimiser(groups, "adamw", self.config.betas)
        self.steps = self.nonfinite_steps = 0

    @property
    def encoder(self) -> Encoder:
        """Encoder of the teacher, which is transferred; copy it before changing it."""
        return self.teacher.encoder

    def step(self, frames: Mapping[str, Tensor], transfer_rgb: Tensor | None = None) -> dict[str, float]:
        """One optimiser step on the rgb of frames, uint8 (B, H, W, 3), and on rgb mixed in; B is 2 or more in all.

        A step whose loss or gradient is not finite changes nothing and is counted. Returns every loss.
        """
        parts = (frames["rgb"],) if transfer_rgb is None else (frames["rgb"], transfer_rgb)
        rgb = torch.cat([part.to(self.device) for part in parts])
        cfg = self.config
        self.student.train()
        with autocast(self.device.type):
            losses = self._losses(rgb)
            loss = losses["dino"] + losses["ibot"] + cfg.koleo * losses["koleo"]
        self.optimiser.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.student.parameters(), cfg.clip)
        rate = warmup_cosine(cfg.learning_rate, self.steps, cfg.warmup_steps, None)
        if bool(torch.isfinite(loss)) and bool(torch.isfinite(norm)):
            self.optimiser.step(rate)
            update_ema(self.teacher, self.student, cfg.momentum)
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

    def _losses(self, rgb: Tensor) -> dict[str, Tensor]:
        cfg, batch = self.config, len(rgb)
        crops = torch.cat([self._crop(rgb, cfg.global_scale, cfg.image_size) for _ in range(2)])  # (2 B, S, S, 3)
        masked = self._mask(len(crops))  # (2 B, N)
        with torch.no_grad():
            teacher_features = self.teacher.features(crops)  # (2 B, N, D)
            logits = self.teacher.dino_head(teacher_features.mean(1))
            assigned = [sinkhorn(part, cfg.teacher_temperature) for part in logits.chunk(2)]  # two of (B, K)
            patches = sinkhorn(self.teacher.ibot_head(teacher_features[masked]), cfg.teacher_temperature)
        student_features = self.student.features(crops, masked)  # (2 B, N, D)
        pooled = student_features.mean(1)
        first, second = self.student.dino_head(pooled).chunk(2)
        pairs = [(first, assigned[1]), (second, assigned[0])]  # never a crop with itself
        for _ in range(cfg.local_crops):
            local = self._crop(rgb, cfg.local_scale, cfg.local_size)
            logits = self.student.dino_head(self.student.features(local).mean(1))
            pairs += [(logits, assigned[0]), (logits, assigned[1])]
        dino = torch.stack([distillation_loss(s, t, cfg.student_temperature) for s, t in pairs]).mean()
        ibot = distillation_loss(self.student.ibot_head(student_features[masked]), patches, cfg.student_temperature)
        koleo = torch.stack([koleo_loss(part) for part in (pooled[:batch], pooled[batch:])]).mean()
        return {"dino": dino, "ibot": ibot, "koleo": koleo}

    def _mask(self, count: int) -> Tensor:
        """Patches masked for the student, bool (count, N); at least one of the first crop."""
        cfg, positions = self.config, self.student.encoder.positions.shape[0]
        low, high = cfg.mask_ratio
        share = low + (high - low) * torch.rand(count, 1, generator=self.generator)
        share = share * (torch.rand(count, 1, generator=self.generator) < cfg.mask_probability)
        noise = torch.rand(count, positions, generator=self.generator)
        masked = noise.argsort(1).argsort(1) < (share * positions).round()
        masked[0, int(noise[0].argmin())] = True
        return masked.to(self.device)

    def _crop(self, rgb: Tensor, scale: tuple[float, float], size: int) -> Tensor:
        """Random square crop of each frame, uint8 (B, size, size, 3), half of them mirrored, and jittered."""
        batch = len(rgb)
        area = scale[0] + (scale[1] - scale[0]) * torch.rand(batch, generator=self.generator)
        side = area.sqrt()
        offset = (2 * torch.rand(batch, 2, generator=self.generator) - 1) * (1 - side)[:, None]
        mirror = torch.where(torch.rand(batch, generator=self.generator) < 0.5, -1.0, 1.0)
        affine = torch.zeros(batch, 2, 3)
        affine[:, 0, 0], affine[:, 1, 1], affine[:, :, 2] = side * mirror, side, offset
        grid = F.affine_grid(affine, [batch, 3, size, size], align_corners=False)
        images = rgb.permute(0, 3, 1, 2).float()
        image = F.grid_sample(images, grid.to(rgb.device), padding_mode="border", align_corners=False)
        cropped = image.permute(0, 2, 3, 1).round().clamp(0, 255).to(torch.uint8)
        return jitter(cropped, self.config.jitter, self.generator) if self.config.jitter else cropped

    def save(self, folder: str | Path) -> None:
        """Write a checkpoint to resume from exactly: dino.safetensors, dino.json."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {"generator": self.generator.get_state()}
        tensors |= {f"teacher/{name}": value.contiguous() for name, value in self.teacher.state_dict().items()}
        tensors |= {f"student/{name}": value.contiguous() for name, value in self.student.state_dict().items()}
        for name, parameter in self.student.named_parameters():
            state = self.optimiser.state(parameter)
            tensors |= {f"moment/{key}/{name}": torch.as_tensor(value) for key, value in state.items()}
        save_file(tensors, folder / "dino.safetensors")
        state_json = {"config": asdict(self.config), "steps": self.steps, "nonfinite_steps": self.nonfinite_steps}
        (folder / "dino.json").write_text(json.dumps(state_json, indent=2))

    def load(self, folder: str | Path) -> None:
        """Resume from a folder that `save` wrote; ValueError where it holds none, or one of another configuration."""
        file = Path(folder) / "dino.json"
        if not file.is_file():
            raise ValueError(f"dino: {folder} holds no learner (no dino.json)")
        state = json.loads(file.read_text())
        if state["config"] != json.loads(json.dumps(asdict(self.config))):
            raise ValueError(f"dino: {folder} was trained with another configuration; use the same")
        tensors = load_file(Path(folder) / "dino.safetensors")
        self.generator.set_state(tensors.pop("generator"))
        for name, module in (("teacher", self.teacher), ("student", self.student)):
            prefix = f"{name}/"
            module.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
        keys = {key.split("/")[1] for key in tensors if key.startswith("moment/")}
        for name, parameter in self.student.named_parameters():
            stored = {key: tensors[f"moment/{key}/{name}"] for key in keys if f"moment/{key}/{name}" in tensors}
            if stored:
                self.optimiser.restore(parameter, {key: value.to(self.device) for key, value in stored.items()})
        self.steps, self.nonfinite_steps = state["steps"], state["nonfinite_steps"]
