"""Which of its answers a project's model gives: those that its promise lets it give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from engine.learners.promise import (
    ENOUGH,
    LEVELS,
    NEVER,
    Promise,
    fewest,
    most,
    promised,
    reached,
    threshold,
)
from engine.models.answers import answer
from engine.models.backbone import Model
from engine.results.learn import ClassPromise, Kept, RiskPoint
from engine.session import Session
from engine.storage import catalogue, steps
from engine.storage.feature_cache import Features
from engine.storage.project import Project
from engine.system.groups import level_of
from engine.system.words import plural, whole

IMAGE = "test image"
TOGETHER = (
    "All classes together show it; of those that are seldom answered it is measured, not proven. "
)


@dataclass(frozen=True)
class Evidence:
    """What a model says of the project's held-out images, as arrays (images,).

    `best` are places among the model's classes. `confidence` and `wrong` (images, levels) are those
    of the class, of its group and of what lies above; `confidence` is 0 where the answer would be
    "none of these".
    """

    confidence: np.ndarray
    best: np.ndarray
    wrong: np.ndarray

    def __len__(self) -> int:
        return len(self.best)


def evidence(project: Project, model: Model) -> Evidence:
    """The answers of the step in use on images that it was not learnt from.

    Where a tuned network is in use, they also said which epoch was best, and that it is used: such
    choices are few, and what they add is not counted. Of images whose features are not there,
    nothing is said. Answers about learnt images that leave each one out would be four times as
    many, but are a little too good: they keep a promise in just 95 of 100 projects, held-out ones
    in 97 to 100 (BENCHMARKS.md). Beside an image that is left out others of its burst stay learnt,
    and a network that was tuned has seen it.
    """
    row = steps.current(project)
    held = catalogue.to_learn(project).validation if row else {}
    names = catalogue.class_names(project)
    at = {name: place for place, name in enumerate(model.class_names)}
    pairs = [(h, at[names[n]]) for n, some in held.items() if names[n] in at for h in some]
    features = Features(project, row["features_key"] if row else "")
    gone = set(features.missing(h for h, _ in pairs)) | learnt(project, row)
    pairs = [pair for pair in pairs if pair[0] not in gone]
    if not pairs:
        none = np.zeros((0, model.groups.levels))
        return Evidence(none, np.zeros(0, np.int64), none.astype(bool))
    found = answer(model.head, torch.from_numpy(features.get([h for h, _ in pairs])))
    known = found.distances <= model.threshold
    confidence = model.groups.climbed(found.probabilities) * known[:, None]
    wrong = model.groups.wrong(found.best, np.array([n for _, n in pairs]))
    return Evidence(confidence, found.best, wrong)


def learnt(project: Project, row: Mapping[str, Any] | None) -> set[str]:
    """Hashes of the images that a step learnt: some may be held out from the next one on."""
    kept = steps.learnt(project, row) if row else None
    return {h for hashes in kept.images.values() for h in hashes} if kept else set()


def model_in_use(session: Session) -> Model:
    """The session's model, with the promise that the project makes. Raises Refused before anything
    was learnt."""
    model, project = session.model(), session.require()
    rate = float(project.facts["promise"])
    if not rate:
        return model
    found = kept_evidence(session, model)
    return replace(model, promise=made(model, found, rate))


def with_promise(project: Project, model: Model) -> Model:
    """A model that no step has stored, with the promise that the project makes."""
    rate = float(project.facts["promise"])
    return replace(model, promise=made(model, evidence(project, model), rate)) if rate else model


def made(model: Model, found: Evidence, rate: float) -> Promise:
    return promised(found.confidence, found.best, found.wrong, model.groups, rate)


def kept_evidence(session: Session, model: Model) -> Evidence:
    """The evidence, read anew where other images are held out, or another step is in use."""
    project = session.require()
    row = steps.current(project)
    held = catalogue.to_learn(project).validation
    known = tuple((n, tuple(some)) for n, some in sorted(held.items()))
    key = (
        "evidence",
        str(project.path),
        row["memory"] if row else "",
        model.class_names,
        known,
        model.within,
    )
    return session.keep(key, lambda: evidence(project, model))


# In words and figures.


def told(found: Evidence, promise: Promise) -> Kept:
    """What a promise gives on the images that it was proven on, or why it can't be kept."""
    given, errors = answered(found, promise)
    answers, wrong = int((given >= 0).sum()), int(errors.sum())
    groups = int((given > 0).sum())
    few = 0 if promise.kept else missing(found, promise.rate)
    if promise.kept:
        which = f"{plural(wrong, 'answer')} {'is' if wrong == 1 else 'are'} wrong"
        said = (
            f"At most {rate_of(promise)} of the answers are wrong: of {plural(len(found), IMAGE)} "
            f"{answers:,} get an answer ({whole(answers / len(found))}), and {which}. "
            + (f"{groups:,} of them name a group, not a class. " if groups else "")
            + ("" if promise.proven else TOGETHER)
            + "The rest is “not sure”."
        )
    elif few:
        said = (
            f"For at most {rate_of(promise)} wrong it takes about {rounded(fewest(promise.rate)):,}"
            f" test images that are answered right; there are {right(found):,}: {few:,} more."
        )
    else:
        said = cant(found, promise.rate)
    return Kept(
        rate=promise.rate,
        kept=promise.kept,
        images=len(found),
        answers=answers,
        groups=groups,
        wrong=wrong,
        missing=few,
        said=said,
    )


def cant(found: Evidence, rate: float) -> str:
    """What stands against a promise for which there are images enough."""
    images, wrong = reached(found.confidence, found.wrong)
    first = int(np.argmax(images >= fewest(rate)))
    if images[first] < fewest(rate):  # the others are none of the classes
        first = len(images) - 1
    verb = "is" if wrong[first] == 1 else "are"
    return (
        f"At most {100 * rate:g} % wrong can't be promised: of the {images[first]:,} surest "
        f"answers on test images {wrong[first]:,} {verb} wrong. Look at these, or allow more."
    )


def answered(found: Evidence, promise: Promise) -> tuple[np.ndarray, np.ndarray]:
    """The level at which each image is answered, -1 for none, and which answers are wrong."""
    given = level_of(found.confidence, np.array(promise.least)[found.best])
    wrong = found.wrong[np.arange(len(found)), given] & (given >= 0)
    return given, wrong


def right(found: Evidence) -> int:
    """How many images would be answered right by a class or a group."""
    return int((~found.wrong[:, -1] & (found.confidence[:, -1] > 0)).sum())


def missing(found: Evidence, rate: float) -> int:
    """How many test images more it takes at least; 0 where it is not for want of images."""
    return max(0, rounded(fewest(rate)) - right(found)) if right(found) < fewest(rate) else 0


def rounded(count: int) -> int:
    """Up to tens: 299 is about 300."""
    return -(-count // 10) * 10


def rate_of(promise: Promise) -> str:
    return f"{100 * promise.rate:g} %"


def by_class(model: Model, found: Evidence, promise: Promise) -> list[ClassPromise]:
    """Each class's answers under a promise."""
    given, errors = answered(found, promise)
    rows = []
    for place, name in enumerate(model.class_names):
        own = found.best == place
        alone = own.sum() >= ENOUGH * fewest(promise.rate) and (
            threshold(found.confidence[own], found.wrong[own], promise.rate)
            == promise.least[place]
            < NEVER
        )
        answers, wrong = int((own & (given >= 0)).sum()), int((own & errors).sum())
        least = promise.least[place]
        rows.append(
            ClassPromise(name=name, least=least, alone=bool(alone), answers=answers, wrong=wrong)
        )
    return rows


def curve(found: Evidence) -> list[RiskPoint]:
    """Risk against coverage, from the surest answers on: a point for each number of answers."""
    images, wrong = reached(found.confidence, found.wrong)
    _, first = np.unique(images, return_index=True)
    return [
        RiskPoint(
            confidence=float(LEVELS[at]),
            answered=float(images[at] / len(found)),
            wrong=float(wrong[at] / images[at]),
            most=most(int(images[at]), int(wrong[at])),
        )
        for at in first.tolist()
        if images[at]
    ]
