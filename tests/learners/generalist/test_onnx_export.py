"""What an export to ONNX needs. What it writes is compared with torch in the test of the command."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from testspace.learners.generalist import onnx_export
from testspace.learners.generalist.network import Generalist, NetworkConfig
from testspace.learners.generalist.onnx_export import ExportError, export_onnx, largest_difference

SMALL = NetworkConfig(7, widths=(16, 16, 32, 64), blocks=(1, 1, 1), attention=1, decoder=24, grid=2)
CLASSES = ("void", *"abcdef")


def test_missing_packages_and_wrong_names_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = Generalist(SMALL)
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
