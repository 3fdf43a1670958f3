"""A network folded to narrower middles: which channels, what the rest makes of them, what is lost.

Networks have random weights that are all alike, so hardly any channel can be spared: what the fold
makes of them is compared with what is done without it, and with direct least squares.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import TypeVar

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.models.backbone import Backbone, Stage
from engine.models.backbones import untrained
from engine.models.elastic import passes
from engine.models.elastic.blocks import (
    blocks_of,
    folded_projection,
    layers_of,
    narrowed,
    rebuilt,
    steps_of,
)
from engine.models.elastic.channels import Moments, order_of
from engine.models.elastic.fold import STRENGTHS, Regression, Ridge, Sums, by_itself

pytestmark = pytest.mark.usefixtures("one_thread")
FAMILIES = {
    "efficientnet_lite0": 15,
    "efficientnet_lite1": 20,
    "efficientnet_lite2": 20,
    "mobilenet_v2": 16,
    "mobilenet_v3_small": 10,
    "mobilenet_v3_large": 14,
    "efficientnet_b0": 15,
    "resnet50": 16,
}
"""How many blocks can be narrowed: inverted residuals that expand (the first one of each does not),
and bottlenecks."""
Thing = TypeVar("Thing")


def last(things: Iterable[Thing]) -> Thing:
    *_, end = things
    return end


@cache
def network(name: str = "mobilenet_v3_small", size: int = 64) -> Backbone:
    """With random weights, and batch norms that know what comes to them."""
    torch.manual_seed(0)
    found = untrained(name, size)
    norms = [m for s in found.stages for m in s.module.modules()]
    for norm in norms:
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.train()
            norm.momentum = None
    with torch.no_grad():
        found.below()(torch.randn(16, 3, size, size))
    for stage in found.stages:
        stage.module.eval().requires_grad_(False)
    return found


def images(seed: int, count: int = 12, size: int = 64) -> Tensor:
    """Smooth noise, so that neighbours are alike as they are in photos."""
    rng = torch.Generator().manual_seed(seed)
    rough = torch.randn(count, 3, size // 8, size // 8, generator=rng)
    return torch.nn.functional.interpolate(rough, size=(size, size), mode="bicubic")


def features(stages: Iterable[Stage], x: Tensor) -> Tensor:
    with torch.inference_mode():
        for stage in stages:
            x = stage.module(x)
    return x


@pytest.fixture(scope="module")
def net() -> Backbone:
    return network()


@pytest.fixture(scope="module")
def known(net: Backbone) -> Iterator[tuple[dict[str, Moments], dict[str, Tensor], list[Tensor]]]:
    """Moments, orders, and the images that they are of: enough that their chance is not fitted."""
    batches = [images(seed, 32) for seed in range(12)]
    moments = last(passes.measured(net.stages, batches))
    return moments, passes.orders_of(net.stages, moments), batches


@pytest.mark.parametrize("name", FAMILIES)
def test_the_inverted_residuals_of_a_family_are_found_by_their_layers(name: str) -> None:
    found = untrained(name, 64)
    assert len(blocks_of(found.stages)) == FAMILIES[name]


@pytest.mark.parametrize("name", FAMILIES)
def test_a_block_that_keeps_all_channels_gives_what_it_gave(name: str) -> None:
    """Whether it adds its input, squeezes and excites, or neither."""
    found = network(name)
    x = images(9, 2)
    with torch.inference_mode():
        for _, module in steps_of(found.stages):
            y = module(x)
            if (layers := layers_of(module)) is not None:
                same = narrowed(module, torch.arange(layers.width), *folded_projection(layers))
                np.testing.assert_allclose(same(x), y, atol=1e-4 * float(y.abs().max()))
            x = y


def test_fewer_channels_are_computed_and_weigh_less(net: Backbone) -> None:
    block = next(iter(blocks_of(net.stages).values()))
    layers = layers_of(block)
    assert layers is not None
    projection, bias = folded_projection(layers)
    kept = torch.arange(0, layers.width, 2)
    made = narrowed(block, kept, projection[:, kept], bias)
    inside = layers_of(made)
    assert inside is not None
    assert inside.width == inside.spatial.groups == inside.expand.out_channels == len(kept)
    weights = [sum(p.numel() for p in m.parameters()) for m in (made, block)]
    assert weights[0] < 0.6 * weights[1]


# Which channels.


def covariance(rows: np.ndarray) -> Tensor:
    return torch.from_numpy(np.cov(rows, rowvar=False, bias=True))


def left_over(rows: np.ndarray, wanted: np.ndarray, kept: list[int]) -> float:
    """What least squares can't tell of `wanted` from some of the channels."""
    x, y = rows[:, kept] - rows[:, kept].mean(0), wanted - wanted.mean(0)
    return float(np.square(y - x @ np.linalg.lstsq(x, y, rcond=None)[0]).sum())


@pytest.mark.parametrize("seed", range(5))
def test_each_channel_is_the_one_that_tells_most_beside_those_before_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(200, 7)) @ rng.normal(size=(7, 7))
    projection = rng.normal(size=(3, 7))
    order = order_of(covariance(rows), torch.from_numpy(projection)).tolist()
    assert sorted(order) == list(range(7))
    wanted = rows @ projection.T
    for count in range(6):
        before = order[:count]
        best = min(set(range(7)) - set(before), key=lambda c: left_over(rows, wanted, [*before, c]))
        assert order[count] == best


def test_copies_of_a_channel_come_last() -> None:
    rng = np.random.default_rng(0)
    own = rng.normal(size=(300, 4))
    rows = np.concatenate([own, own], 1)
    order = order_of(covariance(rows), torch.from_numpy(rng.normal(size=(5, 8)))).tolist()
    assert {channel % 4 for channel in order[:4]} == {0, 1, 2, 3}


# What the rest makes of them.


@pytest.mark.parametrize("strength", [0.03, 1.0])
def test_the_fold_is_ridge_regression_toward_the_weights_of_before(strength: float) -> None:
    rng = np.random.default_rng(1)
    z, target = rng.normal(size=(500, 6)) + 1, rng.normal(size=(500, 3))
    before = rng.normal(size=(3, 6))
    sums = Sums()
    for part in np.array_split(np.arange(500), 3):
        sums.add(*(torch.from_numpy(a[part]).float() for a in (z, target)))
    weight, bias = Ridge(sums, torch.from_numpy(before)).at(strength)
    # As rows of its own, each pulling one weight toward where it was.
    pull = np.sqrt(500 * strength * np.var(z, 0).mean()) * np.eye(6)
    x = np.concatenate([z - z.mean(0), pull])
    y = np.concatenate([target - target.mean(0), pull @ before.T])
    expected = np.linalg.lstsq(x, y, rcond=None)[0].T
    np.testing.assert_allclose(weight, expected, atol=1e-5)
    np.testing.assert_allclose(bias, target.mean(0) - expected @ z.mean(0), atol=1e-5)
    errors = [
        np.square(target - z @ w.T - b).sum() - np.square(target).sum()
        for w, b in ((expected, bias.numpy()), (before, np.zeros(3)))
    ]
    assert sums.error(weight, bias) == pytest.approx(errors[0], rel=1e-4)
    assert sums.error(torch.from_numpy(before), torch.zeros(3).double()) == pytest.approx(
        errors[1], rel=1e-4
    )


def told_apart(count: int, noise: float) -> tuple[float, float]:
    """How far from the truth a regression ends on so many rows, and the least drawn one."""
    rng = torch.Generator().manual_seed(3)
    true, begun = torch.randn(2, 20, generator=rng).double(), torch.zeros(2, 20).double()
    regression, all_of_them = Regression(), Sums()
    for _ in range(8):
        z = torch.randn(count // 8, 20, generator=rng)
        target = z @ true.T.float() + noise * torch.randn(count // 8, 2, generator=rng)
        regression.add(z, target)
        all_of_them.add(z, target)
    weights = regression.solved(begun)[0], Ridge(all_of_them, begun).at(STRENGTHS[0])[0]
    far, least_drawn = (float((w - true).norm()) for w in weights)
    return far, least_drawn


def test_many_images_are_followed_and_few_noisy_ones_hardly() -> None:
    far, least_drawn = told_apart(8000, 0.1)
    assert far == least_drawn < 0.3
    far, least_drawn = told_apart(32, 30.0)
    assert far < 0.5 * least_drawn


def test_with_all_channels_nothing_changes(net: Backbone, known) -> None:
    moments, _, _ = known
    for place, block in blocks_of(net.stages).items():
        layers = layers_of(block)
        assert layers is not None
        projection, bias = folded_projection(layers)
        weight, moved = by_itself(moments[place], projection, bias, torch.arange(layers.width))
        np.testing.assert_allclose(weight, projection, atol=1e-9)
        np.testing.assert_allclose(moved, bias, atol=1e-7)


def test_a_channel_that_never_moves_goes_into_the_bias() -> None:
    rows = torch.randn(100, 3, generator=torch.Generator().manual_seed(0))
    rows[:, 2] = 5
    moments = Moments()
    moments.add(rows)
    projection = torch.tensor([[1.0, 2.0, 3.0]], dtype=torch.float64)
    bias = torch.zeros(1, dtype=torch.float64)
    assert order_of(moments.covariance, projection).tolist()[-1] == 2
    weight, moved = by_itself(moments, projection, bias, torch.tensor([0, 1]))
    np.testing.assert_allclose(weight, [[1, 2]], atol=1e-6)
    np.testing.assert_allclose(moved, [15], atol=1e-5)


# The whole network.


@pytest.mark.parametrize("name", FAMILIES)
def test_a_network_that_keeps_everything_is_the_same_to_the_bit(name: str) -> None:
    found, x = network(name), images(20, 2)
    assert list(passes.folded(found.stages, {}, {}, [x])) == []
    again = rebuilt(found.stages, {})
    assert torch.equal(features(again, x), features(found.stages, x))


def test_the_fold_in_sequence_loses_least_and_a_plain_cut_most(net: Backbone, known) -> None:
    """On images that had no part in it; the network that was folded stays as it was."""
    moments, orders, batches = known
    shares = dict.fromkeys(orders, 0.75)
    x = images(30, 24)
    expected = features(net.stages, x)
    cut, alone = {}, {}
    for place, block in blocks_of(net.stages).items():
        layers = layers_of(block)
        assert layers is not None
        projection, bias = folded_projection(layers)
        kept = passes.first(orders[place], passes.width_at(layers.width, 0.75))
        cut[place] = narrowed(block, kept, projection[:, kept], bias)
        alone[place] = narrowed(block, kept, *by_itself(moments[place], projection, bias, kept))
    made = last(passes.folded(net.stages, orders, shares, batches))
    errors = [
        passes.feature_error(features(rebuilt(net.stages, one), x), expected)
        for one in (made, alone, cut)
    ]
    assert errors[0] < errors[1] < errors[2]
    assert torch.equal(features(net.stages, x), expected)


def test_what_follows_a_narrow_block_makes_up_for_it_though_it_stays_whole(net, known) -> None:
    _, orders, batches = known
    first, *later = orders
    made = last(passes.folded(net.stages, orders, {first: 0.5}, batches))
    assert set(made) == set(orders)
    x = images(40, 24)
    expected = features(net.stages, x)
    only = rebuilt(net.stages, {first: made[first]})
    whole = rebuilt(net.stages, made)
    error, without = (
        passes.feature_error(features(stages, x), expected) for stages in (whole, only)
    )
    assert later
    assert error < without


def test_the_same_images_give_the_same_network(net: Backbone, known) -> None:
    _, orders, batches = known
    x = images(50, 2)
    both = [
        features(rebuilt(net.stages, last(passes.folded(net.stages, orders, s, batches))), x)
        for s in [dict.fromkeys(orders, 0.5)] * 2
    ]
    assert torch.equal(*both)


def test_how_much_a_block_counts_is_what_folding_it_alone_loses(net: Backbone, known) -> None:
    moments, orders, _ = known
    x = images(60, 16)
    found = last(passes.sensitivities(net.stages, moments, orders, x)).errors
    assert list(found) == list(orders)
    place, block = list(blocks_of(net.stages).items())[3]
    layers = layers_of(block)
    assert layers is not None
    kept = passes.first(orders[place], passes.width_at(layers.width, 0.5))
    made = narrowed(block, kept, *by_itself(moments[place], *folded_projection(layers), kept))
    error = passes.feature_error(
        features(rebuilt(net.stages, {place: made}), x), features(net.stages, x)
    )
    assert found[place][0.5] == pytest.approx(error)
    assert all(errors[1.0] == 0 for errors in found.values())


# Shares for a budget.

ERRORS = {"a": {1.0: 0.0, 0.5: 0.1, 0.25: 0.6}, "b": {1.0: 0.0, 0.5: 0.3, 0.25: 0.5}}


def cost(place: str, share: float) -> float:
    return {"a": 10, "b": 4}[place] * share


@pytest.mark.parametrize("budget", [14.0, 9.0, 8.0, 7.0, 6.0, 4.5, 3.5])
def test_shares_keep_the_budget_and_nothing_as_cheap_loses_less(budget: float) -> None:
    found = passes.allotted(ERRORS, cost, budget)
    spent, lost = (sum(of(p, s) for p, s in found.items()) for of in (cost, error_of))
    assert spent <= budget
    for first in ERRORS["a"]:
        for second in ERRORS["b"]:
            other = {"a": first, "b": second}
            if sum(cost(p, s) for p, s in other.items()) <= spent:
                assert sum(error_of(p, s) for p, s in other.items()) >= lost


def error_of(place: str, share: float) -> float:
    return ERRORS[place][share]


def test_where_nothing_keeps_the_budget_the_smallest_shares_are_taken() -> None:
    assert passes.allotted(ERRORS, cost, 1.0) == {"a": 0.25, "b": 0.25}
