"""Images through a network, block by block: what is measured, and the fold in sequence."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from engine.models.backbone import Stage
from engine.models.elastic.blocks import folded_projection, layers_of, narrowed, steps_of
from engine.models.elastic.channels import Moments, order_of
from engine.models.elastic.fold import Regression, Sums, by_itself
from engine.system.cpu import available_cores
from engine.system.device import one_thread

A = TypeVar("A")
B = TypeVar("B")

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


def with_middle(module: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """What a block gives, and what came to its projection.

    The copy has the same weights, and no other thread puts a hook into it.
    """
    own = shared_copy(module)
    inside = layers_of(own)
    assert inside is not None
    seen: list[Tensor] = []
    inside.project.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    return own(x), seen[0]


def shared_copy(module: nn.Module) -> nn.Module:
    """A copy of a module with the same tensors."""
    tensors = (*module.parameters(), *module.buffers())
    return copy.deepcopy(module, {id(tensor): tensor for tensor in tensors})


def on_all_cores(do: Callable[[A], B], items: Iterable[A]) -> list[B]:
    """What `do` makes of each, in order. Threads inside of each layer would wait for each other
    more than they work as soon as anything else runs here (ten times as long, measured)."""

    def one(item: A) -> B:
        with torch.inference_mode():
            return do(item)

    with one_thread(), ThreadPoolExecutor(available_cores(), "elastic") as pool:
        return list(pool.map(one, items))


def measured(stages: Sequence[Stage], batches: Sequence[Tensor]) -> Iterator[dict[str, Moments]]:
    """The moments of each block's middle over images; after each batch, those so far.

    Batches are float32 (n, 3, size, size), as the network sees them.
    """
    moments: dict[str, Moments] = {}
    numbered = list(enumerate(batches))
    for start in range(0, len(numbered), available_cores()):
        some = numbered[start : start + available_cores()]
        for found in on_all_cores(lambda pair: moments_of(stages, *pair), some):
            for place, new in found.items():
                moments[place] = moments[place].plus(new) if place in moments else new
            yield moments


def moments_of(stages: Sequence[Stage], number: int, x: Tensor) -> dict[str, Moments]:
    """The moments of one batch."""
    moments: dict[str, Moments] = {}
    for at, (place, module) in enumerate(steps_of(stages)):
        layers = layers_of(module)
        if layers is None:
            x = module(x)
        else:
            x, middle = with_middle(module, x)
            moments[place] = Moments()
            moments[place].add(sampled(middle, (at, number)))
    return moments


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


def sensitivities(
    stages: Sequence[Stage],
    moments: Mapping[str, Moments],
    orders: Mapping[str, Tensor],
    held_out: Tensor,
) -> Iterator[Sensitivities]:
    """How much each block's middle counts, block by block; after each, what is known so far."""
    steps = list(steps_of(stages))
    with torch.inference_mode():
        given = [held_out]
        for _, module in steps:
            given.append(module(given[-1]))
    features = given.pop()
    found = Sensitivities({})
    for at, (place, module) in enumerate(steps):
        if place not in orders:
            continue
        above = [later for _, later in steps[at + 1 :]]
        order, of = orders[place], moments[place]
        with torch.inference_mode():
            tried = [cut_by_itself(module, of, order, share) for share in SHARES[1:]]
        lost = on_all_cores(partial(error_with, given[at], above, features), tried)
        found.errors[place] = {1.0: 0.0, **dict(zip(SHARES[1:], lost, strict=True))}
        yield found


def error_with(x: Tensor, above: Sequence[nn.Module], features: Tensor, block: nn.Module) -> float:
    """The error of the features with another block at a place; `above` are the modules after it."""
    for module in (block, *above):
        x = module(x)
    return feature_error(x, features)


def cut_by_itself(block: nn.Module, moments: Moments, order: Tensor, share: float) -> nn.Module:
    """A block with a share of its middle, folded for what came to it before."""
    layers = layers_of(block)
    assert layers is not None
    projection, bias = folded_projection(layers)
    kept = first(order, width_at(layers.width, share))
    return narrowed(block, kept, *by_itself(moments, projection, bias, kept))


def feature_error(found: Tensor, expected: Tensor) -> float:
    """Squared distance of features (n, width) over the variance of those expected."""
    away = (found - expected).double().square().sum()
    return float(away / (expected - expected.mean(0)).double().square().sum())


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
            full = on_all_cores(module, full)
            small = on_all_cores(module, small) if made else full
            continue
        totals = on_all_cores(partial(before_end, module), full)
        kept = first(orders[place], width_at(layers.width, share))
        made[place] = new = refitted(module, kept, at, small, totals)
        full, small = [layers.after(total) for total in totals], on_all_cores(new, small)
        yield made


def before_end(module: nn.Module, x: Tensor) -> Tensor:
    """The sum of a block with its shortcut: what it gives, but for a ReLU that may follow."""
    layers = layers_of(module)
    assert layers is not None
    if layers.inverted:
        return module(x)
    own = shared_copy(module)
    inside, seen = layers_of(own), list[Tensor]()
    assert inside is not None
    # What follows works in place.
    inside.norms[2].register_forward_hook(lambda _, given, found: seen.append(found.clone()))
    own(x)
    return seen[0] + layers.skipped(x)


def refitted(
    module: nn.Module, kept: Tensor, at: int, small: Sequence[Tensor], totals: Sequence[Tensor]
) -> nn.Module:
    """A block with the channels `kept`: from what comes to it in the small network, `small`, it
    gives what it gives in the whole one before its end, `totals`, as well as can be."""
    layers = layers_of(module)
    assert layers is not None
    projection, bias = folded_projection(layers)
    first_guess = narrowed(module, kept, projection[:, kept], bias)

    def sums_of(number: int) -> Sums:
        x = small[number]
        middle, wanted = with_middle(first_guess, x)[1], totals[number] - layers.skipped(x)
        found = Sums()
        found.add(sampled(middle, (at, number)), sampled(wanted, (at, number)))
        return found

    regression = Regression()
    for found in on_all_cores(sums_of, range(len(small))):
        regression.add_sums(found)
    return narrowed(module, kept, *regression.solved(projection[:, kept]))


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
