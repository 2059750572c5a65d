"""`testspace export-onnx`: the generalist as an ONNX file, checked against torch where onnxruntime is installed."""

from __future__ import annotations

from pathlib import Path

from ...core.errors import UserError
from ...envs.house.classes import CLASSES
from ...learners.generalist.onnx_export import export_onnx, largest_difference
from ...learners.generalist.weights import load_generalist, load_weights, read_provenance

TOLERANCE = 1e-3
"""Largest difference of logits, in float32, between torch and onnxruntime."""


def write_onnx(out: Path, weights: Path | None = None, with_depth: bool = False) -> str:
    """Write the file; returns a line that says what it takes and how equal it is to torch.

    UserError, WeightsError or ExportError, one line, on a name, weights or missing packages.
    """
    if out.suffix.lower() != ".onnx":
        raise UserError(f"{out}: the name of the file to write must end in .onnx")
    if weights is not None:
        network, provenance = load_weights(weights, CLASSES), read_provenance(weights)
    else:
        network, provenance = load_generalist(CLASSES)
    out.parent.mkdir(parents=True, exist_ok=True)
    export_onnx(out, network, CLASSES, with_depth, provenance)
    difference = largest_difference(out, network, with_depth)
    if difference is not None and difference >= TOLERANCE:
        out.unlink()
        raise UserError(f"{out}: removed again: in onnxruntime its logits differ from torch's by {difference:.2g}")
    checked = "onnxruntime is not installed, so it was not compared" if difference is None else (
        f"largest difference from torch in onnxruntime {difference:.1g}"
    )  # fmt: skip
    takes = "rgb, depth, camera" if with_depth else "rgb"
    return f"{out}: {out.stat().st_size / 1e6:.0f} MB, from {takes} to logits of {len(CLASSES)} classes; {checked}"
