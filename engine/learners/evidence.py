"""What tells that an image is "none of these": three kinds of evidence, and how much each counts.

How far its direction lies from the nearest class's, how much of it lies outside the space that the
images fill, and by how little the head prefers one class. The last two are those of ViM (Wang and
others, ViM: Out-of-distribution with virtual-logit matching, CVPR 2022). How they are weighed is
chosen on classes that are left out: their images stand for none of these, and each of the others is
judged as if it had not been learnt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from engine.learners.metrics import ranked_above
from engine.learners.unlike import Usual, usual

SPACE = 64
"""Directions of the space outside of which evidence lies: they go into each export."""
FOLDS, HALVES = 5, 2
FEWEST_CLASSES = 3
"""With fewer, none can be left out: one class alone is preferred to nothing."""
ENOUGH = 600
"""So many images choose the weights."""
SURE = 0.005
"""A choice must tell so much more of the pairs apart than the one before it."""
WEIGHTS = ((1.0, 0.0, 1.0), (1.0, 0.0, 2.0), (0.0, 1.0, 1.0), (0.0, 1.0, 2.0), (1.0, 0.0, 0.0))
"""Of the distance to the nearest class, of what lies outside, and of the head's indifference, each
in its own deviations. The first is taken where nothing tells which is best."""


@dataclass(frozen=True)
class Evidence:
    """How an image's distance is made from the three: a weighted sum, 0 where an image is usual.

    `weights` float64 (3,), `less` what is taken off it, `middle` float32 (width,) and `space`
    float32 (width, SPACE) what tells how much of a direction lies outside.
    """

    weights: np.ndarray
    less: float
    middle: np.ndarray
    space: np.ndarray

    def save(self) -> dict[str, np.ndarray]:
        found = {"weights": self.weights, "middle": self.middle, "space": self.space}
        return {f"evidence_{name}": array for name, array in found.items()} | {
            "evidence_less": np.array(self.less)
        }

    @classmethod
    def restore(cls, memory: Mapping[str, np.ndarray]) -> Evidence | None:
        """None for what was learnt before there was more than one kind."""
        if "evidence_weights" not in memory:
            return None
        names = ("weights", "middle", "space")
        weights, middle, space = (np.asarray(memory[f"evidence_{name}"]) for name in names)
        return cls(weights, float(memory["evidence_less"]), middle, space)

    def of(self, parts: np.ndarray) -> np.ndarray:
        """Distances (images,) of parts (images, 3)."""
        return parts @ self.weights - self.less


class Weighed(nn.Module):
    """Evidence as a part of a model: directions and logits to distances (n,)."""

    def __init__(self, evidence: Evidence) -> None:
        super().__init__()
        self.weights, self.less = tuple(evidence.weights.tolist()), evidence.less
        self.middle: Tensor
        self.space: Tensor
        if self.weights[1]:
            self.register_buffer("middle", torch.tensor(evidence.middle))
            self.register_buffer("space", torch.tensor(evidence.space))

    def forward(self, away: Tensor, u: Tensor, logits: Tensor) -> Tensor:
        """Of distances from the nearest class (n,), directions (n, width), logits (n, classes)."""
        nearest, outside, indifferent = self.weights
        found = nearest * away - self.less
        if outside:
            x = u - self.middle
            squares = x.square().sum(dim=1) - (x @ self.space).square().sum(dim=1)
            found = found + outside * squares.relu().sqrt()
        return found + indifferent * indifference(logits) if indifferent else found


def indifference(logits: Tensor) -> Tensor:
    """By how little a head prefers the likeliest class to all of them, at most 0: (images,)."""
    return logits.mean(dim=1) - logits.amax(dim=1)


@dataclass(frozen=True)
class Sample:
    """Images that were learnt, as arrays: directions float32 (images, width), places of their
    classes, and logits (images, classes) by a head that left each of them out."""

    u: np.ndarray
    places: np.ndarray
    logits: np.ndarray

    def among(self, chosen: np.ndarray) -> Sample:
        return Sample(self.u[chosen], self.places[chosen], self.logits[chosen])

    @property
    def sums(self) -> np.ndarray:
        """The sums of the directions of each class's images: float64 (classes, width)."""
        numbers = np.arange(self.logits.shape[1])
        return (self.places == numbers[:, None]).astype(np.float64) @ self.u.astype(np.float64)

    @property
    def space(self) -> Usual:
        return usual(self.u, self.sums, SPACE)

    def without(self, classes: np.ndarray) -> tuple[Sample, Sample]:
        """The images of the other classes, and those of `classes` (places), both asked a head that
        does not know these."""
        out = np.isin(self.places, classes)
        left = np.setdiff1d(np.arange(self.logits.shape[1]), classes)
        at = np.searchsorted(left, self.places)
        of = Sample(self.u, at, self.logits[:, left])
        return of.among(~out), of.among(out)


def parts_of(
    space: Usual, u: np.ndarray, logits: np.ndarray, learnt: np.ndarray | None = None
) -> np.ndarray:
    """The three kinds of evidence (images, 3). Images of the classes at the places `learnt` are
    left out of the directions that they are compared with; the space must not be made from them."""
    own = np.full(len(u), learnt is not None)
    places = np.zeros(len(u), np.int64) if learnt is None else learnt
    outside, away = space.parts(u, places, own, np.zeros(len(u), bool))
    indifferent = indifference(torch.from_numpy(logits.astype(np.float64))).numpy()
    return np.stack([away, outside, indifferent], axis=1)


def parts_left_out(
    sample: Sample, others: Sample | None = None, folds: int = FOLDS
) -> tuple[np.ndarray, np.ndarray]:
    """As parts_of, of the images of a sample: of so many folds each is judged by the space of the
    rest, and each image left out of its class's direction. And of `others`, which are of none of
    the classes: the mean by the same spaces."""
    fold_of, found = np.arange(len(sample.u)) % folds, np.zeros((len(sample.u), 3))
    beside = np.zeros((len(others.u) if others else 0, 3))
    for fold in range(folds):
        asked = sample.among(fold_of == fold)
        space = replace(sample.among(fold_of != fold).space, sums=sample.sums)
        found[fold_of == fold] = parts_of(space, asked.u, asked.logits, asked.places)
        if others is not None:
            beside += parts_of(space, others.u, others.logits) / folds
    return found, beside


def chosen(sample: Sample) -> tuple[float, float, float]:
    """The weights that tell images of left-out classes best from those of the others.

    Classes are left out in FOLDS groups. What the head knows of how features vary still holds
    theirs; the directions and the space do not. Of choices that tell alike many pairs apart the
    first is taken.
    """
    classes = sample.logits.shape[1]
    folds = np.arange(classes) % FOLDS
    scores = np.zeros(len(WEIGHTS))
    for fold in range(min(FOLDS, classes)):
        known, other = sample.without(np.flatnonzero(folds == fold))
        near, far = parts_left_out(known, other, HALVES)
        wide = near.std(axis=0).clip(1e-9)
        for i, weights in enumerate(WEIGHTS):
            w = np.array(weights) / wide
            scores[i] += ranked_above(far @ w, near @ w) / min(FOLDS, classes)
    best = 0
    for i, score in enumerate(scores.tolist()):
        best = i if score > scores[best] + SURE else best
    return WEIGHTS[best]


def weighed(x: Tensor, places: Tensor, logits: Tensor) -> tuple[Evidence, Tensor]:
    """The evidence that suits images that were learnt, of FEWEST_CLASSES or more, and the distances
    of these with each left out: float64 (images,).

    `x` are directions float64 (images, width), `logits` (images, classes) leave each image out.
    Which images are judged together follows from their order: that of a sample, by class and hash.
    """
    sample = Sample(x.float().numpy(), places.numpy(), logits.numpy())
    space = sample.space
    parts, _ = parts_left_out(sample)
    few = np.arange(len(sample.u)) % -(-len(sample.u) // ENOUGH) == 0
    weights = np.array(chosen(sample.among(few))) / parts.std(axis=0).clip(1e-9)
    found = Evidence(weights, float(np.median(parts @ weights)), space.middle, space.space)
    return found, torch.from_numpy(found.of(parts))
