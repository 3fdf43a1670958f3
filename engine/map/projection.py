"""Two axes on which images are looked at: those that part classes, or where images differ most.

Fisher (1936) and Rao (1948): of all directions a, those part classes best for which the spread of
the class means, a'Ba, is greatest beside the spread inside the classes, a'Sa. With S = LL' they are
a = L'^-1 u for the left singular vectors u of L^-1 (m - m0) sqrt(n/N). S is the covariance that
discriminant analysis has pooled anyway. Where classes give fewer than two directions (two classes
give one), principal components of what these leave unexplained are added.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.linalg import cholesky, eigh, solve_triangular, svd

from engine.learners.sums import FLOAT

AXES = 2
NOTHING = 1e-9
"""A share of the greatest spread, below which there is nothing but rounding."""


@dataclass(frozen=True)
class Projection:
    """`axes` (width, 2) and `origin` (width,); `parted` classes are told apart by it."""

    origin: Tensor
    axes: Tensor
    parted: int = 0

    def __call__(self, x: Tensor) -> Tensor:
        """Features (images, width) as places, float32 (images, 2)."""
        return ((x.to(FLOAT) - self.origin.to(FLOAT)) @ self.axes.to(FLOAT)).float()


def parting(means: Tensor, counts: Tensor, within: Tensor, sample: Tensor) -> Projection:
    """The axes that part classes, from their means (classes, width), how many images each has, and
    the covariance inside them; for a second one `sample` says what they leave."""
    m = (counts / counts.sum()) @ means
    L = cholesky(within)
    M = ((means - m) * (counts / counts.sum()).sqrt()[:, None]).T
    u, s, _ = svd(solve_triangular(L, M, upper=False), full_matrices=False)
    some = int((s[:AXES] > NOTHING * s[:1].clamp(min=1e-300)).sum().clamp(max=len(means) - 1))
    axes = solve_triangular(L.T, u[:, :some], upper=True)
    return Projection(m, completed(turned(axes), sample - m, like_the_first=True), len(means))


def principal(sample: Tensor) -> Projection:
    """The axes along which images (images, width) differ most."""
    x = sample.to(FLOAT)
    m = x.mean(dim=0) if len(x) else torch.zeros(x.shape[1], dtype=FLOAT)
    return Projection(m, completed(torch.zeros(x.shape[1], 0, dtype=FLOAT), x - m))


def completed(axes: Tensor, x: Tensor, like_the_first: bool = False) -> Tensor:
    """Two axes: those that there are, and principal components of what x (images, width), counted
    from the origin, has beside them. With `like_the_first` what they add is as wide as one unit."""
    x = x - x.mean(dim=0) if len(x) else x
    while axes.shape[1] < AXES:
        z = x @ axes
        told = torch.linalg.lstsq(z, x).solution if z.numel() else x.new_zeros(axes.T.shape)
        v = leading(x - z @ told)
        # What is left is x - z told, so that its share along v is x (v - axes told v).
        a = v - axes @ (told @ v)
        if like_the_first and float(spread := (x @ a).std(correction=0)) > 0:
            a = a / spread
        axes = torch.cat([axes, turned(a[:, None])], dim=1)
    return axes


def leading(x: Tensor) -> Tensor:
    """The direction (width,) along which rows differ most, by the smaller of the two products."""
    n, d = x.shape
    if not n or not bool(x.any()):
        return x.new_zeros(d)
    if d <= n:
        return eigh(x.T @ x).eigenvectors[:, -1]
    v = x.T @ eigh(x @ x.T).eigenvectors[:, -1]
    return v / v.norm()


def turned(axes: Tensor) -> Tensor:
    """Each axis so that its greatest number is above 0: the sign says nothing, and shall not
    change."""
    if not axes.numel():
        return axes
    largest = axes.gather(0, axes.abs().argmax(dim=0, keepdim=True))
    return axes * torch.where(largest < 0, -1.0, 1.0)
