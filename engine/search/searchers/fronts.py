"""Fronts: what no other beats in both accuracy and cost (Deb et al. 2002, NSGA-II)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engine.models.supernet.space import WIDTH, Space
from engine.search.searchers import Problem

POPULATION = 100
GENERATIONS = 30


def on_front(accuracy: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Which points are beaten by none: bool (n,). Of equal ones the first counts."""
    order = np.lexsort((-accuracy, cost))
    best = np.maximum.accumulate(accuracy[order])
    above = np.concatenate([[True], accuracy[order][1:] > best[:-1]])
    front = np.empty(len(order), bool)
    front[order] = above
    return front


def ranks(accuracy: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """The number of the front that each point is on: 0 for the first, 1 once that is taken away."""
    found, left, rank = np.empty(len(cost), np.int64), np.arange(len(cost)), 0
    while len(left):
        front = on_front(accuracy[left], cost[left])
        found[left[front]] = rank
        left, rank = left[~front], rank + 1
    return found


def crowding(accuracy: np.ndarray, cost: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """How far each point's neighbours on its front are apart; the ends are infinitely far."""
    distance = np.zeros(len(cost))
    for number in range(rank.max(initial=-1) + 1):
        members = np.flatnonzero(rank == number)
        for values in (accuracy, cost):
            order = members[values[members].argsort(kind="stable")]
            span = max(float(np.ptp(values[members])), 1e-12)
            distance[order[[0, -1]]] = np.inf
            distance[order[1:-1]] += (values[order[2:]] - values[order[:-2]]) / span
    return distance


def best_of(genes: np.ndarray, accuracy: np.ndarray, cost: np.ndarray, count: int) -> np.ndarray:
    """The places of the `count` best rows: lower fronts first, of the last one the loneliest."""
    rank = ranks(accuracy, cost)
    order = np.lexsort((-crowding(accuracy, cost, rank), rank))
    return order[:count]


def evolved(
    problem: Problem,
    guess: Callable[[np.ndarray], np.ndarray],
    start: np.ndarray,
    generations: int = GENERATIONS,
) -> np.ndarray:
    """The guessed front under the limits, as rows of genes by rising cost in milliseconds."""
    space, rng = problem.space, problem.rng
    fresh = max(0, POPULATION - len(start))
    genes = problem.repaired(np.concatenate([start, space.random(fresh, rng)]))
    for _ in range(generations):
        mothers, fathers = genes[rng.integers(len(genes), size=(2, POPULATION))]
        children = space.mutated(space.crossed(mothers, fathers, rng), rng)
        genes = unique(space, np.concatenate([genes, problem.repaired(children)]))
        accuracy, cost = guess(genes), problem.costs(genes)["ms"]
        genes = genes[best_of(genes, accuracy, cost, POPULATION)]
    accuracy, cost = guess(genes), problem.costs(genes)["ms"]
    front = np.flatnonzero(on_front(accuracy, cost))
    return genes[front[cost[front].argsort(kind="stable")]]


def unique(space: Space, genes: np.ndarray) -> np.ndarray:
    """The rows without those whose network is there already, in their order."""
    rows = np.ascontiguousarray(space.canonical(genes)).view(f"V{WIDTH}").ravel()
    _, first = np.unique(rows, return_index=True)
    return genes[np.sort(first)]
