"""Heads as one: a weighted sum of their logits, with the weights that suit images best.

A weighted sum of logarithms of probabilities, made to sum to 1 again, is the logarithmic opinion
pool (Genest and Zidek, Combining probability distributions, 1986); its weights are chosen by what
each head says of images that it left out, as Wolpert (Stacked generalization, 1992) and, with
weights that are not negative, Breiman (Stacked regressions, 1996) have it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor, nn

ROUNDS = 100
AT_ONCE = 2**16
"""So many logits of a head are looked at together."""
SETTLED = 1e-14
"""Newton's decrement after whose step nothing is left to gain (Boyd and Vandenberghe, Convex
optimization, 2004, section 9.5.1): further on the loss would only be rounded this way and that."""
HELD_BACK = 1e-3
"""What a weight's square costs, so that heads which say the same share it."""


class Pooled(nn.Module):
    """Several heads that look at the same features: the weighted sum of their logits."""

    def __init__(self, heads: Sequence[nn.Module], weights: Sequence[float]) -> None:
        super().__init__()
        self.heads = nn.ModuleList(heads)
        self.weights = tuple(float(weight) for weight in weights)

    def forward(self, features: Tensor) -> Tensor:
        parts = zip(self.heads, self.weights, strict=True)
        return torch.stack([weight * head(features) for head, weight in parts]).sum(dim=0)


def alike(places: Tensor) -> Tensor:
    """How much each image counts, so that all classes count alike; 1 on average: float64 (images,).

    What is learnt and what is asked hold classes in other shares, and who only answers what is
    frequent is no better for it.
    """
    shares = 1 / torch.bincount(places).to(torch.float64)[places]
    return shares / shares.mean()


def best_weights(logits: Tensor, places: Tensor) -> Tensor:
    """The weights, none below 0, whose sum of logits has the least cross-entropy, all classes
    counting alike: float64 (heads,).

    `logits` (heads, images, classes) float64, finite; `places` (images,) are the right classes. The
    cross-entropy is convex in the weights: Newton's steps, each within the bounds, halved where one
    would go too far.
    """
    z = logits - logits.mean(dim=2, keepdim=True)
    scales = z.square().mean(dim=(1, 2)).sqrt().clamp(min=1e-12)
    z = z / scales[:, None, None]
    w = torch.full((len(z),), 1 / len(z), dtype=z.dtype)
    loss, slope, curve = terms(z, places, w)
    for _ in range(ROUNDS):
        step = within(curve, slope - curve @ w) - w
        if -float(slope @ step) < SETTLED:
            w = w + step
            break
        size = 1.0
        while True:
            tried = terms(z, places, w + size * step)
            if tried[0] <= loss or size < 1e-6:
                break
            size /= 2
        w, (loss, slope, curve) = w + size * step, tried
    return w / scales


def terms(z: Tensor, places: Tensor, w: Tensor) -> tuple[float, Tensor, Tensor]:
    """The cross-entropy at weights w, its slope (heads,) and its curvature (heads, heads).

    Some images after the other, so many as a processor keeps near itself.
    """
    counts, some = alike(places) / len(places), max(1, AT_ONCE // z.shape[2])
    loss = HELD_BACK * w.square().sum()
    slope = 2 * HELD_BACK * w
    curve = 2 * HELD_BACK * torch.eye(len(w), dtype=z.dtype)
    parts = zip(z.split(some, dim=1), places.split(some), counts.split(some), strict=True)
    for x, right, count in parts:
        logs, i = torch.tensordot(w, x, dims=1).log_softmax(dim=1), torch.arange(len(right))
        p = logs.exp()
        means = (p * x).sum(dim=2)  # (heads, images)
        loss = loss - logs[i, right] @ count
        slope = slope + (means - x[:, i, right]) @ count
        rooted = (x * (p * count[:, None]).sqrt()).flatten(start_dim=1)
        curve = curve + rooted @ rooted.T - (means * count) @ means.T
    return float(loss), slope, curve


def within(curve: Tensor, linear: Tensor) -> Tensor:
    """The least of w'Aw / 2 + b'w over w >= 0, of all choices of weights that are not 0."""
    best, found = 0.0, torch.zeros_like(linear)
    for some in subsets(len(linear)):
        part = torch.linalg.solve(curve[some][:, some], -linear[some])
        value = float(part @ linear[some]) / 2
        if value < best and bool((part >= 0).all()):
            best, found = value, torch.zeros_like(linear).index_copy(0, some, part)
    return found


def subsets(count: int) -> list[Tensor]:
    """All but the empty one; heads are few."""
    places = range(count)
    return [torch.tensor(some) for n in places for some in combinations(places, n + 1)]
