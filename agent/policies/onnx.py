"""ONNX policies: an exchange format of many frameworks that contains operators only, no code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.frame import FRAME_SPEC, Frame
from ...envs.gym_envs.motion import Action
from .onnx_files import open_session
from .protocol import Body, PolicyError
from .resolution import check_shape, resampled

INPUTS = (*FRAME_SPEC, "pose", "collision")
"""Valid input names: the keys of a Frame, and collision (whether the last move was blocked)."""
_TYPES = {
    "tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8,
    "tensor(int32)": np.int32, "tensor(int64)": np.int64, "tensor(bool)": np.bool_,
}  # fmt: skip


class ONNXPolicy:
    """Runs an ONNX graph on each Frame.

    Inputs are named as in INPUTS and have a batch axis, of 1 or dynamic; images are channels-last or channels-first,
    of any size with the camera's shape; dtypes are converted, values are not scaled. The first output is either one
    score per Action, of which the highest is taken, or the action as a single integer. Inputs of other names are
    recurrent states: zeros at first, then the further outputs, in their order.
    """

    def __init__(self, file: Path, body: Body) -> None:
        """PolicyError if onnxruntime is missing, the file is not an ONNX model, or its inputs are not as above."""
        self._session = open_session(file)
        nodes = self._session.get_inputs()
        self._inputs = {node.name: _Input(node, file) for node in nodes if node.name in INPUTS}
        states = [node for node in nodes if node.name not in INPUTS]
        further = [node.name for node in self._session.get_outputs()][1:]
        if states and len(states) != len(further):
            raise PolicyError(
                f"{file}: unsupported input '{states[0].name}' ({states[0].type}); available inputs: "
                f"{', '.join(INPUTS)}; others are recurrent states, each with an output after the first"
            )
        self._zeros = {node.name: _zeros(node, file) for node in states}
        self._size = next((one.size for one in self._inputs.values() if one.size is not None), None)
        if self._size is not None:
            check_shape(str(file), *self._size, body.camera)
        self.reset()

    def reset(self, seed: int | None = None) -> None:
        """Set recurrent states to zero."""
        self._states = dict(self._zeros)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """See `protocol.Resumable`."""
        return dict(self._states)

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """See `protocol.Resumable`."""
        self._states = {name: arrays[name] for name in self._zeros}

    def act(self, observation: Frame, info: dict[str, Any]) -> int:
        """The next action."""
        frame = observation if self._size is None else resampled(observation, *self._size)
        values: dict[str, Any] = {**frame, "collision": np.asarray(bool(info.get("collision")))}
        inputs = {name: one.read(values[name]) for name, one in self._inputs.items()}
        try:
            outputs = self._session.run(None, {**inputs, **self._states})
        except Exception as error:
            raise PolicyError(f"the ONNX policy failed on this Frame: {str(error)[:200]}") from None
        self._states = dict(zip(self._states, outputs[1:], strict=False))
        output = np.asarray(outputs[0]).ravel()
        if output.size not in (1, len(Action)):
            raise PolicyError(f"the ONNX policy gave {output.size} numbers: 1 action or {len(Action)} scores are read")
        if output.dtype.kind not in "biuf" or not np.isfinite(output).all():
            raise PolicyError("the ONNX policy gave a score or an action that is not a finite number")
        action = int(output.argmax() if output.size == len(Action) else output.item())
        if not 0 <= action < len(Action):
            raise PolicyError(f"the ONNX policy chose action {action}; there are 0 to {len(Action) - 1}")
        return action


class _Input:
    """How an input wants its part of the Frame."""

    def __init__(self, node: Any, file: Path) -> None:
        if node.type not in _TYPES:
            raise PolicyError(f"{file}: unsupported input '{node.name}' ({node.type}); convert it to float32 or uint8")
        shape = [n if isinstance(n, int) else None for n in node.shape]
        if shape and shape[0] not in (None, 1):
            raise PolicyError(
                f"{file}: input '{node.name}' has a batch of {shape[0]}; export it with a batch of 1 or a dynamic one"
            )
        self._dtype, self._axes, self._rank = _TYPES[node.type], list(range(len(shape))), len(shape)
        channels = FRAME_SPEC[node.name][1] if node.name in FRAME_SPEC else None
        self.size: tuple[int, int] | None = None
        """Height and width, where they are fixed."""
        if channels is None:
            return
        first = len(shape) == 4 and shape[1] in (1, 3) and shape[3] not in (1, 3)
        if first and channels:
            self._axes = [0, 3, 1, 2]
        self._single = len(shape) == 4 and not channels  # depth and edges with a channel of their own
        self._channel = 1 if first else -1
        height, width = (shape[2:4] if first else shape[1:3]) if len(shape) >= 3 else (None, None)
        if height is not None and width is not None:
            self.size = (height, width)

    _single, _channel = False, -1

    def read(self, value: NDArray[Any]) -> NDArray[Any]:
        """The value with a batch axis, in the input's layout and dtype."""
        array = np.asarray(value)[None]
        if self._single:
            array = np.expand_dims(array, self._channel)
        elif array.ndim == len(self._axes):
            array = array.transpose(self._axes)
        elif array.size == 1:
            array = array.reshape([1] * self._rank)
        return np.ascontiguousarray(array, dtype=self._dtype)


def _zeros(node: Any, file: Path) -> NDArray[Any]:
    """A recurrent state to begin with; dimensions that are not fixed are 1."""
    if node.type not in _TYPES:
        raise PolicyError(f"{file}: unsupported state '{node.name}' ({node.type}); convert it to float32")
    return np.zeros([n if isinstance(n, int) else 1 for n in node.shape], _TYPES[node.type])
