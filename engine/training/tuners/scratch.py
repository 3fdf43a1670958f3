"""From scratch: the same network without what it was pretrained with, as a point of comparison."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from engine.models.backbone import Backbone, Stage
from engine.registry import setting
from engine.training.tuner import Tuning
from engine.training.tuners import TUNERS


@TUNERS.register("scratch", "Train from scratch")
@dataclass
class Scratch(Tuning):
    """Forgets the pretraining and begins with random weights: needs many images and much time."""

    trues_norms = False
    lr: float = setting(
        0.05, "The highest learning rate.", least=0, most=100, label="Learning rate"
    )

    def dressed(self, backbone: Backbone) -> list[Stage]:
        stages = super().dressed(backbone)
        torch.manual_seed(self.seed)
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
