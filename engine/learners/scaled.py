"""Discriminant analysis of features that are scaled, from sums of the features as they are."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engine.learners.discriminant import Discriminant, is_zero, multiplied, shrunk, solved
from engine.learners.heads import Linear
from engine.learners.sums import rows

LEAST = 1e-3
"""Of a feature's variance inside the classes, as a share of the mean one."""


class Scaled(Discriminant):
    """Each feature is multiplied by its own of `scales`, float64 (width,).

    A scale changes what the covariance is drawn toward, and so how much a feature counts where
    images are few. Scatter and sums follow from those of the features themselves.
    """

    scales: Tensor

    @classmethod
    def of(cls, plain: Discriminant, scales: Tensor, shrinkage: float) -> Scaled:
        made = cls()
        made.scales, made._s, made.solves = scales, shrinkage, plain.solves
        made._known, made._scatter = multiplied(plain._known, plain._scatter, scales)
        return made

    @classmethod
    def own_spread(cls, plain: Discriminant, shrinkage: float) -> Scaled:
        """Features that vary alike inside the classes: their covariance is drawn toward its own
        diagonal (Friedman, Regularized discriminant analysis, 1989)."""
        own = plain._scatter.diagonal()
        flat = is_zero(plain._scatter, plain._known)
        scales = torch.ones_like(own) if flat else (own / own.mean() + LEAST).rsqrt()
        return cls.of(plain, scales, shrinkage)

    def seen(self, features: Tensor) -> Tensor:
        return rows(features)[:, None] * self.scales

    def head(self) -> nn.Module:
        """Linear in the features themselves: the scales are multiplied into the weights."""
        weight = solved(self._scatter, self._known, self._s) * self.scales
        return Linear.between_means(weight, self._known.means / self.scales)

    def spread(self) -> tuple[Tensor, Tensor, Tensor]:
        """Of the features themselves."""
        known, v = self._known, self.scales
        covariance = shrunk(self._scatter, known, self._s) / (v * v[:, None])
        return known.means / v, known.n, covariance
