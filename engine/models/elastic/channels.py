"""Which channels of a block's middle are given up first, and what the others make of it.

With z the middle's values and P the projection that reads them, what a block gives is P z. Of all
sets of channels those count from which P z is told best (least squares); they are chosen one group
after the other, as in a Cholesky decomposition with pivots: what is taken explains a part of all
others, which then no longer counts for them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

GROUPS = 144
"""In so many steps the channels are chosen: one at a time would take the cube of the width."""
TINY = 1e-9
"""Below this share of the usual variance a channel tells nothing that others do not."""


@dataclass
class Moments:
    """Sums over positions in images of what comes to a projection: float64."""

    count: int = 0
    sum: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.float64))
    products: Tensor = field(default_factory=lambda: torch.zeros(0, 0, dtype=torch.float64))

    def add(self, z: Tensor) -> None:
        """Adds rows float32 (positions, width)."""
        if not self.count:
            width = z.shape[1]
            self.sum = torch.zeros(width, dtype=torch.float64)
            self.products = torch.zeros(width, width, dtype=torch.float64)
        self.count += len(z)
        self.sum += z.sum(0, dtype=torch.float64)
        self.products += (z.T @ z).double()

    def plus(self, other: Moments) -> Moments:
        return Moments(
            self.count + other.count, self.sum + other.sum, self.products + other.products
        )

    @property
    def mean(self) -> Tensor:
        return self.sum / self.count

    @property
    def covariance(self) -> Tensor:
        return self.products / self.count - torch.outer(self.mean, self.mean)


def order_of(covariance: Tensor, projection: Tensor) -> Tensor:
    """All channels, the most useful first: int64 (width,).

    `covariance` (width, width) is that of z, `projection` (outputs, width) is P.
    """
    G, C = covariance.clone(), covariance @ projection.T
    width, least = len(G), TINY * float(covariance.diagonal().mean())
    each = max(1, -(-width // GROUPS))
    left = torch.ones(width, dtype=torch.bool)
    chosen: list[Tensor] = []
    while bool(left.any()):
        own = G.diagonal()
        score = torch.where(own > least, C.square().sum(1) / own.clamp_min(least), 0.0)
        J = torch.where(left, score, -1.0).topk(min(each, int(left.sum()))).indices
        chosen.append(J)
        left[J] = False
        # What the chosen ones tell of all others (Schur complement); a little on the diagonal
        # where two of them are alike.
        inner = G[J][:, J] + torch.eye(len(J), dtype=G.dtype) * max(least, 1e-300)
        told = torch.linalg.solve(inner, torch.cat([G[J], C[J]], 1))
        G, C = G - G[:, J] @ told[:, :width], C - G[:, J] @ told[:, width:]
    return torch.cat(chosen)
