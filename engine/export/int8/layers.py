"""Which parts of a graph can have 8 bits, and the graph with these."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnxruntime.quantization.shape_inference import quant_pre_process

from engine.export.int8.qdq import ACTIVATIONS, PAIR, WEIGHTED, Quantised
from engine.export.int8.ranges import Range

BETWEEN = (
    "Add",
    "Concat",
    "MaxPool",
    "AveragePool",
    "GlobalAveragePool",
    "Mul",
    "Sigmoid",
    "HardSigmoid",
)
"""What runs in 8 bits too where it lies between layers, so that numbers need not change there."""
FINE = ("LayerNormalization", "Erf", "Gelu")
"""Networks with these lose their answers if sums between layers have 8 bits (transformers)."""


class Body:
    """The part of a backbone's graph that can have 8 bits: its layers and what lies between.

    What comes before the first layer (normalisation, views) and what follows the last stays as it
    is. A layer is a node with weights, the activations that directly follow it, and what else lies
    between it and the next one: it stays in 32 bits with it.
    """

    def __init__(self, graph: onnx.ModelProto, pair: int = PAIR) -> None:
        """`pair` bounds the levels of two weights together; see quantised_graph.py."""
        self.graph, self.pair = prepared(graph), pair
        nodes = self.graph.graph.node
        weights = {tensor.name: tensor for tensor in self.graph.graph.initializer}
        self.layers: dict[str, list[str]] = {}
        self.bytes: dict[str, int] = {}
        makers = {name: node for node in nodes for name in node.output}
        readers: dict[str, list[onnx.NodeProto]] = {}
        for node in nodes:
            for name in node.input:
                readers.setdefault(name, []).append(node)
        for node in nodes:
            if node.op_type in WEIGHTED and node.input[1] in weights:
                self.layers[node.name] = [node.name, *followers(node, readers)]
                held = (weights[name] for name in node.input if name in weights)
                self.bytes[node.name] = sum(int(np.prod(tensor.dims)) for tensor in held)
        if not any(node.op_type in FINE for node in nodes):
            self.share(between(nodes, self.layers, makers, readers))
        self.tensors = self.floats()

    def share(self, between: Collection[str]) -> None:
        """Gives what lies between layers to the one before it."""
        layer = ""
        for node in self.graph.graph.node:
            layer = node.name if node.name in self.layers else layer
            if node.name in between:
                self.layers[layer].append(node.name)

    def floats(self) -> list[str]:
        """The tensors that layers and what lies between them take and give, of 32 bits."""
        infos = (*self.graph.graph.value_info, *self.graph.graph.output)
        real = {i.name for i in infos if i.type.tensor_type.elem_type == TensorProto.FLOAT}
        inside = {name for layer in self.layers.values() for name in layer}
        touched = (
            name
            for node in self.graph.graph.node
            if node.name in inside
            for name in (*node.input, *node.output)
        )
        return [name for name in dict.fromkeys(touched) if name in real]

    def quantised(
        self,
        ranges: Mapping[str, Range],
        kept: Collection[str] = (),
        light: Collection[str] = (),
        only: Collection[str] = (),
    ) -> onnx.ModelProto:
        """The graph in 8 bits, but for the layers `kept`; or in 32, but for the layers `only`.

        Of the layers `light`, the weights alone have 8 bits: they compute in 32.
        """
        inside = [name for name in only or self.layers if name not in {*kept, *light}]
        nodes = {name for layer in inside for name in self.layers[layer]}
        return Quantised(self.graph, ranges, nodes, {*light} - {*kept}, self.pair).written()


def prepared(graph: onnx.ModelProto) -> onnx.ModelProto:
    """With constants folded, and the types of all tensors said; nodes without a name get one."""
    with tempfile.TemporaryDirectory(prefix="espalier-") as folder:
        given, found = Path(folder) / "given.onnx", Path(folder) / "found.onnx"
        onnx.save(graph, given)
        quant_pre_process(given, found, skip_symbolic_shape=True)
        ready = onnx.load(found)
    for number, node in enumerate(ready.graph.node):
        node.name = node.name or f"{node.op_type} {number}"
    return onnx.shape_inference.infer_shapes(ready)


def followers(node: onnx.NodeProto, readers: Mapping[str, list[onnx.NodeProto]]) -> list[str]:
    """The activations that follow a node, and nothing else reads what lies between."""
    after = readers.get(node.output[0], [])
    if len(after) != 1 or after[0].op_type not in ACTIVATIONS:
        return []
    return [after[0].name, *followers(after[0], readers)]


def between(
    nodes: Sequence[onnx.NodeProto],
    layers: Mapping[str, list[str]],
    makers: Mapping[str, onnx.NodeProto],
    readers: Mapping[str, list[onnx.NodeProto]],
) -> list[str]:
    """The nodes that a layer lies before and a layer lies after."""
    inside = {name for layer in layers.values() for name in layer}
    after, before = set(inside), set(layers)
    for node in nodes:  # in order, makers first
        if any(name in makers and makers[name].name in after for name in node.input):
            after.add(node.name)
    for node in reversed(nodes):
        if any(reader.name in before for name in node.output for reader in readers.get(name, [])):
            before.add(node.name)
    kinds = (*BETWEEN, *ACTIVATIONS)
    return [
        node.name
        for node in nodes
        if node.op_type in kinds and node.name in after & before and node.name not in inside
    ]


def small(graph: onnx.ModelProto) -> onnx.ModelProto:
    """The same in fewer bytes: short names, equal constants once, zero points of 0 left out."""
    again = onnx.ModelProto()
    again.CopyFrom(graph)
    content, short = again.graph, {"": ""}
    short |= {item.name: item.name for item in (*content.input, *content.output)}
    seen: dict[tuple[object, ...], str] = {}
    zeros: set[str] = set()
    kept = []
    for tensor in graph.graph.initializer:
        values = numpy_helper.to_array(tensor)
        key = (tensor.data_type, *tensor.dims, values.tobytes())
        if key not in seen:
            seen[key] = f"c{len(seen)}"
            kept.append(numpy_helper.from_array(values, seen[key]))
        short[tensor.name] = seen[key]
        if not values.any():
            zeros.add(seen[key])
    for number, node in enumerate(content.node):
        node.name, node.doc_string = f"{node.op_type}{number}", ""
        names = [short.setdefault(name, f"t{len(short)}") for name in node.input]
        if node.op_type == "DequantizeLinear" and names[2:] and names[2] in zeros:
            del names[2]
        node.input[:] = names
        node.output[:] = [short.setdefault(name, f"t{len(short)}") for name in node.output]
        del node.metadata_props[:]
    used = {name for node in content.node for name in node.input}
    del content.initializer[:], content.value_info[:]
    content.initializer.extend(tensor for tensor in kept if tensor.name in used)
    return again
