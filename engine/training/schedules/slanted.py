"""Slanted triangular rates (Howard & Ruder 2018, ULMFiT, section 3.2, equation 3).

The fall ends at the last step. The equation's ends at cut / cut_frac, which comes earlier where
cut_frac of the steps is no whole number: its rates then go below 0.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.registry import setting
from engine.training.schedules import SCHEDULES, Schedule


@SCHEDULES.register("slanted", "Slanted triangle")
@dataclass
class Slanted(Schedule):
    """The rate rises fast and falls slowly, in straight lines; nothing freezes."""

    cut: float = setting(
        0.1, "The share of the steps in which the rate rises.", least=0.001, most=0.9
    )
    ratio: float = setting(
        32.0, "How many times smaller the lowest rate is than the highest.", least=1, most=1000
    )
    factor: float = setting(
        1.0, "Each stage learns so many times slower than the one above.", least=1, most=100
    )

    def rate(self, stage: int, stages: int, step: int, total: int) -> float:
        cut = max(1, int(self.cut * total))
        p = step / cut if step < cut else 1 - (step - cut) / max(1, total - cut)
        return (1 + p * (self.ratio - 1)) / self.ratio / self.factor ** (stages - stage)

    def reason(self, stage: int, stages: int, step: int, total: int) -> str:
        rising = step < max(1, int(self.cut * total))
        return f"Learns: its rate {'rises' if rising else 'falls'}. Nothing freezes."
