"""Images through a network, block by block: what is measured, and the fold in sequence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from engine.models.backbone import Stage
from engine.models.elastic.blocks import Layers, folded_projection, layers_of, narrowed, steps_of
from engine.models.elastic.channels import Moments, order_of
from engine.models.elastic.fold import Regression, by_itself

POSITIONS = 64
"""Of each image's map so many are looked at: its neighbours say much the same."""
SHARES = (1.0, 0.75, 0.5, 0.35, 0.25)
"""How much of a block's middle may stay."""
STEP = 8
"""Widths are multiples of it: processors compute so many numbers at once."""


def sampled(x: Tensor, seed: Sequence[int]) -> Tensor:
    """Maps (n, channels, h, w) as rows (n x POSITIONS or fewer, channels), drawn by the seed."""
    flat = x.flatten(2)
    area = flat.shape[2]
    if area > POSITIONS:
        drawn = np.random.default_rng(seed).choice(area, POSITIONS, replace=False)
        flat = flat[:, :, torch.from_numpy(np.sort(drawn))]
    return flat.transpose(1, 2).reshape(-1, flat.shape[1])


def with_middle(module: nn.Module, layers: Layers, x: Tensor) -> tuple[Tensor, Tensor]:
    """What a block gives, and what came to its projection."""
    seen: list[Tensor] = []
    hook = layers.project.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    try:
        y = module(x)
    finally:
        hook.remove()
    return y, seen[0]


@torch.inference_mode()
def measured(stages: Sequence[Stage], batches: Sequence[Tensor]) -> Iterator[dict[str, Moments]]:
    """The moments of each block's middle over images; after each batch, those so far.

    Batches are float32 (n, 3, size, size), as the network sees them.
    """
    moments: dict[str, Moments] = {}
    for number, x in enumerate(batches):
        for at, (place, module) in enumerate(steps_of(stages)):
            layers = layers_of(module)
            if layers is None:
                x = module(x)
                continue
            x, middle = with_middle(module, layers, x)
            moments.setdefault(place, Moments()).add(sampled(middle, (at, number)))
        yield moments


def orders_of(stages: Sequence[Stage], moments: Mapping[str, Moments]) -> dict[str, Tensor]:
    """The channels of each block, the most useful first."""
    found = {}
    for place, module in steps_of(stages):
        if place in moments:
            layers = layers_of(module)
            assert layers is not None
            found[place] = order_of(moments[place].covariance, folded_projection(layers)[0])
    return found


def width_at(full: int, share: float) -> int:
    """So much of a width, to a multiple of STEP; all of it where `share` is 1."""
    return full if share >= 1 else min(full, max(STEP, STEP * round(full * share / STEP)))


def first(order: Tensor, width: int) -> Tensor:
    """The `width` most useful channels, rising."""
    return order[:width].sort().values


@dataclass
class Sensitivities:
    """The error of the features where one block alone keeps a share: {place: {share: error}}.

    Errors are squared distances over the features' variance, on images that had no part in the
    fold: on those that had, they are ten times too small.
    """

    errors: dict[str, dict[float, float]]


@torch.inference_mode()
def sensitivities(
    stages: Sequence[Stage],
    moments: Mapping[str, Moments],
    orders: Mapping[str, Tensor],
    held_out: Tensor,
) -> Iterator[Sensitivities]:
    """How much each block's middle counts, block by block; after each, what is known so far."""
    steps = list(steps_of(stages))
    given = [held_out]
    for _, module in steps:
        given.append(module(given[-1]))
    features = given.pop()
    found = Sensitivities({})
    for at, (place, module) in enumerate(steps):
        if place not in orders:
            continue
        layers = layers_of(module)
        assert layers is not None
        projection, bias = folded_projection(layers)
        errors = {1.0: 0.0}
        for share in SHARES[1:]:
            kept = first(orders[place], width_at(layers.width, share))
            made = narrowed(module, kept, *by_itself(moments[place], projection, bias, kept))
            x = made(given[at])
            for _, later in steps[at + 1 :]:
                x = later(x)
            errors[share] = feature_error(x, features)
        found.errors[place] = errors
        yield found


def feature_error(found: Tensor, expected: Tensor) -> float:
    """Squared distance of features (n, width) over the variance of those expected."""
    away = (found - expected).double().square().sum()
    return float(away / (expected - expected.mean(0)).double().square().sum())


@torch.inference_mode()
def folded(
    stages: Sequence[Stage],
    orders: Mapping[str, Tensor],
    shares: Mapping[str, float],
    batches: Sequence[Tensor],
) -> Iterator[dict[str, nn.Module]]:
    """Folds a network in sequence: each projection makes up for what was lost before it, too.

    `shares` are by place, 1 for the others. After each block the new modules by place so far;
    blocks that nothing changed are not among them.
    """
    full, small, made = list(batches), list(batches), dict[str, nn.Module]()
    for at, (place, module) in enumerate(steps_of(stages)):
        layers = layers_of(module)
        share = shares.get(place, 1.0)
        if layers is None or (share >= 1 and not made):
            full = [module(x) for x in full]
            small = [module(x) for x in small] if made else list(full)
            continue
        kept = first(orders[place], width_at(layers.width, share))
        projection, bias = folded_projection(layers)
        new = narrowed(module, kept, projection[:, kept], bias)
        inside = layers_of(new)
        assert inside is not None
        sums = Regression()
        for number, (x, y) in enumerate(zip(small, full, strict=True)):
            full[number] = target = module(y)
            _, middle = with_middle(new, inside, x)
            wanted = target - x if layers.shortcut else target
            sums.add(sampled(middle, (at, number)), sampled(wanted, (at, number)))
        made[place] = new = narrowed(module, kept, *sums.solved(projection[:, kept]))
        small = [new(x) for x in small]
        yield made


def allotted(
    errors: Mapping[str, Mapping[float, float]], cost: Callable[[str, float], float], budget: float
) -> dict[str, float]:
    """The share of each block with which errors add up to least and costs to at most `budget`.

    Each block takes the share that is best at one price of a unit of cost; the price is found by
    halving. Where even the smallest shares cost more, these.
    """

    def at(price: float) -> dict[str, float]:
        return {
            place: min(of, key=lambda share: of[share] + price * cost(place, share))
            for place, of in errors.items()
        }

    def total(shares: Mapping[str, float]) -> float:
        return sum(cost(place, share) for place, share in shares.items())

    low, high = 0.0, 1.0
    if total(at(low)) <= budget:
        return at(low)
    while total(at(high)) > budget and high < 1e12:
        high *= 10
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if total(at(middle)) > budget else (low, middle)
    return at(high)
