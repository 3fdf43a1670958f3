"""The heads that two sums give, and which of them suits the images best, by leaving one out."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from engine.learners.centred_ridge import START as PENALTY
from engine.learners.centred_ridge import CentredRidge
from engine.learners.confidence import temperature
from engine.learners.discriminant import START, Discriminant
from engine.learners.live import Live
from engine.learners.pooling import alike, best_weights
from engine.learners.scaled import Scaled
from engine.learners.sums import FLOAT
from engine.system.words import per_cent, plural

TITLES = (
    "discriminant analysis",
    "discriminant analysis on square roots",
    "discriminant analysis with each feature in its own spread",
    "ridge regression",
    "all four together",
)
"""The first is the recommended method; the last is a weighted sum of the others' logits."""
SURE = 3.0
"""So many standard errors a lead must have: four are compared, and none shall win by chance."""


@dataclass(frozen=True)
class Decision:
    """Which head was chosen, with what its parts are made from: plain numbers.

    `weights` are those of the four heads' logits; `right` the shares of `images` that each of the
    five answers rightly, none where nothing could be compared.
    """

    head: int = 0
    weights: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0)
    shrinkage: float = START
    penalty: float = PENALTY
    images: int = 0
    right: tuple[float, ...] = ()


@dataclass(frozen=True)
class Candidates:
    """The heads that two sums give: of the features, and of their square roots."""

    plain: Discriminant
    roots: Discriminant
    decision: Decision

    def copy(self) -> Candidates:
        """One that can change while this one stays: the sums themselves are never changed."""
        return Candidates(copy.copy(self.plain), copy.copy(self.roots), self.decision)

    def spread(self, shrinkage: float) -> Scaled:
        return Scaled.own_spread(self.plain, shrinkage)

    def ridge(self, penalty: float) -> CentredRidge:
        return CentredRidge(self.plain._known, self.plain._scatter, penalty)

    # What the heads say, each by its place in TITLES.

    def head(self, place: int) -> nn.Module:
        if place == 2:
            return self.spread(self.decision.shrinkage).head()
        if place == 3:
            return self.ridge(self.decision.penalty).head()
        return (self.plain, self.roots)[place].head()

    def left_out(self, place: int, features: Tensor, classes: Tensor) -> Tensor:
        if place == 2:
            return self.spread(self.decision.shrinkage).left_out(features, classes)
        if place == 3:
            return self.ridge(self.decision.penalty).left_out(features, classes)
        return (self.plain, self.roots)[place].left_out(features, classes)

    def live(self, place: int, waiting: Tensor) -> Live:
        if place == 2:
            return self.spread(self.decision.shrinkage).live(waiting)
        if place == 3:
            return self.ridge(self.decision.penalty).live(waiting)
        return (self.plain, self.roots)[place].live(waiting)

    @property
    def used(self) -> list[tuple[int, float]]:
        """The heads that have a part in the answer, by place, and their weights."""
        return [(place, w) for place, w in enumerate(self.decision.weights) if w]

    # Images that come and go.

    def forget(self, number: int, features: Tensor) -> None:
        for part in (self.plain, self.roots):
            part.forget(number, features)

    def take(self, number: int, features: Tensor) -> None:
        """Adds images to a class; what was chosen stays as it is."""
        for part in (self.plain, self.roots):
            part.take(number, features)

    def refitted(self, sample: Tensor, classes: Tensor) -> Candidates:
        """Chosen anew, the parts' own regularisation as well."""
        heads = self.copy()
        for part in (heads.plain, heads.roots):
            part.refit(sample, classes)
        return heads.decided(sample, classes)

    def decided(self, sample: Tensor, classes: Tensor) -> Candidates:
        """The same with what suits a sample best; all of it follows from the images alone."""
        known = self.plain._known
        several = known.n[known.rows_of(classes)] > 1
        if len(known.counts) < 2 or not bool(several.any()):
            return replace(self, decision=Decision())
        x, y = sample[several], classes[several]
        scaled = self.spread(START)
        scaled.refit(x, y)
        penalty = self.ridge(PENALTY).chosen(x, y).penalty
        ready = replace(self, decision=Decision(shrinkage=scaled._s, penalty=penalty))
        said = torch.stack([ready.left_out(place, x, y) for place in range(4)])
        return replace(self, decision=decided(ready.decision, said, known.rows_of(y)))


def decided(parts: Decision, said: Tensor, places: Tensor) -> Decision:
    """Which head to take, from what each says of images that it left out: (4, images, classes).

    A head other than the first one is taken where it is right as often, and where its calibrated
    loss of the same images, all classes counting alike, is less by SURE standard errors; of several
    the one with the least.
    """
    weights = best_weights(said, places)
    pooled = torch.tensordot(weights, said, dims=1)
    all_said = [*said, pooled]
    right = [(logits.argmax(dim=1) == places).to(FLOAT) for logits in all_said]
    losses = [
        cross_entropy(logits / temperature(logits, places), places, reduction="none")
        for logits in all_said
    ]
    best, lead = 0, 0.0
    # Where all but one have no part, together they are that one, and rounding would decide.
    several = int(weights.count_nonzero()) > 1
    for place in range(1, len(all_said) if several else len(said)):
        gain = (losses[0] - losses[place]) * alike(places)
        mean, error = float(gain.mean()), float(gain.std(correction=0)) / len(gain) ** 0.5
        as_often = float(right[place].sum()) >= float(right[0].sum())
        if mean > lead and mean > SURE * error and as_often:
            best, lead = place, mean
    one = tuple(float(place == best) for place in range(4))
    return replace(
        parts,
        head=best,
        weights=one if best < 4 else tuple(weights.tolist()),
        images=len(places),
        right=tuple(float(share.mean()) for share in right),
    )


def sentence(found: Decision) -> str:
    """Which head was chosen, and why."""
    right, usual = per_cent(found.right[found.head]), per_cent(found.right[0])
    of = f"{right} of {plural(found.images)} are right when each is asked"
    if not found.head:
        why = "and no other method is better beyond chance"
        return f"Chosen: the recommended method. {of} as if it had not been learnt, {why}."
    why = f"by the recommended method {usual}"
    return f"Chosen: {TITLES[found.head]}. {of} as if it had not been learnt; {why}."
