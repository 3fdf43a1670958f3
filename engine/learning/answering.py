"""The model's answers about images: classes, distances, nearest images."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.errors import UnusableImage
from engine.events import Event
from engine.images.decode import Opened
from engine.learning.material import features_by, features_of
from engine.models.answers import Answers, answer
from engine.models.backbone import Model
from engine.models.extractor import Extractor
from engine.results.images import ImageRow
from engine.results.learn import ImageAnswer, NoAnswer
from engine.storage import catalogue, steps
from engine.storage.project import Project
from engine.system.progress import Eta

BATCH = 32
NEAREST = 6
MOST_TO_COMPARE = 20_000


@dataclass(frozen=True)
class Seen:
    """What the model saw in images: answers and features, and what could not be opened."""

    paths: list[Path]
    answers: Answers
    features: np.ndarray
    reasons: dict[Path, str]


def look(model: Model, extractor: Extractor, paths: Sequence[Path]) -> Generator[Event, None, Seen]:
    """Opens images and answers them, a batch at a time, by a model and its backbone's extractor.

    Nothing is stored.
    """
    import torch

    pace = Eta(len(paths), "Looking at images")
    good: list[Path] = []
    features: list[np.ndarray] = []
    reasons: dict[Path, str] = {}
    with closing(extractor.opened(paths, model.views)) as opened:
        for batch in batches(opened):
            images = []
            for path, image in batch:
                if isinstance(image, UnusableImage):
                    reasons[path] = str(image)
                else:
                    good.append(path)
                    images.append(image)
            if images:
                features.append(features_of(extractor, model.views, images))
            yield pace.at(len(good) + len(reasons))
    yield from extractor.doubted()
    none = np.empty((0, model.views, model.backbone.width), np.float32)
    together = np.concatenate(features) if features else none
    return Seen(good, answer(model.head, torch.from_numpy(together)), together, reasons)


def batches(opened: Iterable[Opened | None]) -> Iterator[list[Opened]]:
    """Images in batches; an empty one now and then while none is there."""
    batch = list[Opened]()
    for one in opened:
        batch += [one] if one is not None else []
        if one is None or len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def told(
    project: Project, extractor: Extractor, model: Model, seen: Seen
) -> dict[str, ImageAnswer | NoAnswer]:
    """What was seen, as plain values by path."""
    near, naming = nearest(project, extractor, seen.features), model.naming
    found: dict[str, ImageAnswer | NoAnswer] = {
        str(path): {
            "classes": dict(
                zip(model.class_names, map(float, seen.answers.probabilities[i]), strict=True)
            ),
            "known": bool(seen.answers.distances[i] <= model.threshold),
            **naming.told(seen.answers.probabilities[i]),
            "promise": model.promise.rate if model.promise else 0.0,
            "distance": float(seen.answers.distances[i]),
            "threshold": float(model.threshold),
            "nearest": near[i],
        }
        for i, path in enumerate(seen.paths)
    }
    for path, reason in seen.reasons.items():
        found[str(path)] = {"reason": reason}
    return found


def nearest(
    project: Project, extractor: Extractor, features: np.ndarray, of: str = "", but: str = ""
) -> list[list[ImageRow]]:
    """For each image the learnt images that look most alike to the network, by cosine; with `of`
    those of one class, less the image with the hash `but`."""
    row = steps.current(project)
    kept = steps.learnt(project, row) if row else None
    if kept is None or not len(features):
        return [[] for _ in features]
    stored = features_by(project, extractor, features.shape[1])
    gone = set(stored.missing(h for hashes in kept.images.values() for h in hashes))
    pairs = [(h, n) for n, hashes in kept.images.items() for h in hashes if h not in gone]
    if of:
        names = catalogue.class_names(project)
        pairs = [(h, n) for h, n in pairs if names.get(n) == of and h != but]
    if not pairs:
        return [[] for _ in features]
    pairs = pairs[:: max(1, len(pairs) // MOST_TO_COMPARE)]
    learnt = unit(stored.get([h for h, _ in pairs])[:, 0])
    alike = unit(features[:, 0]) @ learnt.T
    result = []
    for line in alike:
        best = [pairs[i] for i in np.argsort(-line, kind="stable")[:NEAREST]]
        result.append([view for sha256, number in best for view in views(project, sha256, number)])
    return result


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def views(project: Project, sha256: str, number: int) -> list[ImageRow]:
    ids = project.db.execute(
        "SELECT id FROM image WHERE sha256 = ? AND class_id = ?", [sha256, number]
    )
    return [
        catalogue.view_of(project, r) for r in catalogue.images_by_id(project, [i for (i,) in ids])
    ]
