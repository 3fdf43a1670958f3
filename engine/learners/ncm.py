"""Nearest class mean: a class is the mean of its images' features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from engine.events import Step
from engine.learners import LEARNERS, Learner, Task
from engine.learners.heads import Linear
from engine.learners.kept_features import images_in
from engine.learners.sums import ClassSums, blocks, rows
from engine.registry import setting


@LEARNERS.register("ncm", "Nearest class mean")
@dataclass
class NearestClassMean(Learner):
    """Each class is the mean of its images; an image belongs to the class with the nearest mean.

    Mensink et al., Distance-based image classification, 2013. With m_k the mean of class k, the
    class with the least |x - m_k|^2 is the one with the greatest 2 m_k.x - |m_k|^2: a linear head.
    Equal to scikit-learn's NearestCentroid; in the cosine variant, to NearestCentroid on features
    of length 1. Memory: a sum and a count for each class.
    """

    cosine: bool = setting(
        True, "Compare the direction of features only, and leave their strength out; often better."
    )

    def __post_init__(self) -> None:
        self._known = ClassSums()

    @property
    def classes(self) -> tuple[int, ...]:
        return self._known.numbers

    def learn(self, task: Task) -> Iterator[Step]:
        known = self._known.copy()
        done, total = 0, images_in(task.new)
        for x, y in blocks(task.new):
            known.add_rows(normalize(x) if self.cosine else x, y)
            done += len(x)
            yield Step(done, total, {"images": done})
        self._known = known

    def forget(self, number: int, features: Tensor) -> None:
        self._known = self._known.without(number, len(features))

    def refit(self, sample: Tensor, sample_classes: Tensor) -> None:
        """Nothing to choose: nearest means have no regularisation."""

    def head(self) -> nn.Module:
        m = self._known.means
        return Linear.between_means(2 * (m - m.mean(dim=0)), m, unit=self.cosine)

    def left_out(self, features: Tensor, classes: Tensor) -> Tensor:
        x, y = rows(features), self._known.rows_of(classes)
        x = normalize(x) if self.cosine else x
        m, n = self._known.means, self._known.n[y][:, None]
        logits = 2 * x @ m.T - m.square().sum(dim=1)
        m_y = (self._known.table[y] - x) / (n - 1).clamp(min=1)
        own = (2 * x * m_y - m_y.square()).sum(dim=1, keepdim=True)
        return logits.scatter(1, y[:, None], torch.where(n > 1, own, -torch.inf))

    def memory(self) -> dict[str, np.ndarray]:
        return self._known.arrays()

    def restore(self, memory: Mapping[str, np.ndarray]) -> None:
        self._known = ClassSums.of(memory)
