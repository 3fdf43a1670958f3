"""Exported files, most of them ONNX, that take all time or memory, or lead elsewhere."""

from __future__ import annotations

import json
import os
import random
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from tests.hostile import Kinds

NAMES = ["red", "green", "blue"]
node = helper.make_node


def model(
    nodes: Sequence[NodeProto] = (),
    last: str = "means",
    names: object = NAMES,
    threshold: str = "0.5",
    **parts: object,
) -> ModelProto:
    """An export's file of three classes. `nodes` lie between "means", the mean of each colour, and
    the answers, which are made of `last`."""
    shape = numpy_helper.from_array(np.array([-1, 3]), "shape")
    around = [
        node("Cast", ["pictures"], ["numbers"], to=TensorProto.FLOAT),
        node("ReduceMean", ["numbers"], ["means"], axes=[1, 2], keepdims=0),
        *nodes,
        node("Reshape", [last, "shape"], ["probabilities"]),
        node("ReduceMean", ["means"], ["distance"], axes=[1], keepdims=0),
    ]
    given = helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["n", "h", "w", 3])
    outputs = [
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, None),
        helper.make_tensor_value_info("distance", TensorProto.FLOAT, ["n"]),
    ]
    held = [shape, *parts.get("held", [])]
    graph = helper.make_graph(around, "colours", [given], outputs, held)
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("own", 1)]
    made = helper.make_model(
        graph, opset_imports=opsets, ir_version=9, functions=parts.get("functions", [])
    )
    told = names if isinstance(names, str) else json.dumps(names)
    helper.set_model_props(made, {"class_names": told, "threshold": threshold})
    return made


def saved(path: Path, make: Callable[[], ModelProto]) -> None:
    path.write_bytes(make().SerializeToString())


def constant(name: str, values: object, kind: type = np.int64) -> TensorProto:
    return numpy_helper.from_array(np.array(values, kind), name)


# Time.


def doubling(depth: int) -> ModelProto:
    """Functions each of which calls the one below twice."""
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("own", 1)]
    functions = [
        helper.make_function("own", "f0", ["x"], ["y"], [node("Abs", ["x"], ["y"])], opsets)
    ]
    for level in range(1, depth + 1):
        below = f"f{level - 1}"
        body = [node(below, ["x"], ["a"], domain="own"), node(below, ["a"], ["y"], domain="own")]
        functions.append(helper.make_function("own", f"f{level}", ["x"], ["y"], body, opsets))
    calls = [node(f"f{depth}", ["means"], ["out"], domain="own")]
    return model(calls, "out", functions=functions)


def calls_itself() -> ModelProto:
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("own", 1)]
    body = [node("f", ["x"], ["y"], domain="own")]
    function = helper.make_function("own", "f", ["x"], ["y"], body, opsets)
    return model([node("f", ["means"], ["out"], domain="own")], "out", functions=[function])


def body(grows: bool) -> GraphProto:
    """What a loop does: adds one; or makes what it holds twice as long."""
    whole = helper.make_tensor_value_info
    act = node("Concat", ["x", "x"], ["z"], axis=0) if grows else node("Sin", ["x"], ["z"])
    nodes = [node("Identity", ["go"], ["on"]), act]
    return helper.make_graph(
        nodes,
        "body",
        [
            whole("i", TensorProto.INT64, []),
            whole("go", TensorProto.BOOL, []),
            whole("x", TensorProto.FLOAT, None),
        ],
        [whole("on", TensorProto.BOOL, []), whole("z", TensorProto.FLOAT, None)],
    )


def loop(times: int, grows: bool = False) -> ModelProto:
    held = [constant("times", times), constant("yes", True, np.bool_)]
    return model(
        [node("Loop", ["times", "yes", "means"], ["out"], body=body(grows))], "out", held=held
    )


def loop_by_sight() -> ModelProto:
    """Counts to a number that the image gives: nothing for a black one."""
    nodes = [
        node("ReduceMax", ["numbers"], ["most"], keepdims=0),
        node("Cast", ["most"], ["whole"], to=TensorProto.INT64),
        node("Mul", ["whole", "million"], ["times"]),
        node("Loop", ["times", "yes", "means"], ["out"], body=body(False)),
    ]
    held = [constant("million", 10**9), constant("yes", True, np.bool_)]
    return model(nodes, "out", held=held)


def nested_loops(depth: int) -> ModelProto:
    inner = body(False)
    whole = helper.make_tensor_value_info
    for level in range(depth):
        held = [constant(f"times{level}", 60_000), constant(f"yes{level}", True, np.bool_)]
        act = node("Loop", [f"times{level}", f"yes{level}", "x"], ["z"], body=inner)
        inner = helper.make_graph(
            [node("Identity", ["go"], ["on"]), act],
            f"body{level}",
            [
                whole("i", TensorProto.INT64, []),
                whole("go", TensorProto.BOOL, []),
                whole("x", TensorProto.FLOAT, None),
            ],
            [whole("on", TensorProto.BOOL, []), whole("z", TensorProto.FLOAT, None)],
            held,
        )
    held = [constant("times", 60_000), constant("yes", True, np.bool_)]
    return model([node("Loop", ["times", "yes", "means"], ["out"], body=inner)], "out", held=held)


def long_chain(count: int) -> ModelProto:
    names = ["means", *(f"c{n}" for n in range(count))]
    nodes = [node("Abs", [a], [b]) for a, b in pairwise(names)]
    return model(nodes, names[-1])


def multiplied(side: int) -> ModelProto:
    """A product of two large matrices that are made on the way."""
    nodes = [
        node("ConstantOfShape", ["sides"], ["large"], value=constant("one", [1], np.float32)),
        node("MatMul", ["large", "large"], ["p1"]),
        node("MatMul", ["p1", "large"], ["p2"]),
        node("MatMul", ["p2", "large"], ["p3"]),
        node("ReduceMean", ["p3"], ["mean"], keepdims=0),
        node("Add", ["means", "mean"], ["out"]),
    ]
    return model(nodes, "out", held=[constant("sides", [side, side])])


def nested_choices(depth: int) -> ModelProto:
    """If in If in If."""
    whole = helper.make_tensor_value_info("o", TensorProto.FLOAT, None)
    flat = inner = helper.make_graph([node("Abs", ["means"], ["o"])], "g", [], [whole])
    for level in range(depth):
        act = node("If", ["yes"], ["o"], then_branch=inner, else_branch=flat)
        inner = helper.make_graph([act], f"g{level}", [], [whole])
    return model(
        [node("If", ["yes"], ["out"], then_branch=inner, else_branch=inner)],
        "out",
        held=[constant("yes", True, np.bool_)],
    )


# Memory.


def filled(*shape: int) -> ModelProto:
    """A constant that is only said to be large."""
    nodes = [
        node("ConstantOfShape", ["sides"], ["large"], value=constant("one", [1], np.float32)),
        node("ReduceMean", ["large"], ["mean"], keepdims=0),
        node("Add", ["means", "mean"], ["out"]),
    ]
    return model(nodes, "out", held=[constant("sides", shape)])


def by_operation(kind: str, given: list[str], held: list[TensorProto], **how: object) -> ModelProto:
    nodes = [
        node(kind, given, ["large"], **how),
        node("Cast", ["large"], ["again"], to=TensorProto.FLOAT),
        node("ReduceMean", ["again"], ["mean"], keepdims=0),
        node("Add", ["means", "mean"], ["out"]),
    ]
    return model(nodes, "out", held=held)


def claimed(*shape: int, data: bytes = b"1234") -> ModelProto:
    """A weight whose shape is another than its bytes."""
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=shape, raw_data=data)
    return model([node("Add", ["means", "w"], ["out"])], "out", held=[weight])


# Elsewhere.


def outside(location: str, **more: str) -> ModelProto:
    weight = TensorProto(
        name="w", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL
    )
    for key, value in {"location": location, **more}.items():
        weight.external_data.add(key=key, value=value)
    return model([node("Add", ["means", "w"], ["out"])], "out", held=[weight])


def linked(path: Path) -> None:
    """Weights beside the file that are a link to a person's own."""
    beside = path.with_name("beside.bin")
    beside.unlink(missing_ok=True)
    beside.symlink_to(Path.home())
    saved(path, partial(outside, "beside.bin"))


def cut(path: Path, share: float) -> None:
    content = long_chain(50).SerializeToString()
    path.write_bytes(content[: int(share * len(content))])


def flipped(path: Path, seed: int) -> None:
    content, chance = bytearray(long_chain(5).SerializeToString()), random.Random(seed)
    for _ in range(seed):
        content[chance.randrange(len(content))] = chance.randrange(256)
    path.write_bytes(content)


def zipped(path: Path, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        for name, content in files.items():
            packed.writestr(name, content)


def bomb(path: Path) -> None:
    """A zip whose network unpacks to almost as much as is taken."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed,
        packed.open("model.onnx", "w", force_zip64=True) as network,
    ):
        for _ in range(1900):
            network.write(bytes(1 << 20))


def laughs(path: Path) -> None:
    """XML whose entities unfold to a thousand million."""
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "ha"}">' for n in range(12))
    path.write_text(f"<?xml version='1.0'?><!DOCTYPE net [{entities}]><net name='&a11;'/>")
    path.with_suffix(".bin").write_bytes(b"")


LONG = {
    **{f"doubling {depth}.onnx": partial(doubling, depth) for depth in (12, 16, 20, 30)},
    "calls itself.onnx": calls_itself,
    "loop.onnx": partial(loop, 1 << 62),
    "loop by sight.onnx": loop_by_sight,
    "growing loop.onnx": partial(loop, 40, grows=True),
    "loops in loops.onnx": partial(nested_loops, 3),
    "long chain.onnx": partial(long_chain, 30_000),
    "product.onnx": partial(multiplied, 9000),
    "choices.onnx": partial(nested_choices, 12),
    "deep choices.onnx": partial(nested_choices, 22),
}
LARGE = {
    "six gigabytes.onnx": partial(filled, 1500, 1000, 1000),
    "terabytes.onnx": partial(filled, 10**6, 10**6),
    "overflow.onnx": partial(filled, 1 << 32, 1 << 32),
    "negative.onnx": partial(filled, -5, 4),
    "range.onnx": partial(
        by_operation,
        "Range",
        ["a", "b", "c"],
        [constant("a", 0), constant("b", 1 << 40), constant("c", 1)],
    ),
    "tile.onnx": partial(by_operation, "Tile", ["means", "t"], [constant("t", [1 << 15, 1 << 15])]),
    "expand.onnx": partial(
        by_operation, "Expand", ["means", "t"], [constant("t", [1 << 16, 1 << 15, 1, 3])]
    ),
    "noise.onnx": lambda: by_operation("RandomNormal", [], [], shape=[1 << 15, 1 << 16]),
    "one hot.onnx": partial(
        by_operation,
        "OneHot",
        ["i", "d", "v"],
        [constant("i", [0] * 99), constant("d", 1 << 31), constant("v", [0, 1], np.float32)],
    ),
    "pad.onnx": partial(
        by_operation, "Pad", ["means", "p"], [constant("p", [1 << 15, 1 << 15, 0, 0])]
    ),
    "claimed.onnx": partial(claimed, 1 << 20, 1 << 20),
    "negative weight.onnx": partial(claimed, -1, 3),
    "too many bytes.onnx": partial(claimed, 1, data=bytes(1 << 20)),
}
ELSEWHERE = {
    "above.onnx": partial(outside, "../secret.bin"),
    "system.onnx": partial(outside, "/etc/passwd"),
    "device.onnx": partial(outside, "/dev/zero", length=str(1 << 40)),
    "absent.onnx": partial(outside, "absent.bin"),
    "itself.onnx": partial(outside, "itself.onnx", offset="-4", length=str(1 << 60)),
    "unknown.onnx": lambda: model([node("Frobnicate", ["means"], ["out"])], "out"),
    "broken word.onnx": lambda: model([node("A\nb\x1b[2J", ["means"], ["out"])], "out"),
    "circle.onnx": lambda: model([node("Abs", ["b"], ["a"]), node("Abs", ["a"], ["b"])], "b"),
    "nowhere.onnx": lambda: model([], "nothing"),
}
TOLD = {
    "no names.onnx": lambda: model(names="{"),
    "deep names.onnx": lambda: model(names="[" * 100_000),
    "number names.onnx": lambda: model(names="9" * 100_000),
    "many names.onnx": lambda: model(names=[str(n) for n in range(1 << 20)]),
    "no threshold.onnx": lambda: model(threshold="nan"),
    "broken letters.onnx": lambda: model(names='["\\ud800", "a", "b"]'),
}

ONNX: Kinds = {
    **{name: partial(saved, make=make) for name, make in {**LONG, **LARGE, **ELSEWHERE}.items()},
    **{name: partial(saved, make=make) for name, make in TOLD.items()},
    "linked.onnx": linked,
    **{f"cut at {share:g}.onnx": partial(cut, share=share) for share in (0.1, 0.99)},
    **{f"flipped {seed}.onnx": partial(flipped, seed=seed) for seed in (1, 3, 9)},
    "groups.onnx": lambda path: path.write_bytes(b"\x0b" * 100_000),
    "length.onnx": lambda path: path.write_bytes(b"\x3a\xff\xff\xff\xff\x07" + bytes(100)),
    "bomb.zip": bomb,
    "loop.zip": lambda path: zipped(path, {"model.onnx": loop(1 << 62).SerializeToString()}),
    "above.zip": lambda path: zipped(path, {"../model.onnx": b"", "model.onnx": b"x"}),
    "empty.zip": lambda path: zipped(path, {}),
    "laughs.xml": laughs,
    "noise.tflite": lambda path: path.write_bytes(os.urandom(5000)),
    "noise.pt2": lambda path: zipped(path, {"a/models/model.json": b"[" * 200_000}),
}
