"""Training a supernet, so that every subnet is good without being trained again.

Two ways. Progressive shrinking (Cai et al. 2020): kernels, then depths, then expansions become
elastic, phase by phase, and a frozen copy of the largest network teaches all others. The sandwich
rule (Yu & Huang 2019; BigNAS, Yu et al. 2020): largest, smallest and random subnets in every step,
of which the largest learns from the labels and teaches the others as it goes.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np
import torch

from engine.errors import BadSetting
from engine.events import Step
from engine.models.supernet.architecture import (
    DEPTHS,
    EXPANDS,
    KERNELS,
    RESOLUTIONS,
    Architecture,
    largest,
    smallest,
    uniform,
)
from engine.models.supernet.space import Space
from engine.registry import Registry, setting
from engine.training.batches import rows_of, seeded
from engine.training.loop import Cosine, Schedule, Training, sgd, train
from engine.training.supernet.distillation import DistillationLoss, augmented
from engine.training.supernet.teacher import normalised
from engine.training.supernet.trainable import (
    Batch,
    Phase,
    SupernetData,
    SupernetLoss,
    TrainableSupernet,
    parts,
)
from engine.training.tuners import Tuner

SUPERNET_TUNERS: Registry[Shrinking] = Registry("tuner")

DECAY = 3e-5
LANDMARKS = {
    "smallest": smallest,
    "middle": lambda resolution: uniform(resolution, 5, 4, 3),
    "largest": largest,
}
"""The subnets whose accuracy is shown while the supernet is trained."""


LARGEST = Phase("largest", 180, KERNELS[-1:], EXPANDS[-1:], DEPTHS[-1:])
CLASSIC = (
    Phase("kernel", 120, KERNELS, EXPANDS[-1:], DEPTHS[-1:], copies=True),
    Phase("depth 1", 25, KERNELS, EXPANDS[-1:], DEPTHS[1:], subnets=2),
    Phase("depth 2", 120, KERNELS, EXPANDS[-1:], DEPTHS, subnets=2),
    Phase("expand 1", 25, KERNELS, EXPANDS[1:], DEPTHS, subnets=4, sorts=()),
    Phase("expand 2", 120, KERNELS, EXPANDS, DEPTHS, subnets=4, sorts=EXPANDS[1:]),
)
"""Shares are the paper's epochs."""


@dataclass(frozen=True)
class Plan(Schedule):
    """Phases over `total` steps. Each warms up and cools down by itself."""

    phases: tuple[Phase, ...]
    rate: float
    total: int

    def borders(self) -> list[int]:
        """The step at which each phase begins, and `total`."""
        sums = [0, *accumulate(phase.share for phase in self.phases)]
        return [round(self.total * part / sums[-1]) for part in sums]

    def number(self, position: int) -> int:
        """Which phase a step is in."""
        begun = [n for n, begin in enumerate(self.borders()[:-1]) if begin <= position]
        return begun[-1]

    def at(self, position: int, stage: str = "") -> float:
        begin, end = self.borders()[(n := self.number(position)) : n + 2]
        length = end - begin
        return Cosine(self.rate, min(500, length // 10 + 1), length).at(position - begin)


def of_supernet(training: Training) -> tuple[TrainableSupernet, Plan]:
    """The network and the plan of a training that `Shrinking.training` began."""
    pupil, plan = training.network, training.schedule
    assert isinstance(pupil, TrainableSupernet)
    assert isinstance(plan, Plan)
    return pupil, plan


@dataclass(frozen=True)
class Shrinking(Tuner):
    """What both ways have in common."""

    epochs: float = setting(10.0, "How often each image is seen.", least=0.001)
    batch: int = setting(64, "Images in one step.", least=2)
    sizes: str = setting("48,56,64", "Sides of the images in pixels; one for each batch.")
    lr: float = setting(0.05, "The highest learning rate.", least=0, label="Learning rate")
    seed: int = setting(0, "The same seed gives the same weights.", least=0)
    stored: int = setting(
        0, "Side at which images are kept; 0 is the largest size.", least=0, most=1024
    )
    teacher_size: int = setting(128, "Side of the teacher's images.", least=32, most=256)
    save_every: int = setting(100, "Steps from one checkpoint to the next.", least=1)
    score_every: int = setting(1000, "Steps from one scoring to the next.", least=1)

    def __post_init__(self) -> None:
        words = self.sizes.replace(",", " ").split()
        if not words or not {*words} <= {str(r) for r in RESOLUTIONS}:
            raise BadSetting(
                f"Sizes are multiples of 4 from 32 to 1024, as in “48,56,64”, not “{self.sizes}”."
            )

    def resolutions(self) -> tuple[int, ...]:
        return tuple(sorted({int(word) for word in self.sizes.replace(",", " ").split()}))

    def steps(self, images: int) -> int:
        return max(1, round(self.epochs * (images // self.batch)))

    @abstractmethod
    def phases(self, new_classes: bool) -> tuple[Phase, ...]:
        """`new_classes` says that the classifier knows nothing yet."""

    @abstractmethod
    def drawn(self, space: Space, count: int, rng: np.random.Generator) -> list[Architecture]:
        """The subnets of one step."""

    def plan(self, images: int, new_classes: bool, shrunk: bool) -> Plan:
        """`shrunk` says that all subnets were trained before: their channels must not move."""
        phases = self.phases(new_classes)
        if shrunk:
            phases = tuple(replace(phase, sorts=None) for phase in phases)
        return Plan(phases, self.lr, self.steps(images))

    def training(self, pupil: TrainableSupernet, plan: Plan) -> Training:
        pupil.to(memory_format=torch.channels_last)
        return Training(pupil, sgd({"": pupil}, DECAY), plan)

    def tune(self, training: Training, lessons: SupernetData) -> Iterator[Step]:
        """Trains to the end of the plan, from wherever the training is."""
        pupil, plan = of_supernet(training)
        guidance = DistillationLoss(lessons.teacher, lessons.device) if lessons.teacher else None
        while training.position < plan.total:
            number = plan.number(training.position)
            if pupil.enter(plan.phases, number, lessons.images):
                training.optimiser.state.clear()  # channels have moved
            training.share()
            supply = (
                self.drawn_batch(lessons, plan.phases[number], position)
                for position in training.lead(range(training.position, plan.borders()[number + 1]))
            )
            yield from train(training, supply, pupil, SupernetLoss(pupil, guidance), parts)

    def follow(self, training: Training, lessons: SupernetData) -> Iterator[Step]:
        """The same steps beside the process that leads."""
        pupil, plan = of_supernet(training)
        guidance = DistillationLoss(lessons.teacher, lessons.device) if lessons.teacher else None
        supply = (
            self.drawn_batch(lessons, plan.phases[plan.number(position)], position)
            for position in training.follow()
        )
        yield from train(training, supply, pupil, SupernetLoss(pupil, guidance), parts)

    def drawn_batch(
        self, lessons: SupernetData, phase: Phase, position: int, size: int = 0
    ) -> Batch:
        """What is learnt in a step: it depends on the seed and the position alone."""
        epoch, at = divmod(position, len(lessons.corpus) // self.batch)
        rows = rows_of(len(lessons.corpus), self.batch, self.seed, epoch)[at]
        source, device = seeded(self.seed, position, 1), lessons.device
        rng = np.random.default_rng([self.seed, position])
        size = size or int(rng.choice(self.resolutions()))
        own = lessons.group.own(len(rows))
        seen = normalised(lessons.corpus.images[rows[own]])
        pixels = augmented(seen, size, source, len(rows), own)
        taught = None
        if lessons.teacher is not None:
            taught = torch.from_numpy(lessons.teacher.features[rows]).float().to(device)
        return Batch(
            phase,
            pixels.to(device, memory_format=torch.channels_last),
            torch.from_numpy(lessons.corpus.classes[rows]).to(device),
            taught,
            tuple(self.drawn(phase.space(size), phase.subnets, rng)),
            lessons.group,
        )


@SUPERNET_TUNERS.register("sandwich", "Sandwich rule")
@dataclass(frozen=True)
class Sandwich(Shrinking):
    """Largest, smallest and two random subnets in every step; the largest teaches the others."""

    def phases(self, new_classes: bool) -> tuple[Phase, ...]:
        return (Phase("sandwich", 1, subnets=4, sorts=()),)

    def drawn(self, space: Space, count: int, rng: np.random.Generator) -> list[Architecture]:
        some = space.decode(space.random(count - 2, rng))
        return [space.largest(), space.smallest(), *some]


@SUPERNET_TUNERS.register("progressive", "Progressive shrinking")
@dataclass(frozen=True)
class Progressive(Shrinking):
    """Kernels, then depths, then expansions become elastic; a copy of the largest teaches."""

    def phases(self, new_classes: bool) -> tuple[Phase, ...]:
        """The paper's five; before them the largest alone, where it knows nothing yet."""
        return (LARGEST, *CLASSIC) if new_classes else CLASSIC

    def drawn(self, space: Space, count: int, rng: np.random.Generator) -> list[Architecture]:
        return space.decode(space.random(count, rng))
