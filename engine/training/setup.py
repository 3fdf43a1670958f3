"""What a run of tuning is made from: images, network, head, schedule, and room for what is kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from engine.events import Event, Notice, Progress
from engine.learning import comparison, material
from engine.models import batch_norm
from engine.session import Session
from engine.storage import catalogue, runs
from engine.storage.runs import Run
from engine.system import device as devices
from engine.system.files import replace_file
from engine.system.paths import cache_folder
from engine.training.activation_cache import ActivationCache, plan_of, room
from engine.training.augment import Views
from engine.training.batches import check_batch
from engine.training.dataset import ImageArray, of_project, part_of
from engine.training.initial_head import first_head
from engine.training.loop import Training
from engine.training.run import TuningRun
from engine.training.schedules import SCHEDULES, Schedule, Timetable
from engine.training.tuner import BatchSource, Tuning, stack_of
from engine.training.tuners import TUNERS

STATISTICS, BATCH = 256, 32
"""Images on which batch norms are measured before a run begins, and how many at a time."""
LARGER = 8 / 7
"""Pictures are kept so much larger than the network's input, so that parts of them are sharp."""


def made(tuner: str, schedule: str, settings: Mapping[str, Any]) -> tuple[Tuning, Schedule]:
    """The tuner and the schedule with their settings. Raises BadSetting."""
    plugin = SCHEDULES.get(schedule)
    own: set[str] = {f.name for f in fields(plugin)} if plugin and is_dataclass(plugin) else set()
    timing = SCHEDULES.make(schedule, {k: v for k, v in settings.items() if k in own})
    tuning = TUNERS.make(tuner, {k: v for k, v in settings.items() if k not in own})
    assert isinstance(tuning, Tuning)
    return tuning, timing


def plain_settings(plugin: Any) -> dict[str, Any]:
    return {f.name: getattr(plugin, f.name) for f in fields(plugin)}


def course_of(session: Session, run: Run) -> Generator[Event, None, TuningRun]:
    """The run's pictures, network and optimiser, at its first step."""
    tuning, timing = made(run.tuner, run.schedule, run.settings)
    project, backbone = session.require(), session.backbone()
    device, size = devices.choose(session.device), backbone.preprocessing.size
    place = runs.folder(project, run.id)
    place.mkdir(parents=True, exist_ok=True)
    side = size if tuning.augment == "none" else round(size * LARGER)
    corpus = yield from pictures(session, "train", side)
    check_batch(len(corpus), tuning.batch)
    held_out = yield from pictures(session, "validation", size)
    new = places_of_new(session)
    yield from material.ensure(session, 1)
    part = chosen_part(session, tuning, corpus, new)
    torch.manual_seed(tuning.seed)
    head = yield from first_head(session, frozenset() if part is corpus else new)
    corpus = part
    stack = stack_of(tuning.dressed(backbone), head, device)
    names, total = list(stack.parts), tuning.steps(len(corpus))
    table = Timetable(timing, names, tuning.lr, total)
    views = Views(corpus, backbone.preprocessing, tuning.augment, tuning.seed)
    lessons = BatchSource(tuning, views, table, device)
    shown, kept = Views(held_out, backbone.preprocessing, "none"), None
    if tuning.trues_norms:
        yield Progress(0, None, "Measuring the network's statistics")
        batch_norm.recalibrate_keeping_output(stack, shuffled(views, device))
    if tuning.views and any(levels := levels_of(tuning, table)):
        stages = [stack.parts[name] for name in names[:-1]]
        lessons.prefix, kept = yield from prefixes(stages, lessons, shown, levels, place)
    training = Training(stack, tuning.optimised(stack), table)
    loss = tuning.loss(stack, new)
    return TuningRun(training, lessons, tuning, shown, kept, new, loss, place)


def chosen_part(
    session: Session, tuning: Tuning, corpus: ImageArray, new: frozenset[int]
) -> ImageArray:
    """The pictures that a tuner wants to learn from."""
    extractor = session.extractor()
    features = material.features_by(session, extractor, 1)
    if features.missing(corpus.files):
        return corpus
    found = session.require().db.query("SELECT sha256, bytes FROM image")
    sizes = {row["sha256"]: row["bytes"] for row in found}
    rows = tuning.chosen(
        features.get(corpus.files)[:, 0], corpus.classes,
        np.array([sizes[h] for h in corpus.files]), new,
    )  # fmt: skip
    return corpus if rows is None else part_of(corpus, rows)


def shuffled(views: Views, device: torch.device) -> Iterator[torch.Tensor]:
    """Some views of the training images, of all classes, in batches."""
    rows = np.random.default_rng(0).permutation(len(views.corpus))[:STATISTICS]
    for part in np.array_split(rows, -(-len(rows) // BATCH)):
        yield views(part, np.full(len(part), 999)).to(device)


def levels_of(tuning: Tuning, table: Timetable) -> list[int]:
    """The prefixes that a schedule will freeze for good, one after the other."""
    return sorted({tuning.served(table, position) for position in range(table.total)} - {0})


def prefixes(
    stages: list[nn.Module], lessons: BatchSource, shown: Views, levels: list[int], place: Path
) -> Generator[Event, None, tuple[ActivationCache, ActivationCache]]:
    """Where the outputs of frozen stages are kept, for pictures to learn from and held-out ones."""
    views, asked = lessons.views, lessons.tuning.views
    pictures = len(views.corpus) + len(shown.corpus)
    count, fitting = first_plan(stages, views.size, levels, pictures, asked, place)
    if count == asked and fitting == set(levels):
        yield Notice(f"What frozen stages give is kept for {count} views of each image.")
    else:
        yield Notice(
            f"There is room to keep {count} of {asked} views of each image for frozen stages "
            f"({len(fitting)} of {len(levels)} cuts). The rest is computed each time."
        )
    made_of = []
    for name, seen, many in (("train", views, count), ("shown", shown, 1)):
        folder = place / name
        folder.mkdir(exist_ok=True)
        made_of.append(ActivationCache(stages, seen, many, folder, fitting))
    return made_of[0], made_of[1]


def first_plan(
    stages: list[nn.Module], size: int, levels: list[int], pictures: int, asked: int, place: Path
) -> tuple[int, frozenset[int]]:
    """As `plan_of` in the room there is; a run that goes on stays with the plan it began with,
    whatever room there is by then, so that it sees the same views."""
    note, asked_for = place / "kept.json", [levels, pictures, asked]
    found = json.loads(note.read_text()) if note.exists() else {}
    if found.get("for") == asked_for:
        return found["views"], frozenset(found["levels"])
    count, fitting = plan_of(stages, size, levels, pictures, asked, room(place))
    plan = {"for": asked_for, "views": count, "levels": sorted(fitting)}
    replace_file(note, json.dumps(plan).encode())
    return count, fitting


def pictures(session: Session, split: str, side: int) -> Generator[Event, None, ImageArray]:
    """A split's pictures, decoded once for all runs at this size."""
    project = session.require()
    mark = hashlib.sha256(str(project.path.absolute()).encode()).hexdigest()[:12]
    store = cache_folder() / "decoded" / f"{project.path.stem}-{mark}-{side}-{split}"
    return (yield from of_project(project, split, store, side))


def places_of_new(session: Session) -> frozenset[int]:
    """The places, in a corpus, of the classes that the last step brought."""
    numbers = sorted(catalogue.to_learn(session.require(), "train"))
    added = comparison.new_classes(session)
    return frozenset(at for at, number in enumerate(numbers) if number in added)


@torch.no_grad()
def scale_of(logits: torch.Tensor, truth: torch.Tensor) -> float:
    """The factor with which logits (images, classes) have the least cross-entropy."""
    scales = torch.logspace(-3, 1, 41)
    losses = [float(nn.functional.cross_entropy(scale * logits, truth)) for scale in scales]
    return float(scales[int(np.argmin(losses))])
