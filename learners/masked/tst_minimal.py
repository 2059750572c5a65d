"""TST-MM in one file, for reading: masked model, masking, loss and step, for images whose patches are regressed.

    model, generator = MinimalTST({"rgb": 3, "depth": 1, "normals": 3, "edges": 1}), torch.Generator()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    loss = step(model, optimiser, images, generator)      # images: normalised float32 (B, C, H, W) by modality

A test holds it to the production path (`masked_model`, `masking`): the same weights and masks give the same loss, and
the same seed the same masks. Left out here: tokenizers and codes, sequences, the semantic map, rgb of the transfer set.

B  batch      M  modalities   N  patches of an image    P  pixels along a patch   C  channels of a modality
K  visible tokens of a sample   T  target tokens of a sample   D  width   h  heads, each d = 64 wide
A token's number is modality * N + patch: tokens are numbered modality by modality.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ALPHAS = (0.01, 0.1, 1.0, 10.0)
"""Concentrations of the Dirichlets that are mixed: a low one takes nearly all tokens from one modality."""
NEVER = 1e-9
"""Concentration of a modality that is not drawn."""


# ---------------------------------------------------------------------------------------------------------------- model
def linear(inputs: int, outputs: int) -> nn.Linear:
    """Linear map without a bias."""
    return nn.Linear(inputs, outputs, bias=False)


def norm(dim: int) -> nn.LayerNorm:
    """LayerNorm without a bias."""
    return nn.LayerNorm(dim, eps=1e-6, bias=False)


class Attention(nn.Module):
    """Multi-head attention of x (B, T, D) to itself, or to a context (B, K, D)."""

    def __init__(self, dim: int, cross: bool) -> None:
        super().__init__()
        self.q = linear(dim, dim) if cross else None
        self.kv = linear(dim, 2 * dim) if cross else None
        self.qkv = None if cross else linear(dim, 3 * dim)
        self.out = linear(dim, dim)

    def forward(self, x: Tensor, context: Tensor | None = None, blocked: Tensor | None = None) -> Tensor:
        """x (B, T, D), its shape kept; `blocked` bool (B, 1, T, T): pairs that do not attend."""
        if self.q is None or self.kv is None or context is None:
            assert self.qkv is not None
            query, key, value = self.qkv(x).chunk(3, dim=-1)  # (B, T, D) each
        else:
            query, (key, value) = self.q(x), self.kv(context).chunk(2, dim=-1)  # (B, T, D), (B, K, D) twice
        query, key, value = (t.unflatten(-1, (-1, 64)).transpose(1, 2) for t in (query, key, value))  # (B, h, ., d)
        scores = query @ key.transpose(-2, -1) / 8  # (B, h, T, T or K); 8 is the root of d
        if blocked is not None:
            scores = scores.masked_fill(blocked, -torch.inf)
        return self.out((scores.softmax(dim=-1) @ value).transpose(1, 2).flatten(2))  # (B, T, D)


class SwiGLU(nn.Module):
    """silu(gate) * value between two linear maps."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        hidden = int(2 / 3 * 4 * dim)
        self.gate_value, self.out = linear(dim, 2 * hidden), linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, D), its shape kept."""
        gate, value = self.gate_value(x).chunk(2, dim=-1)
        return self.out(F.silu(gate) * value)


class Block(nn.Module):
    """Encoder layer, pre-norm."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm1, self.attention, self.norm2, self.mlp = norm(dim), Attention(dim, False), norm(dim), SwiGLU(dim)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, K, D), its shape kept."""
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class DecoderBlock(nn.Module):
    """Decoder layer, pre-norm: self-attention among targets, cross-attention to the visible tokens, MLP."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm1, self.attention = norm(dim), Attention(dim, False)
        self.norm_query, self.norm_context, self.cross = norm(dim), norm(dim), Attention(dim, True)
        self.norm2, self.mlp = norm(dim), SwiGLU(dim)

    def forward(self, x: Tensor, context: Tensor, blocked: Tensor) -> Tensor:
        """x (B, T, D), its shape kept, and a context (B, K, D)."""
        x = x + self.attention(self.norm1(x), blocked=blocked)
        x = x + self.cross(self.norm_query(x), self.norm_context(context))
        return x + self.mlp(self.norm2(x))


def positions(dim: int, grid: int) -> Tensor:
    """Fixed sine-cosine position embeddings of a grid, (N, D): half for the row, half for the column."""
    rate = 10000.0 ** -(torch.arange(dim // 4, dtype=torch.float64) / (dim // 4))
    row, column = torch.meshgrid(torch.arange(grid), torch.arange(grid), indexing="ij")
    angles = [index.flatten()[:, None] * rate for index in (row, column)]  # (N, D / 4) each
    return torch.cat([part for angle in angles for part in (angle.sin(), angle.cos())], dim=1).float()


class MinimalTST(nn.Module):
    """4M's encoder-decoder over patches, as MultiMAE regresses them. The first modality is rgb."""

    def __init__(
        self, channels: Mapping[str, int], image_size: int = 64, patch: int = 8, dim: int = 192, layers: int = 4,
        decoder_layers: int = 4,
    ) -> None:  # fmt: skip
        """`channels`: C of each modality."""
        super().__init__()
        self.patch, self.names, self.n_patches = patch, tuple(channels), (image_size // patch) ** 2
        widths = {name: patch**2 * count for name, count in channels.items()}
        self.embed = nn.ModuleDict({name: linear(width, dim) for name, width in widths.items()})
        self.modality = nn.Parameter(torch.randn(len(channels), dim) * 0.02)  # (M, D)
        self.positions: Tensor
        self.register_buffer("positions", positions(dim, image_size // patch), persistent=False)  # (N, D)
        self.encoder, self.encoder_norm = nn.ModuleList(Block(dim) for _ in range(layers)), norm(dim)
        self.context = nn.Linear(dim, dim)
        self.mask_token = nn.Parameter(torch.randn(dim) * 0.02)
        self.decoder, self.decoder_norm = nn.ModuleList(DecoderBlock(dim) for _ in range(decoder_layers)), norm(dim)
        self.heads = nn.ModuleDict({name: linear(dim, width) for name, width in widths.items()})

    def losses(self, images: Mapping[str, Tensor], inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Mean squared error of each modality over its targets; token numbers (B, K) and (B, T)."""
        patches = {name: patchify(images[name], self.patch) for name in self.names}  # (B, N, P * P * C)
        embedded = torch.cat([self.embed[name](patches[name]) for name in self.names], dim=1)  # (B, M * N, D)
        mark = (self.modality[:, None] + self.positions).flatten(0, 1)  # (M * N, D): which token it is

        x = embedded[torch.arange(len(inputs))[:, None], inputs] + mark[inputs]  # (B, K, D)
        for layer in self.encoder:
            x = layer(x)
        context = self.context(self.encoder_norm(x)) + mark[inputs]  # (B, K, D)

        modality = targets // self.n_patches  # (B, T)
        blocked = modality[:, None, :, None] != modality[:, None, None, :]  # no modality sees another's targets
        x = self.mask_token + mark[targets]  # (B, T, D)
        for layer in self.decoder:
            x = layer(x, context, blocked)
        x = self.decoder_norm(x)

        losses = {}
        for number, name in enumerate(self.names):
            sample, place = (modality == number).nonzero(as_tuple=True)  # (its targets,) each
            truth = patches[name][sample, targets[sample, place] - number * self.n_patches]  # (its targets, P * P * C)
            if name == "rgb":  # as MAE: each patch to zero mean and unit deviation
                variance, mean = torch.var_mean(truth, dim=-1, keepdim=True)
                truth = (truth - mean) * (variance + 1e-3).rsqrt()
            error = (self.heads[name](x[sample, place]) - truth).square()
            losses[name] = error.mean() if len(sample) else error.sum()
        return losses


def patchify(image: Tensor, patch: int) -> Tensor:
    """(B, C, H, W) to patches (B, N, P * P * C), row by row, channels last."""
    cut = image.unflatten(3, (-1, patch)).unflatten(2, (-1, patch))  # (B, C, rows, P, columns, P)
    return cut.permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)


# -------------------------------------------------------------------------------------------------------------- masking
def draw_tokens(
    batch: int, modalities: int, n_patches: int, budgets: tuple[int, int], generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Visible and target token numbers, int64 (B, K) and (B, T), for the two `budgets` K and T (4M-21's mixture).

    Each sample draws an alpha, or, as often as one alpha, rgb alone as input; Dirichlets of it say which share of each
    budget a modality gets.
    """
    rgb_alone = torch.full((modalities,), NEVER, dtype=torch.float64)
    rgb_alone[0] = 1000.0
    even = torch.ones(modalities, dtype=torch.float64)
    of_inputs = torch.stack([*(alpha * even for alpha in ALPHAS), rgb_alone])  # (alphas + 1, M)
    of_targets = torch.stack([*(alpha * even for alpha in ALPHAS), 0.5 * even])
    part = torch.multinomial(torch.ones(len(of_inputs), dtype=torch.float64), batch, True, generator=generator)  # (B,)

    free = torch.ones(batch, modalities, n_patches, dtype=torch.bool)  # (B, M, N)
    inputs = choose(draw_counts(of_inputs[part], budgets[0], generator), free, budgets[0], generator)
    free.view(batch, -1).scatter_(1, inputs, False)  # what is visible is no target
    targets = choose(draw_counts(of_targets[part], budgets[1], generator), free, budgets[1], generator)
    return inputs, targets


def draw_counts(alphas: Tensor, budget: int, generator: torch.Generator) -> Tensor:
    """Tokens of each modality (B, M), which sum to the budget, by Dirichlets of concentrations (B, M)."""
    # In logarithms, as Gamma(a) = Gamma(a + 1) U^(1/a): for small a the draws themselves would all be 0.
    uniform = torch.rand(alphas.shape, generator=generator, dtype=torch.float64).clamp_min(1e-300)
    gammas = torch._standard_gamma(alphas + 1, generator=generator).log() + uniform.log() / alphas
    ends = (gammas.softmax(dim=-1).cumsum(dim=-1) * budget).clamp(max=budget)  # (B, M)
    ends[:, -1] = budget
    ends = (ends + torch.rand(len(alphas), 1, generator=generator, dtype=torch.float64)).floor().long()  # unbiased
    return ends.diff(dim=-1, prepend=torch.zeros_like(ends[:, :1]))


def choose(counts: Tensor, free: Tensor, budget: int, generator: torch.Generator) -> Tensor:
    """Token numbers (B, budget): counts (B, M) random `free` (B, M, N) tokens; what a modality lacks, of the others."""
    noise = torch.rand(free.shape, generator=generator).masked_fill(~free, 2.0)  # (B, M, N)
    rank = noise.argsort(dim=-1).argsort(dim=-1)
    chosen = free & (rank < counts[..., None])
    priority = noise.masked_fill(~free, -2.0) + 2 * chosen
    return priority.flatten(1).topk(budget, dim=-1, sorted=False).indices


# ----------------------------------------------------------------------------------------------------------------- step
def step(
    model: MinimalTST, optimiser: torch.optim.Optimizer, images: Mapping[str, Tensor], generator: torch.Generator,
    budgets: tuple[int, int] = (64, 64), clip: float = 1.0,
) -> float:  # fmt: skip
    """One optimiser step on normalised images (B, C, H, W) by modality; the mean loss of the modalities."""
    batch = len(next(iter(images.values())))
    tokens = draw_tokens(batch, len(model.names), model.n_patches, budgets, generator)
    loss = torch.stack(list(model.losses(images, *tokens).values())).mean()
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimiser.step()
    return loss.item()
