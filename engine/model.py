"""From a stored step to the model that answers, scores and is exported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine import catalogue, history
from engine.calibrate import Calibration, calibrated
from engine.errors import Refused
from engine.learners import LEARNERS, load_learners
from engine.net import Backbone, Model
from engine.project import Project

BATCH = 512


@dataclass(frozen=True)
class Answers:
    """A model's answers: probabilities (pictures, classes) and distances (pictures,)."""

    probabilities: np.ndarray
    distances: np.ndarray

    @property
    def best(self) -> np.ndarray:
        """The place of the winning class for each picture."""
        return self.probabilities.argmax(axis=1)

    @property
    def confidence(self) -> np.ndarray:
        return self.probabilities.max(axis=1)


def answer(head: nn.Module, features: Tensor) -> Answers:
    """What a calibrated head says about features (pictures, views, width), in batches."""
    parts = []
    with torch.inference_mode():
        for batch in features.split(BATCH):
            parts.append([output.numpy() for output in head(batch)])
    if not parts:
        return Answers(np.empty((0, 1), np.float32), np.empty(0, np.float32))
    return Answers(*(np.concatenate(part) for part in zip(*parts, strict=True)))


class Chosen(nn.Module):
    """A head with some of its classes: those that the project still has."""

    def __init__(self, head: nn.Module, places: Sequence[int]) -> None:
        super().__init__()
        self.head = head
        self.register_buffer("places", torch.tensor(places))

    def forward(self, features: Tensor) -> Tensor:
        return self.head(features).index_select(1, self.places)


def model_of(project: Project, row: Mapping[str, Any], backbone: Backbone) -> Model:
    """The model that a step stored. Raises Refused where what it learnt is missing."""
    kept = history.learnt(project, row)
    if kept is None:
        raise Refused("What was learnt is missing or damaged. Press Learn: it is learnt anew.")
    load_learners()
    learner = LEARNERS.make(row["learner"], row["settings"])
    learner.restore(kept.memory)
    names = catalogue.class_names(project)
    places = [place for place, number in enumerate(learner.classes) if number in names]
    head = learner.head()
    if len(places) < len(learner.classes):
        head = Chosen(head, places)
    calibration = Calibration.restore(kept.calibration)
    return Model(
        backbone=backbone,
        head=calibrated(head, calibration).eval(),
        class_names=tuple(names[learner.classes[place]] for place in places),
        threshold=calibration.threshold,
        views=learner.views,
    )
