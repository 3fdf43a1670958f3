"""Images that are alike drawn together: t-SNE, begun at the projection, and new images beside them.

Van der Maaten and Hinton (2008), with the approximations of Linderman et al. (2019), as openTSNE
(Poličar, Stražar and Zupan 2024) has them; neighbours are exact. New images are placed among those
that lie on the map already, one by one, and none of these moves.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Generator
from typing import Any

import numpy as np
import torch

from engine.events import Progress
from engine.system.progress import Eta

PERPLEXITY = 30
"""About so many neighbours of each image count."""
LEAST = 30
"""With fewer images there is nothing to draw together."""
STAGES = ((250, 12, 0.5), (500, 1, 0.8))
"""Rounds, how much stronger neighbours attract each other than they should, and the momentum."""
AT_ONCE = 25
"""Rounds between two looks at whether somebody still waits."""
ROWS = 512
"""Images whose neighbours are looked for at once."""
LARGE = 10_000
"""From so many images on forces are interpolated on a grid instead of summed by a tree."""
NEAR, NEW_PERPLEXITY = 25, 5
"""An image that comes later begins in the middle of so many that are alike."""


def can_refine() -> bool:
    """Whether the extra is installed."""
    return importlib.util.find_spec("openTSNE") is not None


def refined(spots: np.ndarray, x: np.ndarray) -> Generator[Progress, None, np.ndarray]:
    """Images x, float32 (images, numbers), that lie at `spots` (images, 2): where they lie then."""
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PrecomputedAffinities, joint_probabilities_nn

    perplexity = min(PERPLEXITY, (len(x) - 1) / 3)
    near, away = yield from nearest(x, None, int(3 * perplexity))
    jobs = torch.get_num_threads()
    P = joint_probabilities_nn(near, away, [perplexity], symmetrize=True, n_jobs=jobs)
    embedding = TSNEEmbedding(
        begun(spots),
        PrecomputedAffinities(P, normalize=False),
        negative_gradient_method="fft" if len(x) >= LARGE else "bh",
        n_jobs=jobs,
        random_state=0,
    )
    pace, done = Eta(sum(rounds for rounds, *_ in STAGES), "Drawing what is alike together"), 0
    for rounds, exaggeration, momentum in STAGES:
        for _ in range(0, rounds, AT_ONCE):
            yield pace.at(done)
            embedding.optimize(AT_ONCE, inplace=True, exaggeration=exaggeration, momentum=momentum)
            done += AT_ONCE
    return np.asarray(embedding, np.float32)


def begun(spots: np.ndarray) -> np.ndarray:
    """The projection, small and a little shaken, so that images at one spot can part."""
    start = spots - spots.mean(axis=0)
    start = 1e-4 * start / max(float(start.std()), 1e-12)
    return start + np.random.default_rng(0).normal(scale=1e-6, size=start.shape)


def placed(
    new: np.ndarray, x: np.ndarray, spots: np.ndarray
) -> Generator[Progress, None, np.ndarray]:
    """Where images `new` come to lie among images x that lie at `spots`: beside those that are most
    alike. Without openTSNE in their middle."""
    near, away = yield from nearest(new, x, min(NEAR, len(x)))
    yield Progress(0, None, "Placing new images")
    if not can_refine() or len(x) < LEAST:
        return np.median(spots[near], axis=1).astype(np.float32)
    middle = (spots.max(axis=0) + spots.min(axis=0)) / 2  # where openTSNE moves it to
    whole = known_map(spots - middle, near, away)
    return (np.asarray(whole.transform(new, perplexity=NEW_PERPLEXITY)) + middle).astype(np.float32)


def known_map(spots: np.ndarray, near: np.ndarray, away: np.ndarray) -> Any:
    """A map of openTSNE's to which new images can be added, whose neighbours on it are known."""
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import Affinities, joint_probabilities_nn

    jobs, some = torch.get_num_threads(), 3 * NEW_PERPLEXITY

    class Known(Affinities):
        P = np.empty((len(spots), 0))  # asked for its length alone

        def __init__(self) -> None:
            """Nothing is to be looked for."""

        def to_new(
            self, data: Any, perplexity: float = NEW_PERPLEXITY, return_distances: bool = False
        ) -> Any:
            """What openTSNE asks for: how alike new points and old ones are."""
            P = joint_probabilities_nn(
                near[:, :some],
                away[:, :some],
                [perplexity],
                symmetrize=False,
                normalization="point-wise",
                n_reference_samples=len(spots),
                n_jobs=jobs,
            )
            return (P, near, away) if return_distances else P

    way = "fft" if len(spots) >= LARGE else "bh"
    start = np.array(spots, np.float64)
    return TSNEEmbedding(start, Known(), negative_gradient_method=way, n_jobs=jobs, random_state=0)


def nearest(
    x: np.ndarray, among: np.ndarray | None, k: int
) -> Generator[Progress, None, tuple[np.ndarray, np.ndarray]]:
    """Of each row the k nearest of others (of the same rows but itself where `among` is None), the
    nearest first, and how far these are: int64 and float32 (rows, k)."""
    rows = torch.from_numpy(x)
    others = rows if among is None else torch.from_numpy(among)
    lengths = others.square().sum(dim=1)
    near, away = np.empty((len(x), k), np.int64), np.empty((len(x), k), np.float32)
    pace = Eta(len(x), "Looking for what is alike")
    for start in range(0, len(x), ROWS):
        yield pace.at(start)
        some = rows[start : start + ROWS]
        likeness = torch.addmm(lengths[None] / -2, some, others.T)
        if among is None:
            own = torch.arange(len(some))
            likeness[own, own + start] = -torch.inf
        found = likeness.topk(k, dim=1).indices
        apart = (some[:, None] - others[found]).norm(dim=2).sort(dim=1, stable=True)
        near[start : start + ROWS] = found.gather(1, apart.indices)
        away[start : start + ROWS] = apart.values
    return near, away
