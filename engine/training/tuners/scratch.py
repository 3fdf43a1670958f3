"""From scratch: the same network without what it was pretrained with, as a point of comparison."""

from __future__ import annotations

from dataclasses import dataclass

from engine.models.backbone import Backbone, Stage
from engine.registry import setting
from engine.training.initial_weights import begin_anew
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
        return begin_anew(super().dressed(backbone), self.seed)
