"""Networks that are built without numbers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from engine.models.backbones.outlines import WithoutNumbers, WithoutRandom, outlined


@pytest.mark.parametrize("without", [WithoutRandom, WithoutNumbers])
def test_a_bounded_draw_ends_whatever_lies_in_memory(without: type[WithoutRandom]) -> None:
    """PyTorch draws anew what lies outside the bounds, until nothing does."""
    x = torch.full((3, 4), 1e3)
    with without():
        x.normal_()
        nn.init.normal_(parameter := nn.Parameter(x + 1e3))
    assert not x.any()
    assert not parameter.any()


def test_what_is_built_for_its_shape_takes_no_memory() -> None:
    with outlined():
        layer = nn.Linear(3, 4)
        nn.init.trunc_normal_(layer.weight, std=0.02)
    assert layer.weight.is_meta
    assert layer.weight.shape == (4, 3)
