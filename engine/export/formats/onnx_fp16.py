"""A model as an ONNX file whose network has 16 bits: half the size, and the same answers."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization.onnx_model import ONNXModel
from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

from engine.events import Progress
from engine.export.formats import EXPORTERS, ExportData, Exporter, Facts
from engine.export.graphs.model_onnx import complete, halves, joined
from engine.export.int8.choice import opened_pixels
from engine.export.int8.layers import prepared, small
from engine.export.int8.qdq import WEIGHTED
from engine.export.int8.ranges import Histogram, histograms
from engine.export.receipts.script import script_for
from engine.models.backbone import Model
from engine.system import device as devices

LOOK = 32
"""Images on which it is seen how large numbers get."""
HELD = 65504.0
"""The largest number of 16 bits."""
ROOM = 8
"""Other images may give numbers so many times as large."""
SUMS = ("GlobalAveragePool", "ReduceMean", "ReduceSum", "ReduceL2", "Softmax", "LayerNormalization")
"""What adds up many numbers stays in 32 bits: a sum can be too large though the mean is not."""


@EXPORTERS.register("onnx-fp16", "ONNX, 16 bits")
@dataclass
class OnnxFp16(Exporter):
    """One ONNX file of half the size, for graphics cards and phones, which count in 16 bits.

    Processors without such instructions count in 32 bits, and gain nothing but the size. Resizing,
    normalisation, sums over whole maps and the head stay in 32 bits, and so does what gives
    numbers near the largest that 16 bits hold.
    """

    suffix = ".onnx"
    whom = "For graphics cards and phones, where the file should be half as large."

    def write(
        self, model: Model, path: Path, material: ExportData
    ) -> Generator[Progress, None, Facts]:
        """Writes the file and yields how far it is. Raises Refused where ONNX can't say it."""
        below, above = halves(model, path)
        graph = prepared(below)
        p, paths = model.backbone.preprocessing, material.training or material.images
        _, pixels = opened_pixels(paths, p, LOOK)
        before = before_layers(graph)
        names = floats(graph, before)
        seen: dict[str, Histogram] = {}
        runs = histograms(graph, names, pixels, model.looks, devices.threads())
        for done, found in runs:
            seen = found
            yield Progress(done, len(pixels), "Looking how large numbers get")
        peaks = {name: max(-h.low, h.high) for name, h in seen.items()}
        large = too_large(graph, peaks)
        converted = convert_float_to_float16(
            graph,
            keep_io_types=True,
            disable_shape_infer=True,
            op_block_list=[*DEFAULT_OP_BLOCK_LIST, *SUMS],
            node_block_list=[*before, *large],
        )
        ordered = ONNXModel(converted)
        ordered.topological_sort()
        onnx.save(complete(model, joined(small(ordered.model), above)), path)
        return {
            "largest_number": f"{max(peaks.values(), default=0):.4g} on {len(pixels)} images; 16 "
            f"bits hold up to {HELD:.0f}",
            "operations_kept_in_32_bits_for_large_numbers": len(large),
        }

    def script(self, name: str) -> str:
        return script_for(name)


def floats(graph: onnx.ModelProto, without: list[str]) -> list[str]:
    """All tensors of 32 bits that nodes give, but for some nodes."""
    real = {
        info.name
        for info in (*graph.graph.value_info, *graph.graph.output)
        if info.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    }
    return [
        name
        for node in graph.graph.node
        if node.name not in without
        for name in node.output
        if name in real
    ]


def too_large(graph: onnx.ModelProto, peaks: dict[str, float]) -> list[str]:
    """The nodes that take, hold or give numbers near the largest of 16 bits."""
    held = {tensor.name: tensor for tensor in graph.graph.initializer}
    weights = {
        name: float(np.abs(onnx.numpy_helper.to_array(tensor)).max(initial=0))
        for name, tensor in held.items()
        if tensor.data_type == onnx.TensorProto.FLOAT
    }
    most = {**weights, **peaks}
    return [
        node.name
        for node in graph.graph.node
        if max((most.get(name, 0.0) for name in (*node.input, *node.output)), default=0.0)
        > HELD / ROOM
    ]


def before_layers(graph: onnx.ModelProto) -> list[str]:
    """The nodes before the first layer: normalisation and views."""
    nodes = list(graph.graph.node)
    first = next((at for at, node in enumerate(nodes) if node.op_type in WEIGHTED), len(nodes))
    return [node.name for node in nodes[:first]]
