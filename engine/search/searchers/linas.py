"""Lightweight iterative search (Sarah et al. 2022, DyNAS-T: "LINAS"), the default."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.models.supernet.space import RESOLUTION, WIDTH
from engine.registry import setting
from engine.search.searchers import SEARCHERS, Guess, Problem, Search, Searcher, distinct
from engine.search.searchers.fronts import evolved, on_front
from engine.search.searchers.predictor import hopes

PARENTS = 6
CHILDREN = 300
CHANGED = (0.05, 0.15)
"""The chance of a block to differ from its parent's: one or two blocks do, or some more."""
GENERATIONS = 15
"""Of each round's guess at the front, which begins from what was measured."""
HOPE = 2.0
"""So many standard deviations count as gain: what is not known yet is worth a look."""


@SEARCHERS.register("linas", "Guess, measure, guess again")
@dataclass
class Linas(Searcher):
    """Guesses the front from what was measured, measures the most promising, and repeats."""

    seed: int = setting(0, "The same seed gives the same search.", least=0)
    rounds: int = setting(24, "How often it guesses anew.", least=1, most=100)
    first: float = setting(
        0.2, "Share of the measurements that go to a first look around.", least=0.05, most=0.9
    )

    def search(self, problem: Problem) -> Search:
        """A first look around, then rounds of guessing the front and measuring its best."""
        seen: set[bytes] = set()
        budget = problem.budget
        genes = self.beginning(problem, seen, max(2, round(self.first * budget)))
        accuracies = yield genes
        each = max(1, -(-(budget - len(genes)) // self.rounds))
        while len(genes) < budget:
            guess = hopes(problem, genes, accuracies, HOPE)
            best = genes[on_front(accuracies, problem.costs(genes)["ms"])]
            wanted = min(each, budget - len(genes))
            near = self.neighbours(problem, guess, genes[np.argsort(-accuracies)[:PARENTS]])
            new = distinct(problem.space, near, seen, wanted - wanted // 3)
            front = self.promising(evolved(problem, guess, best, GENERATIONS))
            more = distinct(problem.space, front, seen, wanted - len(new))
            new = self.filled(problem, np.concatenate([new, more]), seen, wanted)
            if not len(new):
                return  # everything that fits was measured
            accuracies = np.concatenate([accuracies, (yield new)])
            genes = np.concatenate([genes, new])

    def beginning(self, problem: Problem, seen: set[bytes], count: int) -> np.ndarray:
        """Where something is known beforehand, half of it comes from the front guessed by that."""
        rows = np.concatenate([self.least(problem), problem.sample(count)])
        if problem.prior is not None:
            front = evolved(problem, problem.prior, rows)
            rows = np.concatenate([spread(front, count // 2), rows])
        return distinct(problem.space, rows, seen, count)

    def least(self, problem: Problem) -> np.ndarray:
        """The smallest network of each resolution that keeps the limits."""
        rows = np.zeros((len(problem.space.resolutions), WIDTH), np.uint8)
        rows[:, RESOLUTION] = np.arange(len(rows))
        return rows[problem.overshoot(rows) <= 0]

    def neighbours(self, problem: Problem, guess: Guess, best: np.ndarray) -> np.ndarray:
        """Networks like the most accurate that were measured, the best guessed first.

        Many networks are nearly as good, and a guess from few measurements can't tell which of
        them is best: it is surest beside those that were found to be good. Half of the children
        have one parent, the others two; of both some stay near and some go further.
        """
        rng = problem.rng
        mothers, fathers = best[rng.integers(len(best), size=(2, CHILDREN))]
        fathers[: CHILDREN // 2] = mothers[: CHILDREN // 2]
        crossed = np.array_split(problem.space.crossed(mothers, fathers, rng), 2 * len(CHANGED))
        children = np.concatenate(
            [
                problem.space.mutated(part, rng, share)
                for part, share in zip(crossed, 2 * CHANGED, strict=True)
            ]
        )
        kept = problem.repaired(children)
        return kept[np.argsort(-guess(kept), kind="stable")]

    def promising(self, front: np.ndarray) -> np.ndarray:
        """The front from its expensive end, every second one first: the target is at that end."""
        best = front[::-1]
        return np.concatenate([best[:2], spread(best[2:], len(best))])

    def filled(
        self, problem: Problem, new: np.ndarray, seen: set[bytes], wanted: int
    ) -> np.ndarray:
        """Where the front holds too few new networks, their neighbours and then random ones."""
        for rows in (
            problem.space.mutated(np.repeat(new, 8, 0), problem.rng, 0.05),
            problem.space.random(4 * wanted, problem.rng),
        ):
            if len(new) < wanted and len(rows):
                more = distinct(problem.space, problem.repaired(rows), seen, wanted - len(new))
                new = np.concatenate([new, more])
        return new


def spread(rows: np.ndarray, count: int) -> np.ndarray:
    """All rows, the `count` most evenly spread ones first."""
    if len(rows) <= 1 or count <= 0:
        return rows
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int))
    return np.concatenate([rows[chosen], np.delete(rows, chosen, 0)])
