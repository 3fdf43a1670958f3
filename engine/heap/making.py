"""The state of a heap, from what a project holds: kept, brought in line, or made anew."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np
import torch

from engine.errors import Refused
from engine.events import Event, Work
from engine.heap.mixture import Mixture
from engine.heap.near import basis_of
from engine.heap.state import HeapState
from engine.learners import LEARNERS
from engine.learning import material, step, subnet
from engine.learning.material import LearningData
from engine.models.extractor import Extractor
from engine.session import Session
from engine.storage import catalogue, unsorted
from engine.storage.feature_cache import Features
from engine.storage.project import Project, settings_text

KEPT = ("heap",)
MOST_LOOKED_AT, MOST_SPEAK = 5000, 4000
"""Of so many images is found along what they differ, and so many of those that wait have a say in
what their classes look like: those with the smallest hashes."""


def state_of(session: Session) -> Work[HeapState]:
    """What waits and what it may be, as the tables have it now."""
    project = session.require()
    check_network(project)
    name, settings = material.choice(project)
    extractor = session.extractor()
    key = (str(project.path), name, settings_text(settings), extractor.key)
    box: dict[str, Any] = session.keep(KEPT, dict)
    known = box.get("state") if box.get("key") == key else None
    if isinstance(known, HeapState) and known.follows(project):
        return known
    box.clear()
    state = yield from made(project, extractor, name, settings)
    box.update(key=key, state=state)
    return state


def check_network(project: Project) -> None:
    """Raises Refused where the network gives no features of its own yet."""
    if subnet.is_mixture(project):
        raise Refused(
            "This network holds many in one, and one of them is taken out when folders are learnt. "
            "Learn a folder first, or choose another network."
        )


def made(
    project: Project, extractor: Extractor, name: str, settings: dict[str, Any]
) -> Generator[Event, None, HeapState]:
    """Learns what there is to learn, as a step does, and looks at all that waits."""
    learner = LEARNERS.make(name, settings)
    lost = yield from material.ensure(project, extractor, learner.views, heap=True)
    features = material.features_by(project, extractor, learner.views)
    data = LearningData(features, catalogue.to_learn(project).without(lost))
    if data.train:
        yield from step.teach(project, learner, settings, data, data.sample())
    rows = [row for row in unsorted.rows(project) if row["sha256"] not in lost]
    hashes = [row["sha256"] for row in rows]
    x = features.get(hashes)
    if not len(x):
        x = np.zeros((0, learner.views, extractor.backbone.width), np.float32)
    live, seen = learner.live(torch.from_numpy(x)), x.mean(axis=1)
    mixture = mixture_of(features, hashes, seen)
    for side in (data.train, data.split.validation):
        for number, some in side.items():
            mixture.take(number, features.get(some).mean(axis=1))
    state = HeapState(
        project=project,
        features=features,
        live=live,
        ids=np.array([row["id"] for row in rows], np.int64),
        hashes=hashes,
        drawn=np.array([row["drawn"] for row in rows], bool),
        taken=[row["taken"] for row in rows],
        bursts=[row["burst"] for row in rows],
        near=mixture.basis(seen),
        mixture=mixture,
        learnt={h: n for n, some in data.split.train.items() for h in some},
        held={h: n for n, some in data.split.validation.items() for h in some},
        lost=lost,
    )
    state.settle(data)
    state.mark()
    return state


def mixture_of(features: Features, hashes: Sequence[str], seen: np.ndarray) -> Mixture:
    """Of the heap's images, none named yet. What is whitened, and who has a say, depends on all
    images that the project ever looked at, so that no act changes it."""
    looked_at = features.all()
    some = looked_at[:MOST_LOOKED_AT]
    basis = basis_of(features.get(some).mean(axis=1) if some else seen)
    last = looked_at[:MOST_SPEAK][-1:]
    speaks = np.array([sha256 <= last[0] for sha256 in hashes], bool)
    return Mixture(basis, basis.round(seen), speaks)


def settled(state: HeapState) -> None:
    """Chooses how strongly the head is held back, from all that was learnt by now."""
    split = catalogue.to_learn(state.project).without(state.lost)
    state.settle(LearningData(state.features, split))
