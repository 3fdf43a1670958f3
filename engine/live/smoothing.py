"""Answers smoothed over time, so that one blurred frame changes nothing."""

from __future__ import annotations

import numpy as np


class Smoothing:
    """An exponential mean of probabilities and distances: w * mean + (1 - w) * new, where
    w = 0.5 ** (seconds since the frame before / half-life). It goes by the clock and not by the
    number of frames, so that a slow computer answers as a fast one.

    >>> smoothing = Smoothing(half_life=1.0)
    >>> smoothing.add(0.0, np.array([1.0, 0.0]), 2.0)
    (array([1., 0.]), 2.0)
    >>> smoothing.add(1.0, np.array([0.0, 1.0]), 4.0)
    (array([0.5, 0.5]), 3.0)
    """

    def __init__(self, half_life: float) -> None:
        """`half_life` is in seconds: after it a frame counts half; 0 does not smooth."""
        self.half_life = half_life
        self.forget()

    def forget(self) -> None:
        """Begins anew: after a gap what was before says nothing."""
        self.mean: np.ndarray | None = None
        self.distance, self.time = 0.0, 0.0

    def add(
        self, time: float, probabilities: np.ndarray, distance: float
    ) -> tuple[np.ndarray, float]:
        """The means at `time` (seconds) of probabilities (classes,) and distance."""
        if self.mean is None or self.half_life <= 0 or len(self.mean) != len(probabilities):
            self.mean, self.distance = probabilities, distance
        else:
            old = float(0.5 ** (max(0.0, time - self.time) / self.half_life))
            self.mean = old * self.mean + (1 - old) * probabilities
            self.distance = old * self.distance + (1 - old) * distance
        self.time = time
        return self.mean, self.distance
