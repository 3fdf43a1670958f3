"""Preprocessing as two matrix products, for runtimes that can't resize as Pillow does.

OpenVINO ignores that a resize is antialiased, and its own Pillow modes take seconds for a photo.
A resize is linear in the pixels of a row, and then of a column: two products with a matrix of the
filter's weights, each rounded to whole levels as Pillow does. What is cut off is never computed.
"""

from __future__ import annotations

import numpy as np
import onnx

from engine.export.graphs.nodes import BYTE, FLOAT, INTEGER, Steps
from engine.images.preprocess import Preprocessing


def matrix_graph(p: Preprocessing, opset: int) -> onnx.ModelProto:
    """uint8 "pictures" (n, height, width, 3) to uint8 "cropped" (n, size, size, 3)."""
    do = Steps()
    sides = do("Slice", do("Shape", "pictures"), [1], [3])
    # Both sides times `resize` over the shorter one, rounded down.
    target = do("Div", do("Mul", sides, [p.resize]), do("ReduceMin", sides, keepdims=1))
    # The middle, halves rounded to even as Python does.
    rest = do("Cast", do("Sub", target, [p.size]), to=FLOAT)
    start = do("Round", do("Mul", rest, 0.5))
    sides, target = do("Cast", sides, to=FLOAT), do("Cast", target, to=FLOAT)
    tall, wide = (weights(do, p, axis, sides, target, start) for axis in (0, 1))
    planes = do("Cast", do("Transpose", "pictures", perm=[0, 3, 1, 2]), to=FLOAT)
    across = whole_levels(do, do("MatMul", planes, do("Transpose", wide, perm=[1, 0])))
    both = whole_levels(do, do("MatMul", tall, across))
    do("Cast", do("Transpose", both, perm=[0, 2, 3, 1]), to=BYTE)
    return do.preprocessing(p.size, opset)


def weights(do: Steps, p: Preprocessing, axis: int, sides: str, target: str, start: str) -> str:
    """How much each pixel of a side counts for each kept pixel: float32 (size, side).

    `sides`, `target` and `start` are float32 (2,): height and width, those after resizing, and
    the first pixel that is kept.
    """
    side, wanted, first = (
        do("Slice", values, [axis], [axis + 1]) for values in (sides, target, start)
    )
    kept = do("Add", do("Unsqueeze", first, [0]), np.arange(p.size)[:, None] + 0.5)
    centres = do("Div", do("Mul", kept, side), wanted)
    length = do("Squeeze", do("Cast", side, to=INTEGER), [0])
    pixels = do("Add", do("Cast", do("Range", 0, length, 1), to=FLOAT), 0.5)
    # Filters widen with the scale, but never below one pixel.
    widened = do("Max", do("Div", side, wanted), [1.0])
    away = do("Div", do("Abs", do("Sub", centres, pixels)), widened)
    counts = FILTERS[p.interpolation](do, away)
    return do("Div", counts, do("ReduceSum", counts, [1], keepdims=1))


def bilinear(do: Steps, away: str) -> str:
    return do("Max", do("Sub", 1.0, away), 0.0)


def bicubic(do: Steps, away: str) -> str:
    """Keys's filter with a = -0.5, as Pillow has it."""

    def polynomial(*factors: float) -> str:
        value = do("Mul", away, factors[0])
        for factor in factors[1:-1]:
            value = do("Mul", do("Add", value, factor), away)
        return do("Add", value, factors[-1])

    near, far = polynomial(1.5, -2.5, 0.0, 1.0), polynomial(-0.5, 2.5, -4.0, 2.0)
    outer = do("Where", do("Less", away, 2.0), far, 0.0)
    return do("Where", do("Less", away, 1.0), near, outer)


FILTERS = {"bilinear": bilinear, "bicubic": bicubic}


def whole_levels(do: Steps, values: str) -> str:
    """Rounded to whole levels, halves up, as Pillow does after each pass."""
    return do("Clip", do("Floor", do("Add", values, 0.5)), 0.0, 255.0)
