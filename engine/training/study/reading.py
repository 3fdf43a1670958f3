"""What a study says: which rows are better beyond chance, after having looked at many.

The difference of two rows is judged on the same images. Its interval comes from drawing the images
anew (paired bootstrap, Efron and Tibshirani 1993), its p from the images that one of the two has
right alone (exact sign test, McNemar 1947), which holds for few images too; p is corrected for the
number of rows beside the best (Holm 1979). That the best was picked by the same images is not
corrected: its lead over what it is no clear winner of is flattered.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.learners.metrics import difference_interval
from engine.system.words import plural

LEVEL = 0.05
NAMED = 4
CORRECTED = (
    "Which rows are behind is corrected for {} comparisons with the best (Holm); the intervals are "
    "not."
)
COUNTS = ("", "", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@dataclass(frozen=True)
class Row:
    """A row as the reading needs it: `right` bool (images,), `plain`: the project's own way."""

    title: str
    right: np.ndarray
    seconds: float
    plain: bool = False

    @property
    def accuracy(self) -> float:
        return float(self.right.mean())


@dataclass(frozen=True)
class Behind:
    """By how much a row is behind the best: mean and 95 % interval; p corrected (Holm)."""

    difference: list[float]
    p: float

    @property
    def tied(self) -> bool:
        return self.p > LEVEL


def best_of(rows: Sequence[Row]) -> int:
    """The place of the most accurate row; of rows alike the quickest."""
    return max(range(len(rows)), key=lambda at: (int(rows[at].right.sum()), -rows[at].seconds))


def behind(rows: Sequence[Row]) -> list[Behind | None]:
    """Each row beside the best one; None for the best itself."""
    best = best_of(rows)
    others = [at for at in range(len(rows)) if at != best]
    found: list[Behind | None] = [None] * len(rows)
    corrected = holm([sign_test(rows[at].right, rows[best].right) for at in others])
    for at, p in zip(others, corrected, strict=True):
        found[at] = Behind(lead(rows[at].right, rows[best].right), p)
    return found


def lead(first: np.ndarray, second: np.ndarray) -> list[float]:
    """Second's accuracy less first's, with its 95 % interval."""
    ends = difference_interval(first.tolist(), second.tolist(), draws=10_000)
    assert ends is not None  # there are images
    return [float(second.mean() - first.mean()), *ends]


def sign_test(first: np.ndarray, second: np.ndarray) -> float:
    """How likely two rows that are equally good differ as much: of the images that one alone has
    right, each is as likely the first's as the second's (exact, two-sided; McNemar 1947)."""
    one, other = int((first & ~second).sum()), int((second & ~first).sum())
    tail = sum(math.comb(one + other, k) for k in range(min(one, other) + 1))
    return min(1.0, 2 * tail / 2 ** (one + other))


def holm(ps: Sequence[float]) -> list[float]:
    """p-values as they count where each of so many is looked at (Holm 1979), in the given order."""
    order, highest = sorted(range(len(ps)), key=lambda at: ps[at]), 0.0
    found = [0.0] * len(ps)
    for rank, at in enumerate(order):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[at]))
        found[at] = highest
    return found


def sentence(rows: Sequence[Row]) -> str:
    """The reading of the table, in plain English."""
    said = compared(rows)
    return said if len(rows) < 3 else f"{said} {CORRECTED.format(len(rows) - 1)}"


def compared(rows: Sequence[Row]) -> str:
    """Which row is best, or which can't be told apart."""
    best, images = rows[best_of(rows)], plural(len(rows[0].right))
    if len(rows) == 1:
        return f"{best.title} is the only row: nothing to compare it with on {images}."
    found = behind(rows)
    tied = [row for row, b in zip(rows, found, strict=True) if b is None or b.tied]
    if len(tied) == 1:
        return winner(best, rows)
    count = COUNTS[len(tied)] if len(tied) < len(COUNTS) else str(len(tied))
    which = "These" if len(tied) < len(rows) else "The" if len(tied) == 2 else "All"
    names = named(tied)
    quickest = min(tied, key=lambda row: row.seconds)
    said = f"{which} {count} can't be told apart on {images}: {names}. "
    said += f"The quickest of them is {quickest.title}."
    if len(tied) < len(rows):
        behind_them = "other one is" if len(rows) - len(tied) == 1 else "others are"
        said += f" The {behind_them} behind {best.title} beyond chance."
    return said


def named(tied: Sequence[Row]) -> str:
    """The rows' titles, the most accurate first; of many a few."""
    titles = [row.title for row in sorted(tied, key=lambda row: -row.accuracy)]
    more = len(titles) - NAMED
    return "; ".join([*titles[:NAMED], f"{more} more"] if more > 1 else titles)


def winner(best: Row, rows: Sequence[Row]) -> str:
    """One row leads beyond chance: by how much over the project's own way, or over the next."""
    others = [row for row in rows if row is not best]
    beside = next((row for row in others if row.plain), others[best_of(others)])
    mean, low, high = (100 * value for value in lead(beside.right, best.right))
    by = f"by {mean:.1f} points ({low:.1f} to {high:.1f}) over {beside.title}"
    return f"{best.title} is best here, {by}, and took {times(best.seconds, beside.seconds)}."


def times(seconds: float, usual: float) -> str:
    """How long something took beside something else, in words."""
    ratio = seconds / max(usual, 1e-9)
    if ratio >= 1.5:
        return f"{ratio:,.0f} times as long" if ratio >= 3 else f"{ratio:.1f} times as long"
    return "about as long" if ratio > 1 / 1.5 else "less time"
