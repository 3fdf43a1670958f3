"""A promise: "at most 1 % of the answers that it gives are wrong", by a threshold on confidence."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.system.groups import Groups, level_of

CERTAIN = 0.95
"""How sure it is that a promise is kept, over the choice of the images that it is proven on."""
ENOUGH = 2
"""A class has a threshold of its own from so many times the fewest answers on that show it: just
the fewest show it only where all are right, and few classes are that sure (measured)."""
NEVER = 2.0
"""A confidence that no answer reaches."""
LEVELS = 1 / (1 + np.exp(-np.arange(140, -40, -1) / 10))
"""The thresholds that are tried, the strictest first: float64, log-odds from 14 down, 0.1 apart.

They are fixed before any image is seen: so many as reach one are wrong with that level's own rate,
independently, and their number is binomial."""


@dataclass(frozen=True)
class Promise:
    """At most `rate` of the answers are wrong. An answer is the likeliest class, or the nearest
    group that it is within, which is at least so probable as `least` says for that class."""

    rate: float
    least: tuple[float, ...]
    groups: Groups
    proven: bool = True
    """Whether each class shows it alone, or those that don't show it together."""

    @property
    def kept(self) -> bool:
        """Whether any answer is given at all."""
        return min(self.least, default=NEVER) < NEVER

    def given(self, probabilities: np.ndarray) -> np.ndarray:
        """Of each line of probabilities (images, classes) the level that is answered: 0 for the
        class itself, 1 for its group, -1 where there is no answer; int64 (images,)."""
        confidence = self.groups.climbed(probabilities)
        return level_of(confidence, np.array(self.least)[probabilities.argmax(axis=1)])


def proves(images: int, wrong: int, rate: float) -> bool:
    """Whether so few wrong among so many show that at most `rate` are wrong, CERTAIN of it.

    The upper bound of Clopper and Pearson (1934) is at most `rate` exactly where a binomial of
    that rate is at most `wrong` with a probability of 1 - CERTAIN or less.
    """
    return images > 0 and tail(images, wrong, rate) <= 1 - CERTAIN


def tail(n: int, k: int, rate: float) -> float:
    """The probability that a binomial of n trials is at most k."""
    if k >= n or rate <= 0:
        return 1.0
    i = np.arange(k + 1)
    ways = np.cumsum(np.log(np.maximum(n - i + 1, 1)) - np.log(np.maximum(i, 1)))
    ways -= ways[0]  # log C(n, 0) is 0
    terms = ways + i * math.log(rate) + (n - i) * math.log1p(-rate)
    return float(np.exp(terms).sum())


def most(images: int, wrong: int) -> float:
    """The upper bound of Clopper and Pearson on the share that is wrong; 1 without images."""
    low, high = (wrong / images, 1.0) if images else (1.0, 1.0)
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (low, middle) if proves(images, wrong, middle) else (middle, high)
    return high


def fewest(rate: float) -> int:
    """How many answers, all of them right, show a rate: 299 for 1 %."""
    return math.ceil(math.log(1 - CERTAIN) / math.log1p(-rate))


def reached(confidence: np.ndarray, wrong: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many images reach each of LEVELS, and how many of these are wrong, where each is answered
    as precisely as it can be. Both (images, levels), from the class outwards."""
    errors = np.zeros(len(LEVELS), np.int64)
    for at, own in enumerate(wrong.T):
        # Wrong at this level, less those that are answered at one before.
        errors += above(confidence[own, at])
        errors -= above(confidence[own, at - 1]) if at else 0
    return above(confidence[:, -1]), errors


def above(confidence: np.ndarray) -> np.ndarray:
    """How many reach each of LEVELS."""
    return np.searchsorted(np.sort(-confidence), -LEVELS, side="right")


def threshold(confidence: np.ndarray, wrong: np.ndarray, rate: float) -> float:
    """The laxest confidence for which images show that at most `rate` of the answers are wrong.

    `confidence` and `wrong` (images, levels) are of images that were not learnt from; what would
    be no answer anyway has a confidence of 0. NEVER where no threshold can be shown to do.

    Levels are tested in a fixed order, the strictest first, each at the full CERTAIN, down to the
    first that fails: none that breaks the promise passes in more than 1 - CERTAIN of all choices
    of images, although the threshold is chosen from the same images (fixed-sequence testing; Learn
    then Test, Angelopoulos et al., 2021; of selective classifiers, Geifman and El-Yaniv, 2017;
    that an answer climbs until it is sure enough, Hierarchical selective classification, Goren et
    al., 2024). Levels that too few reach to show anything are passed over, which costs nothing
    where surer answers are not wrong more often.
    """
    passed, enough = NEVER, fewest(rate)
    for level, images, errors in zip(LEVELS, *reached(confidence, wrong), strict=True):
        if images < enough:
            continue
        if not proves(int(images), int(errors), rate):
            break
        passed = float(level)
    return passed


def promised(
    confidence: np.ndarray, best: np.ndarray, wrong: np.ndarray, groups: Groups, rate: float
) -> Promise:
    """Thresholds class by class where enough images were answered so to show it of that class
    alone, and one for all other classes together; `best` (images,) are the likeliest classes.

    Whatever is shown of each part holds of all answers. A class that shows nothing alone stays with
    the others, whose threshold it can only make stricter. Where these show nothing together, they
    get the threshold that all classes together show, else no answer would ever name them; that at
    most `rate` of all answers are wrong is then measured (BENCHMARKS.md), not proven.
    """
    least, rest = np.full(groups.classes, NEVER), np.ones(len(best), bool)
    for place in range(groups.classes):
        own = best == place
        if own.sum() >= ENOUGH * fewest(rate):
            least[place] = threshold(confidence[own], wrong[own], rate)
            rest[own] = least[place] == NEVER
    least[least == NEVER] = threshold(confidence[rest], wrong[rest], rate)
    together = least == NEVER
    if together.any():
        least[together] = threshold(confidence, wrong, rate)
    return Promise(rate, tuple(least.tolist()), groups, bool((least[together] == NEVER).all()))
