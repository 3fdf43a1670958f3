"""The model's answers about the project's own images: those held out, and those it learnt from.

An image that was learnt is judged as if it had not been: its learner leaves it out, in closed form.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.events import Event, Progress
from engine.learners import LEARNERS, Learner
from engine.learners.confidence import Calibration
from engine.learners.heads import logits_of
from engine.learners.principal import unit
from engine.learners.unlike import together, usual
from engine.results.images import AnsweredImage, ImagePage, ImageRow
from engine.session import Session
from engine.storage import catalogue, kept_images, steps
from engine.storage.feature_cache import Features
from engine.storage.project import Project

AT_ONCE = 4096
"""Images that are judged between two looks at whether somebody still waits."""
SPAN = 4000
"""So many images say which space features fill."""
LIKELIEST = 10
"""Classes that are named for an image: its own, and nine to choose from."""


@dataclass(frozen=True)
class OwnAnswers:
    """What a step says of images, by content hash.

    `logs` are float32 (images, classes), logarithms of calibrated probabilities; `learnt_as` is the
    number of the class as which an image was learnt, 0 for one that was held out. `far` says how
    far each lies from all others: float64 (images,), in deviations from what is usual. `z` says
    where: float32 (images, directions), whitened and of length 1.
    """

    classes: tuple[int, ...]
    rows: Mapping[str, int]
    logs: np.ndarray
    learnt_as: np.ndarray
    far: np.ndarray
    z: np.ndarray
    both_sides: bool
    """Whether images learnt from are among them: not every learner has a closed form for it."""


@dataclass(frozen=True)
class Judged:
    """The project's images that have an answer, as arrays: one place for each image."""

    answers: OwnAnswers
    ids: np.ndarray
    hashes: list[str]
    truth: np.ndarray
    """Places of the images' classes among the answers' classes."""
    logs: np.ndarray
    far: np.ndarray
    z: np.ndarray
    held_out: np.ndarray
    kept: np.ndarray
    """Whether a person said that the image is right where it is."""

    @property
    def best(self) -> np.ndarray:
        return self.logs.argmax(axis=1)

    @property
    def confidence(self) -> np.ndarray:
        return np.exp(self.logs.max(axis=1))

    @property
    def wrong(self) -> np.ndarray:
        return self.best != self.truth

    @property
    def doubt(self) -> np.ndarray:
        """How much likelier the answer is than the image's class, as a logarithm.

        Probabilities of 1 are all alike; this still tells the worst of them apart.
        """
        return self.logs.max(axis=1) - self.logs[np.arange(len(self.truth)), self.truth]


def judged(session: Session) -> Generator[Event, None, Judged | None]:
    """The project's images with the answers of the step in use; None before there is one."""
    project = session.require()
    row = steps.current(project)
    kept = steps.learnt(project, row) if row else None
    if row is None or kept is None:
        return None
    key = ("own answers", str(project.path), row["id"], row["memory"])
    known = session.kept(key)
    if known is None:
        learner = LEARNERS.make(row["learner"], row["settings"])
        learner.restore(kept.memory)
        heat = Calibration.restore(kept.calibration).temperature
        # Not those of the network in use: another may have been chosen since, or just now.
        features = Features(project, row["features_key"])
        known = yield from answered(project, learner, heat, features, kept.images)
        session.keep(key, lambda: known)
    return matched(project, known)


def answered(
    project: Project,
    learner: Learner,
    heat: float,
    features: Features,
    learnt: Mapping[int, Sequence[str]],
) -> Generator[Event, None, OwnAnswers]:
    """Asks the head about images that were held out, and the learner about those it learnt."""
    held = [h for hashes in catalogue.to_learn(project).validation.values() for h in hashes]
    # A class's only image can't be left out of it: nothing would be left to know it by.
    pairs = [(h, n) for n, hashes in learnt.items() if len(hashes) > 1 for h in hashes]
    gone = set(features.missing([*held, *(h for h, _ in pairs)]))
    held = [h for h in held if h not in gone]
    pairs = [pair for pair in pairs if pair[0] not in gone]
    parts, names, numbers, both = list[np.ndarray](), list[str](), list[int](), True
    head = learner.head().eval()
    total = len(held) + len(pairs)
    for part in cut(held):
        logits = logits_of(head, torch.from_numpy(features.get(part)))
        parts.append(logs_of(logits, heat))
        names, numbers = [*names, *part], [*numbers, *[0] * len(part)]
        yield Progress(len(names), total, "Looking at images")
    for some in cut(pairs):
        hashes, classes = [h for h, _ in some], [n for _, n in some]
        x = torch.from_numpy(features.get(hashes))
        logits_left_out = learner.left_out(x, torch.tensor(classes))
        if logits_left_out is None:
            both = False
            break
        parts.append(logs_of(logits_left_out, heat))
        names, numbers = [*names, *hashes], [*numbers, *classes]
        yield Progress(len(names), total, "Looking at images")
    logs = np.concatenate(parts) if parts else np.empty((0, len(learner.classes)), np.float32)
    rows = {sha256: place for place, sha256 in enumerate(names)}
    far, z = yield from places_of(features, names, pairs)
    return OwnAnswers(learner.classes, rows, logs, np.array(numbers, np.int64), far, z, both)


def places_of(
    features: Features, names: Sequence[str], learnt: Sequence[tuple[str, int]]
) -> Generator[Event, None, tuple[np.ndarray, np.ndarray]]:
    """How far images lie from all that was learnt, float64 (images,), and where, whitened: float32
    (images, directions); see learners/unlike.py."""
    class_of = dict(learnt)
    places = {number: place for place, number in enumerate(sorted(set(class_of.values())))}
    if not names or not places:
        return np.zeros(len(names)), np.zeros((len(names), 0), np.float32)
    step = -(-len(class_of) // SPAN)
    drawn = set(list(class_of)[::step])
    sample, sums = list[np.ndarray](), np.zeros((len(places), 0))
    for some in cut(list(class_of)):
        u = directions(features, some)
        sums = sums if sums.shape[1] else np.zeros((len(places), u.shape[1]))
        own = np.array([places[class_of[h]] for h in some])
        sums += (own == np.arange(len(places))[:, None]).astype(np.float32) @ u
        sample.append(u[[h in drawn for h in some]])
        yield Progress(0, None, "Comparing images")
    space = usual(np.concatenate(sample), sums)
    parts = []
    for part in cut(names):
        own = np.array([places.get(class_of.get(h, 0), 0) for h in part])
        known, of_sample = (np.array([h in among for h in part]) for among in (class_of, drawn))
        u = directions(features, part)
        parts.append((*space.parts(u, own, known, of_sample), space.whitened(u)))
        yield Progress(0, None, "Comparing images")
    outside, away, z = (np.concatenate(each) for each in zip(*parts, strict=True))
    return together(outside, away), z


def directions(features: Features, hashes: Sequence[str]) -> np.ndarray:
    """Features of length 1, views averaged: float32 (images, width)."""
    return unit(features.get(hashes).mean(axis=1))


def cut(things: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(things), AT_ONCE):
        yield things[start : start + AT_ONCE]


def logs_of(logits: Tensor, heat: float) -> np.ndarray:
    return (logits.double() / heat).log_softmax(dim=1).float().numpy()


def matched(project: Project, answers: OwnAnswers) -> Judged:
    """The answers beside the images as they are now.

    An image that was learnt as another class than its own is not learnt anew yet, and has none.
    """
    at = {number: place for place, number in enumerate(answers.classes)}
    settled = kept_images.kept_images(project)
    ids, hashes, truth, places, held, kept = [], [], [], [], [], []
    for row in kept_images.learnable(project):
        place = answers.rows.get(row["sha256"])
        if place is None or row["class_id"] not in at:
            continue
        held_out = row["split"] == "validation"
        if answers.learnt_as[place] != (0 if held_out else row["class_id"]):
            continue
        ids.append(row["id"])
        hashes.append(row["sha256"])
        truth.append(at[row["class_id"]])
        places.append(place)
        held.append(held_out)
        kept.append((row["class_id"], row["sha256"]) in settled)
    return Judged(
        answers,
        np.array(ids, np.int64),
        hashes,
        np.array(truth, np.int64),
        answers.logs[np.array(places, np.int64)],
        answers.far[np.array(places, np.int64)],
        answers.z[np.array(places, np.int64)],
        np.array(held, bool),
        np.array(kept, bool),
    )


def shown(project: Project, found: Judged, places: Sequence[int]) -> list[AnsweredImage]:
    """Images as the window shows them, with the answer, how sure it is, and what else it may be."""
    names = catalogue.class_names(project)
    known = [names.get(number, "") for number in found.answers.classes]
    at = {int(found.ids[place]): int(place) for place in places}
    rows: list[AnsweredImage] = []
    for image in catalogue.images_by_id(project, list(at)):
        place = at[image["id"]]
        order = np.argsort(-found.logs[place], kind="stable")[:LIKELIEST]
        likeliest = [(known[i], float(np.exp(found.logs[place, i]))) for i in order if known[i]]
        name, share = likeliest[0] if likeliest else ("?", 0.0)
        rows.append(
            {
                **catalogue.view_of(project, image),
                "predicted": name,
                "confidence": share,
                "likeliest": likeliest,
                "kept": bool(found.kept[place]),
            }
        )
    return rows


def by_certainty(found: Judged | None, ids: Sequence[int]) -> list[int]:
    """The least certain answers first; images without an answer come last."""
    sure = dict(zip(found.ids.tolist(), found.confidence.tolist(), strict=True)) if found else {}
    return sorted(ids, key=lambda number: sure.get(number, 2.0))


def least_certain(
    project: Project, found: Judged | None, ids: Sequence[int], offset: int, limit: int
) -> ImagePage:
    """A page of images by certainty."""
    order = by_certainty(found, ids)[offset : offset + limit]
    told: dict[int, ImageRow | AnsweredImage] = {}
    if found is not None:
        rows = shown(project, found, np.flatnonzero(np.isin(found.ids, order)).tolist())
        told.update((row["id"], row) for row in rows)
    for row in catalogue.images_by_id(project, [n for n in order if n not in told]):
        told[row["id"]] = catalogue.view_of(project, row)
    return {"total": len(ids), "rows": [told[n] for n in order if n in told]}


def likeliest(project: Project, found: Judged, images: Sequence[int]) -> str:
    """The class that images belong to with the greatest probability together, not the one that all
    of them are in."""
    places = np.flatnonzero(np.isin(found.ids, images))
    names = catalogue.class_names(project)
    if not len(places):
        return ""
    together = found.logs[places].sum(axis=0, dtype=np.float64)
    own = set(found.truth[places].tolist())
    order = np.argsort(-together, kind="stable").tolist()
    wanted = [
        n for n in order if (len(own) > 1 or n not in own) and found.answers.classes[n] in names
    ]
    return names[found.answers.classes[wanted[0]]] if wanted else ""
