"""Streaming discriminant analysis while a person names images; see live_linear.py."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.learners.live_linear import LiveLinear
from engine.learners.slda import StreamingLDA, deviations
from engine.learners.sums import FLOAT, rows


class LiveLDA(LiveLinear):
    """n S = (1 - s) (scatter) + s tr(scatter)/d I, and a column for each class: its mean.

    Features are counted from the middle of what waits, which changes no answer and rounds least.
    """

    has_bias = True

    def __init__(self, learner: StreamingLDA, waiting: Tensor) -> None:
        self.learner = learner
        x = rows(waiting)
        self.origin = x.mean(dim=0) if len(x) else torch.zeros(waiting.shape[2], dtype=FLOAT)
        known = learner._known.copy()
        for number, count in known.counts.items():
            known.sums[number] = known.sums[number] - count * self.origin
        self.s = learner._s
        super().__init__(known, learner._scatter.clone(), (x - self.origin).float())

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
        return rows(features) - self.origin

    def learn(self, number: int, features: Tensor) -> None:
        centred = (features.to(FLOAT) - self.origin).mean(dim=1, keepdim=True)
        # One image of a new class is its mean, and deviates by nothing.
        rows = [r for r in deviations({number: centred}, self.known) if bool(r.any())]
        self.take(torch.cat(rows) if rows else self.rows[:0], 1.0, number)

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

    def settle(self, sample: Tensor, sample_classes: Tensor) -> None:
        products = self.products if self.products is not None else 0.0
        scatter = products + self.rows.T @ (self.signs[:, None] * self.rows)
        centred = sample.to(FLOAT).mean(dim=1, keepdim=True) - self.origin
        self.s = self.learner._chosen(self.known, scatter, centred, sample_classes)
        self.rebase()
