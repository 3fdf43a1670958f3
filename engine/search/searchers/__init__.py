"""Searchers: which subnets to measure next. One file each; this one is what they share.

A searcher knows nothing of networks or images: it yields rows of genes (see elastic/space.py) to
be measured, is sent their accuracies, and goes on until its budget is spent.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from engine.models.supernet.space import RESOLUTION, WIDTH, Space
from engine.registry import Registry

SEARCHERS: Registry[Searcher] = Registry("searcher", __name__)
Search = Generator[np.ndarray, np.ndarray, None]
"""Yields genes uint8 (n, 46) to be measured, and is sent accuracies float (n,), shares of 1."""
Costs = Callable[[np.ndarray], Mapping[str, np.ndarray]]
Guess = Callable[[np.ndarray], np.ndarray]


@dataclass
class Problem:
    """What is searched: a space, the costs of its subnets, limits on them, and a budget.

    `costs` gives for rows of genes each cost by name (rows,), `ms` and `macs` among them; `limits`
    are the most that each of them may be. `prior` guesses accuracies before anything was measured,
    up to any line; without one a searcher begins with a sample.
    """

    space: Space
    costs: Costs
    limits: Mapping[str, float]
    budget: int
    rng: np.random.Generator
    prior: Guess | None = None
    tries: int = field(default=7, repr=False)

    def overshoot(self, genes: np.ndarray) -> np.ndarray:
        """How far rows are over their limits: the worst share, 0 or less where all are kept."""
        costs = self.costs(genes)
        shares = [costs[name] / most - 1 for name, most in self.limits.items()]
        return np.max(shares, axis=0) if shares else np.full(len(genes), -1.0)

    def repaired(self, genes: np.ndarray) -> np.ndarray:
        """The rows, made smaller where they are over a limit: never by trying again at random.

        Each row has a random order in which its genes would first be lowered a bit, then to the
        least; how many of those changes are needed is found by halving. With all of them a row is
        the smallest network, which keeps the limits (see `smallest_fits`).
        """
        rows = np.flatnonzero(self.overshoot(genes) > 0)
        if not len(rows):
            return genes
        kept, bad = genes.copy(), genes[rows]
        lower = (self.rng.random(bad.shape) * (bad + 1)).astype(np.uint8)
        order = self.rng.random((len(bad), 2 * WIDTH))
        order[:, WIDTH:] += 1  # first all get lower, then all get least
        # Half of them stay as sharp as they are and get thinner; the others may see less.
        sharp = np.flatnonzero(self.rng.random(len(bad)) < 0.5)
        order[np.ix_(sharp, np.array([RESOLUTION, WIDTH + RESOLUTION]))] += 2
        rank = order.argsort(1).argsort(1)

        def changed(count: np.ndarray) -> np.ndarray:
            done = rank < count[:, None]
            return np.where(done[:, WIDTH:], 0, np.where(done[:, :WIDTH], lower, bad))

        low, high = np.zeros(len(bad), np.int64), np.full(len(bad), 2 * WIDTH)
        for _ in range(self.tries):
            middle = (low + high) // 2
            fits = self.overshoot(changed(middle)) <= 0
            low, high = np.where(fits, low, middle), np.where(fits, middle, high)
        kept[rows] = changed(high)
        return kept

    def smallest_fits(self) -> bool:
        """Whether anything can meet the limits. Asked once, before a search begins."""
        return bool(self.overshoot(np.zeros((1, WIDTH), np.uint8))[0] <= 0)

    def sample(self, count: int) -> np.ndarray:
        """Rows spread over the costs that are allowed, more of them near the limits, where what is
        wanted lies: each repaired to a target of its own.

        Plain random subnets are nearly all of middle size, and say little about either end.
        """
        least = {k: float(v[0]) for k, v in self.costs(np.zeros((1, WIDTH), np.uint8)).items()}
        tight = [
            Problem(
                self.space,
                self.costs,
                {k: least[k] + share * (most - least[k]) for k, most in self.limits.items()},
                1,
                self.rng,
            )
            for share in np.sqrt(np.linspace(0.01, 1, count))
        ]
        rows = [one.repaired(self.space.random(1, self.rng)) for one in tight]
        return np.concatenate(rows) if rows else np.empty((0, WIDTH), np.uint8)


class Searcher(ABC):
    """Chooses what is measured; a dataclass, whose fields are its settings."""

    name: ClassVar[str]
    title: ClassVar[str]

    @abstractmethod
    def search(self, problem: Problem) -> Search:
        """Yields rows that keep the limits, no more than `problem.budget` in all."""


def distinct(space: Space, genes: np.ndarray, seen: set[bytes], most: int) -> np.ndarray:
    """At most `most` rows, in order, whose networks were not seen; they count as seen from then."""
    kept: list[int] = []
    for number, row in enumerate(space.canonical(genes)):
        key = row.tobytes()
        if key not in seen and len(kept) < most:
            seen.add(key)
            kept.append(number)
    return genes[kept]
