"""Discriminant analysis on square roots of features, which tames what is seldom large."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from engine.learners import LEARNERS
from engine.learners.discriminant import Discriminant
from engine.learners.heads import Roots, roots


@LEARNERS.register("roots", "Discriminant analysis on square roots")
@dataclass
class RootLDA(Discriminant):
    """Streaming discriminant analysis of the signed square roots of features, at length 1.

    Perronnin, Sánchez and Mensink, Improving the Fisher kernel for large-scale image
    classification, 2010, section 3: z = sign(x) |x|^(1/2), then z / |z|. A feature that is seldom
    large no longer outweighs the others, and of features that are not negative z.z' is Hellinger's
    affinity. Other images have no part in it, so the sums stay exact. Memory: as slda.
    """

    def seen(self, features: Tensor) -> Tensor:
        return roots(features)

    def head(self) -> nn.Module:
        return nn.Sequential(Roots(), super().head())

    def spread(self) -> None:
        """Of the roots there is one, but not of the features."""
