"""What a step is made from: the features of its images, computed where they are missing."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from engine.errors import UnusableImage
from engine.events import Event, Notice, Saved
from engine.images.decode import open_many
from engine.models.extractor import Extractor
from engine.session import Session
from engine.storage import catalogue
from engine.storage.catalogue import NewImage
from engine.storage.feature_cache import Features
from engine.system.progress import Eta

SAMPLE = 1500
BATCH = 64


def choice(
    session: Session, learner: str, settings: Mapping[str, Any] | None
) -> tuple[str, dict[str, Any]]:
    """The learner to use and its settings; what is not named stays as the project has it."""
    facts = session.require().facts
    name = learner or facts["learner"]
    if settings is None:
        settings = facts["settings"] if name == facts["learner"] else {}
    return name, dict(settings)


def compute(
    session: Session, batch: Sequence[NewImage], views: int, extractor: Extractor | None = None
) -> None:
    """Computes and keeps the features of decoded pictures that have none yet.

    Without an `extractor` they are those of the project's backbone.
    """
    extractor = extractor or session.extractor()
    features = features_by(session, extractor, views)
    wanted = set(features.missing(a.picture.sha256 for a in batch))
    pictures = {a.picture.sha256: a.picture for a in batch if a.picture.sha256 in wanted}
    if pictures:
        pixels = np.stack([picture.seen for picture in pictures.values()])
        features.put(list(pictures), extractor(pixels, views))


def features_by(session: Session, extractor: Extractor, views: int) -> Features:
    """The cache of what one network makes of the project's pictures."""
    return Features(session.require(), f"{extractor.key}|views={views}")


def ensure(
    session: Session, views: int, extractor: Extractor | None = None
) -> Generator[Event, None, set[str]]:
    """Computes what is missing from the files; returns the hashes that could not be had."""
    project, extractor = session.require(), extractor or session.extractor()
    features = features_by(session, extractor, views)
    features.drop_damaged()
    rows = {row["sha256"]: row for row in project.db["image"].rows}
    wanted = features.missing(rows)
    if not wanted:
        return set()
    pace = Eta(len(wanted), "Looking at images")
    files = [catalogue.file_of(project, rows[sha256]) for sha256 in wanted]
    lost: set[str] = set()
    batch: list[NewImage] = []
    opened = open_many(files, extractor.backbone.preprocessing)
    try:
        for number, (sha256, (path, picture)) in enumerate(zip(wanted, opened, strict=True), 1):
            if isinstance(picture, UnusableImage) or picture.sha256 != sha256:
                lost.add(sha256)
            else:
                batch.append(NewImage("", path, picture))
            if batch and (len(batch) == BATCH or number == len(files)):
                compute(session, batch, views, extractor)
                batch = []
                yield Saved("features")
                yield pace.at(number)
    finally:
        opened.close()
    if lost:
        yield Notice(
            f"{len(lost)} images were moved, changed or deleted since they were added, and are "
            "left out of learning. Drop them again to bring them back.",
            "warning",
        )
    return lost


class Known(Protocol):
    """Features that are there: a project's cache, or others like it."""

    key: str

    def get(self, hashes: Sequence[str]) -> np.ndarray: ...

    def missing(self, hashes: Iterable[str]) -> list[str]: ...


@dataclass(frozen=True)
class LearningData:
    """What a step is made from: class numbers to the sorted hashes of their pictures."""

    features: Known
    train: Mapping[int, Sequence[str]]
    held_out: Mapping[int, Sequence[str]]

    def of(self, hashes: Sequence[str]) -> Tensor:
        """Features (pictures, views, width)."""
        return torch.from_numpy(self.features.get(hashes))

    def sample(self) -> tuple[Tensor, Tensor]:
        """A stratified choice of about SAMPLE training pictures at most; see Task.sample.

        It depends on the set of pictures alone: of each class, those with the smallest hashes.
        """
        part = min(1.0, SAMPLE / sum(map(len, self.train.values())))
        chosen = [
            (sha256, number)
            for number, hashes in sorted(self.train.items())
            for sha256 in hashes[: max(2, round(part * len(hashes)))]
        ]
        return self.of([h for h, _ in chosen]), torch.tensor([number for _, number in chosen])


def without(classes: Mapping[int, Sequence[str]], lost: set[str]) -> dict[int, list[str]]:
    """The classes less the pictures that are lost, and less those that have none left."""
    kept = {number: [h for h in hashes if h not in lost] for number, hashes in classes.items()}
    return {number: hashes for number, hashes in kept.items() if hashes}
