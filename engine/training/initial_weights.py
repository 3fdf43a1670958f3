"""The random weights of a network that begins from nothing."""

from __future__ import annotations

import torch
from torch import nn

from engine.models.backbone import Stage


def begin_anew(stages: list[Stage], seed: int) -> list[Stage]:
    """Takes from the stages what they were pretrained with; the same seed, the same weights."""
    torch.manual_seed(seed)
    for stage in stages:
        stage.module.apply(forget)
    return stages


def forget(module: nn.Module) -> None:
    """Gives a layer new random weights, as torchvision's small networks have them (He et al.)."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif callable(reset := getattr(module, "reset_parameters", None)):
        reset()
    else:  # attention, and what transformers hold beside their layers
        for parameter in module.parameters(recurse=False):
            nn.init.trunc_normal_(parameter, std=0.02)
