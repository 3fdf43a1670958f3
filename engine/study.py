"""Learning, from features that are there to a step that is stored: the second half of a gesture.

What a step knows depends on the pictures it learnt and not on the way there: pictures that went
away since the last step are unlearnt, those that came are learnt, and the learner's arithmetic
makes that equal to learning all of them at once.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine import catalogue, history, scoring, subnets
from engine.catalogue import Arrival
from engine.errors import Refused, UnusableImage
from engine.evaluate import logits_of
from engine.events import Event, Notice, Saved, Scored, Step
from engine.extractor import Extractor
from engine.features import Features
from engine.history import Learnt
from engine.images import open_many
from engine.learners import Learner, Task
from engine.pace import Pace
from engine.project import Project
from engine.session import Session
from engine.views import step_view

SAMPLE = 1500
BATCH = 64
Learning = Generator[Event, None, dict[str, Any]]


def choice(
    session: Session, learner: str, settings: Mapping[str, Any] | None
) -> tuple[str, dict[str, Any]]:
    """The learner to use and its settings; what is not named stays as the project has it."""
    facts = session.require().facts
    name = learner or facts["learner"]
    if settings is None:
        settings = facts["settings"] if name == facts["learner"] else {}
    return name, dict(settings)


def compute(
    session: Session, batch: Sequence[Arrival], views: int, extractor: Extractor | None = None
) -> None:
    """Computes and keeps the features of decoded pictures that have none yet.

    Without an `extractor` they are those of the project's backbone.
    """
    extractor = extractor or session.extractor()
    features = features_by(session, extractor, views)
    wanted = set(features.missing(a.picture.sha256 for a in batch))
    pictures = {a.picture.sha256: a.picture for a in batch if a.picture.sha256 in wanted}
    if pictures:
        pixels = np.stack([picture.pixels for picture in pictures.values()])
        features.put(list(pictures), extractor(pixels, views))


def features_by(session: Session, extractor: Extractor, views: int) -> Features:
    """The cache of what one network makes of the project's pictures."""
    return Features(session.require(), f"{extractor.key}|views={views}")


def ensure(
    session: Session, views: int, extractor: Extractor | None = None
) -> Generator[Event, None, set[str]]:
    """Computes what is missing from the files; returns the hashes that could not be had."""
    project, extractor = session.require(), extractor or session.extractor()
    features = features_by(session, extractor, views)
    features.drop_damaged()
    rows = {row["sha256"]: row for row in project.db["image"].rows}
    wanted = features.missing(rows)
    if not wanted:
        return set()
    pace = Pace(len(wanted), "Looking at images")
    files = [catalogue.file_of(project, rows[sha256]) for sha256 in wanted]
    lost: set[str] = set()
    batch: list[Arrival] = []
    opened = open_many(files, extractor.backbone.preprocessing)
    try:
        for number, (sha256, (path, picture)) in enumerate(zip(wanted, opened, strict=True), 1):
            if isinstance(picture, UnusableImage) or picture.sha256 != sha256:
                lost.add(sha256)
            else:
                batch.append(Arrival("", path, picture))
            if batch and (len(batch) == BATCH or number == len(files)):
                compute(session, batch, views, extractor)
                batch = []
                yield Saved("features")
                yield pace.at(number)
    finally:
        opened.close()
    if lost:
        yield Notice(
            f"{len(lost)} images were moved, changed or deleted since they were added, and are "
            "left out of learning. Drop them again to bring them back.",
            "warning",
        )
    return lost


@dataclass(frozen=True)
class Material:
    """What a step is made from: class numbers to the sorted hashes of their pictures."""

    features: Features
    train: Mapping[int, Sequence[str]]
    held_out: Mapping[int, Sequence[str]]

    def of(self, hashes: Sequence[str]) -> Tensor:
        """Features (pictures, views, width)."""
        return torch.from_numpy(self.features.get(hashes))

    def sample(self) -> tuple[Tensor, Tensor]:
        """A stratified choice of about SAMPLE training pictures at most; see Task.sample.

        It depends on the set of pictures alone: of each class, those with the smallest hashes.
        """
        part = min(1.0, SAMPLE / sum(map(len, self.train.values())))
        chosen = [
            (sha256, number)
            for number, hashes in sorted(self.train.items())
            for sha256 in hashes[: max(2, round(part * len(hashes)))]
        ]
        return self.of([h for h, _ in chosen]), torch.tensor([number for _, number in chosen])


def learn(
    session: Session,
    gesture: int,
    name: str,
    settings: dict[str, Any],
    title: str,
    known: Learnt | None = None,
) -> Learning:
    """Brings what is learnt in line with the project's pictures, and stores that as a step.

    It goes on from `known` where that is given, otherwise from the step in use. Returns the scores
    by name. Raises Refused where there is nothing to learn from.
    """
    project = session.require()
    yield from subnets.settle(session, gesture)
    learner = session.learner(name, settings)
    lost = yield from ensure(session, learner.views)
    material = Material(
        session.features(learner.views),
        without(catalogue.to_learn(project, "train"), lost),
        without(catalogue.to_learn(project, "validation"), lost),
    )
    if not material.train:
        raise Refused("There is nothing to learn from. Add folders of images first.")
    sample = material.sample()
    clock = time.perf_counter()
    yield from teach(project, learner, settings, material, sample, known)
    seconds = {"learn": time.perf_counter() - clock}
    step, answers, calibration = scoring.judge(session, learner, material, sample)
    facts = {**step, "title": title, "settings": settings, "seconds": seconds}
    kept = Learnt(learner.memory(), calibration, {n: material.train[n] for n in learner.classes})
    row = history.row_of(project, history.add(project, gesture, facts, kept, answers))
    yield Saved("step")
    yield Scored(step_view(row, len(history.all_rows(project)), current=True))
    return scoring.named(project, row)


def without(classes: Mapping[int, Sequence[str]], lost: set[str]) -> dict[int, list[str]]:
    """The classes less the pictures that are lost, and less those that have none left."""
    kept = {number: [h for h in hashes if h not in lost] for number, hashes in classes.items()}
    return {number: hashes for number, hashes in kept.items() if hashes}


def teach(
    project: Project,
    learner: Learner,
    settings: Mapping[str, Any],
    material: Material,
    sample: tuple[Tensor, Tensor],
    known: Learnt | None = None,
) -> Generator[Event, None, None]:
    """Unlearns what went away since the step in use (or since `known`), and learns what came."""
    kept = known or usable(project, learner, settings, material.features)
    if kept is not None:
        learner.restore(kept.memory)
    before = kept.images if kept is not None else {}
    new = {}
    for number in sorted({*before, *material.train}):
        had, has = set(before.get(number, ())), set(material.train.get(number, ()))
        if had - has:
            learner.forget(number, material.of(before[number]))
            had = set()
        if has - had:
            new[number] = material.of(sorted(has - had))
    if new:
        yield from learner.learn(Task(new, *sample))
    else:
        learner.refit(*sample)


def usable(
    project: Project, learner: Learner, settings: Mapping[str, Any], features: Features
) -> Learnt | None:
    """The memory to go on from: same learner, settings and network, and all of it still there."""
    row = history.current(project)
    same = (learner.name, dict(settings), features.key)
    if row is None or (row["learner"], row["settings"], row["features_key"]) != same:
        return None
    kept = history.learnt(project, row)
    if kept is None or features.missing(h for hashes in kept.images.values() for h in hashes):
        return None
    return kept


def glimpse(
    session: Session, name: str, settings: Mapping[str, Any], done: int, total: int
) -> Iterator[Step]:
    """How well the classes seen so far are told apart, while pictures still come in.

    A learner of its own learns what is there; nothing is kept. Says nothing while there is too
    little to judge by.
    """
    project, learner = session.require(), session.learner(name, dict(settings))
    features = session.features(learner.views)
    split = [catalogue.to_learn(project, part) for part in ("train", "validation")]
    lost = set(features.missing(h for part in split for hashes in part.values() for h in hashes))
    material = Material(features, *(without(part, lost) for part in split))
    numbers = sorted(set(material.train) & set(material.held_out))
    if len(numbers) < 2:
        return
    new = {n: material.of(hashes) for n, hashes in material.train.items()}
    for _ in learner.learn(Task(new, *material.sample())):
        pass
    truth = torch.tensor([n for n in numbers for _ in material.held_out[n]])
    logits = logits_of(
        learner.head(), material.of([h for n in numbers for h in material.held_out[n]])
    )
    right = torch.tensor(learner.classes)[logits.argmax(dim=1)] == truth
    yield Step(done, total, {"accuracy": right.double().mean().item()})


def follow_up(session: Session, gesture: int, title: str) -> Learning:
    """After pictures or classes went away: learns again, so that the model never names them.

    Without a step in use nothing needs to be done; without classes there is no model any more.
    """
    project = session.require()
    if history.current(project) is None:
        return {}
    if not catalogue.to_learn(project, "train"):
        with project.transaction(gesture):
            project.set_facts(step=None)
        return {}
    return (yield from learn(session, gesture, *choice(session, "", None), title))
