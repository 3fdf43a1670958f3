"""A subnet as the parts that its costs add up from: stem, blocks, last layers, with their sizes.

A part's name is its key in the latency tables of the original once-for-all project (its file
ofa/nas/efficiency_predictor/latency_lookup_table.py), so tables can be exchanged with it:
`expanded_conv-input:16x16x24-output:16x16x24-expand:96-kernel:5-stride:1-idskip:1-se:1-hs:0`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from engine.models.supernet.architecture import BLOCKS, Architecture
from engine.models.supernet.mobilenet import STAGES, middle_width, widths_of

STEM, BLOCK, EXPANSION, POOL, MIX = "Conv", "expanded_conv", "Conv_1", "AvgPool2D", "Conv_2"
LOGITS = "Logits"
"""The classifier. It is in a table for the original project's sake, and in no network's sum here:
a project brings its own, which is small."""
CLASSES = 1000
KEY = re.compile(
    r"(Conv|expanded_conv|Conv_1|AvgPool2D|Conv_2|Logits)"
    r"-input:(\d+)x\2x(\d+)-output:(?:(\d+)x\4x)?(\d+)"
    r"(?:-expand:(\d+)-kernel:(\d+)-stride:(\d+)-idskip:([01])-se:([01])-hs:([01]))?"
)


@dataclass(frozen=True)
class NetworkPart:
    """Sides and channels at input and output; the rest is of blocks: channels in the middle, etc.

    `kind` is one of the six names above.
    """

    kind: str
    side: int
    before: int
    out: int
    after: int
    middle: int = 0
    kernel: int = 0
    stride: int = 1
    shortcut: bool = False
    squeeze: bool = False
    swish: bool = False

    @property
    def expands(self) -> bool:
        """Whether it begins with a 1x1 convolution; of all blocks, the first alone does not."""
        return self.kind == BLOCK and self.middle != self.before

    def __str__(self) -> str:
        out = "" if self.kind == LOGITS else f"{self.out}x{self.out}x"
        key = f"{self.kind}-input:{self.side}x{self.side}x{self.before}-output:{out}{self.after}"
        if self.kind != BLOCK:
            return key
        return (
            f"{key}-expand:{self.middle}-kernel:{self.kernel}-stride:{self.stride}"
            f"-idskip:{self.shortcut:d}-se:{self.squeeze:d}-hs:{self.swish:d}"
        )

    @classmethod
    def parse(cls, key: str) -> NetworkPart | None:
        """From what `str` gives; None for any other text."""
        found = KEY.fullmatch(key)
        if found is None:
            return None
        kind, side, before, out, after, *rest = found.groups()
        if (kind == BLOCK) == (rest[0] is None) or (kind == LOGITS) == (out is not None):
            return None
        middle, kernel, stride = (int(number or 0) for number in rest[:3])
        shortcut, squeeze, swish = (flag == "1" for flag in rest[3:])
        return cls(
            kind,
            int(side),
            int(before),
            int(out or 1),
            int(after),
            middle,
            kernel,
            stride or 1,
            shortcut,
            squeeze,
            swish,
        )


def halved(side: int) -> int:
    """The side after a layer of stride 2."""
    return (side + 1) // 2


@lru_cache
def sides(resolution: int) -> tuple[int, ...]:
    """The side of what each of the five stages takes, and what the last gives."""
    found = [halved(resolution)]
    for shape in STAGES:
        found.append(halved(found[-1]) if shape.stride == 2 else found[-1])
    return tuple(found)


@lru_cache
def fixed_parts(multiplier: float, resolution: int) -> tuple[NetworkPart, ...]:
    """What every subnet has: stem with normalisation, block 0, and the last layers."""
    stem, first, *_, last, expanded, width = widths_of(multiplier)
    side, end = sides(resolution)[0], sides(resolution)[-1]
    same = stem == first
    return (
        NetworkPart(STEM, resolution, 3, side, stem),
        NetworkPart(BLOCK, side, stem, side, first, stem, 3, 1, same, False, False),
        NetworkPart(EXPANSION, end, last, end, expanded),
        NetworkPart(POOL, end, expanded, 1, expanded),
        NetworkPart(MIX, 1, expanded, 1, width),
    )


def classifier_part(multiplier: float) -> NetworkPart:
    return NetworkPart(LOGITS, 1, widths_of(multiplier)[-1], 1, CLASSES)


@lru_cache(maxsize=65536)
def block_part(
    multiplier: float, resolution: int, place: int, kernel: int, expand: int
) -> NetworkPart:
    """The block at one of the 20 places."""
    stage, at = divmod(place, BLOCKS)
    shape, widths = STAGES[stage], widths_of(multiplier)
    after = widths[2 + stage]
    before = after if at else widths[1 + stage]
    begin, end = sides(resolution)[stage : stage + 2]
    side, stride = (end, 1) if at else (begin, shape.stride)
    same = stride == 1 and before == after
    middle = middle_width(before, expand)
    return NetworkPart(
        *(BLOCK, side, before, end, after, middle, kernel, stride),
        *(same, shape.squeeze, shape.swish),
    )


def parts_of(architecture: Architecture, multiplier: float) -> Iterator[NetworkPart]:
    """All parts of a subnet; the order is that of its layers but for the last ones."""
    yield from fixed_parts(multiplier, architecture.resolution)
    for stage, kernels in enumerate(architecture.kernels):
        for at, kernel in enumerate(kernels):
            expand = architecture.expands[stage][at]
            place = BLOCKS * stage + at
            yield block_part(multiplier, architecture.resolution, place, kernel, expand)
