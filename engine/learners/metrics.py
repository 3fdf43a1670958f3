"""Scores: how well a head tells held-out images apart, and how that changes over steps of learning.

Accuracies are shares from 0 to 1. Where there is nothing to count (a class without held-out images,
forgetting after the first step) a score is None, never 0.

>>> steps = [[0.9], [0.7, 0.8]]  # after the second step the first one's classes had lost 20 points
>>> round(forgetting(steps), 3), round(backward_transfer(steps), 3)
(0.2, -0.2)
>>> low, high = accuracy_interval(83, 100)
>>> low < 0.83 < high
True
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

DEFINITIONS = {
    "accuracy": "The share of held-out images that are put in their own class.",
    "old_accuracy": "The accuracy on images of the classes that earlier steps had learnt.",
    "new_accuracy": "The accuracy on images of the classes that this step added.",
    "recall": "Of a class's held-out images, the share that is put in it.",
    "precision": "Of the images that are put in a class, the share that belongs there.",
    "average_incremental_accuracy": (
        "The mean, over all steps so far, of the accuracy on all classes seen up to each step."
    ),
    "forgetting": (
        "How far the accuracy on each earlier step's classes has fallen from its best since they "
        "were learnt, on average (Chaudhry et al., 2018); less is better."
    ),
    "backward_transfer": (
        "How much the accuracy on each earlier step's classes has changed since the step that "
        "learnt them, on average (Lopez-Paz and Ranzato, 2017); below 0 is loss."
    ),
}
"""One plain sentence for each score: what a person reads beside the number."""

Matrix = Sequence[Sequence[float | None]]
"""R[i][j] = accuracy, after step i, on the held-out images of the classes that step j brought."""


@dataclass(frozen=True)
class Scores:
    """What held-out images say about a head; plain values, classes in the order of its logits."""

    classes: tuple[str, ...]
    counts: tuple[int, ...]
    """Held-out images of each class."""
    confusion: tuple[tuple[int, ...], ...]
    """confusion[i][j]: images of class i that were put in class j."""
    accuracy: float | None
    old_accuracy: float | None
    new_accuracy: float | None
    recall: tuple[float | None, ...]
    precision: tuple[float | None, ...]
    interval: tuple[float, float] | None
    """Where the accuracy lies with 95 % confidence, for so many images."""

    @property
    def per_class(self) -> dict[str, float | None]:
        """Accuracy of each class by name (the same as recall)."""
        return dict(zip(self.classes, self.recall, strict=True))


def score(
    predicted: Sequence[int], true: Sequence[int], classes: Sequence[str], new: Collection[str] = ()
) -> Scores:
    """Scores of held-out images.

    `predicted` and `true` are positions in `classes`, one of each for an image; `new` names the
    classes that this step added.
    """
    m = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(m, (np.asarray(true, dtype=np.int64), np.asarray(predicted, dtype=np.int64)), 1)
    right, counts, is_new = m.diagonal(), m.sum(axis=1), np.array([c in new for c in classes], bool)
    total = int(counts.sum())
    return Scores(
        classes=tuple(classes),
        counts=tuple(counts.tolist()),
        confusion=tuple(tuple(row) for row in m.tolist()),
        accuracy=share(right.sum(), total),
        old_accuracy=share(right[~is_new].sum(), counts[~is_new].sum()),
        new_accuracy=share(right[is_new].sum(), counts[is_new].sum()),
        recall=tuple(share(a, b) for a, b in zip(right, counts, strict=True)),
        precision=tuple(share(a, b) for a, b in zip(right, m.sum(axis=0), strict=True)),
        interval=accuracy_interval(int(right.sum()), total),
    )


def share(part: float, whole: float) -> float | None:
    return float(part) / float(whole) if whole else None


def accuracy_matrix(
    steps: Sequence[Mapping[Hashable, tuple[int, int]]],
) -> tuple[list[list[float | None]], list[int]]:
    """R from the scores of each step, as {class: (images right, images)}, and each column's step.

    A class belongs to the step that first scored it. A step that brought no class has a row and no
    column; a class that was forgotten is counted no longer.
    """
    first: dict[Hashable, int] = {}
    for i, step in enumerate(steps):
        for name in step:
            first.setdefault(name, i)
    born = sorted(set(first.values()))
    groups = [[name for name, i in first.items() if i == b] for b in born]

    def cell(step: Mapping[Hashable, tuple[int, int]], group: list[Hashable]) -> float | None:
        here = [step[name] for name in group if name in step]
        return share(sum(right for right, _ in here), sum(images for _, images in here))

    return [[cell(step, group) for group in groups] for step in steps], born


def average_incremental_accuracy(accuracies: Sequence[float | None]) -> float | None:
    """The mean of the accuracies on all classes seen, one for each step."""
    return mean(accuracies)


def forgetting(R: Matrix, born: Sequence[int] | None = None) -> float | None:
    """Mean over earlier columns j of max of R[l][j], from j's own step to the last but one, less
    R[T][j] (Chaudhry et al., 2018). `born` is each column's step, where it isn't its place.
    """
    falls = []
    for column in earlier(R, born):
        before = [a for a in column[:-1] if a is not None]
        falls.append(max(before) - column[-1] if before and column[-1] is not None else None)
    return mean(falls)


def backward_transfer(R: Matrix, born: Sequence[int] | None = None) -> float | None:
    """Mean over earlier columns j of R[T][j] - R[j][j] (Lopez-Paz and Ranzato, 2017)."""
    return mean([difference(column[-1], column[0]) for column in earlier(R, born)])


def earlier(R: Matrix, born: Sequence[int] | None) -> list[list[float | None]]:
    """The columns that were learnt before the last step, each from its own step on."""
    born = born or range(len(R[0]) if R else 0)
    return [[row[j] for row in R[b:]] for j, b in enumerate(born) if b < len(R) - 1]


def difference(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b


def mean(values: Sequence[float | None]) -> float | None:
    """The mean of those that are known; None where none is."""
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known else None


def accuracy_interval(
    right: int, images: int, *, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> tuple[float, float] | None:
    """A bootstrap interval of an accuracy: the images drawn again, with replacement, many times.

    Where all or none are right, that would know no doubt, and the exact interval (Clopper and
    Pearson, 1934) is given. None without images.
    """
    if not images:
        return None
    if right in (0, images):
        furthest = ((1 - level) / 2) ** (1 / images)
        return (furthest, 1.0) if right else (0.0, 1 - furthest)
    drawn = np.random.default_rng(seed).binomial(images, right / images, draws) / images
    return middle(drawn, level)


def difference_interval(
    first: Sequence[bool],
    second: Sequence[bool],
    *,
    level: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> tuple[float, float] | None:
    """A bootstrap interval of second's accuracy less first's, on the same images (paired).

    `first` and `second` say for each image whether it was right. An interval that leaves 0 out
    means that one is truly better. Images are drawn as if one more were won and one more lost
    (Bonett and Price, 2012): otherwise where no answer changed, or none for the worse, few images
    would know that there is no doubt.
    """
    gain = np.asarray(second, dtype=np.int64) - np.asarray(first, dtype=np.int64)
    if not len(gain):
        return None
    counts = np.array([1 + np.sum(gain < 0), np.sum(gain == 0), 1 + np.sum(gain > 0)])
    shares = counts / counts.sum()
    lost, _, won = np.random.default_rng(seed).multinomial(len(gain), shares, draws).T
    return middle((won - lost) / len(gain), level)


def ranked_above(high: np.ndarray, low: np.ndarray) -> float:
    """Of all pairs of a value of each, in which share that of `high` is greater, ties half: the
    area under the curve of Hanley and McNeil (1982). Nothing to compare tells nothing: 0.5."""
    if not len(high) or not len(low):
        return 0.5
    ordered = np.sort(low)
    below = np.searchsorted(ordered, high, "left") + np.searchsorted(ordered, high, "right")
    return float(below.mean() / (2 * len(low)))


def faded(right: Sequence[bool] | np.ndarray, fading: float) -> np.ndarray:
    """The prequential accuracy after each image, from 0 to 1: float64 (images,).

    S_i / N_i with S_i = right_i + f S_(i-1) and N_i = 1 + f N_(i-1), for a fading factor f from
    0 to 1 (Gama, Sebastião and Rodrigues, On evaluating stream learning algorithms, 2013).
    """
    found, s, n = [], 0.0, 0.0
    for one in right:
        s, n = one + fading * s, 1 + fading * n
        found.append(s / n)
    return np.array(found)


def middle(drawn: np.ndarray, level: float) -> tuple[float, float]:
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
