"""Preprocessing as ONNX: what engine/preprocess.py does to a decoded picture, for any size."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx
from onnx import TensorProto, compose, helper, numpy_helper

from engine.net import Preprocessing

MODES = {"bilinear": {"mode": "linear"}, "bicubic": {"mode": "cubic", "cubic_coeff_a": -0.5}}
"""Pillow's filters in ONNX's words; antialiased uint8 resizing rounds as Pillow does."""
Before = Callable[[Preprocessing, int], onnx.ModelProto]
"""Makes what comes before a network, for an opset: `picture_graph`, or the same said otherwise."""


def picture_graph(p: Preprocessing, opset: int) -> onnx.ModelProto:
    """uint8 "pictures" (n, height, width, 3) to uint8 "cropped" (n, size, size, 3)."""
    integers = {
        "zero": [0], "one": [1], "three": [3], "colours": [3], "axes": [1, 2],
        "resize": [p.resize], "size": [p.size],
    }  # fmt: skip
    constants = [numpy_helper.from_array(np.array(v, np.int64), k) for k, v in integers.items()]
    constants.append(numpy_helper.from_array(np.array(0.5, np.float32), "half"))
    given, wanted = ["n", "height", "width", 3], ["n", p.size, p.size, 3]
    graph = helper.make_graph(
        steps(p),
        "preprocessing",
        [helper.make_tensor_value_info("pictures", TensorProto.UINT8, given)],
        [helper.make_tensor_value_info("cropped", TensorProto.UINT8, wanted)],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def steps(p: Preprocessing) -> list[onnx.NodeProto]:
    """The nodes in order; the constants that they name are those of `picture_graph`."""
    step = helper.make_node
    return [
        step("Shape", ["pictures"], ["shape"]),
        step("Slice", ["shape", "zero", "one"], ["count"]),
        step("Slice", ["shape", "one", "three"], ["sides"]),
        # Both sides times `resize` over the shorter one, rounded down.
        step("ReduceMin", ["sides"], ["shorter"], keepdims=1),
        step("Mul", ["sides", "resize"], ["products"]),
        step("Div", ["products", "shorter"], ["target"]),
        step("Concat", ["count", "target", "colours"], ["sizes"], axis=0),
        step(
            "Resize",
            ["pictures", "", "", "sizes"],
            ["resized"],
            antialias=1,
            # Else pixels beyond the picture's edge count as its last row or column, twice over:
            # edges differed from Pillow's by up to 12 levels, and an answer by up to 0.03.
            exclude_outside=1,
            coordinate_transformation_mode="half_pixel",
            **MODES[p.interpolation],
        ),
        # The middle, halves rounded to even as Python does.
        step("Sub", ["target", "size"], ["rest"]),
        step("Cast", ["rest"], ["rest_float"], to=TensorProto.FLOAT),
        step("Mul", ["rest_float", "half"], ["middle"]),
        step("Round", ["middle"], ["start_float"]),
        step("Cast", ["start_float"], ["start"], to=TensorProto.INT64),
        step("Add", ["start", "size"], ["end"]),
        step("Slice", ["resized", "start", "end", "axes"], ["cropped"]),
    ]


def with_preprocessing(
    network: onnx.ModelProto,
    p: Preprocessing,
    outputs: Sequence[str],
    graph: Before = picture_graph,
) -> onnx.ModelProto:
    """A network whose input is "pixels", with preprocessing before it; input "pictures".

    `graph` makes the preprocessing, for runtimes that need it said otherwise.
    """
    opset = next(o.version for o in network.opset_import if o.domain in ("", "ai.onnx"))
    before = compose.add_prefix(
        graph(p, opset), "preprocessing/", rename_inputs=False, rename_outputs=False
    )
    before.ir_version = network.ir_version
    after = compose.add_prefix(
        network, "network/", rename_inputs=False, rename_outputs=False, rename_functions=False
    )
    return compose.merge_models(
        before, after, io_map=[("cropped", "pixels")], outputs=list(outputs)
    )
