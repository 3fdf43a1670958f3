"""Guessing a subnet's accuracy from its genes: by ridge regression, or by a Gaussian process.

On the official network's 2,223 published figures ridge is right to 0.16 points; with the few dozen
measurements of one search, what is known beforehand (a prior, the network's size) carries it. It is
all that evolution on one guess needs. The process (Rasmussen & Williams 2006, chapter 2) also knows
that networks which differ in one or two blocks are nearly equally good, and how sure it is.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from engine.models.supernet.space import PLACES, RESOLUTION, Space
from engine.search.searchers import Guess, Problem

STRENGTHS = np.logspace(-3, 3, 25)
REACHES = (2.0, 3.0, 5.0)
"""In the distance of codes: two networks that differ in one block's kernel are 1.4 apart."""
STRENGTHS_OF_KERNELS = ((0.01, 0.1, 1.0), (0.0, 0.1, 1.0), (0.3, 1.0, 3.0, 10.0))
"""Of the line, of single blocks, and of likeness, beside a noise of 1."""


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


def size_of(problem: Problem) -> Guess:
    return lambda rows: problem.costs(rows)["macs"]


def fitted(
    space: Space,
    genes: np.ndarray,
    accuracies: np.ndarray,
    size_of: Guess,
    prior: Guess | None = None,
) -> Guess:
    """A predictor of accuracies for rows of genes.

    `size_of` gives a positive number that grows with the network (its MACs): of all that is known
    of a network its logarithm and its resolution say most, so they have much more weight than any
    one gene. Sharper is not always better, so each resolution has a number of its own.
    """

    def described(rows: np.ndarray) -> np.ndarray:
        facts = facts_of(space, rows, size_of, prior)
        return np.concatenate([space.encoded(rows), facts], 1).astype(np.float64)

    ridge = Ridge(described(genes), accuracies)
    return lambda rows: ridge(described(rows))


def facts_of(
    space: Space, rows: np.ndarray, size_of: Guess, prior: Guess | None = None
) -> np.ndarray:
    """What is known of networks besides their blocks: size, resolution, and the prior's guess."""
    size = np.log(size_of(rows))[:, None]
    sharp = np.eye(len(space.resolutions))[rows[:, RESOLUTION]]
    known = [] if prior is None else [8 * prior(rows)[:, None]]
    return np.concatenate([4 * size, 8 * sharp, *known], 1)


class Process:
    """Accuracy = mean + a line in what is known + something that like networks share + noise.

    The three kernels' strengths and how far likeness reaches are those under which the answers are
    most likely.
    """

    def __init__(self, codes: np.ndarray, facts: np.ndarray, answers: np.ndarray) -> None:
        self.codes, self.middle, self.mean = codes, facts.mean(0), answers.mean()
        self.facts, y = facts - self.middle, answers - self.mean
        best = -np.inf
        for reach in REACHES:
            line, blocks, alike = self.kernels(codes, facts, reach)
            for strengths in product(*STRENGTHS_OF_KERNELS):
                a, b, c = strengths
                lower = np.linalg.cholesky(a * line + b * blocks + c * alike + np.eye(len(y)))
                white = np.linalg.solve(lower, y)
                noise = max(float(white @ white) / len(y), 1e-12)
                likely = -0.5 * len(y) * np.log(noise) - np.log(np.diag(lower)).sum()
                if likely > best:
                    best, chosen = likely, lower
                    self.reach, self.strengths, self.noise = reach, strengths, noise
        self.inverse = np.linalg.inv(chosen)
        self.weights = self.inverse.T @ (self.inverse @ y)

    def kernels(self, codes: np.ndarray, facts: np.ndarray, reach: float) -> list[np.ndarray]:
        """How alike (rows, known) are in each of the three ways."""
        squares = np.square(codes).sum(1)[:, None] + np.square(self.codes).sum(1)
        apart = np.maximum(squares - 2 * codes @ self.codes.T, 0)
        line, blocks = (facts - self.middle) @ self.facts.T, codes @ self.codes.T / PLACES
        return [line, blocks, np.exp(-apart / (2 * reach**2))]

    def __call__(self, codes: np.ndarray, facts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The guess for each row, and its standard deviation."""
        a, b, c = self.strengths
        line, blocks, alike = self.kernels(codes, facts, self.reach)
        shared = a * line + b * blocks + c * alike
        alone = a * np.square(facts - self.middle).sum(1) + c
        alone = alone + b * np.square(codes).sum(1) / PLACES
        known = np.square(shared @ self.inverse.T).sum(1)
        return self.mean + shared @ self.weights, np.sqrt(self.noise * np.maximum(alone - known, 0))


def hopes(problem: Problem, genes: np.ndarray, accuracies: np.ndarray, deviations: float) -> Guess:
    """What rows of genes may well reach: the process's guess and some of its deviations more."""
    space, size, prior = problem.space, size_of(problem), problem.prior

    def described(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        codes = space.encoded(rows)[:, :-1].astype(np.float64)
        return codes, facts_of(space, rows, size, prior)

    process = Process(*described(genes), accuracies)

    def hoped(rows: np.ndarray) -> np.ndarray:
        guess, deviation = process(*described(rows))
        return guess + deviations * deviation

    return hoped
