"""An exported program of PyTorch as lines of Python: one operation a line, weights by name."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.fx import Node

from engine.errors import Refused

LEFT_OUT = ("device", "layout", "pin_memory")
"""What an export notes of where tensors lie, which is wherever the weights lie."""
CHECKS = ("_assert", "sym_constrain_range")
"""Operations that only check: names begin so."""


def lines_of(
    program: ExportedProgram, given: str, names: Mapping[str, str]
) -> tuple[list[str], dict[str, torch.Tensor]]:
    """The lines, the last of which sets `found`, and the weights that they read from `w`.

    `given` is how the input is called; `names` are better names for beginnings of weights' names.
    Raises Refused where an operation has no name that could be written.
    """
    said: dict[Node, str] = {}
    weights: dict[str, torch.Tensor] = {}
    lines: list[str] = []
    signature = program.graph_signature
    held = {
        **signature.inputs_to_parameters,
        **signature.inputs_to_buffers,
        **signature.inputs_to_lifted_tensor_constants,
    }
    values = {**program.constants, **program.state_dict}
    for node in program.graph.nodes:
        if node.op == "placeholder" and node.name in held:
            name = better(held[node.name], names)
            weights[name] = values[held[node.name]].detach().contiguous()
            said[node] = f"w[{name!r}]"
        elif node.op == "placeholder":
            said[node] = given
        elif node.op == "output":
            lines.append(f"found = {written(node.args[0], said)}")
        elif not (node.users or mutates(node)) or checks(node):
            continue
        else:
            said[node] = f"x{len(lines)}"
            lines.append(f"{said[node]} = {call(node, said)}")
    return lines, weights


def better(name: str, names: Mapping[str, str]) -> str:
    for begin, wanted in names.items():
        if name.startswith(begin):
            return wanted + name.removeprefix(begin)
    return name


def checks(node: Node) -> bool:
    return getattr(node.target, "__name__", str(node.target)).startswith(CHECKS)


def mutates(node: Node) -> bool:
    schema = getattr(node.target, "_schema", None)
    return bool(schema and schema.is_mutable)


def call(node: Node, said: Mapping[Node, str]) -> str:
    """One operation in Python's words."""
    args = [written(value, said) for value in node.args]
    if node.target is operator.getitem:
        return f"{args[0]}[{args[1]}]"
    args += [
        f"{name}={written(value, said)}"
        for name, value in node.kwargs.items()
        if name not in LEFT_OUT
    ]
    if callable(node.target) and getattr(node.target, "__module__", "") == "_operator":
        return f"operator.{node.target.__name__}({', '.join(args)})"
    name = str(node.target)
    if not isinstance(node.target, torch._ops.OpOverload) or not name.startswith("aten."):
        raise Refused(
            f"This network uses an operation ({name[:80]}) that can't be written in plain PyTorch, "
            "so nothing was exported. Choose ONNX instead."
        )
    return f"{name}({', '.join(args)})"


def written(value: Any, said: Mapping[Node, str]) -> str:
    """An argument: an earlier result, a number, a list of them, or a type."""
    if isinstance(value, Node):
        return said[value]
    if isinstance(value, list):
        return f"[{', '.join(written(each, said) for each in value)}]"
    if isinstance(value, tuple):
        return f"({''.join(f'{written(each, said)}, ' for each in value)})"
    if value is None or isinstance(value, bool | int | str):
        return repr(value)
    if isinstance(value, float):
        return repr(value) if value == value and abs(value) != float("inf") else f"float('{value}')"
    if isinstance(value, torch.dtype | torch.memory_format):
        return str(value)
    raise Refused(
        f"This network uses a value ({str(value)[:80]}) that can't be written in plain PyTorch, so "
        "nothing was exported. Choose ONNX instead."
    )
