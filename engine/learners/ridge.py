"""Ridge regression on random features: a wide random layer, then one exact least squares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.linalg import cholesky, solve_triangular

from engine.events import Step
from engine.learners import LEARNERS, Learner, Task
from engine.learners.heads import RandomRelu
from engine.learners.sums import FLOAT, ClassSums, lowest, rows
from engine.registry import setting

PENALTIES = (1e-5, 1e-4, 1e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0)
START = 0.3
CHUNK = 1024
ENOUGH = 500


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
        self._W = torch.zeros(0, 0, dtype=FLOAT)
        self._l = self.penalty or START

    @property
    def classes(self) -> tuple[int, ...]:
        return self._known.numbers

    def learn(self, task: Task) -> Iterator[Step]:
        known, G = self._known.copy(), self._G.clone()
        total, waiting = len(task.new) + 1, []
        for done, (number, features) in enumerate(task.new.items(), 1):
            h = self._wide(features)
            if len(h):
                known.add(number, len(h), h.sum(dim=0))
                waiting.append(h)
            if done == len(task.new) or sum(map(len, waiting)) >= CHUNK:
                G, waiting = plus(G, waiting), []
            yield Step(done, total, {"images": len(h)})
        ratio = self._chosen(known, G, task.sample, task.sample_classes)
        yield Step(total, total, {"penalty": ratio})
        self._known, self._G, self._l = known, G, ratio

    def forget(self, number: int, features: Tensor) -> None:
        h = self._wide(features)
        self._known, self._G = self._known.without(number, len(h)), self._G - h.T @ h

    def refit(self, sample: Tensor, sample_classes: Tensor) -> None:
        self._l = self._chosen(self._known, self._G, sample, sample_classes)

    def head(self) -> nn.Module:
        L = cholesky(penalised(self._G, self._l))
        return RandomRelu(self._W, torch.cholesky_solve(self._known.table.T, L))

    def memory(self) -> dict[str, np.ndarray]:
        """W is not in it: it comes again from the seed and the width."""
        return {
            **self._known.arrays(),
            "G": self._G.numpy().copy(),
            "penalty": np.array(self._l),
            "width": np.array(len(self._W)),
        }

    def restore(self, memory: Mapping[str, np.ndarray]) -> None:
        self._known = ClassSums.of(memory)
        self._G = torch.tensor(memory["G"], dtype=FLOAT)
        self._l = float(memory["penalty"])
        self._W = drawn(int(memory["width"]), self.size, self.seed)

    def _wide(self, features: Tensor) -> Tensor:
        x = rows(features)
        if len(self._W) != x.shape[1]:
            self._W = drawn(x.shape[1], self.size, self.seed)
        return (x @ self._W).relu()

    def _chosen(self, known: ClassSums, G: Tensor, sample: Tensor, classes: Tensor) -> float:
        """The penalty with the least squared error on images left out, one at a time."""
        if self.penalty:
            return self.penalty
        every = -(-len(sample) // ENOUGH) or 1
        h, y = self._wide(sample[::every]), known.rows_of(classes[::every])
        if not len(h):
            return START
        return lowest(PENALTIES, START, lambda ratio: leave_one_out(known, G, ratio, h, y))


def drawn(width: int, size: int, seed: int) -> Tensor:
    """The random layer W: standard normal, the same on every machine for one seed."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(width, size, generator=generator, dtype=FLOAT)


def plus(G: Tensor, waiting: list[Tensor]) -> Tensor:
    """G with h'h added; in place where it holds any."""
    for h in torch.cat(waiting).split(2 * CHUNK) if waiting else ():
        G = G.addmm_(h.T, h) if G.numel() else h.T @ h
    return G


def penalised(G: Tensor, ratio: float) -> Tensor:
    """G + l I, with l = ratio times the mean of G's diagonal."""
    l = ratio * G.trace() / len(G)
    return G + torch.diag_embed((l or 1.0) * torch.ones(len(G), dtype=FLOAT))


def leave_one_out(known: ClassSums, G: Tensor, ratio: float, h: Tensor, y: Tensor) -> float:
    """Mean squared error of images, each predicted by weights that leave it out.

    The residual of an image that is left out is its residual / (1 - h'(G + l I)^-1 h).
    """
    L = cholesky(penalised(G, ratio))
    zh, zq = (solve_triangular(L, a.T, upper=False) for a in (h, known.table))
    Y = torch.nn.functional.one_hot(y, len(known.numbers)).to(FLOAT)
    e = (Y - zh.T @ zq) / (1 - zh.square().sum(dim=0))[:, None]
    return e.square().sum(dim=1).mean().item()
