"""Operations of convolutions and their gradients, against counting by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from engine.models import flops


def counted(conv: nn.Module, learns: bool) -> tuple[int, int]:
    """Operations of a pass forward, and of one forward and backward."""
    x = torch.randn(2, 12, 8, 8, requires_grad=learns)
    with flops.counter() as forward:
        y = conv(x)
    with flops.counter() as both:
        conv(x).sum().backward()
    assert y.shape[0] == 2
    return forward.get_total_flops(), both.get_total_flops()


@pytest.mark.parametrize("groups", [1, 3, 12])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("learns", [True, False])
def test_gradients_cost_as_much_as_a_pass_forward_each(groups: int, stride: int, learns: bool):
    """For the weights, and for the input where something below it learns; also in groups."""
    conv = nn.Conv2d(12, 24, 3, stride=stride, padding=1, groups=groups)
    forward, both = counted(conv, learns)
    places = (8 // stride) ** 2
    assert forward == 2 * 2 * 24 * places * (12 // groups) * 9
    assert both == (3 if learns else 2) * forward


def test_convolutions_that_make_pictures_larger_are_counted_too():
    forward, both = counted(nn.ConvTranspose2d(12, 6, 2, stride=2, groups=6), True)
    assert forward == 2 * 2 * 12 * 64 * 1 * 4
    assert both == 3 * forward
