"""Jobs that answer: what pictures show, and how well a model does on a folder."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine import catalogue, history, scoring
from engine.errors import Refused, UnusableImage
from engine.events import Event, Progress
from engine.extractor import Extractor
from engine.folders import find_pictures
from engine.images import open_many
from engine.jobs import Work, job
from engine.model import Answers, answer
from engine.net import Model
from engine.pace import Pace
from engine.session import Session

BATCH = 32
NEAREST = 6
MOST_TO_COMPARE = 20_000


@dataclass(frozen=True)
class Seen:
    """What the model saw in pictures: answers and features, and what could not be opened."""

    paths: list[Path]
    answers: Answers
    features: np.ndarray
    reasons: dict[Path, str]


def look(session: Session, paths: Sequence[Path]) -> Generator[Event, None, Seen]:
    """Opens pictures and answers them, a batch at a time, without storing anything."""
    return (yield from look_with(session.model(), session.extractor(), paths))


def look_with(
    model: Model, extractor: Extractor, paths: Sequence[Path]
) -> Generator[Event, None, Seen]:
    """The same for any model and the extractor of its backbone."""
    import torch

    pace = Pace(len(paths), "Looking at images")
    good: list[Path] = []
    features: list[np.ndarray] = []
    reasons: dict[Path, str] = {}
    for batch in batches(paths):
        pixels = []
        for path, picture in open_many(batch, model.backbone.preprocessing):
            if isinstance(picture, UnusableImage):
                reasons[path] = str(picture)
            else:
                good.append(path)
                pixels.append(picture.pixels)
        if pixels:
            features.append(extractor(np.stack(pixels), model.views))
        yield pace.at(len(good) + len(reasons))
    none = np.empty((0, model.views, model.backbone.width), np.float32)
    together = np.concatenate(features) if features else none
    return Seen(good, answer(model.head, torch.from_numpy(together)), together, reasons)


def batches(paths: Sequence[Path]) -> Iterator[Sequence[Path]]:
    for start in range(0, len(paths), BATCH):
        yield paths[start : start + BATCH]


@job("Say what images show", reads=True)
def predict_images(session: Session, *, paths: Sequence[str], model: str = "") -> Work:
    """Each picture's classes with their probabilities, by the project or an exported file.

    `known` is False where a picture is far from all classes: "none of these".
    """
    if model:
        from engine.readers import predict_exported
        from engine.readers.trial import try_first

        yield Progress(0, len(paths), "Looking at images")
        try_first(Path(model))
        return {"pictures": predict_exported(Path(model), [Path(p) for p in paths])}
    seen = yield from look(session, [Path(p) for p in paths])
    return {"pictures": told(session, seen)}


@job("Say what a pasted image shows", reads=True)
def predict_pixels(session: Session, *, content: bytes) -> Work:
    """The same for one picture that has no file: `content` is a PNG or JPEG."""
    with tempfile.TemporaryDirectory(prefix="espalier-") as folder:
        file = Path(folder) / "pasted.png"
        file.write_bytes(content)
        seen = yield from look(session, [file])
        return {"picture": next(iter(told(session, seen).values()))}


def told(session: Session, seen: Seen) -> dict[str, Any]:
    """What was seen, as plain values by path."""
    model = session.model()
    near = nearest(session, seen.features)
    found: dict[str, Any] = {
        str(path): {
            "classes": dict(
                zip(model.class_names, map(float, seen.answers.probabilities[i]), strict=True)
            ),
            "known": bool(seen.answers.distances[i] <= model.threshold),
            "distance": float(seen.answers.distances[i]),
            "threshold": float(model.threshold),
            "nearest": near[i],
        }
        for i, path in enumerate(seen.paths)
    }
    return found | {str(path): {"reason": reason} for path, reason in seen.reasons.items()}


def nearest(session: Session, features: np.ndarray) -> list[list[dict[str, Any]]]:
    """For each picture the learnt pictures that look most alike to the network, by cosine."""
    project, row = session.require(), history.current(session.require())
    kept = history.learnt(project, row) if row else None
    if kept is None or not len(features):
        return [[] for _ in features]
    stored = session.features(features.shape[1])
    gone = set(stored.missing(h for hashes in kept.images.values() for h in hashes))
    pairs = [(h, n) for n, hashes in kept.images.items() for h in hashes if h not in gone]
    if not pairs:
        return [[] for _ in features]
    pairs = pairs[:: max(1, len(pairs) // MOST_TO_COMPARE)]
    learnt = unit(stored.get([h for h, _ in pairs])[:, 0])
    alike = unit(features[:, 0]) @ learnt.T
    result = []
    for line in alike:
        best = [pairs[i] for i in np.argsort(-line, kind="stable")[:NEAREST]]
        result.append([view for sha256, number in best for view in views(session, sha256, number)])
    return result


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def views(session: Session, sha256: str, number: int) -> list[dict[str, Any]]:
    project = session.require()
    ids = project.db.execute(
        "SELECT id FROM image WHERE sha256 = ? AND class_id = ?", [sha256, number]
    )
    return [
        catalogue.view_of(project, r) for r in catalogue.images_by_id(project, [i for (i,) in ids])
    ]


@job("Score", reads=True)
def score(session: Session, *, test: str = "", predictions: bool = False) -> Work:
    """Scores of the step in use on validation pictures, or on a folder of class folders."""
    project = session.require()
    row = history.current(project)
    if row is None:
        raise Refused("Nothing was learnt yet. Learn folders of images first.")
    if not test:
        yield Progress(0, None, "Reading")
        result = scoring.in_full(project, row)
        if predictions:
            result["predictions"] = stored_answers(session, row)
        return result
    return (yield from score_folder(session, row, Path(test), predictions))


def stored_answers(session: Session, row: Any) -> dict[str, str]:
    project = session.require()
    kept = history.predictions(project, row)
    if kept is None:
        return {}
    names = catalogue.class_names(project)
    answers = dict(zip(kept["images"].tolist(), kept["answer"].tolist(), strict=True))
    rows = catalogue.images_by_id(project, list(answers))
    return {catalogue.shown(r["path"]): names.get(answers[r["id"]], "?") for r in rows}


def score_folder(session: Session, row: Any, folder: Path, predictions: bool) -> Work:
    """Answers every picture of the folder, and compares with the names of its class folders."""
    names = session.model().class_names
    if not folder.is_dir():
        raise Refused(f"There is no folder “{folder}”. Check its name.")
    found = find_pictures([folder])
    known = [(path, name) for name, files in found.classes.items() if name in names
             for path, _ in files]  # fmt: skip
    if not known:
        raise Refused(
            f"No folder in “{folder}” has the name of a class that was learnt. "
            f"The classes are: {', '.join(names[:8])}"
            + (f" and {len(names) - 8} more." if len(names) > 8 else ".")
        )
    seen = yield from look(session, [path for path, _ in known])
    truth = dict(known)
    result = scoring.test_table(names, [truth[path] for path in seen.paths], seen.answers)
    result |= {key: row["scores"].get(key) for key in scoring.CONTINUAL}
    result["skipped"] = [{"path": str(p), "reason": r} for p, r in seen.reasons.items()]
    result["unknown_classes"] = sorted(set(found.classes) - set(names))
    if predictions:
        result["predictions"] = {
            str(path): names[best] for path, best in zip(seen.paths, seen.answers.best, strict=True)
        }
    return result
