"""A subnet as the project's model."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace

import numpy as np
import torch

from engine.events import Event
from engine.export.receipts import About
from engine.export.receipts.about import about_network, learner_facts
from engine.learners import LEARNERS
from engine.learners.confidence import calibrate, calibrated
from engine.learning import scoring, subnet
from engine.learning.material import LearningData, choice
from engine.models.answers import answer
from engine.models.backbone import Model
from engine.models.extractor import Extractor
from engine.storage import catalogue
from engine.storage.project import Project

PART = 1024
"""Images whose pixels are in memory at once."""


def model_with(
    project: Project, extractor: Extractor
) -> Generator[Event, None, tuple[Model, About]]:
    """The project's classes, learnt with another backbone than its own, and not stored."""
    chosen, size = choice(project), extractor.backbone.preprocessing.size
    learner, split = LEARNERS.make(*chosen), catalogue.to_learn(project)
    wanted = split.hashes
    features: dict[str, torch.Tensor] = {}
    for start in range(0, len(wanted), PART):
        pixels = yield from subnet.decode(project, wanted[start : start + PART], size)
        if pixels:
            found = extractor(np.stack(list(pixels.values())), learner.views)
            features |= dict(zip(pixels, torch.from_numpy(found), strict=True))
    split = split.without({h for h in wanted if h not in features})
    material = LearningData(InMemory(features, extractor.backbone.moments), split)
    task = material.task()
    yield from learner.learn(task)
    hashes, truth = material.held_out(learner.classes)
    held = material.of(hashes) if hashes else task.sample[:0]
    head = learner.head().eval()
    sample = task.sample, task.sample_classes
    fitted = calibrate(head, *sample, held, torch.from_numpy(truth), learner.left_out(*sample))
    names = catalogue.class_names(project)
    classes = tuple(names[number] for number in learner.classes)
    ready = calibrated(head, fitted).eval()
    model = Model(extractor.backbone, ready, classes, fitted.threshold, learner.views, fitted.kinds)
    best = answer(ready, held).best if hashes else np.empty(0, np.int64)
    scores = scoring.table(classes, scoring.places(learner.classes, truth), best)
    about = replace(
        about_network(project, extractor.backbone),
        **learner_facts(*chosen),
        images={
            names[n]: (len(split.train[n]), len(split.validation.get(n, ())))
            for n in learner.classes
        },
        scores=scores,
    )
    return model, about


class InMemory:
    """Features by hash, where a project's cache would be asked."""

    def __init__(self, features: dict[str, torch.Tensor], moments: int) -> None:
        self.features, self.moments = features, moments

    key = ""

    def missing(self, hashes: Iterable[str]) -> list[str]:
        return [sha256 for sha256 in dict.fromkeys(hashes) if sha256 not in self.features]

    def get(self, hashes: Sequence[str]) -> np.ndarray:
        return torch.stack([self.features[sha256] for sha256 in hashes]).numpy()
