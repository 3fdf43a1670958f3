"""Answers by features that other computers give. The head is this computer's: a project's classes,
and what it learnt, go nowhere."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import torch

from engine.errors import UnusableImage
from engine.images.decode import Opened
from engine.images.walk import WalkEntry
from engine.learning.answering import batches
from engine.learning.material import features_of
from engine.models.answers import answer
from engine.models.backbone import Model
from engine.models.extractor import Extractor
from engine.predict.asked import Answered


def answers_with_others(
    model: Model, extractor: Extractor, met: Iterable[WalkEntry]
) -> Generator[list[Answered], None, None]:
    """Answers what was met on a walk, in its order, some at a time; none now and then while none is
    there. To be closed."""
    waiting = deque[WalkEntry]()

    def paths() -> Iterator[Path]:
        for entry in met:
            waiting.append(entry)
            yield entry.path

    with closing(extractor.opened(paths(), model.views)) as opened:
        for batch in batches(opened):
            entries = [waiting.popleft() for _ in batch]
            yield answered(model, extractor, entries, batch)


def answered(
    model: Model, extractor: Extractor, entries: Sequence[WalkEntry], batch: Sequence[Opened]
) -> list[Answered]:
    """What the model says of a batch; why not, of what can't be used."""
    reasons = [
        entry.reason or (str(image) if isinstance(image, UnusableImage) else "")
        for entry, (_, image) in zip(entries, batch, strict=True)
    ]
    images = [
        image
        for reason, (_, image) in zip(reasons, batch, strict=True)
        if not reason and not isinstance(image, UnusableImage)
    ]
    if not images:
        return [Answered(e.path, reason=r) for e, r in zip(entries, reasons, strict=True)]
    found = answer(model.head, torch.from_numpy(features_of(extractor, model.views, images)))
    rows = zip(found.probabilities, map(float, found.distances), strict=True)
    return [
        Answered(entry.path, reason=reason) if reason else Answered(entry.path, *next(rows))
        for entry, reason in zip(entries, reasons, strict=True)
    ]
