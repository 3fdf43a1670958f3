"""What older steps learnt is let go, and learnt again where undo leads back to one of them.

A step's sums grow with the square of the features' width: 18 MB each with the default network. They
say nothing that its images' features don't, so those of steps far back need not fill the disk.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

from engine.events import Event, Progress
from engine.learners import LEARNERS
from engine.learning.material import LearningData, features_by
from engine.session import Session
from engine.storage import catalogue, steps
from engine.storage.catalogue import Split
from engine.storage.feature_cache import Features
from engine.storage.project import Project
from engine.storage.steps import StepMemory

WHOLE = 256 << 20
"""Bytes of the newest steps, all together, that are kept with what they learnt."""
AT_ONCE = 8
"""So many steps are looked at after each: that reads them."""


def let_go(project: Project) -> int:
    """Lets go of what older steps learnt, and returns of how many.

    Kept whole are the step in use, the newest before it up to WHOLE bytes, those of branches, and
    those that could not be learnt again from features that are kept. Which images each had learnt
    stays.
    """
    count = 0
    for row in beyond(project)[:AT_ONCE]:
        kept = steps.kept(project, row)
        if kept is None or not kept.memory:
            break  # what is older was let go before
        if not absent(Features(project, row["features_key"]), kept):
            steps.replace_memory(project, row, replace(kept, memory={}))
            count += 1
    return count


def beyond(project: Project) -> list[dict[str, Any]]:
    """Steps for which no room is left and that could be learnt again, newest first."""
    room, found, in_use = WHOLE, list[dict[str, Any]](), project.facts["step"]
    for row in reversed(steps.all_rows(project)):
        room -= steps.bytes_of(project, row)
        kind = LEARNERS.get(row["learner"])
        if room < 0 and row["id"] != in_use and kind is not None and kind.of_features:
            found.append(row)
    return found


def absent(features: Features, kept: StepMemory) -> list[str]:
    """The images of a step whose features are not kept."""
    return features.missing(h for hashes in kept.images.values() for h in hashes)


def bring_back(session: Session) -> Generator[Event, None, None]:
    """Learns again what the step in use had learnt, where that was let go.

    Where it can't be, since features gave way meanwhile or another network is in use, all stays as
    it is, and who asks for a model is told to learn.
    """
    project = session.require()
    row = steps.current(project)
    kept = steps.kept(project, row) if row else None
    if row is None or kept is None or kept.memory or project.read_only:
        return
    learner, extractor = LEARNERS.make(row["learner"], row["settings"]), session.extractor()
    features = features_by(project, extractor, learner.views)
    if features.key != row["features_key"] or absent(features, kept):
        return
    split = Split(kept.images, catalogue.to_learn(project).validation)
    yield Progress(0, None, "Learning again what was known then")
    for _ in learner.learn(LearningData(features, split).task()):
        yield Progress(0, None, "Learning again what was known then")
    steps.replace_memory(project, row, replace(kept, memory=learner.memory()))
