"""Guessing a subnet's accuracy from its genes: ridge regression, its strength by leave-one-out.

On the official network's 2,223 published figures ridge is right to 0.16 points; with the few dozen
measurements of one search, what is known beforehand (a prior, the network's size) carries it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engine.backbones.elastic.space import RESOLUTION, Space
from engine.searchers import Problem

STRENGTHS = np.logspace(-3, 3, 25)


class Ridge:
    """Accuracy = mean + codes . weights, fitted on rows of numbers (n, m) and answers (n,)."""

    def __init__(self, rows: np.ndarray, answers: np.ndarray) -> None:
        self.middle, self.mean = rows.mean(0), answers.mean()
        x, y = rows - self.middle, answers - self.mean
        u, s, v = np.linalg.svd(x, full_matrices=False)
        projected, best = u.T @ y, np.inf
        for strength in STRENGTHS:
            shrunk = s**2 / (s**2 + strength)
            # The error on each row as if it had been left out (Allen's PRESS, in closed form).
            leverage = np.minimum((u**2) @ shrunk + 1 / len(y), 1 - 1e-6)
            error = np.square((y - u @ (shrunk * projected)) / (1 - leverage)).mean()
            if error < best:
                best, weights = error, v.T @ (s / (s**2 + strength) * projected)
        self.weights, self.error = weights, float(np.sqrt(best))

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        return self.mean + (rows - self.middle) @ self.weights


def size_of(problem: Problem) -> Callable[[np.ndarray], np.ndarray]:
    return lambda rows: problem.costs(rows)["macs"]


def fitted(
    space: Space,
    genes: np.ndarray,
    accuracies: np.ndarray,
    size_of: Callable[[np.ndarray], np.ndarray],
    prior: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Callable[[np.ndarray], np.ndarray]:
    """A predictor of accuracies for rows of genes.

    `size_of` gives a positive number that grows with the network (its MACs): of all that is known
    of a network its logarithm and its resolution say most, so they have much more weight than any
    one gene. Sharper is not always better, so each resolution has a number of its own.
    """

    def described(rows: np.ndarray) -> np.ndarray:
        size = np.log(size_of(rows))[:, None]
        sharp = np.eye(len(space.resolutions))[rows[:, RESOLUTION]]
        parts = [space.encoded(rows), 4 * size, 8 * sharp]
        if prior is not None:
            parts.append(8 * prior(rows)[:, None])
        return np.concatenate(parts, 1).astype(np.float64)

    ridge = Ridge(described(genes), accuracies)
    return lambda rows: ridge(described(rows))
