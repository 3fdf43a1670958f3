"""FreezeOut (Brock et al. 2017): stages freeze one after the other, from the stem up.

Layer i of L freezes at the share t_i of all steps, t_i = t_0 + (1 - t_0) i / L, scaled by x, x^2 or
x^3 (section 2 of the paper). Its rate falls by half a cosine to 0 until then; a scaled one begins
at 1 / t_i of the base rate, so that the way it goes in all is as long as without freezing.

L is the last stage, which shares its index with the head and so learns to the end: in the published
code it freezes before, against its own comment. The number of steps is the real one: the published
code takes 1,000 for each epoch.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.registry import setting
from engine.training.schedules import SCHEDULES, Schedule, cosine

POWERS = {"linear": 1, "squared": 2, "cubic": 3}


@SCHEDULES.register("freezeout", "FreezeOut")
@dataclass
class FreezeOut(Schedule):
    """Stages freeze one after the other from the bottom, and cost less from then on."""

    t0: float = setting(
        0.8,
        "When the first stage would freeze, as a share of all steps, before the form is applied.",
        least=0.01,
        most=1,
        label="First freezing (t0)",
    )
    form: str = setting(
        "cubic",
        "How the freezing is spread: cubic freezes the lower stages earliest.",
        choices=tuple(POWERS),
    )
    scaled: bool = setting(True, "A stage that freezes early learns at a higher rate until then.")

    def ratio(self, stage: int, stages: int) -> float:
        """When a stage freezes, as a share of all steps; 1 for the last stage and the head."""
        if stage >= stages - 1:
            return 1.0
        return (self.t0 + (1 - self.t0) * stage / (stages - 1)) ** POWERS[self.form]

    def rate(self, stage: int, stages: int, step: int, total: int) -> float:
        ratio = self.ratio(stage, stages)
        return (1 / ratio if self.scaled else 1.0) * cosine(step / (ratio * total))

    def frozen(self, stage: int, stages: int, step: int, total: int) -> bool:
        return step > self.ratio(stage, stages) * total

    def reason(self, stage: int, stages: int, step: int, total: int) -> str:
        ratio = self.ratio(stage, stages)
        last = int(ratio * total)
        if stage == stages:
            return "Learns to the end: it is the head."
        if step > ratio * total:
            return f"Frozen since step {last + 1:,}, at {100 * ratio:.0f} % of the run."
        if last >= total - 1:
            return "Learns to the end."
        return f"Learns until step {last:,}, then it freezes."
