"""Learning, from features that are there to a step that is stored: the second half of a gesture.

What a step knows depends on the pictures it learnt and not on the way there: pictures that went
away since the last step are unlearnt, those that came are learnt, and the learner's arithmetic
makes that equal to learning all of them at once.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from engine.errors import Refused
from engine.events import Event, Saved, Scored, Step
from engine.learners import Learner, Task
from engine.learners.heads import logits_of
from engine.learning import scoring, subnet
from engine.learning.material import Known, LearningData, choice, ensure, without
from engine.session import Session
from engine.storage import catalogue, steps
from engine.storage.project import Project
from engine.storage.snapshot import step_view
from engine.storage.steps import StepMemory

Learning = Generator[Event, None, dict[str, Any]]


def learn(
    session: Session,
    gesture: int,
    name: str,
    settings: dict[str, Any],
    title: str,
    known: StepMemory | None = None,
) -> Learning:
    """Brings what is learnt in line with the project's pictures, and stores that as a step.

    It goes on from `known` where that is given, otherwise from the step in use. Returns the scores
    by name. Raises Refused where there is nothing to learn from.
    """
    project = session.require()
    yield from subnet.ensure_subnet(session, gesture)
    learner = session.learner(name, settings)
    lost = yield from ensure(session, learner.views)
    material = LearningData(
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
    kept = StepMemory(
        learner.memory(), calibration, {n: material.train[n] for n in learner.classes}
    )
    row = steps.row_of(project, steps.add(project, gesture, facts, kept, answers))
    yield Saved("step")
    yield Scored(step_view(row, len(steps.all_rows(project)), current=True))
    return scoring.named(project, row)


def teach(
    project: Project,
    learner: Learner,
    settings: Mapping[str, Any],
    material: LearningData,
    sample: tuple[Tensor, Tensor],
    known: StepMemory | None = None,
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
    project: Project, learner: Learner, settings: Mapping[str, Any], features: Known
) -> StepMemory | None:
    """The memory to go on from: same learner, settings and network, and all of it still there."""
    row = steps.current(project)
    same = (learner.name, dict(settings), features.key)
    if row is None or (row["learner"], row["settings"], row["features_key"]) != same:
        return None
    kept = steps.learnt(project, row)
    if kept is None or features.missing(h for hashes in kept.images.values() for h in hashes):
        return None
    return kept


def provisional_accuracy(
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
    material = LearningData(features, *(without(part, lost) for part in split))
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
    if steps.current(project) is None:
        return {}
    if not catalogue.to_learn(project, "train"):
        with project.transaction(gesture):
            project.set_facts(step=None)
        return {}
    return (yield from learn(session, gesture, *choice(session, "", None), title))
