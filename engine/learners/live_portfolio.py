"""A live head of the portfolio: those that were chosen follow each act, and all at a settling."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.learners.live import Live
from engine.learners.portfolio import Portfolio


class LivePortfolio(Live):
    """Each act changes the two sums, and the live heads that have a part in the answer. Which these
    are is chosen anew when it settles, from the sums."""

    def __init__(self, learner: Portfolio, waiting: Tensor) -> None:
        self.learner, self.waiting = learner, waiting
        self.begin()

    def begin(self) -> None:
        """Live heads of what is chosen now, from the sums as they are, with their weights."""
        heads = self.learner._heads
        self.heads = [(heads.live(place, self.waiting), w) for place, w in self.learner._used]

    @property
    def classes(self) -> tuple[int, ...]:
        return self.learner.classes

    def learn(self, number: int, features: Tensor) -> None:
        for live, _ in self.heads:
            live.learn(number, features)
        self.learner._heads.take(number, features)

    def unlearn(self, number: int, gone: Tensor, left: Tensor) -> None:
        for live, _ in self.heads:
            live.unlearn(number, gone, left)
        self.learner.forget(number, torch.cat([gone, left]))
        if len(left):
            self.learner._heads.take(number, left)

    def logits(self) -> Tensor:
        return torch.stack([weight * live.logits() for live, weight in self.heads]).sum(dim=0)

    def asked(self, features: Tensor) -> Tensor:
        found = [weight * live.asked(features) for live, weight in self.heads]
        return torch.stack(found).sum(dim=0)

    def settle(self, sample: Tensor, sample_classes: Tensor) -> None:
        self.learner.refit(sample, sample_classes)
        self.begin()
