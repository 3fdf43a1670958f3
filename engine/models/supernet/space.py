"""The architectures that may be chosen, and many of them at once as an array of genes.

A row of genes is uint8 (46,): 5 depths, 20 kernels, 20 expansions and the resolution, each as its
place in the list of choices. The genes of blocks that a stage is too shallow for are kept in the
row (a deeper child may bring them back) and have no effect.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.models.supernet.architecture import (
    BLOCKS,
    DEPTHS,
    EXPANDS,
    KERNELS,
    STAGES,
    Architecture,
    uniform,
)

PLACES = STAGES * BLOCKS
DEPTH, KERNEL, EXPAND = slice(0, STAGES), slice(5, 5 + PLACES), slice(25, 25 + PLACES)
RESOLUTION = 45
WIDTH = 46


@dataclass(frozen=True)
class Space:
    """The choices at each place: kernels, expansions, depths of stages, and resolutions."""

    resolutions: tuple[int, ...]
    kernels: tuple[int, ...] = KERNELS
    expands: tuple[int, ...] = EXPANDS
    depths: tuple[int, ...] = DEPTHS

    def choices(self) -> np.ndarray:
        """How many choices there are at each gene: (46,)."""
        counts = np.empty(WIDTH, np.int64)
        counts[DEPTH], counts[KERNEL] = len(self.depths), len(self.kernels)
        counts[EXPAND], counts[RESOLUTION] = len(self.expands), len(self.resolutions)
        return counts

    def __contains__(self, architecture: Architecture) -> bool:
        return (
            architecture.resolution in self.resolutions
            and {*architecture.depths} <= {*self.depths}
            and {k for stage in architecture.kernels for k in stage} <= {*self.kernels}
            and {e for stage in architecture.expands for e in stage} <= {*self.expands}
        )

    def largest(self) -> Architecture:
        return uniform(
            max(self.resolutions), max(self.kernels), max(self.expands), max(self.depths)
        )

    def smallest(self) -> Architecture:
        return uniform(
            min(self.resolutions), min(self.kernels), min(self.expands), min(self.depths)
        )

    # Rows of genes.

    def random(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Rows (count, 46), each gene drawn evenly."""
        return (rng.random((count, WIDTH)) * self.choices()).astype(np.uint8)

    def mutated(
        self, genes: np.ndarray, rng: np.random.Generator, share: float = 0.1
    ) -> np.ndarray:
        """The rows with each block, each depth and the resolution drawn anew by chance `share`.

        A block's kernel and expansion change together, as in the original search.
        """
        drawn = rng.random((len(genes), STAGES + PLACES + 1)) < share
        blocks = drawn[:, STAGES:-1]
        changed = np.concatenate([drawn[:, :STAGES], blocks, blocks, drawn[:, -1:]], 1)
        return np.where(changed, self.random(len(genes), rng), genes)

    def crossed(
        self, mothers: np.ndarray, fathers: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Rows with each gene from one of the two parents, by an even chance."""
        return np.where(rng.random(mothers.shape) < 0.5, mothers, fathers)

    def active(self, genes: np.ndarray) -> np.ndarray:
        """Which of the 20 places hold a block: bool (rows, 20)."""
        depths = np.array(self.depths)[genes[:, DEPTH]]
        places = np.arange(BLOCKS)[None, None] < depths[:, :, None]
        return places.reshape(len(genes), PLACES)

    def canonical(self, genes: np.ndarray) -> np.ndarray:
        """The rows with 0 in genes without effect: equal rows are equal networks."""
        active = self.active(genes)
        used = np.concatenate(
            [np.ones((len(genes), STAGES), bool), active, active, np.ones((len(genes), 1), bool)], 1
        )
        return np.where(used, genes, 0).astype(np.uint8)

    def encoded(self, genes: np.ndarray) -> np.ndarray:
        """For predictors: float32 (rows, 121). For each of 20 places one of 3 kernels and one of 3
        expansions, all 0 where there is no block; and the resolution in units of 224 pixels."""
        rows = len(genes)
        code = np.zeros((rows, PLACES, 6), np.float32)
        kernels = np.searchsorted(KERNELS, np.array(self.kernels)[genes[:, KERNEL]])
        expands = np.searchsorted(EXPANDS, np.array(self.expands)[genes[:, EXPAND]])
        np.put_along_axis(code, kernels[..., None], 1, 2)
        np.put_along_axis(code, 3 + expands[..., None], 1, 2)
        code *= self.active(genes)[..., None]
        resolution = np.array(self.resolutions, np.float32)[genes[:, RESOLUTION]] / 224
        return np.concatenate([code.reshape(rows, -1), resolution[:, None]], 1)

    def decode(self, genes: np.ndarray) -> list[Architecture]:
        """The architectures that rows stand for."""
        return [self.one(row) for row in genes]

    def one(self, row: np.ndarray) -> Architecture:
        depths = [self.depths[d] for d in row[DEPTH]]
        kernels = [self.kernels[k] for k in row[KERNEL]]
        expands = [self.expands[e] for e in row[EXPAND]]
        return Architecture.of_lists(kernels, expands, depths, self.resolutions[row[RESOLUTION]])

    def encode(self, architectures: list[Architecture]) -> np.ndarray:
        """Rows of genes (count, 46); genes without effect are those of the first choice.

        Raises ValueError where an architecture is not of this space.
        """
        rows = np.zeros((len(architectures), WIDTH), np.uint8)
        for row, architecture in zip(rows, architectures, strict=True):
            row[RESOLUTION] = self.resolutions.index(architecture.resolution)
            for stage, kernels in enumerate(architecture.kernels):
                row[stage] = self.depths.index(len(kernels))
                for place, kernel in enumerate(kernels):
                    at = BLOCKS * stage + place
                    row[KERNEL.start + at] = self.kernels.index(kernel)
                    expand = architecture.expands[stage][place]
                    row[EXPAND.start + at] = self.expands.index(expand)
        return rows
