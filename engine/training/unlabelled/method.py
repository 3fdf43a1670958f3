"""What the methods without classes share: settings, two views of each image, and their loss.

A small network above the features, the projector, is there only while the stages learn; what is
compared are its outputs for two views of the same images.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.models.backbone import Backbone, Stage
from engine.registry import setting
from engine.training import augment
from engine.training.batches import Batch
from engine.training.initial_weights import begin_anew
from engine.training.loop import Stack
from engine.training.schedules import Timetable
from engine.training.tuner import GradientTuner

PRETRAINED, NOTHING = "pretrained", "nothing"
PROJECT, HEAP = "project", "heap"
"""Where images come from, where it is no folder: all that the project learns from, with those that
wait for a class; or the latter alone. Held-out images are among none of them."""

SHOWN, OFTEN = 5000, 10.0
"""Unless it is said, so many images are shown in all, but none of them more often. Ten times each
of 3,068 at 224 pixels was estimated at 88 minutes, of which this is a sixth; the trials in which it
brought anything showed 2,400 (BENCHMARKS.md)."""


@dataclass
class UnlabelledMethod(GradientTuner, ABC):
    """A network's stages learn from images alone; a method says how two views are compared."""

    epochs: float = setting(
        0.0,
        f"How often each image is seen; 0: so often that {SHOWN:,} are shown in all, but "
        f"{OFTEN:g} times at most.",
        least=0,
        most=10_000,
    )
    lr: float = setting(
        0.01, "The highest learning rate.", least=0, most=100, label="Learning rate"
    )
    augment: str = setting(
        augment.PAIRED,
        "How much the two views of an image differ; paired also blurs and takes colours away.",
        choices=(*augment.STRENGTHS[1:], augment.PAIRED),
    )
    views: int = setting(
        6,
        "Views of each image that are kept for frozen stages; below 2 keeps none.",
        least=0,
        most=64,
    )
    images: str = setting(
        PROJECT,
        "project: all that it learns from, and those without a class; heap: only these; else the "
        "path of a folder.",
    )
    most: int = setting(
        SHOWN,
        "So many images at most, drawn by chance; 0: all there are.",
        least=0,
        most=10_000_000,
        label="Images at most",
    )
    start: str = setting(
        PRETRAINED,
        "pretrained: goes on from the network in use; nothing: forgets what it knows first.",
        choices=(PRETRAINED, NOTHING),
    )
    anchor: float = setting(
        1.0,
        "How strongly features are held to those of the network in use; 0, or a start from "
        "nothing: not at all.",
        least=0,
        most=1000,
    )
    size: int = setting(
        0, "Side of the images that it learns from, in pixels; 0: as in use.", least=0, most=1024
    )
    projection: int = setting(
        512, "Outputs of the projector above the features.", least=8, most=8192
    )

    outputs: ClassVar[int] = 1
    """How often `projection` numbers the head gives for an image."""

    def for_images(self, count: int) -> UnlabelledMethod:
        """With the epochs that suit so many images, where none are set."""
        usual = float(f"{min(OFTEN, SHOWN / max(count, 1)):.2g}")
        return replace(self, epochs=self.epochs or usual)

    @property
    def anchored(self) -> bool:
        return self.start == PRETRAINED and self.anchor > 0

    def dressed(self, backbone: Backbone) -> list[Stage]:
        stages = super().dressed(backbone)
        return begin_anew(stages, self.seed) if self.start == NOTHING else stages

    def served(self, table: Timetable, position: int) -> int:
        """Two kept views are the least that can be compared."""
        return super().served(table, position) if self.views > 1 else 0

    @abstractmethod
    def head(self, width: int) -> nn.Module:
        """From features (n, width) to `outputs` times `projection` numbers, the projector's own
        first."""

    @abstractmethod
    def compare(self, one: Tensor, other: Tensor) -> Tensor:
        """The loss of what the head gives for two views of the same images."""


class Above(nn.Module):
    """Features, and beside them what the head gives: (n, width + outputs of the head)."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, features: Tensor) -> Tensor:
        return torch.cat([features, self.head(features)], dim=1)


@dataclass
class PairLoss:
    """The loss of a step and its figures: the method's own loss, and how spread out images are.

    `teacher` gives the features to which those that learn are held; that is no part of the figure.
    """

    method: UnlabelledMethod
    width: int
    teacher: Stack | None = None

    def __call__(self, given: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Any]]:
        features, outputs = given[:, : self.width], given[:, self.width :]
        value = self.method.compare(*outputs.chunk(2))
        figures = {
            "loss": float(value.detach()),
            "spread": spread(outputs.detach()[:, : self.method.projection]),
        }
        if self.teacher is not None:
            with torch.no_grad():
                taught = batch.asked(partial(self.teacher, start=batch.start)).float()
            away = 1 - F.cosine_similarity(features, taught, dim=1).mean()
            value = value + self.method.anchor * away
        return value, figures


def spread(outputs: Tensor) -> float:
    """How spread out images are: near 1 is healthy, near 0 says that all outputs are the same.

    The standard deviation of outputs (n, d) of length 1, averaged over their dimensions, as a share
    of 1 / sqrt(d), which is that of an isotropic Gaussian (Chen & He 2021, SimSiam, section 4.1).
    """
    z = F.normalize(outputs, dim=1)
    return float(z.std(dim=0).mean()) * math.sqrt(outputs.shape[1])


def layers(*widths: int) -> list[nn.Module]:
    """Linear layers with a batch norm and a ReLU after each."""
    found: list[nn.Module] = []
    for before, after in pairwise(widths):
        found += [nn.Linear(before, after, bias=False), nn.BatchNorm1d(after), nn.ReLU()]
    return found
