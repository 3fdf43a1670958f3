"""Learning curves: what more images would bring.

The share of wrong answers falls as a power of the number of images learnt from (Cortes et al. 1993;
Hestness et al. 2017, "Deep learning scaling is predictable, empirically"), a straight line of
logarithms. It bends a little, so the line goes through the last points alone. What comes is drawn:
a slope with the error that it has by the number of held-out images, by which images were learnt
from and by how far the points lie from the line (see `class_gain`), and then which held-out images
change. Some become wrong though more become right: as many as from the last point but one to the
last. BENCHMARKS.md says how often the interval held.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.system.words import plural
from engine.training.study.class_gain import DRAWS, slope_of

LINE = 3
"""So many points the line goes through, and so many are needed."""
BY_DRAW = 0.01
"""The variance of a logarithm that comes of which images are learnt from: about 10 % of a share,
less than for one class alone."""
FEW = "More images: that takes three shares of the images, and more than one image of each class."
ALL_RIGHT = "More images: every held-out image is right already, so these can tell no gain."


def subset(train: dict[int, Sequence[str]], share: float) -> dict[int, list[str]]:
    """A share, in per cent, of each class's images: those of the smallest hashes, so that the
    larger shares hold the smaller ones."""
    return {n: sorted(h)[: max(1, round(share / 100 * len(h)))] for n, h in train.items()}


def more_images(images: Sequence[int], right: np.ndarray, times: float = 2.0) -> list[float] | None:
    """What so many times as many images would bring, as a share of the held-out images, with the
    interval that holds it 95 times in 100; None: unknown.

    `images` are the numbers learnt from, ascending, `right` bool (points, held-out images).
    """
    held_out, now = right.shape[1], int((~right[-1]).sum())
    if len(set(images)) < LINE or not now:
        return None
    wrong = (~right[-LINE:]).sum(1).tolist()
    slope, error = slope_of(images[-LINE:], wrong, held_out, BY_DRAW)
    rng = np.random.default_rng(0)
    net = now * (1 - times ** (slope + error * rng.standard_normal(DRAWS)))
    lost = lost_again(right) * (held_out - now)
    won = np.clip((net + lost) / now, 0, 1)
    lost = np.clip((won * now - net) / max(held_out - now, 1), 0, 1)
    brought = rng.binomial(now, won) - rng.binomial(held_out - now, lost)
    low, high = np.quantile(brought / held_out, [0.025, 0.975])
    return [now / held_out * (1 - times**slope), float(low), float(high)]


def lost_again(right: np.ndarray) -> float:
    """The share of what was right at the last point but one that is wrong at the last."""
    lost = int((right[-2] & ~right[-1]).sum())
    return (lost + 0.5) / (int(right[-2].sum()) + 1)


def said_of(right: np.ndarray, more: list[float] | None) -> str:
    """What `more_images` found for the same points, in one sentence."""
    if right[-1].all():
        return ALL_RIGHT
    if more is None:
        return FEW
    mean, low, high = (100 * value for value in more)
    if low <= 0:
        ends = f"{low:.1f} to {high:.1f} points".replace("-", "−")
        return f"Twice as many images: no gain that {plural(right.shape[1])} could tell ({ends})."
    return f"Twice as many images: about +{mean:.1f} points ({low:.1f} to {high:.1f})."
