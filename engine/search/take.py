"""A subnet as the project's model."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace

import numpy as np
import torch

from engine.events import Event
from engine.export.receipts import About
from engine.export.receipts.about import about_network, learner_facts
from engine.learners import Task
from engine.learners.confidence import calibrate, calibrated
from engine.learning import material as learning_material
from engine.learning import scoring, subnet
from engine.models.answers import answer
from engine.models.backbone import Model
from engine.models.extractor import Extractor
from engine.session import Session
from engine.storage import catalogue

PART = 1024
"""Pictures whose pixels are in memory at once."""


def model_with(
    session: Session, extractor: Extractor
) -> Generator[Event, None, tuple[Model, About]]:
    """The project's classes, learnt with another backbone than its own, and not stored."""
    choice = learning_material.choice(session, "", None)
    learner = session.learner(*choice)
    project, size = session.require(), extractor.backbone.preprocessing.size
    split = [catalogue.to_learn(project, part) for part in ("train", "validation")]
    wanted = [h for part in split for hashes in part.values() for h in hashes]
    features: dict[str, torch.Tensor] = {}
    for start in range(0, len(wanted), PART):
        pixels = yield from subnet.decode(session, wanted[start : start + PART], size)
        if pixels:
            found = extractor(np.stack(list(pixels.values())), learner.views)
            features |= dict(zip(pixels, torch.from_numpy(found), strict=True))
    lost = {h for h in wanted if h not in features}
    train, held_out = (learning_material.without(part, lost) for part in split)
    material = learning_material.LearningData(InMemory(features), train, held_out)
    sample = material.sample()
    new = {number: material.of(hashes) for number, hashes in train.items()}
    yield from learner.learn(Task(new, *sample))
    judged = [(h, n) for n in learner.classes for h in held_out.get(n, ())]
    held = material.of([h for h, _ in judged]) if judged else sample[0][:0]
    truth = torch.tensor([n for _, n in judged], dtype=torch.int64)
    head = learner.head().eval()
    fitted = calibrate(head, *sample, held, truth)
    names = catalogue.class_names(project)
    classes = tuple(names[number] for number in learner.classes)
    ready = calibrated(head, fitted).eval()
    model = Model(extractor.backbone, ready, classes, fitted.threshold, learner.views)
    places = {number: place for place, number in enumerate(learner.classes)}
    best = answer(ready, held).best if judged else np.empty(0, np.int64)
    scores = scoring.table(classes, np.array([places[n] for _, n in judged], np.int64), best)
    about = replace(
        about_network(project, extractor.backbone),
        **learner_facts(*choice),
        images={names[n]: (len(train[n]), len(held_out.get(n, ()))) for n in learner.classes},
        scores=scores,
    )
    return model, about


class InMemory:
    """Features by hash, where a project's cache would be asked."""

    def __init__(self, features: dict[str, torch.Tensor]) -> None:
        self.features = features

    key = ""

    def missing(self, hashes: Iterable[str]) -> list[str]:
        return [sha256 for sha256 in dict.fromkeys(hashes) if sha256 not in self.features]

    def get(self, hashes: Sequence[str]) -> np.ndarray:
        return torch.stack([self.features[sha256] for sha256 in hashes]).numpy()
