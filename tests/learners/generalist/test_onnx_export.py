"""The exported file in onnxruntime against torch, on random inputs; and what it says of itself."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from testspace.learners.generalist import onnx_export
from testspace.learners.generalist.depth_geometry import channels_of_depth
from testspace.learners.generalist.network import Generalist, NetworkConfig
from testspace.learners.generalist.onnx_export import ExportError, export_onnx, inputs, largest_difference

SMALL = NetworkConfig(7, widths=(16, 16, 32, 64), blocks=(1, 1, 1), attention=1, decoder=24, grid=2)
CLASSES = ("void", *"abcdef")


@pytest.fixture
def network() -> Generalist:
    torch.manual_seed(0)
    made = Generalist(SMALL)
    for part in made.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(part.running_var, 0.5, 2.0)
    return made.eval()


@pytest.fixture
def session() -> Callable[[Path], Any]:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    return lambda file: runtime.InferenceSession(file.read_bytes(), providers=["CPUExecutionProvider"])


def test_any_batch_has_torchs_logits(network: Generalist, session: Callable[[Path], Any], tmp_path: Path) -> None:
    """With depth; without, see the command's test: an export takes nine seconds."""
    file = tmp_path / "small.onnx"
    export_onnx(file, network, CLASSES, True, {"frames": 3})
    assert list(tmp_path.iterdir()) == [file]  # no weights in another file
    model = session(file)
    assert [one.name for one in model.get_inputs()] == ["rgb", "depth", "camera"]
    for count in (1, 5):
        samples = inputs(network, True, count, seed=count)
        given = {name: value.numpy() for name, value in samples.items()}
        (logits,) = model.run(None, given)
        geometry = channels_of_depth(samples["depth"], samples["camera"])
        with torch.inference_mode():
            expected = network(samples["rgb"], geometry)
        assert logits.shape == (count, 7, 16, 16)
        np.testing.assert_allclose(logits, expected.numpy(), atol=1e-4)
    difference = largest_difference(file, network, True)
    assert difference is not None
    assert difference < 1e-4
    metadata = model.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["classes"]) == list(CLASSES)
    assert "EfficientNet-Lite0" in metadata["notice"]
    assert metadata["license"] == "Apache-2.0"
    assert json.loads(metadata["provenance"]) == {"frames": 3}


def test_missing_packages_and_wrong_names_are_one_line(
    network: Generalist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("onnx", "onnxscript"):
        with monkeypatch.context() as without:
            without.setitem(sys.modules, package, None)
            if package == "onnxscript":
                pytest.importorskip("onnx")
            with pytest.raises(ExportError, match=rf"needs {package}.*pip install 'testspace\[onnx\]'"):
                export_onnx(tmp_path / "x.onnx", network, CLASSES)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert largest_difference(tmp_path / "x.onnx", network, False) is None
    monkeypatch.setattr(onnx_export, "_onnx", lambda: None)
    with pytest.raises(ValueError, match="3 class names for 7 logits"):
        export_onnx(tmp_path / "x.onnx", network, CLASSES[:3])
    assert not list(tmp_path.iterdir())
