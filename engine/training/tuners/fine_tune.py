"""Fine-tuning: all weights of the stages that a schedule lets learn."""

from __future__ import annotations

from dataclasses import dataclass

from engine.training.tuner import Tuning
from engine.training.tuners import TUNERS


@TUNERS.register("fine_tune", "Fine-tune all weights")
@dataclass
class FineTune(Tuning):
    """Every weight may change: the most accurate way where there are enough images."""
