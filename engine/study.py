"""Learning, from features that are there to a step that is stored: the second half of a gesture.

What a step knows depends on the pictures it learnt and not on the way there: pictures that went
away since the last step are unlearnt, those that came are learnt, and the learner's arithmetic
makes that equal to learning all of them at once.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from engine import calibrate, catalogue, history
from engine.catalogue import Arrival
from engine.errors import Refused, UnusableImage
from engine.events import Event, Notice, Saved, Scored
from engine.history import Learnt
from engine.images import open_many
from engine.learners import Learner, Task
from engine.model import answers_of
from engine.pace import Pace
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


def compute(session: Session, batch: Sequence[Arrival], views: int) -> None:
    """Computes and keeps the features of decoded pictures that have none yet."""
    features = session.features(views)
    wanted = set(features.missing(a.picture.sha256 for a in batch))
    pictures = {a.picture.sha256: a.picture for a in batch if a.picture.sha256 in wanted}
    if pictures:
        pixels = np.stack([picture.pixels for picture in pictures.values()])
        features.put(list(pictures), session.extractor()(pixels, views))


def ensure(session: Session, views: int) -> Generator[Event, None, set[str]]:
    """Computes what is missing from the files; returns the hashes that could not be had."""
    project, features = session.require(), session.features(views)
    features.drop_damaged()
    rows = {row["sha256"]: row for row in project.db["image"].rows}
    wanted = features.missing(rows)
    if not wanted:
        return set()
    pace = Pace(len(wanted), "Looking at pictures")
    files = [catalogue.file_of(project, rows[sha256]) for sha256 in wanted]
    lost: set[str] = set()
    batch: list[Arrival] = []
    opened = open_many(files, session.backbone().preprocessing)
    try:
        for number, (sha256, (path, picture)) in enumerate(zip(wanted, opened, strict=True), 1):
            if isinstance(picture, UnusableImage) or picture.sha256 != sha256:
                lost.add(sha256)
            else:
                batch.append(Arrival("", path, picture))
            if batch and (len(batch) == BATCH or number == len(files)):
                compute(session, batch, views)
                batch = []
                yield Saved("features")
                yield pace.at(number)
    finally:
        opened.close()
    if lost:
        yield Notice(
            f"{len(lost)} pictures were moved, changed or deleted since they were added, and are "
            "left out of learning. Drop them again to bring them back.",
            "warning",
        )
    return lost


def learn(
    session: Session, gesture: int, name: str, settings: dict[str, Any], title: str
) -> Learning:
    """Brings what is learnt in line with the project's pictures, and stores that as a step.

    Returns the scores by name. Raises Refused where there is nothing to learn from.
    """
    project = session.require()
    learner = session.learner(name, settings)
    lost = yield from ensure(session, learner.views)
    train = without(catalogue.to_learn(project, "train"), lost)
    if not train:
        raise Refused("There is nothing to learn from. Drop folders of pictures on Images first.")
    known = yield from teach(session, learner, settings, train)
    held_out = without(catalogue.to_learn(project, "validation"), lost)
    before = history.current(project)
    number, result = store(session, gesture, learner, settings, title, train, held_out, known)
    row = history.row_of(project, number)
    yield Saved("step")
    yield Scored(step_view(row, len(history.all_rows(project)), current=True))
    return {**result, "step": number, "replaces": before["id"] if before else None}


def without(classes: Mapping[int, Sequence[str]], lost: set[str]) -> dict[int, list[str]]:
    kept = {number: [h for h in hashes if h not in lost] for number, hashes in classes.items()}
    return {number: hashes for number, hashes in kept.items() if hashes}


def teach(
    session: Session, learner: Learner, settings: Mapping[str, Any], train: Mapping[int, list[str]]
) -> Generator[Event, None, frozenset[int]]:
    """Unlearns what went and learns what came; returns the classes that were known before."""
    project, features = session.require(), session.features(learner.views)
    row = history.current(project)
    kept = usable(session, learner, settings, row)
    if kept is not None:
        learner.restore(kept.memory)
    before = kept.images if kept is not None else {}
    new = {}
    for number, hashes in {**{n: [] for n in before}, **train}.items():
        had, has = set(before.get(number, ())), set(hashes)
        if had - has:
            learner.forget(number, tensor(features, before[number]))
            had = set()
        if has - had:
            new[number] = tensor(features, sorted(has - had))
    sample, classes = sample_of(features, train)
    if new:
        yield from learner.learn(Task(new, sample, classes))
    else:
        learner.refit(sample, classes)
    return frozenset(c["id"] for c in row["classes"]) if row else frozenset()


def usable(
    session: Session, learner: Learner, settings: Mapping[str, Any], row: Mapping[str, Any] | None
) -> Learnt | None:
    """The memory to go on from: same learner, settings and network, and all of it still there."""
    features = session.features(learner.views)
    if row is None or (row["learner"], row["features_key"]) != (learner.name, features.key):
        return None
    if row["settings"] != dict(settings):
        return None
    kept = history.learnt(session.require(), row)
    if kept is None or features.missing(h for hashes in kept.images.values() for h in hashes):
        return None
    return kept


def tensor(features: Any, hashes: Sequence[str]) -> torch.Tensor:
    return torch.from_numpy(features.get(hashes))


def sample_of(
    features: Any, train: Mapping[int, Sequence[str]]
) -> tuple[torch.Tensor, torch.Tensor]:
    """A stratified choice of at most about SAMPLE training images; see Task.sample.

    It depends on the set of images alone: of each class those with the smallest hashes.
    """
    total = sum(len(hashes) for hashes in train.values())
    part = min(1.0, SAMPLE / total)
    chosen = [
        (h, number)
        for number, hashes in sorted(train.items())
        for h in hashes[: max(2, round(part * len(hashes)))]
    ]
    return (
        tensor(features, [h for h, _ in chosen]),
        torch.tensor([number for _, number in chosen]),
    )


def store(
    session: Session,
    gesture: int,
    learner: Learner,
    settings: dict[str, Any],
    title: str,
    train: Mapping[int, list[str]],
    held_out: Mapping[int, list[str]],
    known: frozenset[int],
) -> tuple[int, dict[str, Any]]:
    """Scores what was learnt and stores it as the step in use; returns its number and scores."""
    project, features = session.require(), session.features(learner.views)
    numbers = learner.classes
    judged = {n: hashes for n, hashes in held_out.items() if n in numbers}
    truth = np.array([n for n, hashes in judged.items() for _ in hashes], dtype=np.int64)
    seen = tensor(features, [h for hashes in judged.values() for h in hashes])
    sample, classes = sample_of(features, train)
    calibration = calibrate.fit(
        learner.head(), numbers, (seen, torch.from_numpy(truth)), (sample, classes)
    )
    answers = answers_of(learner.head(), calibration, numbers, seen) if len(truth) else None
    new = [n for n in numbers if n not in known]
    scores = scores_of(session, numbers, new, truth, answers)
    row = history.current(project)
    facts = {
        "parent": row["id"] if row else None,
        "title": title,
        "learner": learner.name,
        "settings": settings,
        "backbone": f"{session.backbone().name} {session.backbone().digest[:12]}",
        "features_key": features.key,
        "classes": class_facts(session, numbers),
        "new_classes": new,
        "scores": scores,
        "seconds": {},
        "versions": versions(),
    }
    kept = Learnt(learner.memory(), calibration.save(), {n: train[n] for n in numbers})
    stored = None
    if answers is not None:
        ids = image_ids(session, judged)
        stored = {"images": ids, "truth": truth, "answer": answers.best, "confidence": answers.top}
    number = history.add(project, gesture, facts, kept, stored)
    names = catalogue.class_names(project)
    per_class = {names[n]: share(scores["per_class"][str(n)]) for n in numbers}
    plain = {key: value for key, value in scores.items() if key not in ("per_class",)}
    return number, {
        **plain,
        "per_class": per_class,
        "classes": {names[n]: len(train[n]) for n in numbers},
    }
