"""Random search: the baseline that every other searcher has to beat."""

from __future__ import annotations

from dataclasses import dataclass

from engine.registry import setting
from engine.search.searchers import SEARCHERS, Problem, Search, Searcher, distinct


@SEARCHERS.register("random", "Random networks")
@dataclass
class RandomSearch(Searcher):
    """Measures random networks that keep the limits."""

    seed: int = setting(0, "The same seed gives the same search.", least=0)

    def search(self, problem: Problem) -> Search:
        rows = problem.repaired(problem.space.random(4 * problem.budget, problem.rng))
        yield distinct(problem.space, rows, set(), problem.budget)
