"""Whether a changed network is better: both answer the same held-out images.

Each is judged as the project would use it: its features, and the project's learner on them in
closed form. The difference comes with the interval in which it lies with 95 % confidence, by
drawing the images anew many times (paired bootstrap, Efron & Tibshirani 1993).
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from engine.errors import Refused
from engine.events import Event
from engine.learners import LEARNERS, Learner, Task
from engine.learners.metrics import difference_interval
from engine.learning.material import choice, learning_data
from engine.models.extractor import Extractor
from engine.results.scores import Accuracies, Compared, Interval
from engine.storage import steps
from engine.storage.project import Project


@dataclass(frozen=True)
class Measured:
    """A subnet's accuracy on held-out images, in all and by class number."""

    accuracy: float
    per_class: Mapping[int, float]

    def plain(self) -> dict[str, Any]:
        classes = {str(number): share for number, share in self.per_class.items()}
        return {"accuracy": self.accuracy, "per_class": classes}


def scored(
    learner: Learner,
    known: torch.Tensor,
    numbers: np.ndarray,
    asked: torch.Tensor,
    truth: np.ndarray,
    moments: int = 0,
) -> Measured:
    """Learns from features (n, views, width) with class numbers (n,); scores held-out ones.
    The last `moments` of the features are such."""
    classes = torch.from_numpy(numbers)
    new = {int(n): known[classes == n] for n in classes.unique()}
    for _ in learner.learn(Task(new, known, classes, moments)):
        pass
    right = truth == learner.answers(asked)
    per_class = {int(n): float(right[truth == n].mean()) for n in np.unique(truth)}
    return Measured(float(right.mean()), per_class)


@dataclass(frozen=True)
class Evaluation:
    """A network's answers on held-out images: `right` (images,), and which are of new classes."""

    hashes: tuple[str, ...]
    right: np.ndarray
    new: np.ndarray

    def scores(self) -> Accuracies:
        return {
            "accuracy": mean(self.right),
            "old_accuracy": mean(self.right[~self.new]),
            "new_accuracy": mean(self.right[self.new]),
        }


def mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def new_classes(project: Project) -> set[int]:
    """The classes that the last step brought; none where there was no step before it."""
    row = steps.current(project)
    return set(row["new_classes"]) if row and row["parent"] is not None else set()


def judge(
    project: Project,
    extractor: Extractor,
    learner: Learner | None = None,
    new: Collection[int] | None = None,
) -> Generator[Event, None, Evaluation]:
    """How the project would answer its held-out images with a network. Nothing is changed but the
    cache of features.

    Without a `learner` one like the project's learns, and one that has learnt already answers as it
    is; `new` are the classes that are new, usually those of the last step. Raises Refused where
    there is nothing to judge by.
    """
    learner = learner or LEARNERS.make(*choice(project))
    material = yield from learning_data(project, extractor, learner.views)
    hashes, truth = material.held_out(sorted(material.train))
    if len(material.train) < 2 or not hashes:
        raise Refused(
            "There is too little to judge a network by. Add images on Images until there are two "
            "classes with validation images."
        )
    if not learner.classes:
        yield from learner.learn(material.task())
    right = learner.answers(material.of(hashes)) == truth
    added = new_classes(project) if new is None else new
    return Evaluation(tuple(hashes), right, np.isin(truth, sorted(added)))


def compared(before: Evaluation, after: Evaluation) -> Compared:
    """Both scores, and their difference over all, old and new classes.

    Images that only one of the two could be asked about are left out.
    """
    at = {sha256: place for place, sha256 in enumerate(after.hashes)}
    both = [(i, at[h]) for i, h in enumerate(before.hashes) if h in at]
    first, second = (np.array(places, np.int64) for places in zip(*both, strict=True))
    one, other, new = before.right[first], after.right[second], before.new[first]
    whole = interval(one, other)
    assert whole is not None  # there are some
    return {
        "before": before.scores(),
        "after": after.scores(),
        "difference": {
            "all": whole,
            "old": interval(one[~new], other[~new]),
            "new": interval(one[new], other[new]),
        },
        "images": len(new),
    }


def interval(first: np.ndarray, second: np.ndarray) -> Interval | None:
    """The mean of second's accuracy less first's, and its 95 % interval; None without images."""
    found = difference_interval(first.tolist(), second.tolist())
    return [float(second.mean() - first.mean()), *found] if found else None


def better(comparison: Compared) -> bool:
    """Whether more held-out images are answered rightly than before."""
    return comparison["difference"]["all"][0] > 0


def clearly_better(comparison: Compared) -> bool:
    """Whether that is so with 95 % certainty: the whole interval lies above 0."""
    return comparison["difference"]["all"][1] > 0
