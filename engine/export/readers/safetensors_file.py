"""Weights (.safetensors) and their card (.json): the network's lines are read, checked and run.

The card holds the network as lines of Python. Nothing of it is run but calls of PyTorch's own
operations on tensors, so that a card from anywhere can do no more than calculate.
"""

from __future__ import annotations

import ast
import math
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import UnusableWeights
from engine.export.exported import Exported, foreign, told_by
from engine.export.readers.allowed_operations import NUMBERS, OPERATIONS
from engine.export.readers.beside import card_beside, card_of
from engine.models.file_signature import read_head

TYPES = ("float16", "float32", "float64", "int32", "int64", "uint8", "bool", "contiguous_format",
         "preserve_format", "channels_last")  # fmt: skip
MOST_ELEMENTS, LAST = 1 << 28, 1 << 60
"""Of a shape in a card; and how lists say “to the end”."""
PLAIN = (
    ast.Module, ast.Assign, ast.Call, ast.keyword, ast.Attribute, ast.Subscript, ast.Name,
    ast.Load, ast.Store, ast.Constant, ast.List, ast.Tuple, ast.UnaryOp, ast.USub,
)  # fmt: skip
KNOWN = ("w", "aten", "torch", "operator", "float", "found", "pixels")


def open_file(path: Path, threads: int = 1) -> Exported:
    """Opens weights that Espalier exported, with the card beside them.

    Raises UnusableWeights where they are damaged, from elsewhere, or do not belong together, and
    where PyTorch is not installed.
    """
    read_head(path)
    card = card_beside(path)
    lines = card.told.get("network")
    if not isinstance(lines, list):
        raise foreign(path)
    network = network_of(list(map(str, lines)), path)
    weights = loaded(path, threads)
    import torch

    busy = threading.Lock()

    def run(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        seen = card.prepared(pixels)
        with busy, torch.inference_mode():
            probabilities, distances = network(weights, torch.from_numpy(seen))
            return probabilities.numpy(), distances.numpy()

    return told_by(run, card.facts, path)


def loaded(path: Path, threads: int) -> dict[str, Any]:
    """The weights by name. Raises UnusableWeights where they can't be read."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    torch.set_num_threads(threads)
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise UnusableWeights(
            f"{path.name} is no file of weights, or it is cut short. Export it or get it again."
        ) from error


Network = Callable[[Mapping[str, Any], Any], tuple[Any, Any]]


def network_of(lines: list[str], path: Path) -> Network:
    """The lines of a card as a function. Raises UnusableWeights where one does anything else than
    call an operation."""
    try:
        tree = ast.parse("\n".join(lines))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise foreign(path) from error
    for line in tree.body:
        if not isinstance(line, ast.Assign) or not all(map(harmless, ast.walk(line))):
            raise UnusableWeights(
                f"{card_of(path).name} holds a line that is no operation on tensors "
                f"({ast.unparse(line)[:60]}), so it was refused. Choose a file that Espalier "
                "exported."
            )
    import operator

    import torch

    code = compile(tree, card_of(path).name, "exec")
    words = {"__builtins__": {}, "torch": torch, "aten": torch.ops.aten, "operator": operator,
             "float": float}  # fmt: skip

    def network(w: Mapping[str, Any], pixels: Any) -> tuple[Any, Any]:
        values = {**words, "w": w, "pixels": pixels}
        exec(code, values)
        return values["found"]

    return network


def harmless(node: ast.AST) -> bool:
    """Whether a part of a line may stand in a card."""
    if isinstance(node, ast.Name):
        return node.id in KNOWN or (node.id[:1] == "x" and node.id[1:].isdigit())
    if isinstance(node, ast.Assign):
        return len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)
    if isinstance(node, ast.Attribute):
        return named(node)
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Attribute) or (
            isinstance(node.func, ast.Name) and node.func.id == "float"
        )
    if isinstance(node, ast.List | ast.Tuple):
        return size_of(node) <= MOST_ELEMENTS
    return isinstance(node, PLAIN)


def size_of(node: ast.List | ast.Tuple) -> int:
    """How many elements a tensor would have whose shape a list is."""
    sides = [abs(part.value) for part in node.elts
             if isinstance(part, ast.Constant) and isinstance(part.value, int)]  # fmt: skip
    return math.prod(side for side in sides if 0 < side < LAST)


def named(node: ast.Attribute) -> bool:
    """aten.conv2d.default, aten.conv2d, operator.mul, or a type such as torch.float32."""
    words = ast.unparse(node).split(".")
    if words[0] == "aten" and len(words) in (2, 3):
        return words[1] in OPERATIONS and not words[-1].startswith("_")
    if words[0] == "operator":
        return len(words) == 2 and words[1] in NUMBERS
    return words[0] == "torch" and len(words) == 2 and words[1] in TYPES
