"""Schedules: how fast each stage learns at each step, and when it freezes. One file each.

A schedule knows neither networks nor images: it is asked for a stage's number (0 is the stem, and
`stages`, one above the last, is the head), a step, and how many steps there are in all.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from engine.registry import Registry
from engine.training import loop

SCHEDULES: Registry[Schedule] = Registry("schedule", __name__)


class Schedule(ABC):
    """Says how each stage learns; a dataclass, whose fields are its settings."""

    name: ClassVar[str]
    title: ClassVar[str]

    @abstractmethod
    def rate(self, stage: int, stages: int, step: int, total: int) -> float:
        """The learning rate as a share of the tuner's own; not asked for while frozen."""

    def frozen(self, stage: int, stages: int, step: int, total: int) -> bool:
        """Whether a stage stands still in a step. The head never does."""
        return False

    def reason(self, stage: int, stages: int, step: int, total: int) -> str:
        """Why a stage learns as it does in a step, in one short sentence for the person."""
        return "Learns."


@dataclass(frozen=True)
class Timetable(loop.Schedule):
    """A schedule for named stages, a base rate and a number of steps: what the loop follows.

    `names` are the backbone's stages from the stem up, and the head last.
    """

    schedule: Schedule
    names: Sequence[str]
    base: float
    total: int

    @property
    def stages(self) -> int:
        return len(self.names) - 1

    def at(self, position: int, stage: str = "") -> float:
        number = self.names.index(stage)
        if self.stands(number, position):
            return 0.0
        return self.base * self.schedule.rate(number, self.stages, position, self.total)

    def stands(self, number: int, position: int) -> bool:
        return number < self.stages and self.schedule.frozen(
            number, self.stages, position, self.total
        )

    def frozen(self, position: int) -> frozenset[str]:
        return frozenset(n for at, n in enumerate(self.names) if self.stands(at, position))

    def prefix(self, position: int) -> int:
        """How many stages from the stem up are frozen without a gap in a step."""
        return next(n for n in range(len(self.names)) if not self.stands(n, position))

    def settled(self, position: int) -> int:
        """How many of those stay frozen to the end, so that what they give can be kept."""
        return self._settled[position]

    @cached_property
    def _settled(self) -> list[int]:
        least, found = len(self.names), []
        for position in reversed(range(self.total)):
            least = min(least, self.prefix(position))
            found.append(least)
        return found[::-1]

    def reason(self, number: int, position: int) -> str:
        return self.schedule.reason(number, self.stages, position, self.total)


def cosine(share: float) -> float:
    """Half a cosine from 1 at 0 down to 0 at 1."""
    return (1 + math.cos(math.pi * min(1.0, share))) / 2


def warmed(step: int, total: int, warmup: float) -> float:
    """A linear rise over the share `warmup` of all steps, then half a cosine down to 0."""
    rise = max(1, round(warmup * total))
    if step < rise:
        return (step + 1) / rise
    return cosine((step - rise) / max(1, total - rise))
