"""A graph's nodes with 8 bits, in the form that ONNX Runtime runs fast (QDQ).

What 8 bits hold is written as levels, a scale and the level of zero. A node of 8 bits reads levels
that are made real again (DequantizeLinear) and what it gives is brought to levels
(QuantizeLinear): ONNX Runtime takes the three for one that computes with levels alone. Weights are
signed, with a scale for each channel; what runs between layers has one scale (Jacob et al.,
Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference, 2018,
sections 2.1 to 2.4).

Processors without an instruction for 8 bits (VNNI, Arm's dot product) multiply levels of 8 bits in
pairs and add each pair in 16 bits, where it is cut off at 32767. So that all processors give the
same numbers, no two weights of a channel are larger than `PAIR` together.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engine.export.int8.ranges import Range

WEIGHTED = ("Conv", "Gemm", "MatMul")
ACTIVATIONS = ("Relu", "Clip")
MOST = 255
"""The highest level."""
WEIGHT = 127
"""The largest level of a weight."""
PAIR = 32767 // MOST
"""The largest sum of the levels of two weights of a channel whose products fit in 16 bits."""
LARGEST = 2.0**30
"""The largest number that a bias is held by."""


@dataclass(frozen=True)
class Levels:
    """The names of a tensor's levels, of their scale and of the level of zero."""

    name: str
    scale: str
    zero: str
    step: float = 0.0
    """The scale, where it is one number."""


class Quantised:
    """Writes a graph again, the nodes `inside` with 8 bits; nodes come in order."""

    def __init__(
        self,
        graph: onnx.ModelProto,
        ranges: Mapping[str, Range],
        inside: Collection[str],
        light: Collection[str] = (),
        pair: int = PAIR,
    ) -> None:
        """Of the nodes `light`, the weights alone have 8 bits.

        `pair` is the largest sum of the levels of two weights of a channel.
        """
        self.graph, self.ranges, self.pair = graph, ranges, pair
        self.constants = {tensor.name: tensor for tensor in graph.graph.initializer}
        self.outputs = {output.name for output in graph.graph.output}
        self.nodes: list[onnx.NodeProto] = []
        self.held: dict[str, Levels] = {}
        self.coarse: set[str] = set()
        """Tensors whose levels alone there are, since a node of 8 bits gives them."""
        self.real: dict[str, str] = {}
        readers: dict[str, list[onnx.NodeProto]] = {}
        for node in graph.graph.node:
            for name in node.input:
                readers.setdefault(name, []).append(node)
        self.after = {name: nodes[0] for name, nodes in readers.items() if len(nodes) == 1}
        absorbed: set[str] = set()
        for node in graph.graph.node:
            if node.name in absorbed:
                continue
            if node.name in inside:
                absorbed |= self.small(node, inside)
            else:
                self.plain(node, node.name in light)

    def written(self) -> onnx.ModelProto:
        made = onnx.ModelProto()
        made.CopyFrom(self.graph)
        del made.graph.node[:], made.graph.initializer[:], made.graph.value_info[:]
        made.graph.node.extend(self.nodes)
        used = {name for node in self.nodes for name in node.input}
        made.graph.initializer.extend(t for name, t in self.constants.items() if name in used)
        return made

    # Nodes.

    def plain(self, node: onnx.NodeProto, light: bool) -> None:
        """A node of 32 bits.

        ONNX Runtime brings a layer's weights to 8 bits itself where 8 bits come and go, with one
        scale for all channels: an export of the sample lost 33 points by it. A step in between
        that changes nothing, and that it does not take away, keeps it from that.
        """
        given = [self.real_of(name) if name in self.coarse else name for name in node.input]
        if node.op_type in WEIGHTED and node.input[0] in self.coarse:
            least = self.constant(f"{node.name} least", np.finfo(np.float32).min, np.float32)
            given[0] = self.step("Max", f"{node.name} fence", [given[0], least])
        if light:
            given[1] = self.stored(node)
        self.again(node, given, list(node.output))

    def small(self, node: onnx.NodeProto, inside: Collection[str]) -> set[str]:
        """A node of 8 bits; the names of the activations that its levels do the work of."""
        if node.op_type == "HardSigmoid":
            self.gate(node)
            return set()
        given = [self.given(node, at) for at in range(len(node.input))]
        name, absorbed = node.output[0], set()
        while name in self.after and node.op_type in WEIGHTED:
            following = self.after[name]
            if following.op_type not in ACTIVATIONS or following.name not in inside:
                break
            absorbed.add(following.name)
            name = following.output[0]
        raw = f"{node.output[0]} raw"
        self.again(node, given, [raw])
        like = self.held.get(node.input[0]) if node.op_type == "MaxPool" else None
        self.hold(name, raw, like or self.scaled(name, *self.ranges[name]))
        return absorbed

    def gate(self, node: onnx.NodeProto) -> None:
        """A hard sigmoid, which ONNX Runtime has in 32 bits alone.

        What it cuts off at 0 and 1 is what levels cut off by themselves: alpha x, kept with zero
        on the level that beta lies on, and read as if it lay on level 0, is alpha x + beta, held
        within 0 and 1.
        """
        shape = {"alpha": 0.2, "beta": 0.5} | {a.name: a.f for a in node.attribute}
        name, alpha = node.output[0], f"{node.output[0]} alpha"
        factor = Levels(
            self.constant(f"{alpha} levels", MOST, np.uint8),
            self.constant(f"{alpha} scale", shape["alpha"] / MOST, np.float32),
            self.constant(f"{name} none", 0, np.uint8),
        )
        product = [self.given(node, 0), self.dequantised(alpha, factor)]
        raw = self.step("Mul", f"{name} raw", product)
        middle = self.constant(f"{name} middle", round(shape["beta"] * MOST), np.uint8)
        scale = self.constant(f"{name} scale", 1 / MOST, np.float32)
        self.hold(name, raw, Levels("", scale, middle, 1 / MOST), Levels("", scale, factor.zero))

    def again(self, node: onnx.NodeProto, given: list[str], made: list[str]) -> None:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copy.input[:], copy.output[:] = given, made
        self.nodes.append(copy)

    def step(self, kind: str, made: str, given: list[str], **attributes: int) -> str:
        self.nodes.append(helper.make_node(kind, given, [made], made, **attributes))
        return made

    # Tensors.

    def given(self, node: onnx.NodeProto, at: int) -> str:
        """What a node of 8 bits reads as its input number `at`."""
        name = node.input[at]
        if name not in self.constants:
            if name in self.ranges and name not in self.held:
                self.hold(name, name, self.scaled(name, *self.ranges[name]))
            return self.real_of(name)
        if self.constants[name].data_type != TensorProto.FLOAT:
            return name
        if node.op_type in WEIGHTED and at == 1:
            return self.weights(node)
        if node.op_type in WEIGHTED and at == 2:
            return self.bias(node)
        return self.of_constant(name)

    def real_of(self, name: str) -> str:
        """The name of a tensor's numbers: those that its levels stand for, if it has any."""
        if name not in self.held or name in self.outputs & self.coarse:
            return name
        if name not in self.real:
            self.real[name] = self.dequantised(f"{name} real", self.held[name])
        return self.real[name]

    def hold(self, name: str, raw: str, by: Levels, read: Levels | None = None) -> None:
        """Brings the numbers `raw` to levels, which are those of tensor `name` from here on."""
        levels = self.step("QuantizeLinear", f"{name} levels", [raw, by.scale, by.zero])
        read = read or by
        self.held[name] = Levels(levels, read.scale, read.zero, by.step)
        if raw == name:
            return
        self.coarse.add(name)
        if name in self.outputs:
            self.dequantised(name, self.held[name])

    def dequantised(self, made: str, levels: Levels, **axis: int) -> str:
        given = [levels.name, levels.scale, levels.zero]
        return self.step("DequantizeLinear", made, given, **axis)

    def scaled(self, name: str, low: np.float32, high: np.float32) -> Levels:
        """Levels from the lowest to the highest number, 0 among them."""
        least, most = min(float(low), 0.0), max(float(high), 0.0)
        step = float(np.float32((most - least) / MOST)) or 1.0
        scale = self.constant(f"{name} scale", step, np.float32)
        zero = self.constant(f"{name} zero", round(-least / step), np.uint8)
        return Levels("", scale, zero, step)

    # Constants.

    def constant(self, name: str, value: object, kind: type) -> str:
        self.constants[name] = numpy_helper.from_array(np.asarray(value, kind), name)
        return name

    def values(self, name: str) -> np.ndarray:
        return numpy_helper.to_array(self.constants[name])

    def of_constant(self, name: str) -> str:
        """A number, or some, that a node between layers reads."""
        if name not in self.real:
            values = self.values(name)
            by = self.scaled(name, values.min(), values.max())
            zero = self.values(by.zero)
            levels = np.clip(np.rint(values / by.step) + zero, 0, MOST)
            held = self.constant(f"{name} levels", levels, np.uint8)
            self.real[name] = self.dequantised(f"{name} real", Levels(held, by.scale, by.zero))
        return self.real[name]

    def weights(self, node: onnx.NodeProto) -> str:
        steps, axis = self.steps(node)
        values = self.values(node.input[1])
        shape = [-1 if at == axis else 1 for at in range(values.ndim)]
        small = np.clip(np.rint(values / steps.reshape(shape)), -WEIGHT, WEIGHT)
        name = f"{node.name} weights"
        levels = Levels(
            self.constant(f"{name} levels", small, np.int8),
            self.constant(f"{name} scale", steps, np.float32),
            self.constant(f"{name} zero", np.zeros(len(steps)), np.int8),
        )
        return self.dequantised(name, levels, axis=axis)

    def bias(self, node: onnx.NodeProto) -> str:
        """Whole numbers of 32 bits, as what they are added to is summed in."""
        steps = self.steps(node)[0] * self.held[node.input[0]].step
        name = f"{node.name} bias"
        levels = Levels(
            self.constant(f"{name} levels", np.rint(self.values(node.input[2]) / steps), np.int32),
            self.constant(f"{name} scale", steps, np.float32),
            self.constant(f"{name} zero", np.zeros(len(steps)), np.int32),
        )
        return self.dequantised(name, levels, axis=0)

    def steps(self, node: onnx.NodeProto) -> tuple[np.ndarray, int]:
        """The scale of each channel's weights, and the axis that counts channels.

        So large, too, that the channel's bias can be held.
        """
        values = self.values(node.input[1])
        axis = channel_axis(node, values.ndim)
        channels = np.abs(np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1))
        two = np.sort(channels.astype(np.float64), axis=1)[:, -2:]
        steps = two[:, -1] / WEIGHT
        if node.input[0] in self.held:
            # Half a level less, since rounding may add one to the sum of two.
            steps = np.maximum(steps, two.sum(1) / (self.pair - 0.5))
            if len(node.input) > 2:
                room = LARGEST * self.held[node.input[0]].step
                steps = np.maximum(steps, np.abs(self.values(node.input[2])) / room)
        return np.where(steps > 0, steps, 1.0).astype(np.float32), axis

    def stored(self, node: onnx.NodeProto) -> str:
        """Weights of 8 bits that are made numbers of 32 again when the file is opened.

        So they take a quarter of the place. Written as a cast and a product: ONNX Runtime computes
        these once, and would leave DequantizeLinear for each run.
        """
        steps, axis = self.steps(node)
        values = self.values(node.input[1])
        steps = steps.reshape([-1 if at == axis else 1 for at in range(values.ndim)])
        name = f"{node.name} weights"
        small = self.constant(f"{name} levels", np.rint(values / steps), np.int8)
        scale = self.constant(f"{name} scale", steps, np.float32)
        cast = self.step("Cast", f"{name} cast", [small], to=TensorProto.FLOAT)
        return self.step("Mul", name, [cast, scale])


def channel_axis(node: onnx.NodeProto, axes: int) -> int:
    """The axis of a layer's weights that counts what it gives."""
    turned = any(a.name == "transB" and a.i for a in node.attribute)
    return 0 if node.op_type == "Conv" or turned else axes - 1
