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
    """`axes` (width, count) and `origin` (width,); `parted` classes are told apart by it."""

    origin: Tensor
    axes: Tensor
    parted: int = 0

    def __call__(self, x: Tensor) -> Tensor:
        """Features (images, width) as places, float32 (images, count)."""
        return ((x.to(FLOAT) - self.origin.to(FLOAT)) @ self.axes.to(FLOAT)).float()


def parting(
    means: Tensor,
    counts: Tensor,
    within: Tensor,
    sample: Tensor,
    least: int = AXES,
    most: int = AXES,
) -> Projection:
    """The axes that part classes, from their means (classes, width), how many images each has, and
    the covariance inside them. What is lacking to `least` axes, `sample` says: images (images,
    width)."""
    share = counts / counts.sum()
    m, L = share @ means, cholesky(within)
    M = ((means - m) * share.sqrt()[:, None]).T
    u, s, _ = svd(solve_triangular(L, M, upper=False), full_matrices=False)
    some = min(int((s > NOTHING * s[:1]).sum()), len(means) - 1, most)
    axes = turned(solve_triangular(L.T, u[:, :some], upper=True))
    return Projection(m, completed(axes, sample, least, like_the_first=True), len(means))


def principal(sample: Tensor, count: int = AXES) -> Projection:
    """The axes along which images (images, width) differ most."""
    x = sample.to(FLOAT)
    m = x.mean(dim=0) if len(x) else x.new_zeros(x.shape[1])
    return Projection(m, completed(x.new_zeros(x.shape[1], 0), x, count))


def completed(axes: Tensor, x: Tensor, count: int, like_the_first: bool = False) -> Tensor:
    """At least so many axes: those that there are, and principal components of what x (images,
    width) has beside them; with `like_the_first` along each of these images spread by one unit."""
    if not len(x) or axes.shape[1] >= count:
        return torch.cat([axes, axes.new_zeros(len(axes), max(count - axes.shape[1], 0))], dim=1)
    x = x - x.mean(dim=0)
    z = x @ axes
    told = torch.linalg.lstsq(z, x).solution if z.numel() else x.new_zeros(axes.T.shape)
    v = leading(x - z @ told, count - axes.shape[1])
    # What is left of x is x - z told, so that its share along v is x (v - axes told v).
    more = v - axes @ (told @ v)
    if like_the_first:
        spread = (x @ more).std(dim=0, correction=0)
        more = more / torch.where(spread > 0, spread, 1.0)
    return torch.cat([axes, turned(more)], dim=1)


def leading(x: Tensor, count: int) -> Tensor:
    """The directions (width, count) along which rows differ most, by the smaller of the two
    products; 0 where they differ along fewer."""
    n, d = x.shape
    made, some = x.new_zeros(d, count), min(n, d, count)
    sizes, found = (part.flip(-1)[..., :some] for part in eigh(x.T @ x if d <= n else x @ x.T))
    there = sizes > NOTHING * sizes[0].clamp(min=1e-300)
    found = found if d <= n else x.T @ found / sizes.clamp(min=1e-300).sqrt()
    made[:, :some] = torch.where(there, found, 0.0)
    return made


def turned(axes: Tensor) -> Tensor:
    """Each axis so that its greatest number is above 0: the sign says nothing, and shall not
    change."""
    if not axes.numel():
        return axes
    largest = axes.gather(0, axes.abs().argmax(dim=0, keepdim=True))
    return axes * torch.where(largest < 0, -1.0, 1.0)
