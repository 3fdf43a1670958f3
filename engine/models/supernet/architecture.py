"""Which subnet of the once-for-all MobileNetV3: kernels, expansions, depths and resolution.

Cai et al. 2020, section 3. A subnet uses the first `depth` of the four blocks of each stage; what
would stand in the others does not exist, so equal networks are equal values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.errors import BadSetting

KERNELS = (3, 5, 7)
EXPANDS = (3, 4, 6)
DEPTHS = (2, 3, 4)
STAGES = 5
BLOCKS = 4
"""Blocks of a stage at most."""
RESOLUTIONS = tuple(range(32, 1025, 4))


@dataclass(frozen=True, order=True)
class Architecture:
    """A subnet. `kernels` and `expands` hold one tuple for each stage, as long as it is deep."""

    resolution: int
    kernels: tuple[tuple[int, ...], ...]
    expands: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        if not self.possible():
            raise BadSetting(
                f"“{self}” is no architecture: each of 5 stages has 2 to 4 blocks, with kernels "
                "of 3, 5 or 7 and expansions of 3, 4 or 6, and the resolution is 32 to 1024."
            )

    def possible(self) -> bool:
        return (
            len(self.kernels) == len(self.expands) == STAGES
            and all(
                len(k) == len(e) in DEPTHS for k, e in zip(self.kernels, self.expands, strict=True)
            )
            and {k for stage in self.kernels for k in stage} <= {*KERNELS}
            and {e for stage in self.expands for e in stage} <= {*EXPANDS}
            and self.resolution in RESOLUTIONS
        )

    @property
    def depths(self) -> tuple[int, ...]:
        return tuple(map(len, self.kernels))

    def __str__(self) -> str:
        """As `96: 35/36 753/346 …`: resolution, then kernels/expansions of each stage's blocks."""
        stages = zip(self.kernels, self.expands, strict=False)
        return f"{self.resolution}: " + " ".join(
            "/".join("".join(map(str, part)) for part in stage) for stage in stages
        )

    @classmethod
    def parse(cls, text: str) -> Architecture:
        """From what `str` gives. Raises BadSetting."""
        resolution, _, rest = text.partition(":")
        stages = [stage.partition("/") for stage in rest.split()]
        digits = [
            [tuple(map(int, part)) for part in (k, e)] for k, _, e in stages if (k + e).isdigit()
        ]
        if not resolution.strip().isdigit() or len(digits) != len(stages):
            raise BadSetting(
                f"“{text}” is no architecture. One looks like: {uniform(96, 3, 3, 2)}."
            )
        return cls(int(resolution), tuple(k for k, _ in digits), tuple(e for _, e in digits))

    @classmethod
    def of_lists(
        cls, kernels: Sequence[int], expands: Sequence[int], depths: Sequence[int], resolution: int
    ) -> Architecture:
        """From the original project's lists: 20 kernels, 20 expansions and 5 depths."""
        begins = range(0, STAGES * BLOCKS, BLOCKS)
        return cls(
            resolution,
            tuple(tuple(kernels[b : b + d]) for b, d in zip(begins, depths, strict=True)),
            tuple(tuple(expands[b : b + d]) for b, d in zip(begins, depths, strict=True)),
        )

    def at(self, resolution: int) -> Architecture:
        return replace(self, resolution=resolution)


def uniform(resolution: int, kernel: int, expand: int, depth: int) -> Architecture:
    """The subnet with the same kernel, expansion and depth everywhere."""
    return Architecture(resolution, ((kernel,) * depth,) * STAGES, ((expand,) * depth,) * STAGES)


def largest(resolution: int) -> Architecture:
    return uniform(resolution, KERNELS[-1], EXPANDS[-1], DEPTHS[-1])


def smallest(resolution: int) -> Architecture:
    return uniform(resolution, KERNELS[0], EXPANDS[0], DEPTHS[0])
