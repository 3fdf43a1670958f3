"""What a run of tuning is made from: images, network, head, schedule, and room for what is kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Generator, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from engine.events import Event, Notice, Progress
from engine.learning import comparison, material
from engine.learning.material import Known
from engine.models import batch_norm
from engine.models.backbone import Backbone
from engine.registry import Registry
from engine.session import Session
from engine.storage import catalogue, runs
from engine.storage.catalogue import Split
from engine.storage.project import Project
from engine.storage.runs import Run
from engine.system import device as devices
from engine.system.files import noted, replace_file
from engine.system.paths import cache_folder
from engine.training.activation_cache import ActivationCache, plan_of, room
from engine.training.augment import Views
from engine.training.batches import check_batch
from engine.training.dataset import ImageArray, of_project, part_of
from engine.training.distributed.group import ALONE, Group
from engine.training.initial_head import first_head
from engine.training.loop import Stack, Training
from engine.training.run import TuningRun
from engine.training.schedules import SCHEDULES, Schedule, Timetable
from engine.training.tuner import BatchSource, GradientTuner, Supply, Tuning, stack_of
from engine.training.tuners import TUNERS, Tuner
from engine.training.unlabelled.methods import METHODS

T = TypeVar("T", bound=Tuner)

STATISTICS, BATCH = 256, 32
"""Images on which batch norms are measured before a run begins, and how many at a time."""
LARGER = 8 / 7
"""Images are kept so much larger than the network's input, so that parts of them are sharp."""


def made(tuner: str, schedule: str, settings: Mapping[str, Any]) -> tuple[Tuning, Schedule]:
    """The tuner and the schedule with their settings. Raises BadSetting."""
    tuning, timing = made_in(TUNERS, tuner, schedule, settings)
    assert isinstance(tuning, Tuning)
    return tuning, timing


def made_of_either(
    name: str, schedule: str, settings: Mapping[str, Any]
) -> tuple[GradientTuner, Schedule]:
    """As `made`; the tuner may also be a method that needs no classes. Raises BadSetting."""
    if name in METHODS:
        return made_in(METHODS, name, schedule, settings)
    return made(name, schedule, settings)


def made_in(
    registry: Registry[T], tuner: str, schedule: str, settings: Mapping[str, Any]
) -> tuple[T, Schedule]:
    """A plug-in of a registry and a schedule, each with its own settings. Raises BadSetting."""
    plugin = SCHEDULES.get(schedule)
    own: set[str] = {f.name for f in fields(plugin)} if plugin and is_dataclass(plugin) else set()
    timing = SCHEDULES.make(schedule, {k: v for k, v in settings.items() if k in own})
    return registry.make(tuner, {k: v for k, v in settings.items() if k not in own}), timing


def plain_settings(plugin: Any) -> dict[str, Any]:
    return {f.name: getattr(plugin, f.name) for f in fields(plugin)}


def course_of(
    session: Session,
    run: Run,
    place: Path | None = None,
    only: Collection[str] = (),
    group: Group = ALONE,
) -> Generator[Event, None, TuningRun]:
    """The run's images, network and optimiser, at its last checkpoint or else its first step.

    What it keeps lies in `place`, usually the folder of its number. Of the images with classes it
    learns `only` some, by their hashes, or all. Raises UnusableWeights where the checkpoint is
    broken.
    """
    project = session.require()
    place = place or runs.folder(project, run.id)
    place.mkdir(parents=True, exist_ok=True)
    if run.tuner in METHODS:
        from engine.training.unlabelled.setup import (
            adapting_course,  # which is made from parts here
        )

        return (yield from adapting_course(session, run, place, group))
    return (yield from tuning_course(session, run, place, only, group))


def tuning_course(
    session: Session, run: Run, place: Path, only: Collection[str], group: Group
) -> Generator[Event, None, TuningRun]:
    """A run on images with classes."""
    tuning, timing = made(run.tuner, run.schedule, run.settings)
    project, extractor = session.require(), session.extractor()
    backbone, device = extractor.backbone, devices.choose(session.device)
    size = backbone.preprocessing.size
    side = size if tuning.augment == "none" else round(size * LARGER)
    split = catalogue.to_learn(project)
    every = yield from images_of(project, split, "train", side)
    if only:
        every = part_of(every, np.flatnonzero([h in only for h in every.files]))
    check_batch(len(every), tuning.batch)
    held_out = yield from images_of(project, split, "validation", size)
    numbers, added = sorted(split.train), comparison.new_classes(project)
    new = frozenset(at for at, number in enumerate(numbers) if number in added)
    data = yield from material.learning_data(project, extractor, 1)
    if only:
        data = replace(data, split=data.split.without({*data.split.hashes}.difference(only)))
    corpus = chosen_part(project, data.features, tuning, every, new)
    torch.manual_seed(tuning.seed)
    head, begun = nn.Linear(backbone.width, len(numbers)), (place / runs.CHECKPOINT).exists()
    anew = not begun or tuning.looks_back  # else a checkpoint holds it
    if anew:
        head = first_head(data, numbers, frozenset() if corpus is every else new)
    training, lessons = tuning_parts(tuning, timing, backbone, corpus, head, device, group)
    stack, views = stack_in(training), lessons.views
    shown, kept = Views(held_out, backbone.preprocessing, "none"), None
    if tuning.trues_norms and anew:
        yield Progress(0, None, "Measuring the network's statistics")
        batch_norm.recalibrate_keeping_output(stack, shuffled(views, device))
    if tuning.views and any(levels := levels_of(tuning, lessons.timetable)):
        stages = list(stack.parts.values())[:-1]
        lessons.prefix, kept = yield from prefixes(stages, lessons, shown, levels, place)
    loss = tuning.loss(stack, new)
    course = TuningRun(training, lessons, tuning, shown, kept, new, loss, place)
    if begun:
        course.resume()
    return course


def tuning_parts(
    tuning: Tuning,
    timing: Schedule,
    backbone: Backbone,
    corpus: ImageArray,
    head: nn.Module,
    device: torch.device,
    group: Group,
) -> tuple[Training, BatchSource]:
    """What every process of a group has of a run: what is trained, and what it is shown."""
    stack = stack_of(tuning.dressed(backbone), head, device)
    table = Timetable(timing, list(stack.parts), tuning.lr, tuning.steps(len(corpus)))
    views = Views(corpus, backbone.preprocessing, tuning.augment, tuning.seed)
    training = Training(stack, tuning.optimised(stack), table, group=group)
    return training, BatchSource(tuning, views, table, device, group=group)


def stack_in(training: Training) -> Stack:
    assert isinstance(training.network, Stack)
    return training.network


def chosen_part(
    project: Project, features: Known, tuning: Tuning, corpus: ImageArray, new: frozenset[int]
) -> ImageArray:
    """The images that a tuner wants to learn from."""
    if features.missing(corpus.files):
        return corpus
    found = project.db.query("SELECT sha256, bytes FROM image")
    sizes = {row["sha256"]: row["bytes"] for row in found}
    rows = tuning.chosen(
        features.get(corpus.files)[:, 0],
        corpus.classes,
        np.array([sizes[h] for h in corpus.files]),
        new,
    )
    return corpus if rows is None else part_of(corpus, rows)


def shuffled(views: Views, device: torch.device) -> Iterator[torch.Tensor]:
    """Some views of the training images, of all classes, in batches."""
    rows = np.random.default_rng(0).permutation(len(views.corpus))[:STATISTICS]
    for part in np.array_split(rows, -(-len(rows) // BATCH)):
        yield views(part, np.full(len(part), 999)).to(device)


def levels_of(tuning: GradientTuner, table: Timetable) -> list[int]:
    """The prefixes that a schedule will freeze for good, one after the other."""
    return sorted({tuning.served(table, position) for position in range(table.total)} - {0})


def prefixes(
    stages: list[nn.Module], lessons: Supply, shown: Views, levels: list[int], place: Path
) -> Generator[Event, None, tuple[ActivationCache, ActivationCache]]:
    """Where the outputs of frozen stages are kept, for images to learn from and held-out ones."""
    views, asked = lessons.views, lessons.tuning.views
    images = len(views.corpus) + len(shown.corpus)
    largest = max(views.size, shown.size)
    count, fitting = first_plan(stages, largest, levels, images, asked, place)
    if count < asked or fitting != set(levels):
        yield Notice(
            "There is little room on this disk, so frozen stages are computed more often and the "
            "run takes longer.",
            details=(
                f"{count} of {asked} views of each image are kept, for {len(fitting)} of "
                f"{len(levels)} cuts.",
            ),
        )
    made_of = []
    for name, seen, many in (("train", views, count), ("shown", shown, 1)):
        folder = place / name
        folder.mkdir(exist_ok=True)
        made_of.append(ActivationCache(stages, seen, many, folder, fitting))
    return made_of[0], made_of[1]


def first_plan(
    stages: list[nn.Module], size: int, levels: list[int], images: int, asked: int, place: Path
) -> tuple[int, frozenset[int]]:
    """As `plan_of` in the room there is; a run that goes on stays with the plan it began with,
    whatever room there is by then, so that it sees the same views."""
    note, asked_for = place / "kept.json", [levels, images, asked]
    found = noted(note)
    if found.get("for") == asked_for:
        return found["views"], frozenset(found["levels"])
    count, fitting = plan_of(stages, size, levels, images, asked, room(place))
    plan = {"for": asked_for, "views": count, "levels": sorted(fitting)}
    replace_file(note, json.dumps(plan).encode())
    return count, fitting


def images_of(
    project: Project, split: Split, part: str, side: int
) -> Generator[Event, None, ImageArray]:
    """The images of a part of the split, decoded once for all runs at this size."""
    return (yield from of_project(project, split, part, store_of(project, side, part), side))


def store_of(project: Project, side: int, part: str) -> Path:
    """Where images of a project lie decoded."""
    mark = hashlib.sha256(str(project.path.absolute()).encode()).hexdigest()[:12]
    return cache_folder() / "decoded" / f"{project.path.stem}-{mark}-{side}-{part}"
