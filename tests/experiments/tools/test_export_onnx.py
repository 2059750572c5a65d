"""`testspace export-onnx`: the shipped network in onnxruntime against torch on rendered views, and bad input."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from testspace.core.frame import Camera
from testspace.core.normals import normals_from_depth
from testspace.envs.assembly.building import build_scene
from testspace.envs.generator import generate_house
from testspace.envs.house.classes import CLASSES
from testspace.envs.render.raycast import RayCastSimulator
from testspace.experiments.bench import perception
from testspace.experiments.bench.perception import PerceptionBench, measure
from testspace.experiments.cli.main import main
from testspace.experiments.protocol.held_out import draw_views
from testspace.experiments.tools import export_onnx
from testspace.learners.generalist.geometry import geometry_channels
from testspace.learners.generalist.network import Generalist
from testspace.learners.generalist.weights import load_generalist

FOV = 75.0


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, tuple[Path, str]]:
    """Without and with depth: what the command wrote, and what it said."""
    for needed in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(needed)
    made = {}
    for with_depth in (False, True):
        file, said = tmp_path_factory.mktemp("onnx") / "folder/generalist.onnx", io.StringIO()
        with contextlib.redirect_stdout(said):
            main(["export-onnx", "--out", str(file), *(["--depth"] * with_depth)])
        made[with_depth] = file, said.getvalue()
    return made


@pytest.mark.parametrize("with_depth", [False, True])
def test_rendered_views_have_torchs_logits(exported: dict[bool, tuple[Path, str]], with_depth: bool) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    file, said = exported[with_depth]
    assert "logits of 112 classes; largest difference from torch in onnxruntime" in said
    assert list(file.parent.iterdir()) == [file]  # no weights in another file
    assert file.stat().st_size < 30 * 10**6
    camera = Camera(128, 128, FOV)
    simulator = RayCastSimulator(build_scene(generate_house(5, rooms=2, split="test")), camera, light="direct")
    frame, labels = draw_views(simulator, 6, 1.3, np.random.default_rng(0))
    given, geometry = {"rgb": frame["rgb"]}, None
    if with_depth:
        depth = np.stack(
            [cv2.resize(one, (64, 64), interpolation=cv2.INTER_NEAREST_EXACT) for one in frame["depth"]]
        ).astype(np.float32)
        level = frame["pose"].copy()
        level[:, 1] -= simulator.floor.level
        given["depth"] = depth
        given["camera"] = np.stack([np.full(6, FOV), *level[:, [1, 4, 5]].T], 1).astype(np.float32)
        normals = normals_from_depth(depth, Camera(64, 64, FOV))
        tangent = float(np.tan(np.radians(FOV) / 2))
        geometry = geometry_channels(torch.from_numpy(depth), torch.from_numpy(normals), level, tangent)
    session = onnxruntime.InferenceSession(file.read_bytes(), providers=["CPUExecutionProvider"])
    assert [one.name for one in session.get_inputs()] == list(given)
    (logits,) = session.run(None, given)
    np.testing.assert_allclose(
        session.run(None, {name: value[:1] for name, value in given.items()})[0], logits[:1], atol=1e-3
    )
    network, provenance = load_generalist(CLASSES)
    with torch.inference_mode():
        expected = network(torch.from_numpy(frame["rgb"]), geometry).numpy()
    assert logits.dtype == np.float32
    assert logits.shape == (6, len(CLASSES), 32, 32)
    assert np.abs(logits - expected).max() < 1e-3
    assert (logits.argmax(1) == expected.argmax(1)).mean() > 0.999
    truth = labels.semantic[:, 2::4, 2::4]
    assert (logits[:, 1:].argmax(1) + 1 == truth)[truth > 0].mean() > 0.7
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["classes"]) == list(CLASSES)
    assert "EfficientNet-Lite0" in metadata["notice"]
    assert metadata["license"] == "Apache-2.0"
    assert json.loads(metadata["provenance"]) == provenance


def test_the_benchmark_measures_onnxruntime(
    exported: dict[bool, tuple[Path, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def export(file: Path, network: Generalist, classes: Sequence[str], with_depth: bool) -> None:
        assert len(classes) == network.config.classes
        shutil.copy(exported[with_depth][0], file)

    monkeypatch.setattr(perception, "export_onnx", export)
    monkeypatch.setattr(perception, "SIZES", ())
    figures = measure(PerceptionBench(rounds=1))
    assert {"onnxruntime float32 rgb", "onnxruntime float32 rgb-d"} <= set(figures["median_ms"])


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["export-onnx", *arguments])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_bad_input_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "must end in .onnx" in refused(capsys, "--out", str(tmp_path / "x.pt"))
    missing = str(tmp_path / "none.safetensors")
    assert "there is no such file" in refused(capsys, "--out", str(tmp_path / "x.onnx"), "--weights", missing)
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert "pip install 'testspace[onnx]'" in refused(capsys, "--out", str(tmp_path / "x.onnx"))
    assert not list(tmp_path.iterdir())


def test_a_file_that_differs_from_torch_is_refused_and_one_unchecked_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_onnx, "export_onnx", lambda file, *_: file.write_bytes(b"onnx"))
    monkeypatch.setattr(export_onnx, "largest_difference", lambda *_: 0.5)
    assert "differ from torch's by 0.5" in refused(capsys, "--out", str(tmp_path / "x.onnx"))
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(export_onnx, "largest_difference", lambda *_: None)
    main(["export-onnx", "--out", str(tmp_path / "x.onnx")])
    assert "it was not compared" in capsys.readouterr().out
