"""One training of a supernet: started, followed, kept."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from engine.errors import Refused
from engine.events import Event, Notice, Progress, Saved, Step, Work, checked
from engine.models.backbone import digest_of
from engine.models.batch_norm import recalibrate
from engine.models.supernet.architecture import largest
from engine.models.supernet.files import write_weights
from engine.results.specialise import SubnetScores
from engine.storage import catalogue
from engine.storage.catalogue import Split
from engine.storage.project import Project
from engine.system.progress import Eta
from engine.training.dataset import ImageArray, listed, listed_in_project, of_folder, of_project
from engine.training.distributed.group import ALONE
from engine.training.loop import Training, train
from engine.training.supernet.distillation import accuracy, shown_at
from engine.training.supernet.shrinking import (
    LANDMARKS,
    SUPERNET_TUNERS,
    Plan,
    Shrinking,
    of_supernet,
)
from engine.training.supernet.start import Base
from engine.training.supernet.trainable import SupernetData, SupernetLoss, TrainableSupernet, parts

CALIBRATION = 320
"""Training images on which batch norms are measured before a subnet is scored."""
TIMING = "Timing a few steps"
GLANCE = 1000
"""Held-out images on which subnets are scored on the way; at the end it is all."""


def tuner_of(method: str, settings: Mapping[str, Any]) -> Shrinking:
    return SUPERNET_TUNERS.make(method, settings)


def check_files(out: str, base: str, teacher: str) -> None:
    """Refuses files that could only fail hours later."""
    path = Path(out)
    if path.suffix != ".safetensors":
        raise Refused(f"{out} is no name for weights. Give a file that ends in .safetensors.")
    if path.is_dir() or (path.exists() and Path(base).exists() and path.samefile(base)):
        raise Refused(f"{out} can't be written. Give another file for the result.")
    if teacher and not Path(teacher).is_file():
        raise Refused(f"There is no file {teacher}. Give the teacher's weights (.safetensors).")
    trial = path.with_suffix(".half")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise Refused(f"{out} can't be written ({error.strerror}). Give another file.") from error


def images(
    project: Project | None, data: str, folder: Path, tuner: Shrinking
) -> Generator[Event, None, tuple[ImageArray, ImageArray]]:
    """The images to learn from and the held-out ones, each an ImageArray."""
    side, found = tuner.stored or max(tuner.resolutions()), []
    counted(project, data)
    split = catalogue.to_learn(project) if project else Split({}, {})
    for part, short in (("train", "train"), ("validation", "val")):
        if data or project is None:
            corpus = yield from of_folder(Path(data) / short, folder / short, side)
        else:
            corpus = yield from of_project(project, split, part, folder / short, side)
        found.append(corpus)
    learnt_from, held_out = found
    return learnt_from, held_out


def counted(project: Project | None, data: str) -> tuple[list[int], tuple[str, ...]]:
    """How many images there are in train and validation, and the classes' names."""
    if not data and project is None:
        raise Refused(
            "There are no images to train on. Open a project, or name a folder that holds "
            "train and val, each with one folder for each class."
        )
    if data or project is None:
        found = [listed(Path(data) / short) for short in ("train", "val")]
        counts, names = [len(classes) for _, classes, _ in found], found[0][2]
    else:
        split, known = catalogue.to_learn(project), catalogue.class_names(project)
        counts = [len(listed_in_project(split, part)[0]) for part in ("train", "validation")]
        names = tuple(known[number] for number in sorted(split.train))
    if len(names) < 2:
        raise Refused("A network is trained to tell classes apart. Give two classes at least.")
    return counts, names


def calibration(
    corpus: ImageArray, tuner: Shrinking, device: torch.device
) -> tuple[torch.Tensor, ...]:
    """A few hundred images, evenly taken from all, in batches at the largest resolution."""
    count = min(CALIBRATION, len(corpus))
    rows = np.unique(np.linspace(0, len(corpus) - 1, count).round().astype(int))
    size = max(tuner.resolutions())
    chunks = np.array_split(rows, math.ceil(count / 64))
    return tuple(shown_at(corpus, chunk, size).to(device) for chunk in chunks)


def started(
    tuner: Shrinking, base: Base, lessons: SupernetData, shown: ImageArray | None
) -> Training:
    """A training at its first step. The base's classifier is kept where it knows the classes.

    Without held-out images it is kept where it has as many.
    """
    torch.manual_seed(tuner.seed)
    network, classes = copy.deepcopy(base.supernet), len(lessons.corpus.names)
    known = network.last_layer.out_features == classes
    if known and shown is not None:
        pupil = TrainableSupernet(network.to(lessons.device))
        top = pupil.calibrated(largest(224), lessons.images)
        known = accuracy(top, shown, max(tuner.resolutions()), apart(shown)) > 1.5 / classes
    if not known:
        linear = nn.Linear(network.width, classes)
        nn.init.normal_(linear.weight, 0, 0.01)
        nn.init.zeros_(linear.bias)
        network.classifier.linear = linear
    plan = tuner.plan(len(lessons.corpus), not known, base.shrunk)
    width = lessons.teacher.weight.shape[1] if lessons.teacher else 0
    master = any(phase.copies for phase in plan.phases)
    pupil = TrainableSupernet(network, width, master).to(lessons.device)
    pupil.scale(lessons.images)
    training = tuner.training(pupil, plan)
    training.group = lessons.group
    return training


def apart(shown: ImageArray) -> int:
    """Each so many-th held-out image is looked at on the way."""
    return max(1, len(shown) // GLANCE)


def score(
    pupil: TrainableSupernet, lessons: SupernetData, shown: ImageArray, size: int, step: int = 1
) -> dict[str, float]:
    """The accuracy of the landmarks, each with batch norms of its own."""
    return {
        name: accuracy(pupil.calibrated(made(size), lessons.images), shown, size, step)
        for name, made in LANDMARKS.items()
    }


@dataclass(frozen=True)
class CheckpointWriter:
    """Follows a training with checkpoints, scores and the file of weights."""

    tuner: Shrinking
    base: Base
    lessons: SupernetData
    shown: ImageArray
    out: Path
    checkpoint: Path

    def fixed(self) -> dict[str, Any]:
        """What can't change when going on from a checkpoint."""
        base = digest_of(self.base.supernet.state_dict())[:16]
        tuner = self.tuner
        return {"method": tuner.name, "seed": tuner.seed, "batch": tuner.batch, "base": base}

    def follow(self, training: Training) -> Iterator[Event]:
        """Trains to the end. A score is taken after the checkpoint, so that no step is lost by it.

        Where the last checkpoint is one with a score, that is taken again: it may never have come.
        """
        tuner, total = self.tuner, training.schedule.total
        pace, begun = Eta(total - training.position, "Training subnets"), training.position
        if begun and begun % tuner.score_every == 0 and begun < total:
            yield from self.scored(training, GLANCE)
        for step in tuner.tune(training, self.lessons):
            yield step
            yield pace.at(step.done - begun)
            if step.done % tuner.save_every == 0 or step.done == total:
                training.save(self.checkpoint, **self.fixed(), processes=training.group.size)
                yield Saved("checkpoint", str(self.checkpoint))
            if step.done % tuner.score_every == 0 and step.done < total:
                yield from self.scored(training, GLANCE)

    def scored(self, training: Training, images: int) -> Work[SubnetScores]:
        """Scores on about so many held-out images, and writes the supernet with the scores."""
        pupil, size = of_supernet(training)[0], max(self.tuner.resolutions())
        step = max(1, len(self.shown) // images)
        figures = score(pupil, self.lessons, self.shown, size, step)
        network = pupil.finished()
        network.use(largest(size))
        recalibrate(network, self.lessons.images)
        facts = {
            "use_size": self.base.facts.get("use_size", size),
            "method": self.tuner.name,
            "sizes": self.tuner.sizes,
            "steps": training.position,
            "accuracy": figures["largest"],
            **figures,
        }
        write_weights(network.cpu(), self.out, facts)
        yield Step(training.position, training.schedule.total, figures)
        yield Saved("weights", str(self.out))
        return checked(SubnetScores, figures, "scores")


def say_how_long(
    tuner: Shrinking, training: Training, lessons: SupernetData, shown: ImageArray
) -> Iterator[Event]:
    plan = training.schedule
    if training.position < plan.total:
        seconds = yield from estimated(tuner, training, lessons, shown, len(shown))
        left = plan.total - training.position
        yield Notice(f"{left} steps of training take about {spoken(seconds)} on this computer.")


def estimated(
    tuner: Shrinking, training: Training, lessons: SupernetData, shown: ImageArray, held_out: int
) -> Generator[Event, None, float]:
    """Seconds from here to the end, from two real steps of each phase left and a few scores."""
    begun, plan = of_supernet(training)
    pupil, position, total = copy.deepcopy(begun), training.position, 0.0
    borders = list(pairwise(plan.borders()))
    for number, (begin, end) in enumerate(borders):
        left = end - max(begin, position)
        if left > 0:
            yield Progress(number, len(borders), TIMING)
            total += left * seconds_of_step(tuner, pupil, lessons, plan, number, min(left, 2))
    few, size, clock = min(100, len(shown)), max(tuner.resolutions()), time.perf_counter()
    middle = pupil.calibrated(LANDMARKS["middle"](size), lessons.images)
    accuracy(middle, shown, size, max(1, len(shown) // few))
    each = len(LANDMARKS) * (time.perf_counter() - clock) / (CALIBRATION + few)
    scores = (plan.total - position - 1) // tuner.score_every
    glances = scores * (CALIBRATION + min(GLANCE, held_out))
    return total + each * (glances + CALIBRATION + held_out)


def seconds_of_step(
    tuner: Shrinking,
    pupil: TrainableSupernet,
    lessons: SupernetData,
    plan: Plan,
    number: int,
    steps: int,
) -> float:
    """What a step of a phase takes at a middling resolution, after one to warm up."""
    sizes, phase = tuner.resolutions(), plan.phases[number]
    area = sum(size**2 for size in sizes) / len(sizes)
    size = min(sizes, key=lambda side: abs(side**2 - area))
    trial, lessons = tuner.training(pupil, plan), replace(lessons, group=ALONE)
    supply = (tuner.drawn_batch(lessons, phase, position, size) for position in range(steps + 1))
    times, clock = [], time.perf_counter()
    for _ in train(trial, supply, pupil, SupernetLoss(pupil, None), parts):
        times.append(time.perf_counter() - clock)
        clock = time.perf_counter()
    return sum(times[1:]) / steps * area / size**2


def spoken(seconds: float) -> str:
    """A time as a person says it."""
    if seconds < 90:
        return f"{max(1, round(seconds))} seconds"
    if seconds < 5400:
        return f"{round(seconds / 60)} minutes"
    return f"{seconds / 3600:.1f} hours"
