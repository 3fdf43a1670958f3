"""What a subnet costs beside time: operations, parameters, memory and file size, exactly.

All are of the network from images to features; a classifier comes with a project and is small.
Each adds up from the network's parts (elastic/parts.py), so tens of thousands of subnets are a few
look-ups in arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from engine.models.supernet.architecture import Architecture
from engine.models.supernet.as_onnx import bytes_around, bytes_of_part
from engine.models.supernet.mobilenet import squeezed_width
from engine.models.supernet.parts import (
    BLOCK,
    EXPANSION,
    MIX,
    POOL,
    STEM,
    NetworkPart,
    block_part,
    fixed_parts,
    parts_of,
)
from engine.models.supernet.space import EXPAND, KERNEL, PLACES, RESOLUTION, Space

NUMBER = 4
"""Bytes of a float32."""


def part_macs(part: NetworkPart) -> int:
    """Multiplications with addition in a part's convolutions, for one image."""
    area, area_out = part.side**2, part.out**2
    if part.kind == STEM:
        return area_out * 9 * part.before * part.after
    if part.kind == POOL:
        return 0
    if part.kind != BLOCK:
        return area_out * part.before * part.after
    expand = area * part.before * part.middle if part.expands else 0
    squeeze = 2 * part.middle * squeezed_width(part.middle) if part.squeeze else 0
    return expand + area_out * part.middle * (part.kernel**2 + part.after) + squeeze


def part_parameters(part: NetworkPart) -> int:
    """Weights, biases, and two numbers a channel for each batch norm."""
    if part.kind == STEM:
        return part.after * (9 * part.before + 2)
    if part.kind == POOL:
        return 0
    if part.kind != BLOCK:
        norm = 2 * part.after if part.kind == EXPANSION else 0
        return part.before * part.after + norm
    middle, squeezed = part.middle, squeezed_width(part.middle)
    expand = middle * (part.before + 2) if part.expands else 0
    squeeze = 2 * middle * squeezed + middle + squeezed if part.squeeze else 0
    return expand + middle * (part.kernel**2 + 2) + squeeze + part.after * (middle + 2)


def part_memory(part: NetworkPart) -> int:
    """Bytes of the activations that are alive together at most while a part runs, batch 1.

    Layer by layer in float32, activation functions in place; a block's input stays until it is
    added at the end.
    """
    given, wanted = part.before * part.side**2, part.after * part.out**2
    if part.kind != BLOCK:
        return NUMBER * (given + wanted)
    wide, narrow = part.middle * part.side**2, part.middle * part.out**2
    kept = given if part.shortcut else 0
    expand = given + wide if part.expands else 0
    # Without an expansion the depthwise layer's input is the block's own.
    depthwise = (wide + kept if part.expands else given) + narrow
    return NUMBER * max(expand, depthwise, narrow + wanted + kept)


COSTS: dict[str, Callable[[NetworkPart], int]] = {
    "macs": part_macs,
    "parameters": part_parameters,
    "memory": part_memory,
    "file_bytes": bytes_of_part,
}
"""All add up but for memory, of which the greatest counts."""


def macs_of(architecture: Architecture, multiplier: float) -> int:
    """Multiplications with addition for one image."""
    return sum(map(part_macs, parts_of(architecture, multiplier)))


def parameters_of_subnet(architecture: Architecture, multiplier: float, classes: int = 0) -> int:
    """Parameters, with a linear classifier of so many classes."""
    parts = list(parts_of(architecture, multiplier))
    width = next(part.after for part in parts if part.kind == MIX)
    return sum(map(part_parameters, parts)) + classes * (width + 1)


def peak_memory(architecture: Architecture, multiplier: float) -> int:
    """Bytes of activations that are alive together at most, for one image."""
    return max(map(part_memory, parts_of(architecture, multiplier)))


def file_bytes(architecture: Architecture, multiplier: float) -> int:
    """Bytes of the file that as_onnx.network_onnx gives: batch norms folded, float32."""
    inside = sum(map(bytes_of_part, parts_of(architecture, multiplier)))
    return int(whole_file(np.array(inside), multiplier, architecture.resolution))


def whole_file(inside: np.ndarray, multiplier: float, resolution: int) -> np.ndarray:
    """The file's bytes from those of its parts: what stands around them, and one length."""
    graph = inside + bytes_around(multiplier, resolution)[0]
    lengths = 1 + sum((graph >= 2 ** (7 * n)).astype(np.int64) for n in range(1, 6))
    return graph + lengths + bytes_around(multiplier, resolution)[1]


# Many at once.


def costs_of_genes(space: Space, genes: np.ndarray, multiplier: float) -> dict[str, np.ndarray]:
    """For rows of genes (n, 46): int64 (n,) each of macs, parameters, memory and file_bytes."""
    found = {}
    for name in COSTS:
        blocks, fixed = cost_arrays(space, multiplier, name)
        each = picked(blocks, space, genes)
        around = fixed[genes[:, RESOLUTION]]
        if name == "memory":
            found[name] = np.maximum(each.max(1), around.max(1))
        else:
            found[name] = each.sum(1) + around.sum(1)
    for number, resolution in enumerate(space.resolutions):
        rows = genes[:, RESOLUTION] == number
        found["file_bytes"][rows] = whole_file(found["file_bytes"][rows], multiplier, resolution)
    return found


@lru_cache(maxsize=64)
def cost_arrays(space: Space, multiplier: float, name: str) -> tuple[np.ndarray, np.ndarray]:
    return arrays_of(space, multiplier, COSTS[name], np.int64)


def arrays_of(
    space: Space, multiplier: float, cost: Callable[[NetworkPart], float], kind: type
) -> tuple[np.ndarray, np.ndarray]:
    """A cost of each block that may be chosen (resolutions, 20, kernels, expands), and of the
    parts that all subnets have (resolutions, 5)."""
    blocks = [
        cost(block_part(multiplier, resolution, place, kernel, expand))
        for resolution in space.resolutions
        for place in range(PLACES)
        for kernel in space.kernels
        for expand in space.expands
    ]
    shape = (len(space.resolutions), PLACES, len(space.kernels), len(space.expands))
    fixed = [[cost(part) for part in fixed_parts(multiplier, r)] for r in space.resolutions]
    return np.array(blocks, kind).reshape(shape), np.array(fixed, kind)


def picked(blocks: np.ndarray, space: Space, genes: np.ndarray) -> np.ndarray:
    """The blocks' costs that rows of genes choose: (n, 20), 0 where there is no block."""
    resolution = genes[:, RESOLUTION, None]
    found = blocks[resolution, np.arange(PLACES)[None], genes[:, KERNEL], genes[:, EXPAND]]
    return found * space.active(genes)
