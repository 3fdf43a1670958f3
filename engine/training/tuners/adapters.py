"""Adapters (Houlsby et al. 2019; T5, Raffel et al. 2020, section 3.5.1), as one tuner."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.errors import Refused
from engine.models.adapters import with_adapters
from engine.models.backbone import Backbone, Stage
from engine.models.growth import Growth, growth_of
from engine.registry import setting
from engine.training.tuner import Tuning
from engine.training.tuners import TUNERS


@TUNERS.register("adapters", "Adapters")
@dataclass
class Adapters(Tuning):
    """A narrow layer after each stage learns; the network itself stays as it is."""

    width: int = setting(32, "Channels inside an adapter.", least=1, most=1024)
    lr: float = setting(
        0.05, "The highest learning rate.", least=0, most=100, label="Learning rate"
    )

    def growth(self, before: Growth) -> Growth:
        return replace(before, adapters=self.width)

    def dressed(self, backbone: Backbone) -> list[Stage]:
        """Raises Refused where the network has grown already."""
        there = growth_of(backbone)
        if there.adapters or there.branches:
            raise Refused(
                "This network has adapters or branches already. Fine-tune all weights instead."
            )
        return with_adapters(replace(backbone, stages=super().dressed(backbone)), self.width).stages
