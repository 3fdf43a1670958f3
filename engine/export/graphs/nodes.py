"""Writing ONNX graphs node by node."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, DOUBLE = TensorProto.FLOAT, TensorProto.DOUBLE
INTEGER, BYTE = TensorProto.INT64, TensorProto.UINT8


class Steps:
    """Collects nodes: a call adds one and gives the name of its output.

    Inputs are names of outputs, or numbers, which become constants: arrays of 32-bit integers,
    bytes and `precise` ones as they are, all others float32 or int64.
    """

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def __call__(self, operator: str, *inputs: Any, **attributes: Any) -> str:
        names = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        name = f"{self.prefix}step{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, names, [name], **attributes))
        return name

    def constant(self, value: Any) -> str:
        array = np.asarray(value)
        if not isinstance(value, np.ndarray) or array.dtype in (np.float64, np.int64):
            array = array.astype(np.float32 if array.dtype.kind == "f" else np.int64)
        return self.kept(array)

    def precise(self, value: Any) -> str:
        """Numbers of 64 bits."""
        return self.kept(np.asarray(value, np.float64))

    def kept(self, array: np.ndarray) -> str:
        name = f"{self.prefix}constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def branch(self, size: int) -> onnx.GraphProto:
        """The steps as a branch that gives the last one's output, uint8 (n, size, size, 3).

        They may name outputs of the graph that the branch lies in.
        """
        last = helper.make_tensor_value_info(self.nodes[-1].output[0], BYTE, ["n", size, size, 3])
        return helper.make_graph(self.nodes, self.prefix, [], [last], self.constants)

    def preprocessing(self, size: int, opset: int) -> onnx.ModelProto:
        """The graph from "pictures" to its last step, "cropped" (n, size, size, 3), both uint8."""
        self.nodes[-1].output[0] = "cropped"
        graph = helper.make_graph(
            self.nodes,
            "preprocessing",
            [helper.make_tensor_value_info("pictures", BYTE, ["n", "height", "width", 3])],
            [helper.make_tensor_value_info("cropped", BYTE, ["n", size, size, 3])],
            self.constants,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
