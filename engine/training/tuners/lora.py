"""LoRA (Hu et al. 2021) on 1x1 convolutions, which hold most weights of small networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from engine.errors import Refused
from engine.models.adapters import Still, put_low_rank, take_low_rank
from engine.models.backbone import Backbone, Stage
from engine.registry import setting
from engine.training.tuner import Tuning
from engine.training.tuners import TUNERS


@TUNERS.register("lora", "Low-rank changes (LoRA)")
@dataclass
class Lora(Tuning):
    """Small changes of few numbers beside the weights learn; at the end they are added in."""

    rank: int = setting(8, "How many numbers wide the changes are.", least=1, most=256)
    scale: float = setting(16.0, "How strongly they count.", least=0.01, most=1000)
    lr: float = setting(
        0.005, "The highest learning rate.", least=0, most=100, label="Learning rate"
    )

    def dressed(self, backbone: Backbone) -> list[Stage]:
        """Raises Refused where the network has no 1x1 convolution."""
        stages = [Stage(s.name, Still(s.module)) for s in super().dressed(backbone)]
        torch.manual_seed(self.seed)
        if not sum(put_low_rank(s.module, self.rank, self.scale) for s in stages):
            raise Refused(
                "This network has no 1x1 convolutions, which LoRA changes. Choose Adapters, or "
                "fine-tune all weights."
            )
        return stages

    def undressed(self, stages: Sequence[Stage]) -> list[Stage]:
        whole = []
        for stage in stages:
            take_low_rank(stage.module)
            assert isinstance(stage.module, Still)
            whole.append(Stage(stage.name, stage.module.module.requires_grad_(True)))
        return whole
