"""Which images are alike: features reduced to a few numbers, groups of them, and a way past all.

Distances are between directions of features, so that they agree with cosines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.learners.principal import principal, unit

WIDTH, SPARE = 50, 10
ROUND_WIDTH, SHRINKAGE = 256, 0.3
"""Of what is whitened: so many directions, and how far their covariance is drawn toward a round
one."""
ROUNDS = 25
MOST_GROUPS = 40


@dataclass(frozen=True)
class Basis:
    """The directions along which the images of a project differ most."""

    middle: np.ndarray
    directions: np.ndarray
    """float32 (width, ROUND_WIDTH), columns of length 1."""
    scale: np.ndarray
    """float32 (ROUND_WIDTH,): what makes the images as wide along each, nearly."""
    images: int
    """From so many it was found."""

    @property
    def trust(self) -> float:
        """How far `round` can be believed, from 0 to 1: no more images than directions are as wide
        along each, whatever they show."""
        return 1 - len(self.scale) / self.images if self.images else 0.0

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Features (images, width) as float32 (images, WIDTH)."""
        return (unit(features) - self.middle) @ self.directions[:, :WIDTH]

    def round(self, features: np.ndarray) -> np.ndarray:
        """Features (images, width), whitened and of length 1: float32 (images, ROUND_WIDTH)."""
        return unit((unit(features) - self.middle) @ self.directions * self.scale)


def basis_of(features: np.ndarray) -> Basis:
    """The basis of images by their features (images, width); the same for the same images."""
    x = unit(features)
    width = features.shape[1]
    middle = x.mean(axis=0) if len(x) else np.zeros(width, np.float32)
    x = x - middle
    directions, sizes = principal(x, min(ROUND_WIDTH + SPARE, width))
    directions = directions[:, :ROUND_WIDTH]
    wide = np.zeros(directions.shape[1])
    wide[: len(sizes)] = sizes[: len(wide)].astype(np.float64) ** 2
    usual = float((x.astype(np.float64) ** 2).sum()) / width
    spread = (1 - SHRINKAGE) * wide + SHRINKAGE * usual
    scale = (spread / max(1, len(x)) + 1e-12) ** -0.5
    return Basis(middle, directions, scale.astype(np.float32), len(x))


def squared(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Squared distances (len(a), len(b))."""
    found = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    return np.maximum(found, 0)


def k_means(x: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Centres, and the place of each image's own; Lloyd's rounds from k-means++ (Arthur and
    Vassilvitskii, 2007), of some candidates the best, all drawn from a seed."""
    rng = np.random.default_rng(0)
    k = min(k, len(np.unique(x, axis=0)))
    centres = [x[rng.integers(len(x))]]
    far = squared(x, centres[0][None])[:, 0]
    for _ in range(k - 1):
        drawn = np.searchsorted(np.cumsum(far), rng.random(2 + int(np.log(k))) * far.sum())
        candidates = x[np.minimum(drawn, len(x) - 1)]
        left = np.minimum(far, squared(candidates, x))
        best = int(left.sum(axis=1).argmin())
        centres.append(candidates[best])
        far = left[best]
    middle, own = np.stack(centres), np.zeros(len(x), np.int64)
    for _ in range(ROUNDS):
        before, own = own, squared(x, middle).argmin(axis=1)
        if (own == before).all():
            break
        for place in range(len(middle)):
            some = x[own == place]
            if len(some):
                middle[place] = some.mean(axis=0)
    return middle, own


def groups(x: np.ndarray) -> list[np.ndarray]:
    """Groups of images that are alike, as places in x: large ones first, in each the most typical
    first, which is the one next to the middle."""
    if not len(x):
        return []
    middle, own = k_means(x, int(np.clip(round((len(x) / 2) ** 0.5), 1, MOST_GROUPS)))
    found = []
    for place in range(len(middle)):
        some = np.flatnonzero(own == place)
        away = squared(x[some], middle[place][None])[:, 0]
        found.append(some[np.argsort(away, kind="stable")])
    return sorted((some for some in found if len(some)), key=lambda some: (-len(some), some[0]))


def leaves(x: np.ndarray) -> list[int]:
    """The order of average linkage's leaves (UPGMA), each two that merge with their near ends
    together."""
    lines: list[list[int]] = [[place] for place in range(len(x))]
    apart = np.sqrt(squared(x, x))
    between = apart.copy()
    np.fill_diagonal(between, np.inf)
    for _ in range(len(x) - 1):
        a, b = sorted(np.unravel_index(between.argmin(), between.shape))
        n, m = len(lines[a]), len(lines[b])
        merged = (n * between[a] + m * between[b]) / (n + m)
        between[a], between[:, a] = merged, merged
        between[b], between[:, b] = np.inf, np.inf
        between[a, a] = np.inf
        lines[a] = joined(lines[a], lines[b], apart)
        lines[b] = []
    return max(lines, key=len) if lines else []


def joined(one: list[int], other: list[int], apart: np.ndarray) -> list[int]:
    """Two lines as one, turned so that the nearest ends touch."""
    ways: Sequence[tuple[list[int], list[int]]] = [
        (one, other),
        (one, other[::-1]),
        (one[::-1], other),
        (one[::-1], other[::-1]),
    ]
    first, second = min(ways, key=lambda pair: float(apart[pair[0][-1], pair[1][0]]))
    return [*first, *second]


def chain(x: np.ndarray) -> np.ndarray:
    """An order of all images in which neighbours are alike: group by group, and in each from an
    image to the nearest that is left."""
    if not len(x):
        return np.zeros(0, np.int64)
    middle, own = k_means(x, max(1, round(len(x) ** 0.5)))
    found: list[int] = []
    for place in leaves(middle):
        left = np.flatnonzero(own == place)
        here = x[found[-1]] if found else middle[place]
        while len(left):
            nearest = int(squared(x[left], here[None])[:, 0].argmin())
            found.append(int(left[nearest]))
            here = x[found[-1]]
            left = np.delete(left, nearest)
    return np.array(found, np.int64)
