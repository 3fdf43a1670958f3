"""Learning curves: what more images would bring.

The share of wrong answers falls as a power of the number of images learnt from (Cortes et al. 1993;
Hestness et al. 2017, "Deep learning scaling is predictable, empirically"), a straight line of
logarithms, found by least squares. The interval comes from drawing the held-out images anew, for
all points together, and for each draw an error of the slope by how far the points lie from the line
(Student's t with two fewer than there are points). Which images were learnt from is not drawn anew.
Where the line through the smaller shares misses the whole, nothing is promised.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.system.words import plural

DRAWS = 2000
ROUNDING = 1e-9
LEAST = 4
"""Points that a fit needs: three for the line, one to try it on."""
FEW = "More images: that takes four shares of the images, and more than one image of each class."
ALL_RIGHT = "More images: every held-out image is right already, so these can tell no gain."
POOR = "More images: no promise, for what they bring does not follow a line that could be extended."


def subset(train: dict[int, Sequence[str]], share: float) -> dict[int, list[str]]:
    """A share, in per cent, of each class's images: those of the smallest hashes, so that the
    larger shares hold the smaller ones."""
    return {n: sorted(h)[: max(1, round(share / 100 * len(h)))] for n, h in train.items()}


def more_images(images: Sequence[int], right: np.ndarray, times: float = 2.0) -> list[float] | None:
    """What so many times as many images would bring, with its 95 % interval, as a share; None:
    unknown.

    `images` are the numbers learnt from, ascending, `right` bool (points, held-out images).
    """
    if len(set(images)) < LEAST:
        return None
    at, held_out = np.log(np.asarray(images, np.float64)), right.shape[1]
    whole, drawn = (~right).sum(1)[None], wrong_drawn(right)
    miss = predicted(at[:-1], drawn[:, :-1], held_out, at[-1]) - smoothed(drawn[:, -1], held_out)
    low, high = np.quantile(miss, [0.025, 0.975])
    if low > ROUNDING or high < -ROUNDING:
        return None
    off = np.random.default_rng(1).standard_t(len(at) - 2, DRAWS)
    ends = np.quantile(won(at, drawn, held_out, times, off), [0.025, 0.975])
    return [float(won(at, whole, held_out, times)[0]), *map(float, ends)]


def wrong_drawn(right: np.ndarray) -> np.ndarray:
    """Wrong answers of each point (draws, points) for held-out images drawn anew. Images that the
    same points have right are alike, so only their numbers are drawn."""
    kinds, counts = np.unique(~right.T, axis=0, return_counts=True)
    shares = counts / counts.sum()
    return np.random.default_rng(0).multinomial(counts.sum(), shares, DRAWS) @ kinds.astype(int)


def smoothed(wrong: np.ndarray, images: int) -> np.ndarray:
    """Shares of wrong answers that have logarithms, where none is wrong too."""
    return np.asarray((wrong + 0.5) / (images + 1))


def line(at: np.ndarray, wrong: np.ndarray, images: int) -> tuple[np.ndarray, ...]:
    """Heights at the middle of `at`, slopes of log shares and the slopes' standard errors, for
    `wrong` (draws, points)."""
    logs, away = np.log(smoothed(wrong, images)), at - at.mean()
    height, spread = logs.mean(1), away @ away
    slope = logs @ away / spread
    rest = logs - height[:, None] - slope[:, None] * away
    error = np.sqrt((rest**2).sum(1) / max(1, len(at) - 2) / spread)
    return height, slope, error


def predicted(at: np.ndarray, wrong: np.ndarray, images: int, place: float) -> np.ndarray:
    """Shares of wrong answers (draws,) that the line gives at another place."""
    height, slope, _ = line(at, wrong, images)
    return np.exp(height + slope * (place - at.mean()))


def won(
    at: np.ndarray, wrong: np.ndarray, images: int, times: float, off: np.ndarray | float = 0.0
) -> np.ndarray:
    """What is won (draws,) by `times` the images of the last point, from where it is; the slope is
    `off` by so many of its standard errors."""
    _, slope, error = line(at, wrong, images)
    return np.asarray(wrong[:, -1] / images * (1 - times ** (slope + off * error)))


def said_of(images: Sequence[int], right: np.ndarray, more: list[float] | None) -> str:
    """What `more_images` found for the same points, in one sentence."""
    if right[-1].all():
        return ALL_RIGHT
    if len(set(images)) < LEAST:
        return FEW
    if more is None:
        return POOR
    mean, low, high = (100 * value for value in more)
    if low <= 0:
        ends = f"{low:.1f} to {high:.1f} points".replace("-", "−")
        return f"Twice as many images: no gain that {plural(right.shape[1])} could tell ({ends})."
    return f"Twice as many images: about +{mean:.1f} points ({low:.1f} to {high:.1f})."
