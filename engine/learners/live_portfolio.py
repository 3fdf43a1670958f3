"""A live head of the portfolio: those that were chosen follow each act, and all at a settling."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.learners.candidates import Candidates
from engine.learners.live import Live


class LivePortfolio(Live):
    """Each act changes the two sums, and the live heads that have a part in the answer. Which these
    are is chosen anew when it settles, from the sums."""

    def __init__(self, heads: Candidates, waiting: Tensor) -> None:
        self.waiting = waiting
        self.begin(heads)

    def begin(self, heads: Candidates) -> None:
        """Live heads of what is chosen, from the sums as they are, with their weights."""
        self.heads = heads
        self.lives = [(heads.live(place, self.waiting), weight) for place, weight in heads.used]

    @property
    def classes(self) -> tuple[int, ...]:
        return self.heads.plain.classes

    def learn(self, number: int, features: Tensor) -> None:
        for live, _ in self.lives:
            live.learn(number, features)
        self.heads.take(number, features)

    def unlearn(self, number: int, gone: Tensor, left: Tensor) -> None:
        for live, _ in self.lives:
            live.unlearn(number, gone, left)
        self.heads.forget(number, torch.cat([gone, left]))
        if len(left):
            self.heads.take(number, left)

    def logits(self) -> Tensor:
        return torch.stack([weight * live.logits() for live, weight in self.lives]).sum(dim=0)

    def asked(self, features: Tensor) -> Tensor:
        found = [weight * live.asked(features) for live, weight in self.lives]
        return torch.stack(found).sum(dim=0)

    def settle(self, sample: Tensor, sample_classes: Tensor, moments: int = 0) -> None:
        plain = self.heads.plain
        plain._moments = moments or plain._moments
        self.begin(self.heads.refitted(sample, sample_classes))
