"""What all ways of tuning share: settings, what a step is shown, and its loss.

A tuner changes a backbone's stages by gradient steps, with a linear head above them that is there
only meanwhile. Which stages learn how fast is a schedule's matter (engine/schedules/).
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from engine.models.adapters import unfreeze
from engine.models.backbone import Backbone, Stage
from engine.models.growth import Growth
from engine.registry import setting
from engine.training import augment
from engine.training.activation_cache import ActivationCache
from engine.training.batches import Batch, rows_of, seeded
from engine.training.distributed.group import ALONE, Group
from engine.training.loop import Stack, adamw, sgd
from engine.training.schedules import Timetable
from engine.training.tuners import Tuner

HEAD = "head"
OPTIMISERS = {"sgd": sgd, "adamw": adamw}


def cross_entropy(logits: torch.Tensor, batch: Batch, smoothing: float) -> torch.Tensor:
    """With smoothing; of a blended batch, both answers by their shares."""
    loss = F.cross_entropy(logits, batch.classes, label_smoothing=smoothing)
    if batch.other is None:
        return loss
    other = F.cross_entropy(logits, batch.classes[batch.other], label_smoothing=smoothing)
    return batch.kept * loss + (1 - batch.kept) * other


@dataclass
class Loss:
    """The loss of a step and its figures by name."""

    smoothing: float

    def __call__(self, logits: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, dict[str, Any]]:
        value = cross_entropy(logits, batch, self.smoothing)
        right = (logits.detach().argmax(1) == batch.classes).float().mean()
        return value, {"loss": float(value.detach()), "accuracy": float(right)}


@dataclass
class GradientTuner(Tuner, ABC):
    """The settings that every way to train the stages has, with classes or without."""

    epochs: float = setting(6.0, "How often each image is seen.", least=0.01, most=10_000)
    batch: int = setting(32, "Images in one step.", least=2, most=4096)
    lr: float = setting(
        0.003, "The highest learning rate.", least=0, most=100, label="Learning rate"
    )
    optimiser: str = setting(
        "sgd",
        "sgd: momentum 0.9 (Nesterov); adamw: a rate for each weight.",
        choices=tuple(OPTIMISERS),
    )
    decay: float = setting(
        1e-4,
        "Pulls weights towards 0, so that they fit the images less closely.",
        least=0,
        most=1,
        label="Weight decay",
    )
    augment: str = setting(
        "light",
        "How much each image is changed at random: cropped, mirrored, coloured.",
        choices=augment.STRENGTHS,
    )
    patience: int = setting(
        0, "Stops after so many epochs without a better accuracy; 0 never.", least=0, most=1000
    )
    views: int = setting(
        4, "Views of each image that are kept for frozen stages; 0 keeps none.", least=0, most=64
    )
    seed: int = setting(0, "The same seed gives the same weights.", least=0, most=2**63 - 1)

    looks_back: ClassVar[bool] = False
    """Whether its loss needs the network as it was before the first step."""
    trues_norms: ClassVar[bool] = True
    """Whether batch norms are given the statistics of the images at hand first (norms.py)."""

    def steps(self, images: int) -> int:
        return max(1, round(self.epochs * self.per_epoch(images)))

    def per_epoch(self, images: int) -> int:
        return max(1, images // self.batch)

    def growth(self, before: Growth) -> Growth:
        """What the tuned network will have grown; `before` is what it has already."""
        return before

    def dressed(self, backbone: Backbone) -> list[Stage]:
        """The stages as they are trained: copies, so that the backbone stays as it is."""
        return [Stage(s.name, unfreeze(copy.deepcopy(s.module))) for s in backbone.stages]

    def undressed(self, stages: Sequence[Stage]) -> list[Stage]:
        """Trained stages in the shape that `growth` says, for use."""
        return list(stages)

    def served(self, table: Timetable, position: int) -> int:
        """How many stages from the stem up need not be run in a step where their outputs are kept:
        those that stay frozen to the end."""
        return table.settled(position)

    def begin(self, stack: Stack, lessons: Supply, new: Collection[int]) -> None:
        """What is done to a stack before its first step; its first scores are taken before."""

    def concluded(self, head: nn.Module, new: Collection[int]) -> None:
        """What is done to the head that was trained beside the stages, at the end."""

    def optimised(self, stack: Stack) -> torch.optim.Optimizer:
        return OPTIMISERS[self.optimiser](dict(stack.parts.items()), self.decay)


@dataclass
class Tuning(GradientTuner, ABC):
    """The settings that every way of tuning on images with classes has."""

    smoothing: float = setting(
        0.1, "Label smoothing: the share of doubt in each answer that is taught.", least=0, most=0.9
    )
    mixup: float = setting(
        0.0, "Above 0, pairs of images are blended; 0.2 is usual.", least=0, most=10
    )
    balance: bool = setting(
        False, "Shows images of small classes more often.", label="Balance by class"
    )

    def chosen(
        self, features: np.ndarray, classes: np.ndarray, sizes: np.ndarray, new: Collection[int]
    ) -> np.ndarray | None:
        """Which rows of the training images are learnt from; None for all.

        `features` (images, width) are those of the network before, `sizes` bytes of files, `new`
        the places of the classes that the last step brought.
        """
        return None

    def loss(self, stack: Stack, new: Collection[int]) -> Loss:
        """The loss of a run that begins with `stack`."""
        return Loss(self.smoothing)


def stack_of(stages: Sequence[Stage], head: nn.Module, device: torch.device) -> Stack:
    """The stages with a linear head above them, ready to be trained."""
    stack = Stack([*stages, Stage(HEAD, head)]).to(device)
    return stack.to(memory_format=torch.channels_last)


@dataclass
class Supply(ABC):
    """The images of a run, and where the outputs of its frozen stages are kept.

    Batches depend on the seed and the position alone (and on what is frozen there).
    """

    tuning: GradientTuner
    views: augment.Views
    timetable: Timetable
    device: torch.device
    prefix: ActivationCache | None = None
    group: Group = ALONE

    def __len__(self) -> int:
        return len(self.views.corpus)

    def start(self, position: int) -> int:
        """How many stages are not run in a step, because what they give is kept or computed."""
        return self.tuning.served(self.timetable, position) if self.prefix else 0

    @abstractmethod
    def batch(self, position: int) -> Batch:
        """What the step at a position is shown."""


@dataclass
class BatchSource(Supply):
    """Images with their classes."""

    tuning: Tuning

    def batch(self, position: int) -> Batch:
        """What the step at a position is shown."""
        tuning, start = self.tuning, self.start(position)
        epoch, at = divmod(position, tuning.per_epoch(len(self)))
        rows = self.rows(epoch)[at]
        given = self.shown(rows[self.group.own(len(rows))], epoch, start)
        classes = torch.from_numpy(self.views.corpus.classes[rows])
        batch = Batch(given, start, classes.to(self.device), rows, group=self.group)
        return self.mixed(batch, position, epoch) if tuning.mixup else batch

    def shown(self, rows: np.ndarray, epoch: int, start: int) -> torch.Tensor:
        """Some images as they are seen in an epoch: pixels, or what `start` stages give."""
        if self.prefix is not None and start:
            given = self.prefix(rows, (rows + epoch) % self.prefix.count, start)
        else:
            # Numbers that no kept view has: they are new in each epoch.
            given = self.views(rows, np.full(len(rows), 1000 + epoch))
        return given.to(self.device)

    def rows(self, epoch: int) -> np.ndarray:
        """An epoch's batches as rows (batches, batch); classes drawn alike where that is asked."""
        tuning = self.tuning
        size = min(tuning.batch, len(self))
        if not tuning.balance:
            return rows_of(len(self), size, tuning.seed, epoch)
        classes = torch.from_numpy(self.views.corpus.classes)
        weights = 1 / torch.bincount(classes).clamp_min(1)[classes].double()
        drawn = torch.multinomial(
            weights, len(self) // size * size, True, generator=seeded(tuning.seed, epoch)
        )
        return drawn.numpy().reshape(-1, size)

    def mixed(self, batch: Batch, position: int, epoch: int) -> Batch:
        """Mixup (Zhang et al. 2018); where stages are not run, of what they give (manifold mixup,
        Verma et al. 2019)."""
        rng = np.random.default_rng((self.tuning.seed, 1, position))
        kept = float(rng.beta(self.tuning.mixup, self.tuning.mixup))
        order = rng.permutation(len(batch.rows))
        other = torch.from_numpy(order).to(self.device)
        if self.group.size == 1:
            beside = batch.given[other]
        else:  # it may be in another process's part
            rows = batch.rows[order[self.group.own(len(order))]]
            beside = self.shown(rows, epoch, batch.start)
        given = kept * batch.given + (1 - kept) * beside
        return replace(batch, given=given, other=other, kept=kept)
