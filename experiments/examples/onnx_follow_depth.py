"""An ONNX policy: moves ahead where depth is large, otherwise turns to the farther side.

    python -m testspace.experiments.examples.onnx_follow_depth follow.onnx
    testspace run --policy follow.onnx --seed 7 --preset smoke --out runs/follow

The graph is built by hand to show the required form: inputs named as keys of the Frame, with a batch axis of 1, and an
output of one score for each of the five actions. Exports of other frameworks have the same form. Needs `onnx`
(pip install 'testspace[onnx]').
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

NEAR = 1.5
"""Free distance ahead that MoveAhead requires, in metres."""


def write(file: Path, height: int, width: int) -> None:
    """Write the policy for frames of this size.

    Scores: MoveAhead (mean depth of the middle third, less NEAR) * 100, RotateLeft and RotateRight the mean depth of
    their third, LookUp and LookDown -1000.
    """
    from onnx import TensorProto, helper, numpy_helper

    third = width // 3
    weights = np.zeros((width, 5), np.float32)
    weights[third : width - third, 0] = 100.0 / (width - 2 * third)
    weights[:third, 1] = weights[-third:, 2] = 1.0 / third
    bias = np.array([-100.0 * NEAR, 0, 0, -1000, -1000], np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["depth", "rows"], ["columns"], keepdims=0),  # (1, W)
        helper.make_node("Gemm", ["columns", "weights", "bias"], ["scores"]),  # (1, 5)
    ]
    graph = helper.make_graph(
        nodes,
        "follow_depth",
        [helper.make_tensor_value_info("depth", TensorProto.FLOAT, [1, height, width])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 5])],
        [
            numpy_helper.from_array(np.array([1], np.int64), "rows"),
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(bias, "bias"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    file.write_bytes(model.SerializeToString())


if __name__ == "__main__":
    size = int(sys.argv[2]) if len(sys.argv) > 2 else 32  # the camera of preset smoke; nano's is 64
    write(Path(sys.argv[1]), size, size)
