"""Middle channels in the order of their importance, so that the first ones are the best to keep.

Cai et al. 2020, section 3.3: by the L1 norm of what the project convolution makes of a channel. The
largest network's output stays the same; subnets with smaller expansions get better channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from engine.models.supernet.architecture import EXPANDS
from engine.models.supernet.mobilenet import middle_width, squeezed_width
from engine.models.supernet.supernet import Supernet


@torch.no_grad()
def sort_channels(supernet: Supernet, kept: Sequence[int] = ()) -> None:
    """Sorts the middle channels of all blocks, once on entering each phase of expansions.

    `kept` are the expansions that were trained already besides the largest: a channel never moves
    across their borders, so those subnets stay the same networks.
    """
    for block in supernet.blocks[1:]:
        parts: Any = block.conv  # its layers have the names that mobile_block gives
        project = parts.point_linear.conv.conv
        before = parts.inverted_bottleneck.conv.conv.in_channels
        borders = sorted(middle_width(before, expand) for expand in kept if expand < EXPANDS[-1])
        order = ordered(project.weight.abs().sum((0, 2, 3)), borders)
        project.weight.copy_(project.weight[:, order])
        permute(parts.depth_conv.conv.conv, order)
        permute(parts.depth_conv.bn.bn, order)
        permute(parts.inverted_bottleneck.conv.conv, order)
        permute(parts.inverted_bottleneck.bn.bn, order)
        if hasattr(parts.depth_conv, "se"):
            sort_squeeze(parts.depth_conv.se.fc, order, [squeezed_width(b) for b in borders])


def ordered(importance: torch.Tensor, borders: Sequence[int]) -> torch.Tensor:
    """Channel numbers by falling importance, each group between two borders by itself."""
    edges = [0, *borders, len(importance)]
    return torch.cat(
        [
            begin + importance[begin:end].argsort(descending=True, stable=True)
            for begin, end in pairwise(edges)
        ]
    )


def permute(layer: nn.Module, order: torch.Tensor) -> None:
    """Puts the output channels of a layer, its statistics included, into an order."""
    for tensor in (*layer.parameters(recurse=False), *layer.buffers(recurse=False)):
        if tensor.ndim:
            tensor.copy_(tensor[order])


def sort_squeeze(fc: Any, order: torch.Tensor, borders: Sequence[int]) -> None:
    """Follows the channels into the squeeze layers, and sorts their own middle as well.

    The original sorts that middle across borders too, which changes subnets that were trained.
    """
    permute(fc.expand, order)
    fc.reduce.weight.copy_(fc.reduce.weight[:, order])
    middle = ordered(fc.expand.weight.abs().sum((0, 2, 3)), borders)
    fc.expand.weight.copy_(fc.expand.weight[:, middle])
    permute(fc.reduce, middle)
