"""Streaming linear discriminant analysis, the recommended method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from engine.learners import LEARNERS
from engine.learners.confidence import temperature
from engine.learners.discriminant import (
    SHRINKAGES,
    Discriminant,
    comparable,
    is_zero,
    leave_one_out,
    logits_left_out,
    multiplied,
    scales,
)
from engine.learners.scaled import Scaled
from engine.learners.sums import ClassSums, lowest

TIMES = (1.0, 2.5, 5.0)
"""What may multiply moments among the features: with few images as they are, with many more."""


@LEARNERS.register("slda", "Streaming discriminant analysis")
@dataclass
class StreamingLDA(Discriminant):
    """Like nearest class mean, in a space where what varies inside the classes counts for less.

    Hayes and Kanan, Lifelong machine learning with deep streaming linear discriminant analysis,
    2020, with the class's own count in the update, so that S is the pooled within-class covariance
    exactly, in any order. Head: Linear(S^-1 m, -m.S^-1 m / 2), S shrunk toward a scaled identity:
    (1 - s) S + s tr(S)/d I, with s by leave-one-out. Moments among the features are multiplied
    before by what leave-one-out likes best: all of it follows from the same sums.
    Memory: d^2 + (classes) d numbers.
    """

    def head(self) -> nn.Module:
        scaled = self.scaled()
        return scaled.head() if scaled else super().head()

    def left_out(self, features: Tensor, classes: Tensor) -> Tensor:
        scaled = self.scaled()
        return scaled.left_out(features, classes) if scaled else super().left_out(features, classes)

    def spread(self) -> tuple[Tensor, Tensor, Tensor] | None:
        scaled = self.scaled()
        return scaled.spread() if scaled else super().spread()

    def scaled(self) -> Scaled | None:
        """What answers where moments are multiplied; None where they are not."""
        if self._times == 1 or not self.classes:
            return None
        return Scaled.of(self, scales(len(self._scatter), self._moments, self._times), self._s)

    def memory(self) -> dict[str, np.ndarray]:
        moments = {"moments": np.array([self._moments, self._times])} if self._moments else {}
        return {**super().memory(), **moments}

    def restore(self, memory: Mapping[str, np.ndarray]) -> None:
        super().restore(memory)
        moments, self._times = memory.get("moments", np.array([0, 1.0])).tolist()
        self._moments = int(moments)

    def _chosen(
        self, known: ClassSums, scatter: Tensor, sample: Tensor, classes: Tensor, moments: int
    ) -> tuple[float, float]:
        """The shrinkage, then what multiplies the moments, then the shrinkage beside that.

        A greater multiple is taken where the calibrated loss is less by a standard error (Breiman
        and others, Classification and regression trees, 1984, section 3.4.3): with few images
        chance says little, and a multiple that is too great costs more than one too small.
        """
        s, _ = super()._chosen(known, scatter, sample, classes, moments)
        if not len(sample):
            return s, self._times
        x, y = comparable(known, sample, classes)
        if not moments or not len(x) or is_zero(scatter, known):
            return s, 1.0

        def losses(times: float) -> Tensor:
            v = scales(len(scatter), moments, times)
            logits = logits_left_out(*multiplied(known, scatter, v), s, x * v, y)
            return cross_entropy(logits / temperature(logits, y), y, reduction="none")

        best, least = TIMES[0], losses(TIMES[0])
        for times in TIMES[1:]:
            found = losses(times)
            gain = least - found
            if gain.mean() > gain.std(correction=0) / len(gain) ** 0.5:
                best, least = times, found
        if best == 1 or self.shrinkage:
            return s, best
        v = scales(len(scatter), moments, best)
        sums = multiplied(known, scatter, v)
        return lowest(SHRINKAGES, s, lambda s: leave_one_out(*sums, s, x * v, y)), best
