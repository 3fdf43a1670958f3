"""Streaming linear discriminant analysis: class means, and one covariance shared by all classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.linalg import cholesky, solve_triangular

from engine.events import Step
from engine.learners import LEARNERS, Learner, Task
from engine.learners.heads import Linear
from engine.learners.sums import FLOAT, ClassSums, lowest, rows
from engine.registry import setting

SHRINKAGES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0)
START = 0.3
CHUNK = 1024
ENOUGH = 500
"""So many images say which shrinkage is best; more would cost time and change nothing."""


@LEARNERS.register("slda", "Streaming discriminant analysis")
@dataclass
class StreamingLDA(Learner):
    """Like nearest class mean, in a space where what varies inside the classes counts for less.

    Hayes and Kanan, Lifelong machine learning with deep streaming linear discriminant analysis,
    2020, with the class's own count in the update, so that S is the pooled within-class covariance
    exactly, in any order. Head: Linear(S^-1 m, -m.S^-1 m / 2), S shrunk toward a scaled identity:
    (1 - s) S + s tr(S)/d I, with s by leave-one-out. Memory: d^2 + (classes) d numbers.
    """

    shrinkage: float = setting(
        0.0,
        "How far the covariance is drawn toward a round one, from 0 to 1; "
        "0 chooses it from the training images.",
        least=0.0,
        most=1.0,
    )

    def __post_init__(self) -> None:
        self._known = ClassSums()
        self._scatter = torch.zeros(0, 0, dtype=FLOAT)  # N S, the sum of (x - m)(x - m)'
        self._s = self.shrinkage or START

    @property
    def classes(self) -> tuple[int, ...]:
        return self._known.numbers

    def learn(self, task: Task) -> Iterator[Step]:
        known, scatter = self._known.copy(), self._scatter.clone()
        total = len(task.new) + 1
        waiting: list[Tensor] = []
        for done, (number, features) in enumerate(task.new.items(), 1):
            x = rows(features)
            if len(x):
                waiting += deviations(x, known, number)
                known.add(number, len(x), x.sum(dim=0))
            if done == len(task.new) or sum(map(len, waiting)) >= CHUNK:
                scatter, waiting = plus(scatter, waiting), []
            yield Step(done, total, {"images": len(x)})
        s = self._chosen(known, scatter, task.sample, task.sample_classes)
        yield Step(total, total, {"shrinkage": s})
        self._known, self._scatter, self._s = known, scatter, s

    def forget(self, number: int, features: Tensor) -> None:
        x = rows(features)
        self._known = self._known.without(number, len(x))
        r = x - x.mean(dim=0)
        self._scatter = self._scatter - r.T @ r
        if all(n == 1 for n in self._known.counts.values()):
            self._scatter = torch.zeros_like(self._scatter)  # exactly, without rounding

    def refit(self, sample: Tensor, sample_classes: Tensor) -> None:
        self._s = self._chosen(self._known, self._scatter, sample, sample_classes)

    def head(self) -> nn.Module:
        m = self._known.means
        L = cholesky(shrunk(self._scatter, self._known, self._s))
        return Linear.between_means(torch.cholesky_solve((m - m.mean(dim=0)).T, L).T, m)

    def memory(self) -> dict[str, np.ndarray]:
        return {
            **self._known.arrays(),
            "scatter": self._scatter.numpy().copy(),
            "shrinkage": np.array(self._s),
        }

    def restore(self, memory: Mapping[str, np.ndarray]) -> None:
        self._known = ClassSums.of(memory)
        self._scatter = torch.tensor(memory["scatter"], dtype=FLOAT)
        self._s = float(memory["shrinkage"])

    def _chosen(self, known: ClassSums, scatter: Tensor, sample: Tensor, classes: Tensor) -> float:
        """The shrinkage with the least loss on images that are left out, one at a time."""
        if self.shrinkage:
            return self.shrinkage
        x, y = rows(sample), known.rows_of(classes)
        several = known.n[y] > 1  # the only image of a class can't be left out of it
        x, y = thinned(x[several]), thinned(y[several])
        if not len(x) or is_zero(scatter, known):
            return START
        return lowest(SHRINKAGES, START, lambda s: leave_one_out(known, scatter, s, x, y))


def deviations(x: Tensor, known: ClassSums, number: int) -> Iterable[Tensor]:
    """Rows r whose sum of r r' is what images x of a class add to the within-class scatter.

    For a class with n images and mean m before, the b new ones with mean m_b bring their own
    scatter and n b / (n + b) (m_b - m)(m_b - m)'.
    """
    b, m_b, n = len(x), x.mean(dim=0), known.counts.get(number, 0)
    yield from (x - m_b).split(CHUNK)
    if n:
        m = known.sums[number] / n
        yield (n * b / (n + b)) ** 0.5 * (m_b - m)[None]


def plus(scatter: Tensor, deviations: list[Tensor]) -> Tensor:
    """The scatter with the outer products of these rows added; in place where it holds any."""
    for r in torch.cat(deviations).split(2 * CHUNK) if deviations else ():
        scatter = scatter.addmm_(r.T, r) if scatter.numel() else r.T @ r
    return scatter


def is_zero(scatter: Tensor, known: ClassSums) -> bool:
    """Whether no feature varies inside any class, beyond rounding."""
    size = (known.means.square().sum(dim=1) * known.n).sum()
    return bool(scatter.trace() <= 1e-13 * size) or not scatter.numel()


def shrunk(scatter: Tensor, known: ClassSums, s: float) -> Tensor:
    """(1 - s) S + s tr(S)/d I; the identity where nothing varies, which gives nearest means."""
    d, n = len(scatter), known.n.sum()
    if is_zero(scatter, known):
        return torch.eye(d, dtype=FLOAT)
    S = scatter * ((1 - s) / n)
    S.diagonal().add_(s * scatter.trace() / (n * d))
    return S


def thinned(rows: Tensor) -> Tensor:
    """At most ENOUGH of the rows, evenly spaced."""
    return rows[:: -(-len(rows) // ENOUGH)] if len(rows) > ENOUGH else rows


def leave_one_out(known: ClassSums, scatter: Tensor, s: float, x: Tensor, y: Tensor) -> float:
    """Mean cross-entropy of images, each scored by means and covariance that leave it out.

    Without image x of class y, m_y loses r/(n-1), and S loses c r r' with r = x - m_y,
    c = (1-s) n/(n-1)/N: by Sherman-Morrison its inverse P becomes P + c P r r'P / (1 - c r'P r).
    """
    N, m = float(known.n.sum()), known.means
    L = cholesky(shrunk(scatter, known, s))
    i = torch.arange(len(x))
    o = m.mean(dim=0)  # distances are the same from anywhere; from here they round least
    zx, zm = (solve_triangular(L, (a - o).T, upper=False) for a in (x, m))
    xx, xm, mm = zx.square().sum(dim=0)[:, None], zx.T @ zm, zm.T @ zm
    n = known.n[y][:, None]
    c = (1 - s) * n / (n - 1) / N
    rx = xx - xm[i, y][:, None] - xm + mm[y]  # (x - m_k)' P r, for each class k
    rr = rx[i, y][:, None]
    left = 1 - c * rr
    q = xx - 2 * xm + mm.diagonal() + c * rx.square() / left
    q[i, y] = (rr / left * (n / (n - 1)).square())[:, 0]
    return torch.nn.functional.cross_entropy(-q / 2, y).item()
