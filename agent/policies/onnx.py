"""An ONNX file as a policy: what other frameworks and languages export; a graph of known operators, no code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...core.frame import FRAME_SPEC, Frame
from ...envs.gym_envs.motion import Action
from .protocol import Body, PolicyError

LARGEST = 2**30
"""Largest file that is read, in bytes."""
INPUTS = (*FRAME_SPEC, "pose", "collision")
"""What an input may be called: a key of the Frame, or collision (whether the last move was blocked)."""
_TYPES = {
    "tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8,
    "tensor(int32)": np.int32, "tensor(int64)": np.int64, "tensor(bool)": np.bool_,
}  # fmt: skip


class ONNXPolicy:
    """Its inputs are named as INPUTS and have a leading axis of 1; types are converted, values are not.

    Its first output is a score for each Action, of which the largest is done, or a single integer, the action.
    """

    def __init__(self, file: Path, body: Body) -> None:
        """PolicyError where onnxruntime is missing, the file is no ONNX model, or an input is none of INPUTS."""
        try:
            import onnxruntime
        except ImportError:
            raise PolicyError(f"{file}: needs onnxruntime: pip install 'testspace[onnx]'") from None
        if file.stat().st_size > LARGEST:
            raise PolicyError(f"{file}: larger than {LARGEST >> 20} MiB")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1  # a policy is small, and shares its cores with renderer and learner
        try:
            # From bytes: a model that keeps weights in other files would read whatever it names.
            self._session = onnxruntime.InferenceSession(file.read_bytes(), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own errors have no common base class
            raise PolicyError(f"{file}: not an ONNX model that runs: {str(error)[:200]}") from None
        self._inputs: dict[str, Any] = {}
        for given in self._session.get_inputs():
            if given.name not in INPUTS or given.type not in _TYPES:
                raise PolicyError(
                    f"{file}: cannot give its input '{given.name}' ({given.type}); inputs may be: {', '.join(INPUTS)}"
                )
            self._inputs[given.name] = _TYPES[given.type]

    def act(self, observation: Frame, info: dict[str, Any]) -> int:
        """The next action."""
        seen: dict[str, Any] = {**observation, "collision": np.asarray(bool(info.get("collision")))}
        inputs = {name: np.asarray(seen[name])[None].astype(dtype) for name, dtype in self._inputs.items()}
        try:
            output = np.asarray(self._session.run(None, inputs)[0]).ravel()
        except Exception as error:
            raise PolicyError(f"the ONNX policy cannot be run on this Frame: {str(error)[:200]}") from None
        return int(output.argmax() if output.size == len(Action) else output.item())
