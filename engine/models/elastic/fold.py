"""The ridge regression that lets fewer channels give what all gave.

From z of the kept channels toward targets T: W = W0 + (G + l g I)^-1 (C - G W0'), with G the
covariance of z, g its mean diagonal, C that of z and T. What is drawn toward is not zero but W0,
the weights of before; b = mean T - W mean z.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from engine.models.elastic.channels import Moments

STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0)
"""l. With many images a small one is best, with few a large one: they fit what is chance."""
USUAL = 0.1
HELD_OUT = 4
"""Every so many-th batch judges which strength is best, and takes part again in the end."""


@dataclass
class Sums:
    """Sums over positions of kept channels z and of targets T: float64."""

    z: Moments = field(default_factory=Moments)
    target: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.float64))
    cross: Tensor = field(default_factory=lambda: torch.zeros(0, 0, dtype=torch.float64))

    def add(self, z: Tensor, target: Tensor) -> None:
        """Adds rows float32 (positions, kept) and (positions, outputs)."""
        if not self.z.count:
            self.target = torch.zeros(target.shape[1], dtype=torch.float64)
            self.cross = torch.zeros(z.shape[1], target.shape[1], dtype=torch.float64)
        self.z.add(z)
        self.target += target.sum(0, dtype=torch.float64)
        self.cross += (z.T @ target).double()

    def plus(self, other: Sums) -> Sums:
        return Sums(self.z.plus(other.z), self.target + other.target, self.cross + other.cross)

    def error(self, weight: Tensor, bias: Tensor) -> float:
        """Squared errors of W z + b, less what no W and b can change."""
        G, z = self.z.products, self.z.sum
        squares = (weight @ G * weight).sum() + self.z.count * bias.square().sum()
        crossed = (weight.T * self.cross).sum() + bias @ (self.target - weight @ z)
        return float(squares - 2 * crossed)


class Ridge:
    """The regression on some sums, its matrix decomposed once for all strengths."""

    def __init__(self, sums: Sums, before: Tensor) -> None:
        G, self.mean, self.before = sums.z.covariance, sums.z.mean, before
        self.target = sums.target / sums.z.count
        C = sums.cross / sums.z.count - torch.outer(self.mean, self.target)
        self.values, self.vectors = torch.linalg.eigh(G)
        self.rest = self.vectors.T @ (C - G @ before.T)

    def at(self, strength: float) -> tuple[Tensor, Tensor]:
        """Weights (outputs, kept) and biases (outputs,)."""
        pull = strength * self.values.mean().clamp_min(1e-300)
        change = self.vectors @ (self.rest / (self.values.clamp_min(0) + pull)[:, None])
        weight = self.before + change.T
        return weight, self.target - weight @ self.mean


@dataclass
class Regression:
    """Targets told from kept channels, as well as on images that had no part in it."""

    fitted: Sums = field(default_factory=Sums)
    held: Sums = field(default_factory=Sums)
    batches: int = 0

    def add(self, z: Tensor, target: Tensor) -> None:
        """Adds a batch: rows float32 (positions, kept) and (positions, outputs)."""
        sums = Sums()
        sums.add(z, target)
        self.add_sums(sums)

    def add_sums(self, sums: Sums) -> None:
        """Adds a batch that was summed already."""
        self.batches += 1
        if self.batches % HELD_OUT:
            self.fitted = self.fitted.plus(sums) if self.fitted.z.count else sums
        else:
            self.held = self.held.plus(sums) if self.held.z.count else sums

    def solved(self, before: Tensor) -> tuple[Tensor, Tensor]:
        """Weights and biases; `before` (outputs, kept) are those that are drawn toward."""
        if not self.held.z.count:
            return Ridge(self.fitted, before).at(USUAL)
        tried = Ridge(self.fitted, before)
        best = min(STRENGTHS, key=lambda strength: self.held.error(*tried.at(strength)))
        return Ridge(self.fitted.plus(self.held), before).at(best)


def by_itself(
    moments: Moments, projection: Tensor, bias: Tensor, kept: Tensor
) -> tuple[Tensor, Tensor]:
    """Folds one block for what came to it before, without a look at images: in a moment."""
    G, before = moments.covariance, projection[:, kept]
    inner = G[kept][:, kept]
    rest = G[kept] @ projection.T - inner @ before.T
    inner.diagonal().add_(USUAL * inner.diagonal().mean().clamp_min(1e-300))
    weight = before + torch.linalg.solve(inner, rest).T
    return weight, projection @ moments.mean + bias - weight @ moments.mean[kept]
