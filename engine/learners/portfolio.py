"""Several heads from the same sums, and the one that suits the images best, by leaving one out."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from engine.events import Step
from engine.learners import LEARNERS, Learner, Task
from engine.learners.centred_ridge import START as PENALTY
from engine.learners.centred_ridge import CentredRidge
from engine.learners.confidence import temperature
from engine.learners.heads import Linear
from engine.learners.live import Live
from engine.learners.pooling import Pooled, alike, best_weights
from engine.learners.roots import RootLDA
from engine.learners.slda import START, StreamingLDA, is_zero, solved
from engine.learners.sums import FLOAT, ClassSums, rows
from engine.results.scores import Choice
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
LEAST = 1e-3
"""Of a feature's variance inside the classes, as a share of the mean one."""


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


class OwnSpread(StreamingLDA):
    """Discriminant analysis of features that are scaled to vary alike inside the classes: their
    covariance is drawn toward its own diagonal (Friedman, Regularized discriminant analysis, 1989).
    """

    scales: Tensor

    @classmethod
    def of(cls, plain: StreamingLDA, shrinkage: float) -> OwnSpread:
        made, known = cls(), plain._known
        own = plain._scatter.diagonal()
        flat = is_zero(plain._scatter, known)
        v = made.scales = torch.ones_like(own) if flat else (own / own.mean() + LEAST).rsqrt()
        sums = {number: total * v for number, total in known.sums.items()}
        made._known = ClassSums(dict(known.counts), sums)
        made._scatter, made._s = plain._scatter * v * v[:, None], shrinkage
        return made

    def seen(self, features: Tensor) -> Tensor:
        return rows(features)[:, None] * self.scales

    def head(self) -> nn.Module:
        """Linear in the features themselves: the scales are multiplied into the weights."""
        weight = solved(self._scatter, self._known, self._s) * self.scales
        return Linear.between_means(weight, self._known.means / self.scales)


@dataclass(frozen=True)
class Candidates:
    """The heads that two sums give: of the features, and of their square roots."""

    plain: StreamingLDA
    roots: RootLDA
    decision: Decision

    def copy(self) -> Candidates:
        """One that can change while this one stays: the sums themselves are never changed."""
        return Candidates(copy.copy(self.plain), copy.copy(self.roots), self.decision)

    def spread(self, shrinkage: float) -> OwnSpread:
        return OwnSpread.of(self.plain, shrinkage)

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

    def take(self, number: int, features: Tensor) -> None:
        """Adds images to a class; what was chosen stays as it is."""
        for part in (self.plain, self.roots):
            part.take(number, features)

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
    for place in range(1, len(all_said)):
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


@LEARNERS.register("auto", "Chosen for these images")
@dataclass
class Portfolio(Learner):
    """Tries four methods and all of them together, and takes the best for these images.

    Each answers every image of a sample as if it had not been learnt, in closed form, so nothing is
    held out and nothing is learnt twice. The recommended method stays unless another is better
    beyond chance. The sums of the features and of their square roots are kept (see slda and roots),
    and all of it follows from them and the sample: so it is exact and order-free like its parts.
    Memory: twice that of slda.
    """

    def __post_init__(self) -> None:
        self._heads = Candidates(StreamingLDA(), RootLDA(), Decision())

    @property
    def classes(self) -> tuple[int, ...]:
        return self._heads.plain.classes

    def learn(self, task: Task) -> Iterator[Step]:
        heads = self._heads.copy()
        for place, part in enumerate((heads.plain, heads.roots)):
            for step in part.learn(task):
                done = (place + step.done / step.total) / 3
                yield Step(int(1000 * done), 1000, step.figures)
        heads = heads.decided(task.sample, task.sample_classes)
        yield Step(1000, 1000, {"method": heads.decision.head})
        self._heads = heads

    def forget(self, number: int, features: Tensor) -> None:
        heads = self._heads.copy()
        for part in (heads.plain, heads.roots):
            part.forget(number, features)
        self._heads = heads

    def refit(self, sample: Tensor, sample_classes: Tensor) -> None:
        heads = self._heads.copy()
        for part in (heads.plain, heads.roots):
            part.refit(sample, sample_classes)
        self._heads = heads.decided(sample, sample_classes)

    def head(self) -> nn.Module:
        used = self._used
        heads = [self._heads.head(place) for place, _ in used]
        return heads[0] if self._single else Pooled(heads, [weight for _, weight in used])

    def left_out(self, features: Tensor, classes: Tensor) -> Tensor:
        found = [
            weight * self._heads.left_out(place, features, classes) for place, weight in self._used
        ]
        return torch.stack(found).sum(dim=0)

    def spread(self) -> tuple[Tensor, Tensor, Tensor] | None:
        return self._heads.plain.spread()

    def live(self, waiting: Tensor) -> Live:
        from engine.learners.live_portfolio import LivePortfolio

        return LivePortfolio(self, waiting)

    def quick(self) -> Learner:
        """The recommended method, which compares nothing."""
        return StreamingLDA()

    def choice(self) -> Choice | None:
        found = self._heads.decision
        if not found.images:
            return None
        return {
            "title": TITLES[found.head],
            "images": found.images,
            "titles": list(TITLES),
            "right": list(found.right),
            "says": sentence(found),
        }

    def memory(self) -> dict[str, np.ndarray]:
        found = self._heads.decision
        parts = {"plain": self._heads.plain, "roots": self._heads.roots}
        kept = {f"{n}/{key}": a for n, part in parts.items() for key, a in part.memory().items()}
        figures = (found.head, found.shrinkage, found.penalty, found.images)
        return {
            **kept,
            "chosen": np.array(figures, np.float64),
            "weights": np.array(found.weights, np.float64),
            "right": np.array(found.right, np.float64),
        }

    def restore(self, memory: Mapping[str, np.ndarray]) -> None:
        plain, roots = StreamingLDA(), RootLDA()
        for name, part in (("plain/", plain), ("roots/", roots)):
            part.restore({k[len(name) :]: a for k, a in memory.items() if k.startswith(name)})
        head, shrinkage, penalty, images = memory["chosen"].tolist()
        weights, right = (tuple(memory[name].tolist()) for name in ("weights", "right"))
        chosen = Decision(int(head), weights, shrinkage, penalty, int(images), right)
        self._heads = Candidates(plain, roots, chosen)

    @property
    def _single(self) -> bool:
        return self._heads.decision.head < 4

    @property
    def _used(self) -> Sequence[tuple[int, float]]:
        """The heads that have a part in the answer, by place, and their weights."""
        return [(place, w) for place, w in enumerate(self._heads.decision.weights) if w]


def sentence(found: Decision) -> str:
    """Which head was chosen, and why."""
    right, usual = per_cent(found.right[found.head]), per_cent(found.right[0])
    of = f"{right} of {plural(found.images)} are right when each is asked"
    if not found.head:
        why = "and no other method is better beyond chance"
        return f"Chosen: the recommended method. {of} as if it had not been learnt, {why}."
    why = f"by the recommended method {usual}"
    return f"Chosen: {TITLES[found.head]}. {of} as if it had not been learnt; {why}."
