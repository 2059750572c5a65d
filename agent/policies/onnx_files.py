"""ONNX files, and the weights that torch's exporter writes beside them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .protocol import PolicyError

MAX_BYTES = 2**30
"""Maximum size of a model with its weights, in bytes."""


def import_library(file: Path) -> Any:
    """onnxruntime. PolicyError where it is missing."""
    try:
        import onnxruntime
    except ImportError:
        raise PolicyError(f"{file}: needs onnxruntime: pip install 'testspace[onnx]'") from None
    return onnxruntime


def open_session(file: Path) -> Any:
    """An onnxruntime session of a model. PolicyError for a missing package or what is no model.

    Weights may lie in files beside the model, of which it names nothing but the file name: no other file is read.
    """
    onnxruntime = import_library(file)
    if file.stat().st_size > MAX_BYTES:
        raise PolicyError(f"{file}: larger than {MAX_BYTES >> 20} MiB")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1  # policies are small, and the renderer and the learner need the other cores
    # From bytes where all weights are inside: from its path, a model could read other files.
    source = str(file.resolve()) if _has_data_beside(file) else file.read_bytes()
    try:
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors have no common base class
        raise PolicyError(f"{file}: not a valid ONNX model: {str(error)[:200]}") from None


def _has_data_beside(file: Path) -> bool:
    """Whether the model keeps weights in other files, all of which may be read. PolicyError where one may not."""
    try:
        import onnx
    except ImportError:
        return False
    try:
        model = onnx.load(file, load_external_data=False)
    except Exception:  # onnxruntime says what is wrong with it
        return False
    named = {_location(tensor) for tensor in _tensors(model.graph) if tensor.data_location == tensor.EXTERNAL}
    size = file.stat().st_size
    for name in sorted(named):
        data = file.parent / name
        if name != Path(name).name or data.is_symlink():
            raise PolicyError(f"{file}: it keeps weights in {name!r:.80}; they must lie in its folder")
        if not data.is_file():
            raise PolicyError(f"{file}: its weights are in {name}, which is not beside it; copy both files")
        size += data.stat().st_size
    if size > MAX_BYTES:
        raise PolicyError(f"{file}: larger than {MAX_BYTES >> 20} MiB with its weights")
    return bool(named)


def _location(tensor: Any) -> str:
    return next((entry.value for entry in tensor.external_data if entry.key == "location"), "")


def _tensors(graph: Any) -> Iterator[Any]:
    """All stored tensors of a graph and of the graphs within it."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from _tensors(inner)
