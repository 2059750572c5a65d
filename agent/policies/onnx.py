"""ONNX policies: an exchange format of many frameworks that contains operators only, no code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...core.frame import FRAME_SPEC, Frame
from ...envs.gym_envs.motion import Action
from .protocol import Body, PolicyError

MAX_BYTES = 2**30
"""Maximum file size, in bytes."""
INPUTS = (*FRAME_SPEC, "pose", "collision")
"""Valid input names: the keys of a Frame, and collision (whether the last move was blocked)."""
_TYPES = {
    "tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8,
    "tensor(int32)": np.int32, "tensor(int64)": np.int64, "tensor(bool)": np.bool_,
}  # fmt: skip


def import_library(file: Path) -> Any:
    """onnxruntime. PolicyError where it is missing."""
    try:
        import onnxruntime
    except ImportError:
        raise PolicyError(f"{file}: needs onnxruntime: pip install 'testspace[onnx]'") from None
    return onnxruntime


class ONNXPolicy:
    """Runs an ONNX graph on each Frame.

    Inputs are named as in INPUTS and have a batch axis of 1; dtypes are converted, values are not scaled. The first
    output is either one score per Action, of which the highest is taken, or the action as a single integer.
    """

    def __init__(self, file: Path, body: Body) -> None:
        """PolicyError if onnxruntime is missing, the file is not an ONNX model, or an input is not one of INPUTS."""
        onnxruntime = import_library(file)
        if file.stat().st_size > MAX_BYTES:
            raise PolicyError(f"{file}: larger than {MAX_BYTES >> 20} MiB")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1  # policies are small, and the renderer and the learner need the other cores
        try:
            # Loaded from bytes: from a path, external weights could read any file that the model names.
            self._session = onnxruntime.InferenceSession(file.read_bytes(), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own errors have no common base class
            raise PolicyError(f"{file}: not a valid ONNX model: {str(error)[:200]}") from None
        self._inputs: dict[str, Any] = {}
        for node in self._session.get_inputs():
            if node.name not in INPUTS or node.type not in _TYPES:
                raise PolicyError(
                    f"{file}: unsupported input '{node.name}' ({node.type}); available inputs: {', '.join(INPUTS)}"
                )
            self._inputs[node.name] = _TYPES[node.type]

    def act(self, observation: Frame, info: dict[str, Any]) -> int:
        """The next action."""
        values: dict[str, Any] = {**observation, "collision": np.asarray(bool(info.get("collision")))}
        inputs = {name: np.asarray(values[name])[None].astype(dtype) for name, dtype in self._inputs.items()}
        try:
            output = np.asarray(self._session.run(None, inputs)[0]).ravel()
        except Exception as error:
            raise PolicyError(f"the ONNX policy failed on this Frame: {str(error)[:200]}") from None
        if output.size not in (1, len(Action)):
            raise PolicyError(f"the ONNX policy gave {output.size} numbers: 1 action or {len(Action)} scores are read")
        if output.dtype.kind not in "biuf" or not np.isfinite(output).all():
            raise PolicyError("the ONNX policy gave a score or an action that is not a finite number")
        action = int(output.argmax() if output.size == len(Action) else output.item())
        if not 0 <= action < len(Action):
            raise PolicyError(f"the ONNX policy chose action {action}; there are 0 to {len(Action) - 1}")
        return action
