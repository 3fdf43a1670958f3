"""Whether this processor cuts off sums of products of 8 bits, asked by computing one."""

from __future__ import annotations

from functools import cache

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from engine.export.int8.qdq import MOST, WEIGHT
from engine.models.ort import open_session

WIDTH = 64
"""Weights of the one layer asked: enough for any processor's way with many at once."""


@cache
def adds_in_16_bits() -> bool:
    """Whether ONNX Runtime adds pairs of products in 16 bits here: no VNNI nor the like.

    The largest levels are multiplied in a layer of 8 bits; what it gives should be WIDTH products.
    """
    constants = {
        "one": np.float32(1),
        "zero": np.uint8(0),
        "none": np.int8(0),
        "sum": np.float32(512 * WIDTH),
        "weights": np.full((WIDTH, WIDTH, 1, 1), WEIGHT, np.int8),
    }
    given = ["x", "one", "zero", "weights", "one", "none", "sum", "zero"]
    graph = helper.make_graph(
        [helper.make_node("QLinearConv", given, ["y"])],
        "one layer",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, [1, WIDTH, 4, 4])],
        [helper.make_tensor_value_info("y", TensorProto.UINT8, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    x = np.full((1, WIDTH, 4, 4), MOST, np.uint8)
    found = open_session(model.SerializeToString(), 1).run(None, {"x": x})[0]
    return bool((found < round(MOST * WEIGHT / 512)).any())
