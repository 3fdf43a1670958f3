"""How many more of a class's held-out images would be right with more of its images, by the curve
of that class alone.

The share of wrong answers falls as a power of the number of images learnt from: a straight line of
logarithms, as in `curves`. A class has few held-out images, so each point is as sure as these make
it: points are weighted by the variance of their logarithm, which is that of a binomial share, and
of which images were learnt from. The slope's standard error is by these variances, or by how far
the points lie from the line if that is more. What comes is then drawn: a slope, and for each image
that is wrong now whether it stays so. BENCHMARKS.md says how often that held.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

DRAWS = 4000
BY_DRAW = 0.02
"""The variance of a logarithm that comes of which images are learnt from: about 14 % of a share."""


def more_right(
    images: Sequence[int], wrong: Sequence[int], held_out: int, times: float
) -> list[float]:
    """What so many `times` as many images as the last point's would bring: a share of the
    `held_out` images, with the interval that holds it 95 times in 100.

    `images` are the numbers learnt from, ascending, `wrong` how many of the held-out images are
    wrong then.
    """
    slope, error = slope_of(images, wrong, held_out)
    rng, now = np.random.default_rng(0), wrong[-1]
    left = times ** (slope + error * rng.standard_normal(DRAWS))
    stay = rng.binomial(now, np.minimum(left, 1))
    right = held_out - now
    lost = rng.binomial(right, np.clip((left - 1) * now / max(right, 1), 0, 1))
    low, high = np.quantile((now - stay - lost) / held_out, [0.025, 0.975])
    return [now / held_out * (1 - times**slope), float(low), float(high)]


def slope_of(
    images: Sequence[int], wrong: Sequence[int], held_out: int, by_draw: float = BY_DRAW
) -> tuple[float, float]:
    """The slope of the logarithm of the share that is wrong over that of the number of images, by
    weighted least squares, and its standard error."""
    x = np.log(np.asarray(images, np.float64))
    share = (np.asarray(wrong) + 0.5) / (held_out + 1)  # none has a logarithm too
    weights = 1 / ((1 - share) / (held_out * share) + by_draw)
    x, z = x - np.average(x, weights=weights), np.log(share)
    spread = (weights * x**2).sum()
    slope = float((weights * x * z).sum() / spread)
    rest = z - np.average(z, weights=weights) - slope * x
    off = (weights * rest**2).sum() / max(1, len(x) - 2)
    return slope, float(np.sqrt(max(1.0, off) / spread))
