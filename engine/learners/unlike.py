"""How far images lie from all others: outside the space that features fill, and from the classes.

After ViM (Wang et al., ViM: Out-of-distribution with virtual-logit matching, CVPR 2022), where the
residual of features outside their principal space is weighed against what classes say. Here the
distance from the nearest class stands for the classes, both leave each image out of what it is
compared with, and both are counted in deviations from what is usual.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.learners.principal import principal, unit

SPACE, SPARE = 128, 8
"""Directions of the principal space, and so many more that make them exact."""
DEVIATION = 1.4826
"""The standard deviation of a normal distribution, in medians of absolute deviations."""


@dataclass(frozen=True)
class Usual:
    """The principal space of images' directions, and the classes in it."""

    middle: np.ndarray
    space: np.ndarray
    """float32 (width, SPACE), columns of length 1."""
    strength: np.ndarray
    """float32 (SPACE,): the sums of squares along them."""
    sums: np.ndarray
    """float64 (classes, width): the sums of the directions of each class's images."""

    def parts(
        self, u: np.ndarray, places: np.ndarray, learnt: np.ndarray, drawn: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Of directions u (images, width): what lies outside the space, and 1 - cosine to the
        nearest class. Those `learnt` are left out of the class at `places`, those `drawn` out of
        the space that was found from them (their residual is divided by 1 - leverage)."""
        x = u - self.middle
        inside = x @ self.space
        squares = (x**2).sum(axis=1) - (inside**2).sum(axis=1)
        leverage = (inside**2 / self.strength).sum(axis=1) * drawn
        outside = np.sqrt(np.maximum(squares, 0)) / np.maximum(1 - leverage, 1e-3)
        products = (u @ self.sums.astype(np.float32).T).astype(np.float64)
        squared = (self.sums**2).sum(axis=1)
        i = np.flatnonzero(learnt)
        own = products[i, places[i]]
        without = squared[places[i]] - 2 * own + 1  # the square of the sum without u
        cosines = products / np.sqrt(np.maximum(squared, 1e-12))
        cosines[i, places[i]] = (own - 1) / np.sqrt(np.maximum(without, 1e-12))
        return outside, 1 - cosines.max(axis=1)

    def whitened(self, u: np.ndarray) -> np.ndarray:
        """Directions u as they lie in the space, all of its directions made equally wide, and of
        length 1: float32 (images, SPACE). What is next to an image there is more often of its
        class than what is next to it by all features."""
        return unit((u - self.middle) @ self.space / np.sqrt(self.strength))


def usual(sample: np.ndarray, sums: np.ndarray, wide: int = SPACE) -> Usual:
    """The principal space of directions (images, width), so `wide` where there are images enough:
    always the same for the same images."""
    middle = sample.mean(axis=0)
    x = sample - middle
    space, sizes = principal(x, min(wide + SPARE, *x.shape))
    # A space as large as the sample would leave nothing outside.
    most = min(wide, len(x) // 4)
    return Usual(middle, space[:, :most], np.maximum(sizes[:most] ** 2, 1e-12), sums)


def together(outside: np.ndarray, away: np.ndarray) -> np.ndarray:
    """Both parts as one: how many deviations above the middle images lie, on average."""
    return (deviations(outside) + deviations(away)) / 2


def deviations(values: np.ndarray) -> np.ndarray:
    """Logarithms of values, in deviations from their median; a few that are far change neither."""
    if not len(values):
        return np.zeros(0)
    logs = np.log(np.maximum(values.astype(np.float64), 1e-9))
    off = logs - np.median(logs)
    return off / max(DEVIATION * float(np.median(np.abs(off))), 1e-9)
