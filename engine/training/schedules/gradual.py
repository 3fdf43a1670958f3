"""Gradual unfreezing with discriminative rates (Howard & Ruder 2018, ULMFiT, sections 3.2-3.3).

The head learns first; then one stage more from the top in each interval. Each stage learns at the
rate of the one above it divided by 2.6, where those closest to the images need to change least.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.registry import setting
from engine.training.schedules import SCHEDULES, Schedule, warmed


@SCHEDULES.register("gradual", "Gradual unfreezing")
@dataclass
class Gradual(Schedule):
    """Stages come to life one after the other from the top, the lower ones at lower rates."""

    until: float = setting(
        0.5, "The share of the steps after which all of them learn.", least=0.01, most=1
    )
    factor: float = setting(
        2.6, "Each stage learns so many times slower than the one above.", least=1, most=100
    )
    warmup: float = setting(
        0.05, "Share of the steps in which the rate rises.", least=0, most=0.5, label="Warm-up"
    )

    def begin(self, stage: int, stages: int, total: int) -> int:
        """The step from which a stage learns: intervals of the same length, from the top."""
        return round(self.until * total * (stages - stage) / stages)

    def rate(self, stage: int, stages: int, step: int, total: int) -> float:
        return warmed(step, total, self.warmup) / self.factor ** (stages - stage)

    def frozen(self, stage: int, stages: int, step: int, total: int) -> bool:
        return stage < stages and step < self.begin(stage, stages, total)

    def reason(self, stage: int, stages: int, step: int, total: int) -> str:
        begin = self.begin(stage, stages, total)
        if stage == stages:
            return "Learns from the start: it is the head."
        if self.frozen(stage, stages, step, total):
            return f"Frozen until step {begin:,}: the stages above it come first."
        slower = self.factor ** (stages - stage)
        return f"Learns since step {begin:,}, {slower:.3g} times slower than the head."
