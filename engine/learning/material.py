"""What a step is made from: the features of its images, computed where they are missing."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from engine.events import Event, Notice, Saved
from engine.images.decode import CheckedImage, open_many
from engine.learners import Task
from engine.learners.kept_features import KeptFeatures
from engine.models.extractor import Extractor
from engine.storage import catalogue
from engine.storage.catalogue import Split
from engine.storage.feature_cache import Features
from engine.storage.project import Project
from engine.storage.steps import StepMemory
from engine.system.progress import Eta

SAMPLE = 1500
BATCH = 64


def choice(
    project: Project, learner: str = "", settings: Mapping[str, Any] | None = None
) -> tuple[str, dict[str, Any]]:
    """The learner to use and its settings; what is not named stays as the project has it."""
    facts = project.facts
    name = learner or facts["learner"]
    if settings is None:
        settings = facts["settings"] if name == facts["learner"] else {}
    return name, dict(settings)


def features_by(project: Project, extractor: Extractor, views: int) -> Features:
    """The cache of what one network makes of the project's images."""
    return Features(project, f"{extractor.key}|views={views}", extractor.backbone.moments)


def compute(
    project: Project, extractor: Extractor, views: int, images: Sequence[CheckedImage]
) -> None:
    """Computes and keeps the features of decoded images that have none yet."""
    features = features_by(project, extractor, views)
    wanted = set(features.missing(image.sha256 for image in images))
    new = {image.sha256: image for image in images if image.sha256 in wanted}
    if new:
        features.put(list(new), features_of(extractor, views, list(new.values())))


def features_of(extractor: Extractor, views: int, images: Sequence[CheckedImage]) -> np.ndarray:
    """Features (images, views, width): those that other computers gave, or else computed here."""
    given = [image.features for image in images if image.features is not None]
    if len(given) == len(images):
        return np.stack(given)
    return extractor(np.stack([image.seen for image in images]), views)


def mend(project: Project, extractor: Extractor, views: int) -> Generator[Event, None, None]:
    """Computes here what came from other computers that answered wrongly later."""
    doubtful = extractor.elsewhere.doubtful() if extractor.elsewhere is not None else []
    if not doubtful:
        return
    eta, features = Eta(len(doubtful), "Looking again"), features_by(project, extractor, views)
    with closing(open_many(doubtful, extractor.backbone.preprocessing)) as opened:
        for number, (_, image) in enumerate(opened, 1):
            if isinstance(image, CheckedImage):
                features.put([image.sha256], extractor(image.seen[None], views))
            yield eta.at(number)


def ensure(
    project: Project,
    extractor: Extractor,
    views: int,
    heap: bool = False,
    spare: Collection[str] = (),
) -> Generator[Event, None, set[str]]:
    """Computes what is missing from the files; returns the hashes that could not be had. With
    `heap` also of images that wait for a class. What is to `spare` may be missing."""
    features = features_by(project, extractor, views)
    features.drop_damaged()
    yield from put_together(features)
    also = " UNION ALL SELECT sha256 FROM unsorted WHERE NOT aside" if heap else ""
    missing = features.missing_among(f"SELECT sha256 FROM image{also}")
    wanted = [h for h in missing if h not in spare]
    if not wanted:
        return set()
    eta, lost, batch = Eta(len(wanted), "Looking at images"), set[str](), list[CheckedImage]()
    opened, sees = partial(extractor.opened, views=views), extractor.backbone.preprocessing
    with closing(catalogue.decoded(project, wanted, sees, opened)) as images:
        for number, (sha256, image) in enumerate(images, 1):
            if image is None:
                lost.add(sha256)
            else:
                batch.append(image)
            if batch and (len(batch) == BATCH or number == len(wanted)):
                compute(project, extractor, views, batch)
                batch = []
                yield Saved("features")
                yield eta.at(number)
    yield from mend(project, extractor, views)
    if lost:
        yield Notice(
            f"{len(lost)} images were moved, changed or deleted since they were added, and are "
            "left out of learning. Drop them again to bring them back.",
            "warning",
        )
    return lost


def put_together(features: Features) -> Generator[Event, None, None]:
    """Puts features that came in very many small packs into shards, once."""
    packs = set() if features.project.read_only else features.small()
    eta: Eta | None = None
    for done, total in features.put_together(packs) if packs else ():
        eta = eta or Eta(total, "Putting features together")
        yield eta.at(done)


class Known(Protocol):
    """Features that are there: a project's cache, or others like it."""

    key: str
    moments: int

    def get(self, hashes: Sequence[str]) -> np.ndarray: ...

    def missing(self, hashes: Iterable[str]) -> list[str]: ...


@dataclass(frozen=True)
class LearningData:
    """What a step is made from: a split of images, and their features."""

    features: Known
    split: Split
    known: StepMemory | None = None
    """What to go on from, where features of images that were learnt may be missing."""

    @property
    def train(self) -> Mapping[int, Sequence[str]]:
        return self.split.train

    def of(self, hashes: Sequence[str]) -> Tensor:
        """Features (images, views, width)."""
        return torch.from_numpy(self.features.get(hashes))

    def task(self) -> Task:
        """All images to learn from, read class by class."""
        return Task(KeptFeatures(self.train, self.of), *self.sample(), self.features.moments)

    def held_out(self, classes: Iterable[int]) -> tuple[list[str], np.ndarray]:
        """The held-out images of `classes`, one class after the other, and their class numbers."""
        pairs = [(h, n) for n in classes for h in self.split.validation.get(n, ())]
        return [h for h, _ in pairs], np.array([n for _, n in pairs], np.int64)

    def sample(self) -> tuple[Tensor, Tensor]:
        """A stratified choice of about SAMPLE training images at most; see Task.sample.

        It depends on the set of images alone: of each class, those with the smallest hashes.
        """
        chosen = sampled(self.train)
        if self.known is not None:  # the file of one may be gone by now
            absent = set(self.features.missing(sha256 for sha256, _ in chosen))
            chosen = [pair for pair in chosen if pair[0] not in absent]
        return self.of([h for h, _ in chosen]), torch.tensor([number for _, number in chosen])


def sampled(train: Mapping[int, Sequence[str]]) -> list[tuple[str, int]]:
    """The images of a sample with their class numbers."""
    part = min(1.0, SAMPLE / sum(map(len, train.values()))) if train else 1.0
    return [
        (sha256, number)
        for number, hashes in sorted(train.items())
        for sha256 in hashes[: max(2, round(part * len(hashes)))]
    ]


def learning_data(
    project: Project, extractor: Extractor, views: int, known: StepMemory | None = None
) -> Generator[Event, None, LearningData]:
    """The project's images as a network sees them, without those whose files are lost.

    Where learning goes on from what is `known`, features that gave way to a cap are computed anew
    only if they are asked for: of the sample, and of classes that lost images. Where these can't be
    had any more, everything is learnt anew.
    """
    if known is not None:
        found = yield from going_on(project, extractor, views, known)
        if found is not None:
            return found
    lost = yield from ensure(project, extractor, views)
    split = catalogue.to_learn(project).without(lost)
    return LearningData(features_by(project, extractor, views), split)


def going_on(
    project: Project, extractor: Extractor, views: int, known: StepMemory
) -> Generator[Event, None, LearningData | None]:
    """What a step is made from that goes on from what is known; None where it can't."""
    features, split = features_by(project, extractor, views), catalogue.to_learn(project)
    shrunk = [n for n, had in known.images.items() if set(had) - set(split.train.get(n, ()))]
    needed = {h for n in shrunk for h in known.images[n]}
    learnt = {h for hashes in known.images.values() for h in hashes}
    dropped = features.dropped()
    held = dropped.intersection(h for hashes in split.validation.values() for h in hashes)
    spare = ((learnt & dropped) | held) - needed - {h for h, _ in sampled(split.train)}
    lost = yield from ensure(project, extractor, views, spare=spare)
    if features.missing(needed):
        return None
    absent = set(features.missing(split.hashes)) - learnt
    return LearningData(features, split.without(absent | (lost - learnt)), known)
