"""Merging branches: a network of the original's size learns to answer as all branches together.

Hinton, Vinyals and Dean, Distilling the knowledge in a neural network, 2015.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from engine.events import Event
from engine.models.backbone import Backbone, Stage
from engine.training.batches import Batch
from engine.training.branching.training import BranchData, raised
from engine.training.tuner import Loss

TEMPERATURE = 2.0
WEIGHT = 1.0


@dataclass
class DistilledLoss(Loss):
    """Cross-entropy, and the joined answers of the branched network on the same views.

    `stages` are those of the branched network; below its last one they are the student's, too.
    `head` gives probabilities from features (n, 1, width); `columns` are the places of the
    student's classes among them.
    """

    stages: Sequence[nn.Module]
    head: nn.Module
    columns: Sequence[int]

    def __call__(self, logits: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, dict[str, Any]]:
        value, figures = super().__call__(logits, batch)
        said = F.log_softmax(logits / TEMPERATURE, 1)
        against = F.kl_div(said, self.answers(batch), reduction="batchmean", log_target=True)
        return value + WEIGHT * TEMPERATURE**2 * against, figures

    @torch.no_grad()
    def answers(self, batch: Batch) -> torch.Tensor:
        """The teacher's softened log-probabilities (batch, classes)."""
        x = batch.given
        for stage in self.stages[batch.start :]:
            x = stage.eval()(x)
        chances = self.head(x[:, None])[0][:, list(self.columns)]
        return F.log_softmax(chances.clamp_min(1e-8).log() / TEMPERATURE, 1)


def distil(
    ground: BranchData, branched: Backbone, head: nn.Module, columns: Sequence[int]
) -> Generator[Event, None, Backbone]:
    """The original network of a ground, its upper stages taught by a branched one with its head.

    What is trained begins where the branches do.
    """
    cut = branched.cuts[-2]  # the trunk's last stage: the last one of all holds the branches
    stages = [stage.module for stage in branched.stages]
    course = ground.course(cut, DistilledLoss(ground.tuning.smoothing, stages, head, columns))
    yield from course.follow()
    original, upper = ground.original, raised(course, cut, ground.original)
    at = original.position(cut)
    names = [stage.name for stage in original.stages[at:]]
    new = [Stage(name, module) for name, module in zip(names, upper, strict=True)]
    return replace(original, stages=[*original.stages[:at], *new])
