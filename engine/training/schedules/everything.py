"""All stages learn from the first step to the last, at one rate."""

from __future__ import annotations

from dataclasses import dataclass

from engine.registry import setting
from engine.training.schedules import SCHEDULES, Schedule, warmed


@SCHEDULES.register("none", "Nothing freezes")
@dataclass
class Everything(Schedule):
    """All stages learn all the time: the most accurate way, and the slowest."""

    warmup: float = setting(
        0.05, "Share of the steps in which the rate rises.", least=0, most=0.5, label="Warm-up"
    )

    def rate(self, stage: int, stages: int, step: int, total: int) -> float:
        return warmed(step, total, self.warmup)

    def reason(self, stage: int, stages: int, step: int, total: int) -> str:
        return "Learns: this schedule freezes nothing."
