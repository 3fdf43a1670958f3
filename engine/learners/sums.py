"""What closed-form learners share: sums over classes, sums of products, a search on a grid."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from engine.errors import Refused

FLOAT = torch.float64
CHUNK = 1024
NOTHING = "No class is learnt yet. Add a folder of images for each class."
ENOUGH = 500
"""So many images say which regularisation is best; more would cost time and change little."""


@dataclass
class ClassSums:
    """How many images each class has, and the sum of their features (float64, (width,))."""

    counts: dict[int, int] = field(default_factory=dict)
    sums: dict[int, Tensor] = field(default_factory=dict)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The classes in the order of logits: ascending."""
        return tuple(sorted(self.counts))

    @property
    def n(self) -> Tensor:
        """Images of each class: float64 (classes,)."""
        return torch.tensor([self.counts[k] for k in self.numbers], dtype=FLOAT)

    @property
    def means(self) -> Tensor:
        """float64 (classes, width)."""
        return self.table / self.n[:, None]

    @property
    def table(self) -> Tensor:
        """The sums, in the order of logits: float64 (classes, width). Refused where none is."""
        if not self.counts:
            raise Refused(NOTHING)
        return torch.stack([self.sums[k] for k in self.numbers])

    def copy(self) -> ClassSums:
        return ClassSums(dict(self.counts), dict(self.sums))

    def add(self, number: int, count: int, total: Tensor) -> None:
        """`count` more images of a class, whose features sum to `total`. No tensor is changed."""
        finite(total)
        before = self.sums.get(number)
        self.sums[number] = total if before is None else before + total
        self.counts[number] = self.counts.get(number, 0) + count

    def add_rows(self, x: Tensor, y: Tensor) -> None:
        """Images x (images, width) of classes y (images,)."""
        numbers, places, counts = y.unique(return_inverse=True, return_counts=True)
        sums = torch.zeros(len(numbers), x.shape[1], dtype=x.dtype).index_add_(0, places, x)
        for number, count, total in zip(numbers.tolist(), counts.tolist(), sums, strict=True):
            self.add(number, count, total)

    def without(self, number: int, count: int) -> ClassSums:
        """Less one class, that has `count` images: a guard, for forgetting must be exact."""
        if self.counts[number] != count:
            raise ValueError(f"class {number} was learnt from {self.counts[number]}, not {count}")
        left = self.copy()
        del left.counts[number], left.sums[number]
        return left

    def rows_of(self, classes: Tensor) -> Tensor:
        """For each class number, its place in the order of logits."""
        return torch.searchsorted(torch.tensor(self.numbers), classes.contiguous())

    def arrays(self) -> dict[str, np.ndarray]:
        table = self.table.numpy() if self.counts else np.zeros((0, 0))
        counts = np.array([self.counts[k] for k in self.numbers], dtype=np.int64)
        return {"classes": np.array(self.numbers, dtype=np.int64), "counts": counts, "sums": table}

    @classmethod
    def of(cls, memory: Mapping[str, np.ndarray]) -> ClassSums:
        numbers = [int(k) for k in memory["classes"]]
        sums = torch.tensor(memory["sums"], dtype=FLOAT).unbind()
        counts = (int(n) for n in memory["counts"])
        return cls(dict(zip(numbers, counts, strict=True)), dict(zip(numbers, sums, strict=True)))


def finite(features: Tensor) -> Tensor:
    """The same features. Raises Refused where they are no numbers, before they spoil a memory."""
    if not bool(torch.isfinite(features).all()):
        raise Refused(
            "The network gave features that are no numbers, so nothing was learnt from them. "
            "Choose other weights for the network."
        )
    return features


def rows(features: Tensor) -> Tensor:
    """Features (images, views, width) as float64 (images, width): an image's views averaged."""
    one = features[:, 0] if features.shape[1] == 1 else features.mean(dim=1, dtype=FLOAT)
    return one.to(FLOAT)


def blocks(new: Mapping[int, Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
    """The rows of all new images and the class number of each, CHUNK or so at a time.

    Large classes are cut, so that they need little memory, and small ones put together, because
    one large product is faster than many small ones.
    """
    xs: list[Tensor] = []
    ys: list[Tensor] = []
    waiting = 0
    for number, features in new.items():
        for part in features.split(CHUNK):
            xs.append(rows(part))
            ys.append(torch.full((len(part),), number))
            waiting += len(part)
            if waiting >= CHUNK:
                yield torch.cat(xs), torch.cat(ys)
                xs, ys, waiting = [], [], 0
    if waiting:
        yield torch.cat(xs), torch.cat(ys)


def plus(products: Tensor, r: Tensor, sign: int = 1) -> Tensor:
    """The sum of products with r'r added (or taken away); a new one where it is still empty."""
    return products.addmm(r.T, r, alpha=sign) if products.numel() else sign * (r.T @ r)


def thinned(x: Tensor) -> Tensor:
    """At most ENOUGH of the rows, evenly spaced."""
    return x[:: -(-len(x) // ENOUGH)] if len(x) > ENOUGH else x


def lowest(grid: Sequence[float], start: float, loss: Callable[[float], float]) -> float:
    """The value of a grid to which a walk downhill from `start` leads; one loss for each visit.

    Each loss costs a Cholesky decomposition, so only neighbours are looked at.
    """
    known: dict[int, float] = {}

    def at(i: int) -> float:
        if i not in known:
            known[i] = loss(grid[i])
        return known[i]

    here = grid.index(start)
    while True:
        best = min((i for i in (here + 1, here - 1) if 0 <= i < len(grid)), key=at)
        if not at(best) < at(here):
            return grid[here]
        here = best
