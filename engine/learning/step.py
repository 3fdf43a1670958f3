"""Learning, from features that are there to a step that is stored: the second half of a gesture.

What a step knows depends on the images it learnt and not on the way there: images that went
away since the last step are unlearnt, those that came are learnt, and the learner's arithmetic
makes that equal to learning all of them at once.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor

from engine.errors import Refused
from engine.events import Event, Saved, Scored, Step, Work
from engine.learners import LEARNERS, Learner, Task
from engine.learners.kept_features import KeptFeatures
from engine.learning import capped, old_steps, scoring, subnet
from engine.learning.material import Known, LearningData, choice, features_by, learning_data
from engine.models.backbones import title_of
from engine.models.extractor import Extractor
from engine.models.speeds import keep_speed
from engine.results.scores import StepScores
from engine.session import Session
from engine.storage import catalogue, steps
from engine.storage.hashes import Hashes
from engine.storage.project import Project
from engine.storage.snapshot import step_view
from engine.storage.steps import StepMemory


def learn(
    session: Session,
    gesture: int,
    name: str,
    settings: dict[str, Any],
    title: str,
    known: StepMemory | None = None,
) -> Work[StepScores]:
    """Brings what is learnt in line with the project's images, and stores that as a step.

    It goes on from `known` where that is given, otherwise from the step in use. Raises Refused
    where there is nothing to learn from.
    """
    project = session.require()
    yield from subnet.ensure_subnet(session, gesture)
    learner, extractor = LEARNERS.make(name, settings), session.extractor()
    features = features_by(project, extractor, learner.views)
    last = None  # with a cap, features of images that it has learnt may be gone
    if known is None and project.facts["feature_cap"]:
        last = usable(project, learner, settings, features, whole=False)
    material = yield from learning_data(project, extractor, learner.views, last)
    if not material.train:
        raise Refused("There is nothing to learn from. Add folders of images first.")
    sample = material.sample()
    clock = time.perf_counter()
    yield from teach(project, learner, settings, material, sample, known or material.known)
    seconds = {"learn": time.perf_counter() - clock}
    note_speed(extractor)
    step, answers, calibration = scoring.judge(
        project, extractor.backbone, learner, material, sample
    )
    facts = {**step, "title": title, "settings": settings, "seconds": seconds}
    images = {n: material.train[n] for n in learner.classes}
    kept = StepMemory(learner.memory(), calibration, images)
    row = steps.row_of(project, steps.add(project, gesture, facts, kept, answers))
    yield Saved("step")
    old_steps.let_go(project)
    capped.keep_within(project, features, kept.images)
    yield Scored(step_view(row, len(steps.all_rows(project)), True, title_of))
    return scoring.named(project, row)


def note_speed(extractor: Extractor) -> None:
    """Keeps how long the network took to look at an image once, where it ran."""
    if extractor.milliseconds:
        backbone = extractor.backbone
        once = extractor.milliseconds / backbone.looks
        keep_speed(backbone.name, backbone.preprocessing.size, once)


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
    new = dict[int, Sequence[str]]()
    for number in sorted({*before, *material.train}):
        had, has = set(before.get(number, ())), set(material.train.get(number, ()))
        if had - has:
            learner.forget(number, material.of(before[number]))
            had = set()
        if has - had:
            new[number] = Hashes.of(sorted(has - had))
    if new:
        came = KeptFeatures(new, material.of)
        yield from learner.learn(Task(came, *sample, material.features.moments))
    else:
        learner.refit(*sample)


def usable(
    project: Project,
    learner: Learner,
    settings: Mapping[str, Any],
    features: Known,
    whole: bool = True,
) -> StepMemory | None:
    """The memory to go on from: same learner, settings and network, and, if it has to be `whole`,
    all of its features still there."""
    row = steps.current(project)
    same = (learner.name, dict(settings), features.key)
    if row is None or (row["learner"], row["settings"], row["features_key"]) != same:
        return None
    kept = steps.learnt(project, row)
    if kept is None or not whole:
        return kept
    gone = features.missing(h for hashes in kept.images.values() for h in hashes)
    return None if gone else kept


def provisional_accuracy(
    project: Project, extractor: Extractor, learner: Learner, done: int, total: int
) -> Iterator[Step]:
    """How well the classes seen so far are told apart, while images still come in.

    The learner, a fresh one, learns what is there; nothing is kept. Says nothing while there is too
    little to judge by.
    """
    features, split = features_by(project, extractor, learner.views), catalogue.to_learn(project)
    material = LearningData(features, split.without(set(features.missing(split.hashes))))
    hashes, truth = material.held_out(sorted(material.train))
    if len(set(truth.tolist())) < 2:
        return
    for _ in learner.learn(material.task()):
        pass
    right = learner.answers(material.of(hashes)) == truth
    yield Step(done, total, {"accuracy": float(right.mean())})


def follow_up(session: Session, gesture: int, title: str) -> Work[StepScores | None]:
    """After images or classes went away: learns again, so that the model never names them.

    Without a step in use nothing needs to be done; without classes there is no model any more.
    """
    project = session.require()
    if steps.current(project) is None:
        return None
    if not catalogue.fingerprints(project):
        with project.transaction(gesture):
            project.set_facts(step=None)
        return None
    return (yield from learn(session, gesture, *choice(project), title))
