"""Floating point operations of what a network does, counted while it does it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch.utils.flop_counter import FlopCounterMode

# It warns where a library for graphics cards is missing, whose operations nothing here uses.
logging.getLogger("torch.utils.flop_counter").setLevel(logging.ERROR)

BACKWARD = torch.ops.aten.convolution_backward


def counter() -> FlopCounterMode:
    """Counts what runs inside `with`; `get_total_flops()` tells it afterwards."""
    from torch.utils.flop_counter import FlopCounterMode  # Late: it imports triton, half a second.

    return FlopCounterMode(display=False, custom_mapping={BACKWARD: of_backward})


def of_backward(
    grad: list[int],
    x: list[int],
    weight: list[int],
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
    wanted: list[bool],
    out_shape: Any = None,
) -> int:
    """Of a convolution's gradients: as many for its input as forward, and for its weights.

    PyTorch's own count takes the second `groups` times, as if each channel met each other one: a
    step of MobileNetV2 then seems seven times as dear as it is, and nearly all of it saved where
    depthwise convolutions freeze.
    """
    from torch.utils.flop_counter import conv_flop_count

    forward = conv_flop_count(x, weight, grad, transposed=transposed)
    return forward * (bool(wanted[0]) + bool(wanted[1]))
