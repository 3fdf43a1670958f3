"""What images may be, from those that have a class and from how all of them lie.

Few have a class, and thousands wait: where these lie together says more about a class than the few
that a person named. Features are whitened with the covariance of all images, shrunk toward a round
one, and turned to length 1 (`Basis.round`). There a class is a direction with a spread that all
share, the images that wait belong to classes by shares, those that were named wholly to theirs, and
both are found in turns:

    p(c | z) = w_c exp(k z.m_c) / sum_j w_j exp(k z.m_j)
    m_c = unit(sum of named z in c + sum of p(c | z) z over those that wait)
    w_c = 1 + sum of p(c | z) over those that wait

Nigam, McCallum, Thrun and Mitchell, Text classification from labeled and unlabeled documents using
EM, 2000, with the von Mises-Fisher distributions of Banerjee, Dhillon, Ghosh and Sra, Clustering on
the unit hypersphere, 2005. It begins anew each time, so that it depends on no order of acts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.heap.near import Basis
from engine.learners.principal import unit

SPREAD = 30.0
"""k. From 20 to 60 the answers are as good (20 of CIFAR-100's classes, clothing)."""
ROUNDS, STILL = 10, 1e-3
"""So many at most, until no share moves more than that."""
SOFT = 10.0
"""k for asking what is in doubt: with more, what is odd would be asked about and not what is
typical of many."""


def sums(named: np.ndarray, waiting: np.ndarray) -> np.ndarray:
    """What has come to each class, float32 (classes, width); its direction is its m.

    `named` (classes, width) are the sums of each class's named images, `waiting` (images, width)
    those that have no class; all whitened, images of length 1.
    """
    found, before = named, None
    wide = np.ones(len(named), np.float32)
    for _ in range(ROUNDS if len(waiting) else 0):
        now = shares(waiting @ unit(found).T, SPREAD)
        now *= wide
        now /= now.sum(axis=1, keepdims=True)
        wide = 1 + now.sum(axis=0)
        found = named + now.T @ waiting
        if before is not None and np.abs(now - before, out=before).max() <= STILL:
            break
        before = now
    return found


def shares(cosines: np.ndarray, spread: float) -> np.ndarray:
    """Probabilities of classes from cosines to their directions: float32 (images, classes)."""
    found = cosines - cosines.max(axis=1, keepdims=True)
    found *= spread
    np.exp(found, out=found)
    found /= found.sum(axis=1, keepdims=True)
    return found


@dataclass
class Mixture:
    """The named images of a project, and those of its heap, which belong to classes by shares."""

    basis: Basis
    z: np.ndarray
    """All images of the heap, whitened: float32 (images, width)."""
    speaks: np.ndarray
    """bool (images,): those that have a say while they wait."""
    named: dict[int, np.ndarray] = field(default_factory=dict)
    """The sum of each class's images, float64 (width,)."""

    def __post_init__(self) -> None:
        self._found: tuple[tuple[int, ...], np.ndarray] | None = None

    def take(self, number: int, features: np.ndarray, sign: int = 1) -> None:
        """Images (images, width) came to a class; with sign -1 they left it."""
        self._found = None
        come = self.basis.round(features).sum(axis=0, dtype=np.float64)
        self.named[number] = self.named.get(number, 0.0) + sign * come

    def changed(self) -> None:
        """Other images wait than before."""
        self._found = None

    def sums(self, classes: Sequence[int], alive: np.ndarray) -> np.ndarray:
        """What has come to these classes from what was named and what is `alive`."""
        if self._found is None or self._found[0] != tuple(classes):
            named = np.stack([self.named[n] for n in classes]).astype(np.float32)
            self._found = (tuple(classes), sums(named, self.z[alive & self.speaks]))
        return self._found[1]

    def cosines(self, classes: Sequence[int], alive: np.ndarray) -> np.ndarray:
        """Of each image of the heap to each class: float32 (images, classes)."""
        return self.z @ unit(self.sums(classes, alive)).T

    def left_out(
        self, z: np.ndarray, places: np.ndarray, classes: Sequence[int], alive: np.ndarray
    ) -> np.ndarray:
        """Cosines of named images `z`, each without its own part in its class (`places`)."""
        found = self.sums(classes, alive)
        cosines = z @ unit(found).T
        left = found[places] - z
        long = np.maximum(np.linalg.norm(left, axis=1), 1e-3)  # what rounding leaves is nothing
        cosines[np.arange(len(z)), places] = (left * z).sum(axis=1) / long
        return cosines
