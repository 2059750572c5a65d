"""The generalist as an ONNX file, for onnxruntime and what else reads ONNX, on the robot's own computer.

    inputs   rgb     uint8   (B, 128, 128, 3)  sRGB, upright
             depth   float32 (B, 64, 64)       metres along the optical axis, 0 = no return   } with depth only
             camera  float32 (B, 4)            vertical field of view, height, pitch, roll    }
    output   logits  float32 (B, 112, 32, 32)  class i of the names in the metadata; 0 is void

Sizes are those of the shipped network. Normals and heights are computed inside. B is free. Of the metadata, `classes`
is a JSON list of names, `license`, `notice` and `provenance` are those of the weights.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...core.storage import replacing
from .depth_geometry import CAMERA, channels_of_depth
from .inference import folded
from .network import Generalist
from .weights import NOTICE

FORMAT = "testspace-generalist-onnx"
"""`format` in the file's metadata."""
OPSET = 18
"""Version of ONNX's operators."""


class ExportError(ValueError):
    """The network cannot be exported here."""


class Clamp(nn.Module):
    """ReLU6 by another operator, which gives the same graph: to decompose `hardtanh_` takes 2 s of an export."""

    def forward(self, x: Tensor) -> Tensor:
        """x, its values between 0 and 6."""
        return x.clamp(0.0, 6.0)


class RgbLogits(nn.Module):
    """Logits float32 (B, C, h, w) of rgb uint8 (B, H, W, 3)."""

    def __init__(self, network: Generalist) -> None:
        super().__init__()
        self.network = network

    def forward(self, rgb: Tensor) -> Tensor:
        """Logits (B, C, h, w)."""
        logits: Tensor = self.network(rgb)
        return logits


class RgbDepthLogits(RgbLogits):
    """Logits float32 (B, C, h, w) of rgb, of depth float (B, H / 2, W / 2) and of cameras (B, 4)."""

    def forward(self, rgb: Tensor, depth: Tensor, camera: Tensor) -> Tensor:  # type: ignore[override]
        """Logits (B, C, h, w); a sample without any return is not the same as one without depth."""
        logits: Tensor = self.network(rgb, channels_of_depth(depth, camera))
        return logits


def export_onnx(
    file: Path,
    network: Generalist,
    classes: Sequence[str],
    with_depth: bool = False,
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write the network, float32, whole or not at all, with its weights inside.

    ExportError where onnx or onnxscript is not installed; ValueError where the names are not as many as the logits.
    """
    onnx = _onnx()
    if len(classes) != network.config.classes:
        raise ValueError(f"onnx: {len(classes)} class names for {network.config.classes} logits")
    used = folded(network, torch.float32, packed=False)
    for part in list(used.modules()):
        for name, child in part.named_children():
            if isinstance(child, nn.ReLU6):
                setattr(part, name, Clamp())
    model = (RgbDepthLogits if with_depth else RgbLogits)(used).eval()
    samples = inputs(used, with_depth)
    batch = torch.export.Dim("batch")
    with warnings.catch_warnings(), _errors_only("torch.onnx", "onnxscript", "onnx_ir"):
        # torch 2.13 uses a deprecated function of its own, and says that three inputs share one axis, as they should.
        warnings.filterwarnings("ignore", r".*LeafSpec.*is deprecated", FutureWarning)
        warnings.filterwarnings("ignore", r".*The axis name: batch will not be used", UserWarning)
        program = torch.onnx.export(
            model,
            tuple(samples.values()),
            dynamo=True,
            input_names=list(samples),
            output_names=["logits"],
            dynamic_shapes=[{0: batch} for _ in samples],
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    proto = program.model_proto
    metadata = {
        "format": FORMAT,
        "classes": json.dumps(list(classes)),
        "license": "Apache-2.0",
        "notice": NOTICE,
        "provenance": json.dumps(dict(provenance or {})),
    }
    onnx.helper.set_model_props(proto, metadata)
    onnx.checker.check_model(proto)
    with replacing(file) as unfinished:
        unfinished.write_bytes(proto.SerializeToString())


def inputs(network: Generalist, with_depth: bool, count: int = 2, seed: int = 0) -> dict[str, Tensor]:
    """Random inputs of `count` samples by name, as an exported file takes them: a slanted floor where it has depth."""
    side, draw = 32 * network.config.grid, torch.Generator().manual_seed(seed)
    made = {"rgb": torch.randint(0, 256, (count, side, side, 3), dtype=torch.uint8, generator=draw)}
    if with_depth:
        slope = torch.linspace(4, 1, side // 2)[:, None] + 0.05 * torch.rand(
            count, side // 2, side // 2, generator=draw
        )
        made["depth"] = slope * (torch.rand(slope.shape, generator=draw) > 0.05)
        made["camera"] = torch.tensor([[70.0, 1.4, -15.0, 2.0]]).repeat(count, 1)
        assert made["camera"].shape[1] == CAMERA
    return made


def largest_difference(file: Path, network: Generalist, with_depth: bool, count: int = 3) -> float | None:
    """Largest absolute difference of logits between onnxruntime, on the file, and torch, float32, on random inputs.

    None where onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ImportError:
        return None
    session = onnxruntime.InferenceSession(file.read_bytes(), providers=["CPUExecutionProvider"])
    samples = inputs(network, with_depth, count, seed=1)
    theirs = session.run(None, {name: value.numpy() for name, value in samples.items()})[0]
    model = (RgbDepthLogits if with_depth else RgbLogits)(folded(network, torch.float32, packed=False))
    with torch.inference_mode():
        ours = model(*samples.values())
    return float((torch.from_numpy(theirs) - ours).abs().max())


def _onnx() -> Any:
    """The package onnx, with its helpers."""
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnxscript  # noqa: F401
    except ImportError as error:
        missing = error.name or "onnx"
        raise ExportError(f"the ONNX export needs {missing}: pip install 'testspace[onnx]'") from None
    return onnx


@contextmanager
def _errors_only(*names: str) -> Iterator[None]:
    """These loggers say errors only."""
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
