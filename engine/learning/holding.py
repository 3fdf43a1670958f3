"""What a camera shows while a button is held, learnt in memory at once; no image is stored yet.

The head is made from the features, the sample and the calibration that a step has which learns
these images for good, and so it is equal to that step's where all of them are learnt from.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from engine.errors import Refused
from engine.images.decode import CheckedImage
from engine.images.folders import class_name
from engine.learners import LEARNERS
from engine.learners.confidence import calibrate
from engine.learning import subnet
from engine.learning.material import Known, LearningData, choice, features_by
from engine.learning.promising import with_promise
from engine.learning.step import teach
from engine.models.backbone import Model
from engine.session import Session, model_from
from engine.storage import catalogue
from engine.storage.catalogue import Split
from engine.storage.project import Project


@dataclass(frozen=True, eq=False)
class HeldFrame:
    """A frame as its file will be stored: its class, its hash, and its features (views, width)."""

    name: str
    sha256: str
    features: np.ndarray


class WithHeld:
    """Features of a project's images, and of frames that are in memory."""

    def __init__(self, kept: Known, frames: Mapping[str, np.ndarray]) -> None:
        self.kept, self.frames = kept, frames
        self.key, self.moments = kept.key, kept.moments

    def missing(self, hashes: Iterable[str]) -> list[str]:
        return self.kept.missing(h for h in hashes if h not in self.frames)

    def get(self, hashes: Sequence[str]) -> np.ndarray:
        """Features (images, views, width) in the given order."""
        stored = self.kept.get([h for h in hashes if h not in self.frames])
        if len(stored) == len(hashes):
            return stored
        lines = iter(stored)
        return np.stack([self.frames[h] if h in self.frames else next(lines) for h in hashes])


@dataclass
class Holding:
    """All holds that are not stored yet, by their numbers, and the model that knows them.

    The thread that learns and those that ask share it.
    """

    frames: dict[int, list[HeldFrame]] = field(default_factory=dict)
    over: set[int] = field(default_factory=set)
    model: Model | None = None
    base: object = None
    """What the project had learnt when the model was made."""
    guard: threading.RLock = field(default_factory=threading.RLock)

    def clear(self) -> None:
        with self.guard:
            self.frames.clear()
            self.model = None

    def drop(self, hold: int) -> None:
        """A hold is stored, or given up: what comes of it later is not heard."""
        with self.guard:
            self.over.add(hold)
            if self.frames.pop(hold, None):
                self.model = None

    def add(self, session: Session, hold: int, name: str, images: Sequence[CheckedImage]) -> int:
        """Learns images of one class as a part of a hold; returns how many the hold has by now.

        Raises Refused where the network is still to be taken out of a supernet.
        """
        project = session.require()
        if subnet.is_mixture(project):
            raise Refused("It is learnt when you let go: a network is chosen then.")
        learner = LEARNERS.make(*choice(project))
        features = session.extractor()(np.stack([one.seen for one in images]), learner.views)
        fresh = [
            HeldFrame(class_name(name), one.sha256, own)
            for one, own in zip(images, features, strict=True)
        ]
        with self.guard:
            if hold in self.over:
                return 0
            self.frames.setdefault(hold, []).extend(fresh)
            holds = {number: list(frames) for number, frames in self.frames.items()}
        base = state_of(project)
        model = learnt(session, holds)  # outside: those who ask go on meanwhile
        with self.guard:
            if hold not in self.over:
                self.model, self.base = model, base
        return len(holds[hold])

    def model_for(self, project: Project) -> Model | None:
        """The model that knows what is held; None where the project's own knows as much."""
        with self.guard:
            return self.model if self.model and self.base == state_of(project) else None


def learnt(session: Session, holds: Mapping[int, list[HeldFrame]]) -> Model:
    """The model of a project's images and of all that is held."""
    project, extractor = session.require(), session.extractor()
    name, settings = choice(project)
    learner = LEARNERS.make(name, settings)
    numbers = numbered(catalogue.class_names(project), holds.values())
    features = features_by(project, extractor, learner.views)
    material = with_frames(project, features, holds, numbers)
    sample = material.sample()
    for _ in teach(project, learner, settings, material, sample):
        pass
    hashes, truth = material.held_out(learner.classes)
    held = material.of(hashes) if hashes else sample[0][:0]
    head = learner.head().eval()
    said = learner.left_out(*sample)
    calibration = calibrate(head, *sample, held, torch.from_numpy(truth), said)
    names = {number: known for known, number in numbers.items()}
    groups = catalogue.groups(project)
    model = model_from(learner, head, calibration, extractor.backbone, names, groups)
    return with_promise(project, model)


def holding_of(session: Session) -> Holding:
    """The one that all threads of the engine share."""
    found: Holding = session.keep(("holding",), Holding)
    return found


def state_of(project: Project) -> object:
    return str(project.path), project.facts["step"]


def numbered(names: Mapping[int, str], holds: Iterable[list[HeldFrame]]) -> dict[str, int]:
    """The number of each class; new ones come after all others, as they will in the project."""
    numbers = {name: number for number, name in names.items()}
    for frame in (one for frames in holds for one in frames):
        numbers.setdefault(frame.name, max(numbers.values(), default=0) + 1)
    return numbers


def with_frames(
    project: Project,
    features: Known,
    holds: Mapping[int, list[HeldFrame]],
    numbers: Mapping[str, int],
) -> LearningData:
    """The project's split with what is held to learn from; a hash that it has stays as it is."""
    known = catalogue.to_learn(project)
    known = known.without(set(features.missing(known.hashes)))
    there = set(known.hashes)
    fresh = {f.sha256: f for frames in holds.values() for f in frames if f.sha256 not in there}
    train = {number: list(hashes) for number, hashes in known.train.items()}
    for sha256, frame in fresh.items():
        train.setdefault(numbers[frame.name], []).append(sha256)
    ordered = {number: sorted(train[number]) for number in sorted(train)}
    held = {sha256: frame.features for sha256, frame in fresh.items()}
    return LearningData(WithHeld(features, held), Split(ordered, known.validation))
