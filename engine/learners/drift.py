"""Whether images that come still look like those before: conformal p-values and a martingale.

A score says how unlike the others of its class an image is, and treats all images of the class
alike, those learnt and those that came. While these are exchangeable, the rank of each new image
among all before it is uniform and independent of earlier ranks, ties being broken by chance (Vovk,
Gammerman and Shafer, Algorithmic learning in a random world, 2005, chapters 2 and 7). A martingale
that bets against that passes 1/a with a probability of a at most, whenever one looks (Ville, 1939).

>>> rng = np.random.default_rng(0)
>>> x = rng.normal(size=160)
>>> x[130:] += 3  # of 100 known images and 60 new ones, those from the 31st on are different
>>> p = p_values(themselves(x, 100), rng)
>>> first = passed(martingale(p), 1 / 0.01)
>>> (30 < first < 40, abs(beginning(p[: first + 1]) - 30) < 4)
(True, True)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.linalg import cholesky, solve_triangular
from torch.nn.functional import normalize

from engine.learners.sums import FLOAT, ClassSums

BETS = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
SHRINKAGE = 0.3
"""Of the covariance by which directions are measured. It is fixed: what is chosen with the learnt
images would tell them from those that come."""
TRIALS, MOSTLY = 60, 0.9
MOST = 1e200
TIE = 1e-6
"""Scores that differ by less of the greatest one differ by rounding alone."""


@dataclass(frozen=True)
class Metric:
    """What directions of features are measured by: a middle float64 (width,), and the lower
    triangle L of a shrunk covariance LL', (width, width).

    Both come from images of other classes, so that no image of the class has shaped them.
    """

    middle: Tensor
    lower: Tensor

    @classmethod
    def of(cls, known: ClassSums, scatter: Tensor) -> Metric:
        """From sums over other classes, and the scatter (width, width) within them."""
        d, trace = len(scatter), float(scatter.trace())
        middle = known.means.mean(dim=0) if known.counts else torch.zeros(d, dtype=FLOAT)
        if trace <= 0:
            return cls(middle, torch.eye(d, dtype=FLOAT))
        n = float(known.n.sum())
        S = scatter * ((1 - SHRINKAGE) / n)
        S.diagonal().add_(SHRINKAGE * trace / (n * d))
        return cls(middle, cholesky(S))

    def directions(self, x: Tensor) -> np.ndarray:
        """Features (images, width), whitened and of length 1: float64 of the same shape."""
        z = solve_triangular(self.lower, (x.to(FLOAT) - self.middle).T, upper=False)
        return normalize(z.T).numpy()


def unlike(u: np.ndarray, known: int) -> Iterator[np.ndarray]:
    """For each direction after the first `known`, the scores of all up to it, its own the last.

    A score is the sum of 1 - cosine to all the others. Each is its own neighbour with a cosine of
    1, so leaving it out changes all scores alike, and no rank.
    """
    cosines = np.zeros(len(u))
    cosines[:known] = u[:known] @ u[:known].sum(axis=0)
    for n in range(known + 1, len(u) + 1):
        own = u[:n] @ u[n - 1]
        cosines[: n - 1] += own[:-1]
        cosines[n - 1] = own.sum()
        yield n - cosines[:n]


def themselves(values: np.ndarray, known: int) -> Iterator[np.ndarray]:
    """As `unlike`, where values (images,) are scores themselves."""
    for n in range(known + 1, len(values) + 1):
        yield values[:n]


def p_values(scores: Iterable[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """The share of scores that are greater than the last one, ties broken by chance: (images,)."""
    found = []
    for s in scores:
        tie = np.abs(s - s[-1]) <= TIE * np.abs(s).max()
        greater = np.count_nonzero((s > s[-1]) & ~tie)
        found.append((greater + (1 - rng.random()) * np.count_nonzero(tie)) / len(s))
    return np.array(found)


def both_sides(p: np.ndarray) -> np.ndarray:
    """Small where a p-value is near 0 or 1; uniform where that is."""
    return np.maximum(2 * np.minimum(p, 1 - p), np.finfo(float).tiny)


def shares(n: int, goes_on: bool) -> np.ndarray:
    """What part of the start is bet on a change that begins at each of n images: float64 (n,).

    Half at the first, for those that come are of another day than those known, and half spread
    over all n. Where the stream `goes_on` t^-1/2 - (t+1)^-1/2 at the t-th: that sums to less than
    1 however many come, and does not depend on n, so what was said holds whenever one looks again.
    """
    t = np.arange(1, n + 1)
    found: np.ndarray = t**-0.5 - (t + 1) ** -0.5 if goes_on else 0.5 / n + 0.5 * (t == 1)
    return found


def martingale(p: np.ndarray, goes_on: bool = False) -> np.ndarray:
    """What a start of 1 has grown to after each p-value of streams (..., images): of that shape.

    Bets e p^(e-1) for several e, in equal parts, begun anew at each image with its share of the
    start: the mixture of power martingales (Vovk, Nouretdinov and Gammerman, Testing
    exchangeability on-line, ICML 2003), spread over the moments at which things may change. To it
    belongs what is not bet yet.
    """
    grown, found = np.zeros((*p.shape[:-1], len(BETS))), np.empty(p.shape)
    rest = 1.0
    for t, share in enumerate(shares(p.shape[-1], goes_on)):
        won = BETS * p[..., t, None] ** (BETS - 1)
        grown = np.minimum((grown + share / len(BETS)) * won, MOST)
        rest -= share
        found[..., t] = grown.sum(axis=-1) + rest
    return found


def needed(
    known: Sequence[int],
    turns: Sequence[int],
    sides: bool,
    goes_on: bool,
    bound: float,
    shift: float,
) -> int | None:
    """After how many images a change from the first one on is noticed in MOSTLY of TRIALS of normal
    scores; None where it is not.

    The change is a shift by so many standard deviations. `known` counts the known images of each
    class, `turns` has the class of each image that comes; with `sides` it may go either way.
    """
    rng, p = np.random.default_rng(0), np.empty((TRIALS, len(turns)))
    for number, before in enumerate(known):
        places = np.flatnonzero(np.asarray(turns) == number)
        x = rng.normal(size=(TRIALS, before + len(places)))
        x[:, before:] += shift
        for n, place in enumerate(places, before):
            greater = np.count_nonzero(x[:, :n] > x[:, n, None], axis=1)
            p[:, place] = (greater + 1 - rng.random(TRIALS)) / (n + 1)
    there = martingale(both_sides(p) if sides else p, goes_on) >= bound
    first = np.where(there.any(axis=1), there.argmax(axis=1) + 1.0, np.inf)
    most = np.quantile(first, MOSTLY, method="higher")
    return int(most) if np.isfinite(most) else None


def passed(values: np.ndarray, bound: float) -> int | None:
    """The place of the first value that reaches a bound."""
    there = np.flatnonzero(values >= bound)
    return int(there[0]) if len(there) else None


def beginning(p: np.ndarray) -> int:
    """The place from which on the bets have won most: where what changed is likeliest to begin."""
    logs = np.log(BETS) + (BETS - 1) * np.log(p)[:, None]
    since = logs[::-1].cumsum(axis=0)[::-1]
    return int(np.logaddexp.reduce(since, axis=1).argmax())
