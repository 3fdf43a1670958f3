"""Plain networks of the family as ONNX, written directly: milliseconds instead of a trace.

The operators are those that models/onnx_export.py gives (batch norms folded into convolutions), so
what is timed and computed here is what an exported model does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from torch import nn

from engine.images.preprocess import Preprocessing
from engine.models.batch_norm import running
from engine.models.onnx_export import OPSET
from engine.models.supernet.mobilenet import (
    Inner,
    Layers,
    MobileNet,
    Residual,
    SqueezeExcite,
    StageShape,
    convolution,
    first_block,
    mobile_block,
    widths_of,
)
from engine.models.supernet.parts import BLOCK, LOGITS, MIX, POOL, STEM, NetworkPart

IR_VERSION = 8
GIVEN, WANTED = "pixels", "activations"
FLOATS = {"float32": (np.float32, TensorProto.FLOAT), "float16": (np.float16, TensorProto.FLOAT16)}
Shape = tuple[int, list[int | str]]
"""A tensor's ONNX type and its sides; the batch is free."""


class Graph:
    """An ONNX graph that grows layer by layer. Names have equal lengths, so sizes add up."""

    def __init__(self, precision: str = "float32") -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self.number, self.type = FLOATS[precision]

    def constant(self, value: np.ndarray) -> str:
        """Adds an array, numbers in the graph's precision, and returns its name."""
        name = f"c{len(self.constants):03}"
        if value.dtype == np.float32:
            value = value.astype(self.number, copy=False)
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, operator: str, *inputs: str, **attributes: object) -> str:
        """Adds a node with one output and returns that output's name."""
        name = f"x{len(self.nodes):03}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def layers(self, modules: Iterable[nn.Module], x: str) -> str:
        """Adds modules in their order; a batch norm is folded into the convolution before it."""
        flat = [layer for module in modules for layer in flattened(module)]
        for layer, following in zip(flat, [*flat[1:], None], strict=True):
            if isinstance(layer, nn.Conv2d):
                norm = following if isinstance(following, nn.BatchNorm2d) else None
                x = self.convolution(x, layer, norm)
            elif not isinstance(layer, nn.BatchNorm2d):
                x = WRITERS[type(layer)](self, x, layer)
        return x

    def convolution(self, x: str, layer: nn.Conv2d, norm: nn.BatchNorm2d | None) -> str:
        """A convolution with the norm after it inside."""
        return self.node(
            "Conv",
            x,
            *[self.constant(value) for value in folded(layer, norm)],
            dilations=[1, 1],
            group=layer.groups,
            kernel_shape=list(layer.kernel_size),
            pads=[*layer.padding, *layer.padding],
            strides=list(layer.stride),
        )

    def residual(self, x: str, block: Residual) -> str:
        inside = self.layers([block.conv], x)
        return self.node("Add", x, inside) if block.shortcut else inside

    def squeeze(self, x: str, layer: SqueezeExcite) -> str:
        gate = self.layers([layer.fc], self.node("GlobalAveragePool", x))
        return self.node("Mul", x, gate)

    def linear(self, x: str, layer: nn.Linear) -> str:
        weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
        return self.node("Gemm", x, self.constant(weight), self.constant(bias), transB=1)

    def normalise(self, pixels: str, p: Preprocessing) -> str:
        """As engine/models/trunk.py's Normalise: uint8 (n, r, r, 3) to float (n, 3, r, r)."""
        mean, std = (np.array(v, np.float32).reshape(1, 3, 1, 1) for v in (p.mean, p.std))
        planes = self.node("Transpose", pixels, perm=[0, 3, 1, 2])
        numbers = self.node("Cast", planes, to=self.type)
        scaled = self.node("Mul", numbers, self.constant(1 / (255 * std)))
        return self.node("Add", scaled, self.constant(-mean / std))

    def ending(self, x: str) -> str:
        """Activations (n, width, 1, 1) as float32 (n, 1, width), the one view that there is."""
        flat = self.node("Flatten", x, axis=1)
        return self.node("Unsqueeze", flat, self.constant(np.array([1])))

    def model(self, given: Shape, wanted: list[int | str]) -> ModelProto:
        """The whole: input "pixels"; the last node's output is "activations", float32."""
        if self.type != TensorProto.FLOAT:
            self.node("Cast", self.nodes[-1].output[0], to=TensorProto.FLOAT)
        self.nodes[-1].output[0] = WANTED
        graph = helper.make_graph(
            self.nodes,
            "network",
            [helper.make_tensor_value_info(GIVEN, *given)],
            [helper.make_tensor_value_info(WANTED, TensorProto.FLOAT, wanted)],
            self.constants,
        )
        opset = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)


WRITERS: dict[type, Callable[[Graph, str, Any], str]] = {
    nn.ReLU: lambda graph, x, _: graph.node("Relu", x),
    nn.Hardswish: lambda graph, x, _: graph.node("HardSwish", x),
    nn.Hardsigmoid: lambda graph, x, _: graph.node("HardSigmoid", x, alpha=1 / 6),
    nn.AdaptiveAvgPool2d: lambda graph, x, _: graph.node("GlobalAveragePool", x),
    nn.Linear: Graph.linear,
    Residual: Graph.residual,
    SqueezeExcite: Graph.squeeze,
}


def flattened(module: nn.Module) -> Iterator[nn.Module]:
    """The layers in order, with sequences and wrappers opened."""
    if isinstance(module, nn.Sequential | Inner):
        for child in module.children():
            yield from flattened(child)
    else:
        yield module


def folded(layer: nn.Conv2d, norm: nn.BatchNorm2d | None) -> list[np.ndarray]:
    """Weight, and bias if any, of a convolution with a batch norm after it, in eval mode."""
    weight, bias = layer.weight.detach(), layer.bias
    if norm is None:
        return [weight.numpy()] if bias is None else [weight.numpy(), bias.detach().numpy()]
    mean, variance = running(norm)
    scale = norm.weight.detach() * (variance + norm.eps).rsqrt()
    before = 0 if bias is None else bias.detach()
    shift = norm.bias.detach() + (before - mean) * scale
    return [(weight * scale.view(-1, 1, 1, 1)).numpy(), shift.numpy()]


@torch.no_grad()
def network_onnx(
    network: MobileNet, preprocessing: Preprocessing | int, precision: str = "float32"
) -> bytes:
    """A plain network's features as an ONNX file, with its weights and its normalisation.

    Input "pixels" uint8 (n, size, size, 3), output "activations" float32 (n, 1, width): the same
    as engine/models/trunk.py's Frozen with one view. A number for `preprocessing` is the size, with
    ImageNet's normalisation.
    """
    p = preprocessing
    if isinstance(p, int):
        p = Preprocessing(p, p)
    graph = Graph(precision)
    parts = [part for _, part in network.stages()]
    x = graph.layers([*parts[:-1], network.feature_mix_layer], graph.normalise(GIVEN, p))
    graph.ending(x)
    return graph.model(images(p.size), ["n", 1, network.width]).SerializeToString()


def images(size: int) -> Shape:
    return TensorProto.UINT8, ["n", size, size, 3]


# One part alone.


def layers_of(part: NetworkPart) -> list[nn.Module]:
    """New layers of a part, with the first weights of training."""
    if part.kind == BLOCK:
        shape = StageShape(part.stride, part.swish, part.squeeze)
        sizes = part.before, part.after, part.middle, part.kernel, part.stride
        if part.expands:
            return [Residual(mobile_block(*sizes, shape, Layers()), part.shortcut)]
        return [Residual(first_block(part.before, part.after), part.shortcut)]
    if part.kind == POOL:
        return [nn.AdaptiveAvgPool2d(1)]
    if part.kind == LOGITS:
        return [nn.Linear(part.before, part.after)]
    kernel, stride = (3, 2) if part.kind == STEM else (1, 1)
    norm = [] if part.kind == MIX else [nn.BatchNorm2d(part.after)]
    return [convolution(part.before, part.after, kernel, stride), *norm, nn.Hardswish()]


@torch.no_grad()
def written(part: NetworkPart, precision: str, given: str) -> Graph:
    """A graph of this part only, with weights that are worth nothing. Draws no random number."""
    graph = Graph(precision)
    if part.kind == STEM:
        given = graph.normalise(GIVEN, Preprocessing(part.side, part.side))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        graph.layers(layers_of(part), given)
    return graph


def part_onnx(part: NetworkPart, precision: str = "float32") -> bytes:
    """One part as a file, to be timed: float (n, channels, side, side) to the same of its output.

    The stem takes images as the whole network does, a classifier (n, channels).
    """
    graph = written(part, precision, GIVEN)
    square = part.kind != LOGITS
    given: Shape = graph.type, ["n", part.before, *[part.side] * (2 * square)]
    wanted: list[int | str] = ["n", part.after, *[part.out] * (2 * square)]
    if part.kind == STEM:
        given = images(part.side)
    return graph.model(given, wanted).SerializeToString()


def bytes_of_part(part: NetworkPart) -> int:
    """How many bytes a part's nodes and weights take in the file that `network_onnx` writes."""
    return bytes_at_any_size(replace(part, side=1, out=1))


@lru_cache(maxsize=65536)
def bytes_at_any_size(part: NetworkPart) -> int:
    graph = written(part, "float32", "x000")
    sizes = [piece.ByteSize() for piece in (*graph.nodes, *graph.constants)]
    return sum(1 + varint(size) + size for size in sizes)


@lru_cache(maxsize=4096)
def bytes_around(multiplier: float, resolution: int) -> tuple[int, int]:
    """What a network's file holds besides its parts: in the graph, and outside of it."""
    graph = Graph()
    graph.ending("x000")
    model = graph.model(images(resolution), ["n", 1, widths_of(multiplier)[-1]])
    inside = model.graph.ByteSize()
    return inside, model.ByteSize() - inside - varint(inside)


def varint(number: int) -> int:
    """How many bytes protobuf takes to write a length."""
    return max(1, -(-number.bit_length() // 7))
