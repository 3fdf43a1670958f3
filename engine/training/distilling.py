"""A smaller network taught by the whole one on images without their classes: its features.

Distillation of features (Romero et al., FitNets, ICLR 2015), begun where a fold in closed form
ended, or at a lower resolution, where features shift. Each batch depends on the seed and its
position alone, so that a training that was stopped goes on as if it never had been.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.errors import UnusableWeights
from engine.events import Event, Notice, Saved
from engine.images.preprocess import Preprocessing
from engine.models.backbone import Backbone, Stage
from engine.models.trunk import Normalise
from engine.training.batches import rows_of, seeded
from engine.training.loop import Cosine, Stack, Training, adamw, train

BATCH = 32
LOOKED = 50
"""Images in one pass without gradients."""
DECAY, WARMUP = 0.0, 10


@dataclass(frozen=True)
class Recipe:
    """How long and how fast: `epochs` over all images, `rate` at its highest."""

    epochs: int = 3
    rate: float = 5e-4
    seed: int = 0

    def steps(self, images: int) -> int:
        return self.epochs * max(1, images // min(BATCH, images))


@dataclass(frozen=True)
class Lesson:
    """Images as the smaller network sees them, uint8 (n, size, size, 3), and what the whole one
    makes of them and of their mirror images: float32 (n, 2, features).

    The last `moments` of the features are of another kind, and are judged apart.
    """

    pixels: np.ndarray
    preprocessing: Preprocessing
    taught: Tensor
    moments: int = 0

    def __len__(self) -> int:
        return len(self.pixels)

    def shown(self, rows: np.ndarray | slice, mirrored: Tensor | None = None) -> Tensor:
        """Images as float32 (n, 3, size, size), those told of `mirrored`."""
        x = Normalise(self.preprocessing)(torch.from_numpy(self.pixels[rows]))
        if mirrored is not None:
            x = torch.where(mirrored[:, None, None, None], x.flip(-1), x)
        return x.contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True)
class Apart:
    """The error of features as a share of their variance, in the mean of both kinds."""

    variances: tuple[float, ...]
    """Sums over the features of a kind."""
    widths: tuple[int, ...]

    @classmethod
    def of(cls, taught: Tensor, moments: int) -> Apart:
        """Judges against features (n, features), the last `moments` of which are a kind apart."""
        widths = (taught.shape[-1] - moments, moments) if moments else (taught.shape[-1],)
        parts = taught.double().split(widths, dim=-1)
        found = tuple(float(part.var(0, correction=0).sum()) for part in parts)
        return cls(tuple(max(v, 1e-12) for v in found), widths)

    def __call__(self, found: Tensor, taught: Tensor) -> Tensor:
        """Of features float32 (n, features), in the mean of images."""
        away = (found - taught).square().split(self.widths, dim=-1)
        shares = [part.sum(-1).mean() / v for part, v in zip(away, self.variances, strict=True)]
        return torch.stack(shares).mean()


@torch.no_grad()
def taught_by(network: nn.Module, pixels: np.ndarray, preprocessing: Preprocessing) -> Tensor:
    """What a network makes of images and of their mirror images: float32 (n, 2, features)."""
    normalise, found = Normalise(preprocessing), []
    for at in range(0, len(pixels), LOOKED):
        x = normalise(torch.from_numpy(pixels[at : at + LOOKED]))
        x = x.contiguous(memory_format=torch.channels_last)
        found.append(torch.stack([network(x), network(x.flip(-1))], dim=1))
    return torch.cat(found)


@torch.no_grad()
def error_on(network: nn.Module, held: Lesson) -> float:
    """The error of a network's features on images as they are, as a share of their variance."""
    judge, expected = Apart.of(held.taught[:, 0], held.moments), held.taught[:, 0]
    parts = [slice(at, at + LOOKED) for at in range(0, len(held), LOOKED)]
    return float(judge(torch.cat([network(held.shown(part)) for part in parts]), expected))


def learner_of(student: Backbone) -> Backbone:
    """A copy of a network whose weights may all move; its batch norms keep their statistics."""
    stages = [Stage(stage.name, copy.deepcopy(stage.module)) for stage in student.stages]
    for stage in stages:
        stage.module.requires_grad_(True)
    return replace(student, stages=stages)


def distilled(
    stages: Sequence[Stage], lesson: Lesson, recipe: Recipe, checkpoint: Path, about: str
) -> Iterator[Event]:
    """Teaches the stages, which are changed; a checkpoint after each epoch, and gone on from where
    one of the same training, told by `about`, lies there. Raises Diverged."""
    stack = Stack(stages)
    stack.still = list(stack.parts.modules())  # as in use: no dropout, the statistics that it has
    batch = min(BATCH, len(lesson))
    total = recipe.steps(len(lesson))
    schedule = Cosine(recipe.rate, min(WARMUP, total), total)
    training = Training(stack, adamw({"": stack}, DECAY), schedule)
    notes = {"about": about, "steps": total}
    yield from gone_on(training, checkpoint, notes)
    judge = Apart.of(lesson.taught[:, 0], lesson.moments)

    def loss(found: Tensor, given: tuple[Tensor, Tensor]) -> tuple[Tensor, dict[str, float]]:
        value = judge(found, given[1])
        return value, {"loss": value.item()}

    each = total // recipe.epochs
    while training.position < total:
        epoch = training.position // each
        yield from train(
            training, batches(lesson, batch, recipe.seed, epoch), lambda b: stack(b[0]), loss
        )
        training.save(checkpoint, **notes)
        yield Saved("checkpoint", str(checkpoint))
    stack.eval().requires_grad_(False)


def gone_on(training: Training, checkpoint: Path, notes: Mapping[str, Any]) -> Iterator[Event]:
    """From a checkpoint, where there is one of the same training."""
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    if not checkpoint.exists():
        return
    before = copy.deepcopy((training.network.state_dict(), training.optimiser.state_dict()))
    try:
        same = training.load(checkpoint) == notes
    except UnusableWeights:
        same = False
    if same:
        yield Notice(f"Going on from step {training.position} of {training.schedule.total}.")
    else:
        training.network.load_state_dict(before[0])
        training.optimiser.load_state_dict(before[1])
        training.position = 0
        checkpoint.unlink(missing_ok=True)


def batches(lesson: Lesson, batch: int, seed: int, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
    """An epoch's images, half of them mirrored, and what the whole network makes of each."""
    for at, rows in enumerate(rows_of(len(lesson), batch, seed, epoch)):
        mirrored = torch.randint(0, 2, (batch,), generator=seeded(seed, epoch, at)).bool()
        taught = lesson.taught[rows]
        yield (
            lesson.shown(rows, mirrored),
            torch.where(mirrored[:, None], taught[:, 1], taught[:, 0]),
        )
