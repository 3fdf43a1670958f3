"""Preprocessing as ONNX: what images/preprocess.py does to a decoded image, to the bit.

ONNX's own Resize counts in single precision. Where a pixel's value lies half way between two
levels, as one in fifty does when 224 pixels become 96, it falls on the other side than Pillow's,
and MobileNetV2's probabilities move by up to 0.03. So this is Pillow's own arithmetic: weights in
double precision, rounded to multiples of 2^-22, and whole numbers from there on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx
from onnx import compose

from engine.export.graphs.nodes import BYTE, DOUBLE, FLOAT, INTEGER, Steps
from engine.images.preprocess import Preprocessing

Before = Callable[[Preprocessing, int], onnx.ModelProto]
"""Makes what comes before a network, for an opset: `picture_graph`, or the same said otherwise."""
BITS = 22
"""Pillow's weights are whole multiples of 2^-BITS."""
BASE, DIGITS = 256, 3
"""Weights as digits -128 to 127 of this base, so that a product with a level is one of bytes."""
PLACES = [BASE**place for place in range(DIGITS)]


def picture_graph(p: Preprocessing, opset: int) -> onnx.ModelProto:
    """uint8 "pictures" (n, height, width, 3) to uint8 "cropped" (n, size, size, 3).

    A picture whose shorter side is `resize` already is only cut.
    """
    do = Steps()
    sides = do("Shape", "pictures", start=1, end=3)
    shorter = do("ReduceMin", sides, keepdims=1)
    ready = do("Equal", shorter, [p.resize])
    cut, other = only_cut(p, sides), resized(p, sides, shorter)
    do("If", ready, then_branch=cut, else_branch=other)
    return do.preprocessing(p.size, opset)


def only_cut(p: Preprocessing, sides: str) -> onnx.GraphProto:
    """The middle, halves rounded to even as Python does."""
    do = Steps("cut ")
    rest = do("Cast", do("Sub", sides, [p.size]), to=FLOAT)
    start = do("Cast", do("Round", do("Mul", rest, 0.5)), to=INTEGER)
    do("Slice", "pictures", start, do("Add", start, [p.size]), [1, 2])
    return do.branch(p.size)


def resized(p: Preprocessing, sides: str, shorter: str) -> onnx.GraphProto:
    """The middle of the picture scaled to `resize`."""
    do = Steps("resized ")
    # Both sides times `resize` over the shorter one, rounded down.
    target = do("Div", do("Mul", sides, [p.resize]), shorter)
    # The middle, halves rounded to even as Python does.
    rest = do("Cast", do("Sub", target, [p.size]), to=DOUBLE)
    start = do("Round", do("Mul", rest, do.precise(0.5)))
    full = do("Cast", sides, to=DOUBLE)
    scale = do("Div", full, do("Cast", target, to=DOUBLE))
    begin = do("Mul", start, scale)
    end = do("Min", do("Mul", do("Add", start, do.precise(p.size)), scale), full)
    (upper, left), (lower, right) = (halves(do, values) for values in (begin, end))
    # As many rows as the filter will look at, as engine/images/preprocess.py cuts them out.
    down, _ = halves(do, scale)
    reach = do("Add", do("Mul", do("Max", down, do.precise(1)), do.precise(2)), do.precise(1))
    top = do("Max", do("Floor", do("Sub", upper, reach)), do.precise(0))
    bottom = do("Ceil", do("Add", lower, reach))
    ends = [do("Cast", value, to=INTEGER) for value in (top, bottom)]
    rows = do("Slice", "pictures", *ends, [1])
    # (n, rows, width, 3) becomes (width, 3, n, rows): as a matrix, which is turned quickest.
    count, width = (do("Shape", "pictures", start=n, end=n + 1) for n in (0, 2))
    across = turned(do, rows, do("Concat", [-1], do("Mul", width, [3]), axis=0))
    across = scaled(do, p, across, width, left, right)
    # (size, 3 x n x rows) back to (n, rows, size x 3), and the rows to the front.
    both = turned(do, across, [3 * p.size, -1])
    both = do("Reshape", both, do("Concat", count, [-1, 3 * p.size], axis=0))
    both = do("Transpose", both, perm=[1, 0, 2])
    height = do("Shape", both, start=0, end=1)
    both = scaled(do, p, both, height, do("Sub", upper, top), do("Sub", lower, top))
    both = do("Reshape", both, [p.size, -1, p.size, 3])
    do("Transpose", both, perm=[1, 0, 2, 3])
    return do.branch(p.size)


def turned(do: Steps, x: str, shape: object) -> str:
    """`x` as a matrix of a shape, its rows and columns exchanged."""
    return do("Transpose", do("Reshape", x, shape), perm=[1, 0])


def halves(do: Steps, values: str) -> tuple[str, str]:
    """The first and the second of two values, (1,) each."""
    return do("Slice", values, [0], [1]), do("Slice", values, [1], [2])


def scaled(do: Steps, p: Preprocessing, x: str, length: str, begin: str, end: str) -> str:
    """uint8 (length, ...) from `begin` to `end` brought to (size, all the rest).

    `length` is int64 (1,), `begin` and `end` double (1,).
    """
    weights, places = weighed(do, p, length, begin, end)
    # Gathered are whole rows: (size, pixels that count, all the rest).
    flat = do("Reshape", x, do("Concat", length, [-1], axis=0))
    lines = do("Gather", flat, places)
    sums = do("MatMulInteger", digits_of(do, weights), lines, np.array(BASE // 2, np.uint8))
    total, *lower = (do("Slice", sums, [n], [n + 1], [1]) for n in reversed(range(DIGITS)))
    for digit in lower:
        total = do("Add", do("Mul", total, np.array(BASE, np.int32)), digit)
    # Below 0 first: whole numbers are divided towards it.
    total = do("Max", do("Add", total, np.array(1 << (BITS - 1), np.int32)), np.array(0, np.int32))
    levels = do("Min", do("Div", total, np.array(1 << BITS, np.int32)), np.array(255, np.int32))
    return do("Cast", levels, to=BYTE)


def weighed(do: Steps, p: Preprocessing, length: str, begin: str, end: str) -> tuple[str, str]:
    """How much which pixels count for each kept pixel: double and int64 (size, pixels)."""
    # Pillow is given the ends, and subtracts them, in single precision.
    begin, end = (do("Cast", value, to=FLOAT) for value in (begin, end))
    step = do("Div", do("Cast", do("Sub", end, begin), to=DOUBLE), do.precise(p.size))
    # Filters widen with the scale, but never below one pixel.
    wide = do("Max", step, do.precise(1))
    support = do("Mul", wide, do.precise(SUPPORT[p.interpolation]))
    kept = do.precise(np.arange(p.size)[:, None] + 0.5)
    centres = do("Add", do("Cast", begin, to=DOUBLE), do("Mul", kept, step))
    half = do.precise(0.5)
    low = do("Cast", do("Add", do("Sub", centres, support), half), to=INTEGER)
    high = do("Cast", do("Add", do("Add", centres, support), half), to=INTEGER)
    low, high = do("Max", low, 0), do("Min", high, length)
    most = do("ReduceMax", do("Sub", high, low), keepdims=0)
    places = do("Add", low, do("Range", 0, most, 1))
    away = do("Add", do("Sub", do("Cast", places, to=DOUBLE), centres), half)
    away = do("Abs", do("Mul", away, do("Div", do.precise(1), wide)))
    counts = FILTERS[p.interpolation](do, away)
    counts = do("Where", do("Less", places, high), counts, do.precise(0))
    weights = do("Div", counts, do("ReduceSum", counts, [1], keepdims=1))
    return weights, do("Min", places, do("Sub", length, 1))


def digits_of(do: Steps, weights: str) -> str:
    """Weights double (size, pixels) as uint8 (size, DIGITS, pixels): each digit plus 128.

    Rounded to multiples of 2^-BITS, halves away from zero.
    """
    half = do("Mul", do("Sign", weights), do.precise(0.5))
    whole = do("Add", do("Mul", weights, do.precise(1 << BITS)), half)
    raised = do("Add", do("Cast", whole, to=INTEGER), BASE // 2 * sum(PLACES))
    parts = do("Div", do("Unsqueeze", raised, [1]), np.array(PLACES)[:, None])
    return do("Cast", do("Mod", parts, BASE), to=BYTE)


def bilinear(do: Steps, away: str) -> str:
    return do("Max", do("Sub", do.precise(1), away), do.precise(0))


def bicubic(do: Steps, away: str) -> str:
    """Keys's filter with a = -0.5, in Pillow's order of operations."""

    def polynomial(first: float, *factors: float) -> str:
        value = do("Mul", away, do.precise(first)) if first != 1 else away
        for factor in factors[:-1]:
            value = do("Mul", do("Add", value, do.precise(factor)), away)
        return do("Add", value, do.precise(factors[-1]))

    near = polynomial(1.5, -2.5, 0, 1)
    far = do("Mul", polynomial(1, -5, 8, -4), do.precise(-0.5))
    outer = do("Where", do("Less", away, do.precise(2)), far, do.precise(0))
    return do("Where", do("Less", away, do.precise(1)), near, outer)


FILTERS = {"bilinear": bilinear, "bicubic": bicubic}
SUPPORT = {"bilinear": 1, "bicubic": 2}
"""To how many (widened) pixels from its middle a filter reaches."""


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
