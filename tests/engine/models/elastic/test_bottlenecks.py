"""ResNet's bottlenecks narrowed: the ReLU after the sum and the shortcut of its own are minded."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck

from engine.models.backbone import Stage
from engine.models.elastic import passes
from engine.models.elastic.blocks import blocks_of, layers_of, narrowed, rebuilt, widths_of
from engine.models.elastic.fold import by_itself

pytestmark = pytest.mark.usefixtures("one_thread")
WIDTH, DEAD = 16, 5


def chain() -> list[Stage]:
    """A bottleneck that changes the shape, and two that do not."""
    torch.manual_seed(0)
    beside = nn.Sequential(nn.Conv2d(3, 64, 1, stride=2, bias=False), nn.BatchNorm2d(64))
    first = Bottleneck(3, WIDTH, stride=2, downsample=beside)
    net = nn.Sequential(first, Bottleneck(64, WIDTH), Bottleneck(64, WIDTH))
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
            module.momentum = None
    net(images(0, 64))  # batch norms learn what comes to them
    last = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    net.eval().requires_grad_(False)
    return [Stage("stage1", net), Stage("features", last)]


def images(seed: int, count: int) -> Tensor:
    return torch.randn(count, 3, 16, 16, generator=torch.Generator().manual_seed(seed))


def given(stages: list[Stage], x: Tensor) -> Tensor:
    with torch.inference_mode():
        for stage in stages:
            x = stage.module(x)
    return x


@pytest.mark.parametrize("places", [["stage1.0"], ["stage1.1"], ["stage1.0", "stage1.2"]])
def test_a_channel_that_says_nothing_is_given_up_for_nothing(
    places: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though sums are below zero, where the ReLU hides them, as often as not."""
    monkeypatch.setattr(passes, "STEP", 1)
    stages = chain()
    for block in blocks_of(stages).values():
        layers = layers_of(block)
        assert layers is not None
        layers.norms[1].weight[DEAD] = 0
        layers.norms[1].bias[DEAD] = 0.7  # it is the same everywhere
    batches = [images(seed, 16) for seed in (1, 2, 3, 4)]
    *_, moments = passes.measured(stages, batches)
    orders = passes.orders_of(stages, moments)

    *_, made = passes.folded(stages, orders, dict.fromkeys(places, 1 - 1 / WIDTH), batches)

    folded, x = rebuilt(stages, made), images(9, 8)
    widths = widths_of(folded)
    assert [place for place, width in widths.items() if width == WIDTH - 1] == places
    np.testing.assert_allclose(given(folded, x), given(stages, x), atol=1e-4)


def test_half_the_width_in_sequence_loses_less_than_each_block_by_itself_or_a_plain_cut() -> None:
    stages, x = chain(), images(10, 64)
    batches = [images(seed, 64) for seed in range(1, 9)]
    *_, moments = passes.measured(stages, batches)
    orders = passes.orders_of(stages, moments)
    *_, made = passes.folded(stages, orders, dict.fromkeys(orders, 0.5), batches)
    cut, alone = {}, {}
    for place, block in blocks_of(stages).items():
        layers = layers_of(block)
        assert layers is not None
        projection, bias = passes.folded_projection(layers)
        kept = passes.first(orders[place], WIDTH // 2)
        cut[place] = narrowed(block, kept, projection[:, kept], bias)
        alone[place] = narrowed(block, kept, *by_itself(moments[place], projection, bias, kept))
    expected = given(stages, x)
    errors = [
        passes.feature_error(given(rebuilt(stages, one), x), expected) for one in (made, alone, cut)
    ]
    assert errors[0] < errors[1] < errors[2]


def test_fewer_filters_are_computed_and_what_comes_to_them_stays() -> None:
    stages = chain()
    block = blocks_of(stages)["stage1.0"]
    made = narrowed(block, torch.arange(8), torch.zeros(64, 8).double(), torch.zeros(64).double())
    before, after = layers_of(block), layers_of(made)
    assert before is not None
    assert after is not None
    assert after.spatial.weight.shape == (8, WIDTH, 3, 3)
    assert torch.equal(after.expand.weight, before.expand.weight)
    # Nothing projected: what is left is the shortcut, and the ReLU.
    x = images(11, 2)
    assert torch.equal(made(x), block.downsample(x).relu())
