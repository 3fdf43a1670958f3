"""A run on images without classes: judged after each epoch by a head in closed form."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch

from engine.events import Event, Notice
from engine.learners import Learner
from engine.learning.comparison import scored
from engine.results.tune import Unlabelled
from engine.training.run import TuningRun
from engine.training.run_metrics import RunMetrics

COLLAPSED = 0.2
"""The mean spread of an epoch below which images are hardly told apart any more; healthy is 1."""
SAID = (
    "The network collapsed: it gives nearly the same for all images, so adapting stopped. Start "
    "again with a lower learning rate, or with the other method."
)


@dataclass(frozen=True)
class ClosedForm:
    """The project's learner on features of its images: the first `learnt` are learnt, the others
    are held out."""

    learner: Callable[[], Learner]
    classes: np.ndarray
    learnt: int

    def accuracy(self, features: torch.Tensor) -> float:
        """The share of held-out images that are answered rightly; features (images, width)."""
        seen, classes, at = features[:, None], self.classes, self.learnt
        found = scored(self.learner(), seen[:at], classes[:at], seen[at:], classes[at:])
        return found.accuracy


def collapsed(epochs: Sequence[Mapping[str, float]]) -> bool:
    """Whether outputs were nearly all the same in the last of a run's epochs."""
    return bool(epochs) and epochs[-1]["train_spread"] < COLLAPSED


def metrics() -> RunMetrics:
    return RunMetrics(steps={"step": [], "seconds": [], "loss": [], "spread": []})


@dataclass
class AdaptingRun(TuningRun):
    """`shown` are the project's images with classes, by which `judge` tells how good features are;
    their classes have no part in the training."""

    account: RunMetrics = field(default_factory=metrics)
    judge: ClosedForm = field(kw_only=True)
    made: ClassVar[str] = "adapted"
    doing: ClassVar[str] = "Adapting"

    def follow(self) -> Iterator[Event]:
        yield from super().follow()
        if self.collapsed:
            yield Notice(SAID, "warning")

    @property
    def collapsed(self) -> bool:
        return collapsed(self.account.epochs)

    def unlabelled(self) -> Unlabelled:
        epochs = self.account.epochs
        spread = epochs[-1]["train_spread"] if epochs else 1.0
        return {"images": len(self.lessons), "spread": spread, "collapsed": self.collapsed}

    def patience_is_over(self) -> bool:
        return self.collapsed or super().patience_is_over()

    @torch.no_grad()
    def held_out(self, start: int = 0) -> dict[str, float]:
        """The accuracy of a head in closed form on the features as they are now."""
        stages = list(self.stack.parts.values())[:-1]
        if not self.training.position:  # what stays frozen throughout is asked for again
            start = self.lessons.start(0)
        first = start if self.kept else 0
        self.stack.eval()
        features = []
        for at in range(0, len(self.shown.corpus), 64):
            rows = np.arange(at, min(at + 64, len(self.shown.corpus)))
            plain = np.zeros(len(rows), np.int64)
            x = self.kept(rows, plain, first) if first and self.kept else self.shown(rows, plain)
            x = x.to(self.lessons.device)
            for stage in stages[first:]:
                x = stage(x)
            features.append(x.float().cpu())
        self.stack.train()
        return {"validation_accuracy": self.judge.accuracy(torch.cat(features))}
