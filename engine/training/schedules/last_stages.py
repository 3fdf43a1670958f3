"""The uppermost stages learn; all below them stand still."""

from __future__ import annotations

from dataclasses import dataclass

from engine.registry import setting
from engine.training.schedules import SCHEDULES, Schedule, warmed


@SCHEDULES.register("last_stages", "The last stages learn")
@dataclass
class LastStages(Schedule):
    """The lower stages, which see edges and textures, are frozen; the upper ones learn."""

    count: int = setting(3, "How many stages learn, counted from the top.", least=1, most=100)
    warmup: float = setting(
        0.05, "Share of the steps in which the rate rises.", least=0, most=0.5, label="Warm-up"
    )

    def rate(self, stage: int, stages: int, step: int, total: int) -> float:
        return warmed(step, total, self.warmup)

    def frozen(self, stage: int, stages: int, step: int, total: int) -> bool:
        return stage < stages - self.count

    def reason(self, stage: int, stages: int, step: int, total: int) -> str:
        if self.frozen(stage, stages, step, total):
            return f"Frozen: only the last {self.count} stages learn."
        return f"Learns: it is one of the last {self.count} stages, or the head."
