"""The original once-for-all search (Cai et al. 2020, section 3.4), as a baseline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.registry import setting
from engine.search.searchers import SEARCHERS, Problem, Search, Searcher, distinct
from engine.search.searchers.predictor import fitted, size_of


@SEARCHERS.register("evolution", "Evolution on a guess (the original)")
@dataclass
class Evolution(Searcher):
    """Measures a sample, fits a guess once, evolves on it, and measures the best it found."""

    seed: int = setting(0, "The same seed gives the same search.", least=0)
    population: int = setting(100, "Networks in one generation.", least=4, most=10_000)
    generations: int = setting(500, "How many generations.", least=1, most=100_000)
    parents: float = setting(0.25, "Share of the best that have children.", least=0.01, most=1)
    mutants: float = setting(0.5, "Share of the children that are mutants.", least=0, most=1)
    mutation: float = setting(0.1, "Chance of each gene to change.", least=0, most=1)

    def search(self, problem: Problem) -> Search:
        """Half of the budget on a sample, unless something is known; the rest on the best."""
        seen: set[bytes] = set()
        guess = problem.prior
        left = problem.budget
        if guess is None:
            rows = problem.repaired(problem.space.random(4 * left, problem.rng))
            genes = distinct(problem.space, rows, seen, max(2, left // 2))
            accuracies = yield genes
            left -= len(genes)
            guess = fitted(problem.space, genes, accuracies, size_of(problem))
        best = distinct(problem.space, self.evolve(problem, guess), seen, left)
        if len(best):
            yield best

    def evolve(self, problem: Problem, guess: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """The last generation, best guesses first. What breaks a limit is repaired at once, where
        the original draws again until one keeps it, which never ends where none does."""
        space, rng, count = problem.space, problem.rng, self.population
        genes = problem.repaired(space.random(count, rng))
        keep, mutants = max(2, round(self.parents * count)), round(self.mutants * count)
        best, value = genes, guess(genes)
        for _ in range(self.generations):
            order = value.argsort(kind="stable")[::-1][:keep]
            genes, value = best[order], value[order]
            mothers = genes[rng.integers(keep, size=count)]
            fathers = genes[rng.integers(keep, size=count - mutants)]
            children = np.concatenate(
                [
                    space.mutated(mothers[:mutants], rng, self.mutation),
                    space.crossed(mothers[mutants:], fathers, rng),
                ]
            )
            children = problem.repaired(children)
            best = np.concatenate([genes, children])
            value = np.concatenate([value, guess(children)])
        return best[value.argsort(kind="stable")[::-1]]
