"""Discriminant analysis that streams: class means, and one covariance shared by all classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.linalg import cholesky, solve_triangular

from engine.events import Step
from engine.learners import Learner, Task
from engine.learners.heads import Linear
from engine.learners.kept_features import KeptFeatures, images_in
from engine.learners.live import Live
from engine.learners.live_linear import LiveLinear
from engine.learners.sums import FLOAT, ClassSums, blocks, lowest, plus, rows, thinned
from engine.registry import setting

SHRINKAGES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0)
START = 0.3


@dataclass
class Discriminant(Learner):
    """What slda and its relatives share: exact sums, shrinkage by leave-one-out, a linear head.

    Memory: d^2 + (classes) d numbers.
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
        self.solves = FLOAT  # images that are left out; who only ranks them needs half the bits
        # So many features are moments (see Task), which count so much.
        self._moments, self._times = 0, 1.0

    @property
    def classes(self) -> tuple[int, ...]:
        return self._known.numbers

    def seen(self, features: Tensor) -> Tensor:
        """Features (images, views, width) as the sums have them."""
        return features

    def learn(self, task: Task) -> Iterator[Step]:
        """As Learner.learn; what is chosen by leave-one-out is chosen from the sample alone."""
        known, scatter = self._known.copy(), self._scatter
        done, total = 0, images_in(task.new) + 1
        for r in deviations(KeptFeatures(task.new, self.seen), known):
            scatter = plus(scatter, r)
            done = min(done + len(r), total - 1)
            yield Step(done, total, {"images": done})
        moments = task.moments or self._moments
        sample = self.seen(task.sample), task.sample_classes
        s, times = self._chosen(known, scatter, *sample, moments)
        yield Step(total, total, {"shrinkage": s})
        self._known, self._scatter = known, scatter
        self._s, self._times, self._moments = s, times, moments

    def forget(self, number: int, features: Tensor) -> None:
        known, scatter = self._known.without(number, len(features)), self._scatter
        for r in deviations({number: self.seen(features)}, ClassSums()):
            scatter = plus(scatter, r, -1)
        if all(n == 1 for n in known.counts.values()):
            scatter = torch.zeros_like(scatter)  # exactly, without rounding
        self._known, self._scatter = known, scatter

    def take(self, number: int, features: Tensor) -> None:
        """Adds images to a class, and leaves the regularisation as it is."""
        known = self._known.copy()
        for r in deviations({number: self.seen(features)}, known):
            self._scatter = plus(self._scatter, r)
        self._known = known

    def refit(self, sample: Tensor, sample_classes: Tensor) -> None:
        chosen = self._chosen(
            self._known, self._scatter, self.seen(sample), sample_classes, self._moments
        )
        self._s, self._times = chosen

    def head(self) -> nn.Module:
        weight = solved(self._scatter, self._known, self._s)
        return Linear.between_means(weight, self._known.means)

    def spread(self) -> tuple[Tensor, Tensor, Tensor] | None:
        """The covariance is the one that the head uses, shrunk."""
        known = self._known
        return known.means, known.n, shrunk(self._scatter, known, self._s)

    def left_out(self, features: Tensor, classes: Tensor) -> Tensor:
        known, N = self._known, float(self._known.n.sum())
        y = known.rows_of(classes)
        # What shrinks the covariance stays as it is; its scale has one image less.
        less = 1.0 if is_zero(self._scatter, known) else (N - 1) / N
        x = rows(self.seen(features))
        return less * logits_left_out(known, self._scatter, self._s, x, y, self.solves)

    def live(self, waiting: Tensor) -> Live:
        return LiveLDA(self, waiting)

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

    def _chosen(
        self, known: ClassSums, scatter: Tensor, sample: Tensor, classes: Tensor, moments: int
    ) -> tuple[float, float]:
        """The shrinkage with the least loss on images that are left out, one at a time, and what
        multiplies the moments: here nothing does."""
        if self.shrinkage:
            return self.shrinkage, 1.0
        x, y = comparable(known, sample, classes)
        if not len(x) or is_zero(scatter, known):
            return START, 1.0
        return lowest(SHRINKAGES, START, lambda s: leave_one_out(known, scatter, s, x, y)), 1.0


def comparable(known: ClassSums, sample: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Images of a sample that can be left out of their classes, at most ENOUGH of them, and the
    rows of these: the only image of a class can't be."""
    x, y = rows(sample), known.rows_of(classes)
    several = known.n[y] > 1
    return thinned(x[several]), thinned(y[several])


def deviations(new: Mapping[int, Tensor], known: ClassSums) -> Iterator[Tensor]:
    """Rows r whose sum of r r' is what new images add to the within-class scatter.

    A class with n images and mean m gains b with mean m_b: they bring their own scatter and
    n b / (n + b) (m_b - m)(m_b - m)'. They are added to `known` on the way.
    """
    fresh = ClassSums()
    for x, y in blocks(new):
        fresh.add_rows(x, y)
    m_b = fresh.means if fresh.counts else torch.zeros(0)
    for x, y in blocks(new):
        yield x - m_b[fresh.rows_of(y)]
    gaps = []
    for number, b in fresh.counts.items():
        n = known.counts.get(number, 0)
        if n:
            gap = fresh.sums[number] / b - known.sums[number] / n
            gaps.append((n * b / (n + b)) ** 0.5 * gap)
        known.add(number, b, fresh.sums[number])
    if gaps:
        yield torch.stack(gaps)


def scales(width: int, moments: int, times: float) -> Tensor:
    """What multiplies each feature: float64 (width,), the last `moments` of them by `times`."""
    found = torch.ones(width, dtype=FLOAT)
    found[width - moments :] = times
    return found


def multiplied(known: ClassSums, scatter: Tensor, v: Tensor) -> tuple[ClassSums, Tensor]:
    """The sums and the scatter of features that are multiplied by `v` (width,)."""
    sums = {number: total * v for number, total in known.sums.items()}
    return ClassSums(dict(known.counts), sums), scatter * v * v[:, None] if len(
        scatter
    ) else scatter


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


def solved(scatter: Tensor, known: ClassSums, s: float) -> Tensor:
    """P (m_k - o) for the mean o of the classes' means: float64 (classes, width)."""
    m = known.means
    L = cholesky(shrunk(scatter, known, s))
    return torch.cholesky_solve((m - m.mean(dim=0)).T, L).T


def leave_one_out(known: ClassSums, scatter: Tensor, s: float, x: Tensor, y: Tensor) -> float:
    """Mean cross-entropy of images, each scored by means and covariance that leave it out."""
    logits = logits_left_out(known, scatter, s, x, y)
    return torch.nn.functional.cross_entropy(logits, y).item()


def logits_left_out(
    known: ClassSums, scatter: Tensor, s: float, x: Tensor, y: Tensor, solves: torch.dtype = FLOAT
) -> Tensor:
    """Logits of images, each by means and covariance that leave it out: float64 (images, classes).

    Without image x of class y, m_y loses r/(n-1), and S loses c r r' with r = x - m_y,
    c = (1-s) n/(n-1)/N: by Sherman-Morrison its inverse P becomes P + c P r r'P / (1 - c r'P r).
    """
    N, m = float(known.n.sum()), known.means
    L = cholesky(shrunk(scatter, known, s)).to(solves)
    i = torch.arange(len(x))
    o = m.mean(dim=0)  # distances are the same from anywhere; from here they round least
    zx, zm = (solve_triangular(L, (a - o).T.to(solves), upper=False).to(FLOAT) for a in (x, m))
    xx, xm, mm = zx.square().sum(dim=0)[:, None], zx.T @ zm, zm.T @ zm
    n = known.n[y][:, None]
    spare = torch.where(n > 1, n / (n - 1), 0.0)  # a class's only image has r = 0
    c = (1 - s) * spare / N
    rx = xx - xm[i, y][:, None] - xm + mm[y]  # (x - m_k)' P r, for each class k
    rr = rx[i, y][:, None]
    left = 1 - c * rr
    q = xx - 2 * xm + mm.diagonal() + c * rx.square() / left
    own = rr / left * spare.square()
    q[i, y] = torch.where(n > 1, own, torch.inf)[:, 0]
    return -q / 2


class LiveLDA(LiveLinear):
    """n S = (1 - s) (scatter) + s tr(scatter)/d I, and a column for each class: its mean.

    Features are multiplied as the learner does, and counted from the middle of what waits, which
    changes no answer and rounds least.
    """

    has_bias = True

    def __init__(self, learner: Discriminant, waiting: Tensor) -> None:
        self.learner, self.s = learner, learner._s
        width = waiting.shape[2]
        self.times, self.scales = learner._times, scales(width, learner._moments, learner._times)
        x = rows(learner.seen(waiting)) * self.scales
        self.origin = x.mean(dim=0) if len(x) else torch.zeros(width, dtype=FLOAT)
        known, scatter = multiplied(learner._known, learner._scatter, self.scales)
        for number, count in known.counts.items():
            known.sums[number] = known.sums[number] - count * self.origin
        super().__init__(known, scatter, (x - self.origin).float())

    @property
    def weight(self) -> float:
        return 1 - self.s

    def ridge(self, trace: float) -> float:
        return 1.0 if self.known.counts and self.flat(trace) else self.s * trace / self.x.shape[1]

    def target(self, number: int) -> Tensor:
        return self.known.sums[number] / self.known.counts[number]

    def scale(self) -> float:
        return 1.0 if self.flat(self.trace) else float(self.known.n.sum())

    def seen(self, features: Tensor) -> Tensor:
        return rows(self.learner.seen(features)) * self.scales - self.origin

    def learn(self, number: int, features: Tensor) -> None:
        centred = self.seen(features)[:, None]
        # One image of a new class is its mean, and deviates by nothing.
        found = [r for r in deviations({number: centred}, self.known) if bool(r.any())]
        self.take(torch.cat(found) if found else self.rows[:0], 1.0, number)

    def unlearn(self, number: int, gone: Tensor, left: Tensor) -> None:
        for x in self.seen(gone):
            n, m = self.known.counts[number], self.target(number)
            known = self.known.copy()
            if n == 1:
                del known.counts[number], known.sums[number]
                self.known = known
                self.forget_class(number)
                continue
            known.counts[number], known.sums[number] = n - 1, known.sums[number] - x
            self.known = known
            self.take(((n / (n - 1)) ** 0.5 * (x - m))[None], -1.0, number)

    def settle(self, sample: Tensor, sample_classes: Tensor, moments: int = 0) -> None:
        products = self.products if self.products is not None else 0.0
        scatter = products + self.rows.T @ (self.signs[:, None] * self.rows)
        plain = multiplied(self.known, scatter, 1 / self.scales)
        centred = (self.seen(sample) / self.scales)[:, None]
        moments = self.learner._moments = moments or self.learner._moments
        self.s, times = self.learner._chosen(*plain, centred, sample_classes, moments)
        self.multiply(times)
        self.rebase()

    def multiply(self, times: float) -> None:
        """Moments count otherwise from now on; what was solved must be solved anew."""
        if times == self.times:
            return
        now = scales(len(self.scales), self.learner._moments, times)
        more = now / self.scales
        self.known = multiplied(self.known, self.rows.new_zeros(0, 0), more)[0]
        if self.products is not None:
            self.products = self.products * more * more[:, None]
        self.rows, self.x = self.rows * more, self.x * more.float()
        self.origin, self.scales, self.times = self.origin * more, now, times
