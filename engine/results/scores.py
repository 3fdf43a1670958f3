"""Scores, and networks compared by them."""

from typing import Literal, TypedDict

Interval = list[float]
"""A mean, and the ends of its 95 % interval."""
PARTS: tuple[
    tuple[Literal["all", "old", "new"], Literal["accuracy", "old_accuracy", "new_accuracy"]], ...
] = (("all", "accuracy"), ("old", "old_accuracy"), ("new", "new_accuracy"))
"""The parts of a Difference, and which of the Accuracies each compares."""


class Accuracies(TypedDict):
    """Over all images, and those of classes that were there before and that are new."""

    accuracy: float | None
    old_accuracy: float | None
    new_accuracy: float | None


class Continual(TypedDict):
    """Scores over all steps that led to one; learners/metrics.py defines them."""

    average_incremental_accuracy: float | None
    forgetting: float | None
    backward_transfer: float | None


class Choice(TypedDict):
    """Which of several methods was chosen for a step, and why, in a sentence (`says`).

    `titles` are those of all that were compared, the recommended one first, and `right` the shares
    of `images` images that each answers rightly, had it not learnt them.
    """

    title: str
    images: int
    titles: list[str]
    right: list[float]
    says: str


class Chose(TypedDict, total=False):
    """What a step says more where its method chose among several."""

    choice: Choice


class StepScores(Accuracies, Continual, Chose):
    per_class: dict[str, float | None]
    step: int


class SomeScores(TypedDict, total=False):
    """StepScores, or nothing where nothing was learnt."""

    accuracy: float | None
    old_accuracy: float | None
    new_accuracy: float | None
    average_incremental_accuracy: float | None
    forgetting: float | None
    backward_transfer: float | None
    per_class: dict[str, float | None]
    step: int
    choice: Choice


class Difference(TypedDict):
    """How much more accurate the second of two networks is."""

    all: Interval
    old: Interval | None
    new: Interval | None


class Compared(TypedDict):
    """Two networks on the same so many held-out images."""

    before: Accuracies
    after: Accuracies
    difference: Difference
    images: int
