"""Only the head learns: the network gives features, as it was pretrained."""

from __future__ import annotations

from dataclasses import dataclass

from engine.registry import setting
from engine.training.schedules import SCHEDULES, Schedule, warmed


@SCHEDULES.register("head_only", "Only the head learns")
@dataclass
class HeadOnly(Schedule):
    """Every stage is frozen from the start: quick, and the features stay as they are."""

    warmup: float = setting(
        0.05, "Share of the steps in which the rate rises.", least=0, most=0.5, label="Warm-up"
    )

    def rate(self, stage: int, stages: int, step: int, total: int) -> float:
        return warmed(step, total, self.warmup)

    def frozen(self, stage: int, stages: int, step: int, total: int) -> bool:
        return stage < stages

    def reason(self, stage: int, stages: int, step: int, total: int) -> str:
        return "Learns: it is the head." if stage == stages else "Frozen: only the head learns."
