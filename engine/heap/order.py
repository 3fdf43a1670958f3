"""In which order a person is asked about the images that wait."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.heap.near import squared

ORDERS = {
    "groups": "in groups that are alike",
    "likeness": "alike next to each other",
    "uncertain": "least certain first",
    "useful": "most useful first",
    "time": "as they were taken",
}
PICKS = 24
"""So many are picked one after the other; what comes after is in the order of its first gain."""
MOST_COMPARED = 2000
REACH = 0.5
"""How far an image speaks for others: a share of the usual distance between two images."""


@dataclass
class Herding:
    """Picks images that say most about those that wait: each covers what is like it, and what is
    covered, or not in doubt, counts for less.

    Greedy maximising of sum_n u_n max_{s in S and learnt} k(x_n, x_s), with k a Gaussian kernel:
    MaxHerding (Bae, Noh and Sutherland, Generalized coverage for more robust low-budget active
    learning, ECCV 2024), weighted with the uncertainty u as in Uncertainty Herding (Bae, Oliveira
    and Sutherland, One active learning method for all label budgets, ICLR 2025). The gain of an
    image never grows, so only the best few are computed anew for a pick (Minoux, 1978).
    """

    x: np.ndarray
    """All images of the heap that are compared, float32 (images, width)."""

    def __post_init__(self) -> None:
        far = squared(self.x, self.x)
        usual = float(np.median(far)) if len(far) else 1.0
        self.reach = REACH * max(usual, 1e-12)
        self.kernel = np.exp(-far / self.reach).astype(np.float32)
        self._room = np.empty_like(self.kernel)

    def covered(self, learnt: np.ndarray) -> np.ndarray:
        """How far each image is spoken for by what was learnt: float32 (images,), from 0 to 1."""
        cover = np.zeros(len(self.x), np.float32)
        for start in range(0, len(learnt), 512):
            far = squared(self.x, learnt[start : start + 512])
            np.maximum(cover, np.exp(-far.min(axis=1) / self.reach), out=cover)
        return cover

    def picks(
        self, cover: np.ndarray, doubt: np.ndarray, waiting: np.ndarray, count: int = PICKS
    ) -> np.ndarray:
        """Places of the images that wait, most useful first."""
        u = np.zeros(len(self.x), np.float32)
        u[waiting] = doubt[waiting]
        left = np.subtract(self.kernel, cover, out=self._room)
        gains = np.maximum(left, 0, out=left) @ u
        gains[np.setdiff1d(np.arange(len(gains)), waiting)] = -np.inf
        first, fresh, cover = gains.copy(), np.ones(len(gains), bool), cover.copy()
        picked: list[int] = []
        while len(picked) < min(count, len(waiting)):
            best = int(gains.argmax())
            if fresh[best]:
                picked.append(best)
                np.maximum(cover, self.kernel[best], out=cover)
                gains[best] = -np.inf
                fresh[:] = False
            else:
                gains[best] = np.maximum(self.kernel[best] - cover, 0) @ u
                fresh[best] = True
        first[picked] = np.inf
        rest = np.argsort(-first, kind="stable")[len(picked) : len(waiting)]
        return np.concatenate([np.array(picked, np.int64), rest])


def margin(probabilities: np.ndarray) -> np.ndarray:
    """How far from certain: 1 less what the likeliest class has before the next; all 1 for one
    class or none."""
    if probabilities.shape[1] < 2:
        return np.ones(len(probabilities), np.float32)
    top = np.partition(probabilities, -2, axis=1)[:, -2:]
    return 1 - (top[:, 1] - top[:, 0])
