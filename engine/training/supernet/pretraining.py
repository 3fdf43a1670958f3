"""Training the embedded network."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from engine.errors import Refused
from engine.events import Event, Saved
from engine.models.batch_norm import running
from engine.models.supernet.architecture import EXPANDS, largest, uniform
from engine.models.supernet.files import write_weights
from engine.models.supernet.supernet import Supernet
from engine.registry import checked, setting, settings_of
from engine.training.batches import rows_of, seeded
from engine.training.dataset import ImageArray
from engine.training.loop import Cosine, Training, sgd, train
from engine.training.supernet.distillation import (
    SMOOTHING,
    DistillationLoss,
    accuracy,
    augmented,
    check_corpora,
)
from engine.training.supernet.teacher import Teacher, normalised

STORED = 64
"""Side in pixels at which images are kept: that of Tiny-ImageNet."""
DECAY = 1e-4
SAVE_EVERY = 250
SHOW_EVERY = 25


@dataclass(frozen=True)
class Phase:
    """What is trained from a share of the epochs on: image size, kernel, blocks in a stage."""

    begins: float
    size: float
    kernel: int
    depth: int


PHASES = (
    Phase(0.0, 1.0, kernel=3, depth=2),
    Phase(0.45, 1.0, kernel=3, depth=3),
    Phase(0.85, 1.0, kernel=7, depth=4),
)
"""`size` is a share of the last. The small network costs 2.6 times less than the whole."""


@dataclass(frozen=True)
class Recipe:
    """The settings of pretraining. The first three decide what a checkpoint fits."""

    width: float = setting(0.5, "Width of the network; 1 is the official one.", least=0.1, most=2)
    seed: int = setting(0, "The same seed gives the same weights.", least=0)
    batch: int = setting(64, "Images in one step.", least=2)
    epochs: int = setting(10, "How often each image is seen.", least=1)
    size: int = setting(64, "Side of the images at the end, in pixels.", least=32, most=256)
    lr: float = setting(0.1, "The highest learning rate.", least=0, label="Learning rate")
    teacher_size: int = setting(128, "Side of the teacher's images.", least=32, most=256)
    use_size: int = setting(128, "Input size for photos, noted in the file.", least=32, most=256)

    @classmethod
    def made(cls, chosen: Mapping[str, Any]) -> Recipe:
        """From settings by name, text allowed. Raises BadSetting."""
        known = {view.name: view for view in settings_of(cls)}
        return cls(**{name: checked(known, name, value) for name, value in chosen.items()})

    def phase(self, position: int, each: int) -> Phase:
        """The phase of a step, where an epoch has `each` steps."""
        share = position / (self.epochs * each)
        return next(phase for phase in reversed(PHASES) if phase.begins <= share)

    def side(self, phase: Phase) -> int:
        return max(32, 8 * round(self.size * phase.size / 8))

    def fixed(self) -> dict[str, Any]:
        """What can't change when going on from a checkpoint; the rest may be planned anew."""
        return {"width": self.width, "seed": self.seed, "batch": self.batch}


@dataclass(frozen=True)
class Batch:
    """Images float32 (batch, 3, size, size), class numbers, and the teacher's features."""

    phase: Phase
    pixels: torch.Tensor
    classes: torch.Tensor
    taught: torch.Tensor


class Student(nn.Module):
    """The network, a batch norm on its features, and the map from them to the teacher's.

    The features lie nearly all in one direction at first (they come from a pool and are never
    negative): without the norm, classifier and map learn hardly anything for epochs. The norm is
    folded into the classifier at the end; the map is not kept.
    """

    def __init__(self, classes: int, width: float, taught_width: int) -> None:
        super().__init__()
        self.network = Supernet(classes, width)
        for name, weights in self.network.named_parameters():
            weights.requires_grad_(not name.endswith("_matrix"))  # kernels are plain middles here
        self.norm = nn.BatchNorm1d(self.network.width)
        self.map = nn.Linear(self.network.width, taught_width)
        nn.init.normal_(self.map.weight, 0, 0.01)

    def forward(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (batch, classes), and the teacher's features as guessed, scaled to deviation 1."""
        phase, size = batch.phase, batch.pixels.shape[-1]
        self.network.use(uniform(size, phase.kernel, EXPANDS[-1], phase.depth))
        features = self.norm(self.network.features(batch.pixels))
        return self.network.classifier(features), self.map(features)

    @torch.no_grad()
    def finished(self) -> Supernet:
        """A copy of the network whose classifier takes the features as they are."""
        network, norm = copy.deepcopy(self.network), self.norm
        mean, variance = running(norm)
        linear, scale = network.last_layer, (variance + norm.eps).rsqrt()
        shift = norm.bias - mean * scale * norm.weight
        linear.bias.add_(linear.weight @ shift)
        linear.weight.mul_(scale * norm.weight)
        return network


class PretrainingLoss:
    """The loss: labels, and what the teacher makes of the images."""

    def __init__(self, teacher: Teacher) -> None:
        self.guidance = DistillationLoss(teacher)

    def __call__(self, prediction: Any, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        logits, mapped = prediction
        labels = F.cross_entropy(logits, batch.classes, label_smoothing=SMOOTHING)
        features, scores = self.guidance(mapped, batch.taught)
        total = labels + features + scores
        parts = {"labels": labels, "features": features, "scores": scores}
        return total, {"loss": total.item(), **{k: v.item() for k, v in parts.items()}}


def batches(corpus: ImageArray, teacher: Teacher, recipe: Recipe, position: int) -> Iterator[Batch]:
    """The rest of the epoch that holds `position`, from there on. A last part batch is left out."""
    each = len(corpus) // recipe.batch
    epoch, first = divmod(position, each)
    chosen = rows_of(len(corpus), recipe.batch, recipe.seed, epoch)
    for at, rows in enumerate(chosen[first:], first):
        source, phase = seeded(recipe.seed, epoch, at), recipe.phase(epoch * each + at, each)
        pixels = augmented(normalised(corpus.images[rows]), recipe.side(phase), source)
        yield Batch(
            phase,
            pixels.contiguous(memory_format=torch.channels_last),
            torch.from_numpy(corpus.classes[rows]),
            torch.from_numpy(teacher.features[rows]).float(),
        )


def started(recipe: Recipe, corpus: ImageArray, teacher: Teacher) -> Training:
    torch.manual_seed(recipe.seed)
    student = Student(len(corpus.names), recipe.width, teacher.weight.shape[1])
    student.network.start_small(PHASES[0].kernel, PHASES[0].depth)
    student = student.to(memory_format=torch.channels_last)
    total = recipe.epochs * (len(corpus) // recipe.batch)
    schedule = Cosine(recipe.lr, min(500, total // 10 + 1), total)
    return Training(student, sgd({"": student}, DECAY), schedule)


def check(recipe: Recipe, corpus: ImageArray, shown: ImageArray, teacher: Path) -> None:
    """Refuses what could only fail hours later, or in the middle of the teacher's work."""
    check_corpora(corpus, shown, recipe.batch)
    if not teacher.is_file():
        raise Refused(f"There is no file {teacher}. Give the teacher's weights (.safetensors).")


def written(training: Training, recipe: Recipe, shown: ImageArray, out: Path) -> float:
    """Scores the network on held-out images and writes its weights with the score, its accuracy."""
    student = training.network
    assert isinstance(student, Student)
    network = student.finished()
    network.use(largest(recipe.size))
    found = accuracy(network, shown, recipe.size)
    facts = {"use_size": recipe.use_size, "steps": training.position, "accuracy": found}
    write_weights(network, out, facts)
    return found


def one_epoch(
    training: Training, recipe: Recipe, corpus: ImageArray, teacher: Teacher, checkpoint: Path
) -> Iterator[Event]:
    """Trains to the end of the epoch, with a checkpoint every few minutes and at the end."""
    student, lesson = training.network, PretrainingLoss(teacher)
    supply = batches(corpus, teacher, recipe, training.position)
    for step in train(training, supply, student, lesson):
        if step.done % SHOW_EVERY == 0:
            yield step
        if step.done % SAVE_EVERY == 0:
            training.save(checkpoint, **recipe.fixed())
            yield Saved("checkpoint", str(checkpoint))
    training.save(checkpoint, **recipe.fixed())
    yield Saved("checkpoint", str(checkpoint))
