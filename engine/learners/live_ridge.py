"""Ridge on random features while a person names images; see live_linear.py."""

from __future__ import annotations

from torch import Tensor

from engine.learners.live_linear import LiveLinear
from engine.learners.ridge import RandomRidge, drawn
from engine.learners.sums import rows


class LiveRidge(LiveLinear):
    """G + l I with l in proportion to G's trace, and a column for each class: its sum Q."""

    weight = 1.0
    sums_rows = True

    def __init__(self, learner: RandomRidge, waiting: Tensor) -> None:
        self.learner, self.width = learner, waiting.shape[2]
        self.ratio = learner._l
        super().__init__(learner._known.copy(), learner._G.clone(), self.seen(waiting).float())

    def ridge(self, trace: float) -> float:
        return self.ratio * (trace / self.learner.size or 1.0)

    def target(self, number: int) -> Tensor:
        return self.known.sums[number]

    def scale(self) -> float:
        return 1.0

    def seen(self, features: Tensor) -> Tensor:
        size, seed = self.learner.size, self.learner.seed
        return (rows(features) @ drawn(self.width, size, seed)).relu()

    def learn(self, number: int, features: Tensor) -> None:
        h = self.seen(features)
        self.known.add(number, len(h), h.sum(dim=0))
        self.take(h, 1.0, number)

    def unlearn(self, number: int, gone: Tensor, left: Tensor) -> None:
        h, known = self.seen(gone), self.known.copy()
        if len(left):
            known.counts[number] -= len(h)
            known.sums[number] = known.sums[number] - h.sum(dim=0)
        else:
            del known.counts[number], known.sums[number]
            self.forget_class(number)
        self.known = known
        self.take(h, -1.0, number)

    def settle(self, sample: Tensor, sample_classes: Tensor) -> None:
        products = self.products if self.products is not None else 0.0
        G = products + self.rows.T @ (self.signs[:, None] * self.rows)
        self.ratio = self.learner._chosen(self.known, G, sample, sample_classes)
        self.rebase()
