"""Ridge regression on random features: a wide random layer, then one exact least squares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.linalg import cholesky, solve_triangular

from engine.events import Step
from engine.learners import LEARNERS, Learner, Task
from engine.learners.heads import RandomRelu
from engine.learners.kept_features import images_in
from engine.learners.live import Live
from engine.learners.live_linear import LiveLinear
from engine.learners.sums import FLOAT, ClassSums, blocks, lowest, plus, rows, thinned
from engine.registry import setting

PENALTIES = (1e-5, 1e-4, 1e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0)
START = 0.3


@LEARNERS.register("ridge", "Ridge on random features")
@dataclass
class RandomRidge(Learner):
    """Many random mixtures of the features, then the weights with the least squared error.

    McDonnell et al., RanPAC, 2023; Zhuang et al., ACIL, 2022. h = relu(x W) with W drawn once from
    the seed; G sums h'h, Q sums h'Y (Y one-hot); head (G + l I)^-1 Q. Equal to learning all at
    once. RanPAC takes l from the newest batch, so that the order matters; here l is chosen by
    leave-one-out over all classes. Memory: M^2 + (classes) M numbers.
    """

    size: int = setting(
        2000, "How many random features (M) there are; more is slower.", least=10, most=20000
    )
    penalty: float = setting(
        0.0,
        "How strongly large weights are held back, relative to the features' strength; "
        "0 chooses it from the training images.",
        least=0.0,
        most=1e6,
    )
    seed: int = setting(0, "The random features are drawn from this number.", least=0)

    def __post_init__(self) -> None:
        self._known = ClassSums()  # of h: the columns of Q
        self._G = torch.zeros(0, 0, dtype=FLOAT)
        self._width = 0
        self._l = self.penalty or START

    @property
    def classes(self) -> tuple[int, ...]:
        return self._known.numbers

    def learn(self, task: Task) -> Iterator[Step]:
        known, G = self._known.copy(), self._G
        done, total = 0, images_in(task.new) + 1
        for h in self._wide(task.new, known):
            G = plus(G, h)
            done += len(h)
            yield Step(done, total, {"images": done})
        ratio = self._chosen(known, G, task.sample, task.sample_classes)
        yield Step(total, total, {"penalty": ratio})
        self._known, self._G, self._l = known, G, ratio
        self._width = task.sample.shape[-1]

    def forget(self, number: int, features: Tensor) -> None:
        known, G = self._known.without(number, len(features)), self._G
        for h in self._wide({number: features}, ClassSums()):
            G = plus(G, h, -1)
        self._known, self._G = known, G if known.counts else torch.zeros_like(G)

    def refit(self, sample: Tensor, sample_classes: Tensor) -> None:
        self._l = self._chosen(self._known, self._G, sample, sample_classes)

    def head(self) -> nn.Module:
        Q = solved(self._G, self._known.table, self._l)
        return RandomRelu(drawn(self._width, self.size, self.seed), Q)

    def left_out(self, features: Tensor, classes: Tensor) -> Tensor:
        h = (rows(features) @ drawn(self._width, self.size, self.seed)).relu()
        y = self._known.rows_of(classes)
        Y, e = residuals(self._known, self._G, self._l, h, y)
        only = (self._known.n[y] == 1)[:, None]
        return (Y - e).masked_fill(only & (Y > 0), -torch.inf)

    def live(self, waiting: Tensor) -> Live:
        return LiveRidge(self, waiting)

    def memory(self) -> dict[str, np.ndarray]:
        """W is not in it: it comes again from the seed and the width."""
        return {
            **self._known.arrays(),
            "G": self._G.numpy().copy(),
            "penalty": np.array(self._l),
            "width": np.array(self._width),
        }

    def restore(self, memory: Mapping[str, np.ndarray]) -> None:
        self._known = ClassSums.of(memory)
        self._G = torch.tensor(memory["G"], dtype=FLOAT)
        self._l, self._width = float(memory["penalty"]), int(memory["width"])

    def _wide(self, new: Mapping[int, Tensor], known: ClassSums) -> Iterator[Tensor]:
        """h of these images; they are added to `known` on the way."""
        for x, y in blocks(new):
            h = (x @ drawn(x.shape[1], self.size, self.seed)).relu()
            known.add_rows(h, y)
            yield h

    def _chosen(self, known: ClassSums, G: Tensor, sample: Tensor, classes: Tensor) -> float:
        """The penalty with the least squared error on images left out, one at a time."""
        if self.penalty or not len(sample):
            return self.penalty or START
        x, y = rows(thinned(sample)), known.rows_of(thinned(classes))
        h = (x @ drawn(x.shape[1], self.size, self.seed)).relu()
        return lowest(PENALTIES, START, lambda ratio: leave_one_out(known, G, ratio, h, y))


@lru_cache(maxsize=1)
def drawn(width: int, size: int, seed: int) -> Tensor:
    """The random layer W: standard normal, always the same for one seed."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(width, size, generator=generator, dtype=FLOAT)


def penalised(G: Tensor, ratio: float) -> Tensor:
    """G + l I, with l = ratio times the mean of G's diagonal (of 1 where G is zero)."""
    mean = float(G.trace()) / len(G)
    return G + torch.eye(len(G), dtype=FLOAT) * (ratio * (mean or 1.0))


def solved(G: Tensor, table: Tensor, ratio: float) -> Tensor:
    """(G + l I)^-1 Q, (M, classes), for Q given as a row for each class."""
    return torch.cholesky_solve(table.T, cholesky(penalised(G, ratio)))


def leave_one_out(known: ClassSums, G: Tensor, ratio: float, h: Tensor, y: Tensor) -> float:
    """Mean squared error of images, each predicted by weights that leave it out."""
    _, e = residuals(known, G, ratio, h, y)
    return e.square().sum(dim=1).mean().item()


def residuals(
    known: ClassSums, G: Tensor, ratio: float, h: Tensor, y: Tensor
) -> tuple[Tensor, Tensor]:
    """Images' targets Y (one-hot), and how far weights that leave each out are off, Y - answer.

    The residual of an image that is left out is its residual / (1 - h'(G + l I)^-1 h).
    """
    L = cholesky(penalised(G, ratio))
    zh, zq = (solve_triangular(L, a.T, upper=False) for a in (h, known.table))
    Y = torch.nn.functional.one_hot(y, len(known.numbers)).to(FLOAT)
    return Y, (Y - zh.T @ zq) / (1 - zh.square().sum(dim=0))[:, None]


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

    def settle(self, sample: Tensor, sample_classes: Tensor, moments: int = 0) -> None:
        products = self.products if self.products is not None else 0.0
        G = products + self.rows.T @ (self.signs[:, None] * self.rows)
        self.ratio = self.learner._chosen(self.known, G, sample, sample_classes)
        self.rebase()
