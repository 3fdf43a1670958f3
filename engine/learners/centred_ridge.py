"""Ridge regression on the features themselves, from the sums that discriminant analysis keeps.

With N images of mean m, the scatter of all is what varies inside the classes and between them, so
nothing but its sums is needed:

    T = S + sum of n_k (m_k - m)(m_k - m)',   w_k = (T + l I)^-1 n_k (m_k - m)
    answer for class k: n_k / N + (x - m).w_k,   the intercept being free
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.linalg import cholesky, solve_triangular
from torch.nn.functional import one_hot

from engine.learners.discriminant import deviations
from engine.learners.heads import Linear
from engine.learners.live import Live
from engine.learners.live_linear import LiveLinear
from engine.learners.sums import FLOAT, ClassSums, lowest, rows, thinned

PENALTIES = (1e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
START = 0.1
ALL = -1
"""What the sum of all images is kept under, beside those of the classes."""


@dataclass(frozen=True)
class CentredRidge:
    """Least squared error toward 1 for an image's class and 0 for the others (Hoerl and Kennard,
    Ridge regression, 1970), with the penalty in proportion to the features' mean variance."""

    known: ClassSums
    scatter: Tensor
    """S: float64 (width, width), the scatter inside the classes."""
    penalty: float = START

    @property
    def middle(self) -> Tensor:
        """The mean of all images."""
        return self.known.table.sum(dim=0) / self.known.n.sum()

    @property
    def columns(self) -> Tensor:
        """n_k (m_k - m): float64 (classes, width)."""
        return self.known.table - self.known.n[:, None] * self.middle

    @property
    def total(self) -> Tensor:
        gaps = self.known.n.sqrt()[:, None] * (self.known.means - self.middle)
        return self.scatter + gaps.T @ gaps

    def penalised(self, penalty: float, total: Tensor) -> Tensor:
        found, mean = total.clone(), float(total.trace()) / len(total)
        found.diagonal().add_(penalty * (mean or 1.0))
        return found

    def head(self) -> nn.Module:
        L = cholesky(self.penalised(self.penalty, self.total))
        w = torch.cholesky_solve(self.columns.T, L).T
        return Linear(w, self.known.n / self.known.n.sum() - w @ self.middle)

    def chosen(self, sample: Tensor, classes: Tensor) -> CentredRidge:
        """The same with the penalty that has the least squared error on images left out."""
        x, y, total = thinned(rows(sample)), thinned(self.known.rows_of(classes)), self.total

        def loss(penalty: float) -> float:
            return self.residuals(x, y, penalty, total)[1].square().sum(dim=1).mean().item()

        return CentredRidge(self.known, self.scatter, lowest(PENALTIES, START, loss))

    def left_out(self, features: Tensor, classes: Tensor) -> Tensor:
        """As Learner.left_out."""
        y = self.known.rows_of(classes)
        Y, e = self.residuals(rows(features), y, self.penalty, self.total)
        only = (self.known.n[y] == 1)[:, None]
        return (Y - e).masked_fill(only & (Y > 0), -torch.inf)

    def residuals(
        self, x: Tensor, y: Tensor, penalty: float, total: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Targets (one-hot), and how far weights that leave each image out are off (Allen, The
        relationship between variable selection and data augmentation, 1974): the residual divided
        by 1 - 1/N - (x - m)'(T + l I)^-1 (x - m)."""
        L, N = cholesky(self.penalised(penalty, total)), self.known.n.sum()
        zx, zt = (solve_triangular(L, a.T, upper=False) for a in (x - self.middle, self.columns))
        Y = one_hot(y, len(self.known.numbers)).to(FLOAT)
        left = (1 - 1 / N - zx.square().sum(dim=0)).clamp(min=1e-12)
        return Y, (Y - self.known.n / N - zx.T @ zt) / left[:, None]

    def live(self, waiting: Tensor) -> Live:
        return LiveCentred(self, waiting)


class LiveCentred(LiveLinear):
    """T + l I with l in proportion to T's trace, and a column for the sum of each class and of all.

    w_k = B^-1 q_k - n_k/N B^-1 q, for the sums q_k of a class and q of all images, and B = T + l I.
    Who holds the learner's sums chooses the penalty anew (see LivePortfolio).
    """

    weight = 1.0

    def __init__(self, ridge: CentredRidge, waiting: Tensor) -> None:
        x = rows(waiting)
        self.origin = x.mean(dim=0) if len(x) else torch.zeros(waiting.shape[2], dtype=FLOAT)
        self.penalty, known, total = ridge.penalty, ridge.known.copy(), ridge.scatter
        for number, count in known.counts.items():
            known.sums[number] = known.sums[number] - count * self.origin
        if known.counts:
            total = ridge.total
            known.add(ALL, int(known.n.sum()), known.table.sum(dim=0))
        super().__init__(known, total, (x - self.origin).float())

    @property
    def classes(self) -> tuple[int, ...]:
        return self.known.numbers[1:]

    def ridge(self, trace: float) -> float:
        return self.penalty * (trace / self.x.shape[1] or 1.0)

    def target(self, number: int) -> Tensor:
        return self.known.sums[number]

    def scale(self) -> float:
        return 1.0

    def seen(self, features: Tensor) -> Tensor:
        return rows(features) - self.origin

    def learn(self, number: int, features: Tensor) -> None:
        for x in self.seen(features):
            gap = list(deviations({ALL: x[None, None]}, self.known))[1:]
            self.known.add(number, 1, x)
            self.change(torch.cat(gap) if gap else self.rows[:0], 1.0, number)

    def unlearn(self, number: int, gone: Tensor, left: Tensor) -> None:
        for x in self.seen(gone):
            N, total = self.known.counts[ALL], self.known.sums[ALL]
            known = self.known = self.known.copy()
            for each in (number, ALL):
                known.counts[each] -= 1
                known.sums[each] = known.sums[each] - x
                if not known.counts[each]:
                    del known.counts[each], known.sums[each]
                    self.forget_class(each)
            row = (N / max(N - 1, 1)) ** 0.5 * (x - total / N)
            self.change(row[None] if N > 1 else self.rows[:0], -1.0, number)

    def change(self, rows: Tensor, sign: float, number: int) -> None:
        """Rows came or went; a class has another sum, and so have all together."""
        self.take(rows, sign, number)
        self.take(rows[:0], sign, ALL)

    def logits(self) -> Tensor:
        return self.centred(super().logits())

    def asked(self, features: Tensor) -> Tensor:
        return self.centred(super().asked(features))

    def centred(self, found: Tensor) -> Tensor:
        """Answers, from x.B^-1 q of all images and x.B^-1 q_k of each class: (images, 1 + k)."""
        if not self.known.counts:
            return found
        middle = (self.known.sums[ALL] / self.known.counts[ALL] + self.origin)[None, None]
        away = found - super().asked(middle).to(found.dtype)
        share = (self.known.n[1:] / self.known.n[0]).to(found.dtype)
        return share + away[:, 1:] - share * away[:, :1]

    def settle(self, sample: Tensor, sample_classes: Tensor, moments: int = 0) -> None:
        self.rebase()
