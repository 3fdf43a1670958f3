"""What is still to be done, and how wrong it may be: from the probabilities of what waits."""

from __future__ import annotations

import numpy as np

WANTED = 0.98


def mistakes(sure: np.ndarray, off: float = 1.0) -> float:
    """How many of the likeliest classes are expected to be wrong, from their probabilities, where
    `off` times as many were wrong of those that a person looked at."""
    return off * float((1 - sure).sum())


def keys_left(
    sure: np.ndarray,
    others: int = 0,
    done: int = 0,
    wrong: float = 0.0,
    off: float = 1.0,
    wanted: float = WANTED,
) -> tuple[int, float]:
    """How many images are still to be named one by one, until the rest can be accepted at once and
    `wanted` of all are right; and the probability above which they are accepted then.

    `others` are images that are asked about in any case, `done` those that have a class, of which
    `wrong` are expected to be so; `off` is as for `mistakes`. Those that a person names are right.
    """
    order = np.sort(sure[sure > 0])[::-1]
    may = (1 - wanted) * (len(sure) + others + done) - wrong
    count = int(np.searchsorted(off * np.cumsum(1 - order), may, side="right"))
    least = float(order[count - 1]) if count else 1.0
    return len(sure) - count + others, least
