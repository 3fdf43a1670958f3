"""Several heads from the same sums, and the one that suits the images best, by leaving one out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from engine.events import Step
from engine.learners import LEARNERS, Learner, Task
from engine.learners.candidates import TITLES, Candidates, Decision, sentence
from engine.learners.discriminant import Discriminant
from engine.learners.live import Live
from engine.learners.live_portfolio import LivePortfolio
from engine.learners.pooling import Pooled
from engine.results.scores import Choice


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
        self._heads = fresh()

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
        heads.forget(number, features)
        self._heads = heads

    def refit(self, sample: Tensor, sample_classes: Tensor) -> None:
        self._heads = self._heads.refitted(sample, sample_classes)

    def head(self) -> nn.Module:
        used = self._heads.used
        heads = [self._heads.head(place) for place, _ in used]
        alone = self._heads.decision.head < 4
        return heads[0] if alone else Pooled(heads, [weight for _, weight in used])

    def left_out(self, features: Tensor, classes: Tensor) -> Tensor:
        heads = self._heads
        found = [w * heads.left_out(place, features, classes) for place, w in heads.used]
        return torch.stack(found).sum(dim=0)

    def spread(self) -> tuple[Tensor, Tensor, Tensor] | None:
        return self._heads.plain.spread()

    def live(self, waiting: Tensor) -> Live:
        return LivePortfolio(self._heads, waiting)

    def quick(self) -> Learner:
        """The recommended method, which compares nothing."""
        return LEARNERS.make("slda")

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
        heads = fresh()
        for name, part in (("plain/", heads.plain), ("roots/", heads.roots)):
            part.restore({k[len(name) :]: a for k, a in memory.items() if k.startswith(name)})
        head, shrinkage, penalty, images = memory["chosen"].tolist()
        weights, right = (tuple(memory[name].tolist()) for name in ("weights", "right"))
        chosen = Decision(int(head), weights, shrinkage, penalty, int(images), right)
        self._heads = replace(heads, decision=chosen)


def fresh() -> Candidates:
    """Before anything is learnt."""
    plain, roots = (cast(Discriminant, LEARNERS.make(name)) for name in ("slda", "roots"))
    return Candidates(plain, roots, Decision())
