"""Floating point operations of what a network does, counted while it does it."""

from __future__ import annotations

import logging
from typing import Any

import torch

from engine.system.unasked import hidden

# It imports a library for graphics cards, or warns where it is missing; nothing here uses it.
logging.getLogger("torch.utils.flop_counter").setLevel(logging.ERROR)
with hidden("triton"):
    from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

BACKWARD = torch.ops.aten.convolution_backward


def counter() -> FlopCounterMode:
    """Counts what runs inside `with`; `get_total_flops()` tells it afterwards."""
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
    forward = conv_flop_count(x, weight, grad, transposed=transposed)
    return forward * (bool(wanted[0]) + bool(wanted[1]))
