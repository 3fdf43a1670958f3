"""Tuning batch norms alone (Frankle et al. 2021, "Training BatchNorm and only BatchNorm")."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from engine.models.backbone import Backbone, Stage
from engine.registry import setting
from engine.training.tuner import Tuning
from engine.training.tuners import TUNERS

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm)


@TUNERS.register("batch_norm", "Tune the norms only")
@dataclass
class BatchNormOnly(Tuning):
    """Only scales, shifts and statistics change: a hundredth of the weights."""

    lr: float = setting(
        0.03, "The highest learning rate.", least=0, most=100, label="Learning rate"
    )

    def dressed(self, backbone: Backbone) -> list[Stage]:
        stages = super().dressed(backbone)
        for stage in stages:
            stage.module.requires_grad_(False)
            for module in stage.module.modules():
                if isinstance(module, NORMS):
                    module.requires_grad_(True)
        return stages
