"""What the layer plot knows: what was planned for each stage at each step, and what happened."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

from engine.events import LayerPlan, LayerState

MOST = 10_000
"""Columns that are kept of what happened: more than a screen has pixels, so a longer run's are
several steps wide."""

DECADES, FINE = (-10, 2), 200
"""Rates from 1e-10 to 100, with so many levels in each power of ten: steps of 1.2 %."""
LEVELS = (DECADES[1] - DECADES[0]) * FINE
FROZEN, UNKNOWN = LEVELS, LEVELS + 1

T = TypeVar("T")


def level(rate: float) -> int:
    """A rate as a whole number, for a table of colours."""
    if rate <= 0:
        return 0
    return min(max(int((math.log10(rate) - DECADES[0]) * FINE), 0), LEVELS - 1)


def rate_of(number: int) -> float:
    """The rate in the middle of a level."""
    return 10 ** ((number + 0.5) / FINE + DECADES[0])


@dataclass(frozen=True)
class Column:
    """How each stage learns from one step on, from the stem to the head; as in LayerState."""

    rates: tuple[float, ...]
    frozen: tuple[bool, ...]
    cached: tuple[bool, ...]
    reasons: tuple[str, ...]
    updates: tuple[float, ...] = ()

    @cached_property
    def levels(self) -> bytes:
        """The level of each stage's rate, or FROZEN: two bytes each."""
        pairs = zip(self.rates, self.frozen, strict=True)
        return array("H", [FROZEN if still else level(rate) for rate, still in pairs]).tobytes()

    @cached_property
    def served(self) -> bytes:
        """Whether each stage is served from the cache: a byte each."""
        return bytes(self.cached)

    def after(self, before: Column) -> Column:
        """The same behind another column; what is as in that one is not kept twice.

        Sizes of updates are measured in some steps only, and hold until the next ones.
        """
        names = ("frozen", "cached", "reasons")
        same = {name: either(getattr(self, name), getattr(before, name)) for name in names}
        return replace(self, **same, updates=self.updates or before.updates)


def either(new: T, old: T) -> T:
    return old if new == old else new


@dataclass
class Track:
    """Columns in order; each holds from its first step to that of the next."""

    starts: list[int] = field(default_factory=list)
    columns: list[Column] = field(default_factory=list)

    def along(self, steps: Sequence[int]) -> list[Column | None]:
        """The column of each of these steps; None before the first."""
        starts, columns = self.starts, [None, *self.columns]
        return [columns[bisect_right(starts, step)] for step in steps]

    def cut(self, step: int) -> None:
        """Forgets all columns that begin at the step or later."""
        keep = bisect_left(self.starts, step)
        del self.starts[keep:], self.columns[keep:]

    def add(self, step: int, column: Column) -> None:
        self.starts.append(step)
        self.columns.append(column.after(self.columns[-1]) if self.columns else column)


def track_of(table: Mapping[str, Any]) -> Track:
    """A track from the fields of a LayerPlan, which have a row for each stage."""
    parts = zip(
        *(zip(*table[n], strict=True) for n in ("rates", "frozen", "cached", "reasons")),
        strict=True,
    )
    made = Track()
    for step, part in zip(table["steps"], parts, strict=True):
        made.add(step, Column(*part))
    return made


class Layers:
    """The stages of one run, what was planned for them, and what happened in its first steps."""

    def __init__(self, stages: Sequence[str] = (), total: int = 0) -> None:
        self.stages, self.total = tuple(stages), max(total, 1)
        self.planned, self.past = Track(), Track()
        self.done = 0
        """How many steps are done."""
        self.peaks = [0.0] * len(self.stages)
        """The highest rate of each stage, planned or seen."""

    @classmethod
    def planning(cls, plan: LayerPlan) -> Layers:
        made = cls(plan.stages, plan.total)
        made.planned = track_of(vars(plan))
        made.rise(made.planned)
        return made

    @classmethod
    def of_run(cls, table: Mapping[str, Any]) -> Layers:
        """What happened in a run; with `done` in the table, what was planned for the rest too.

        Without it, all columns happened, and the last is as wide as the one before it.
        """
        made = cls(table["stages"], table["total"])
        if "done" in table:
            made.planned, made.done = track_of(table), table["done"]
            made.rise(made.planned)
            return made
        made.past = track_of(table)
        made.rise(made.past)
        starts = made.past.starts
        if starts:
            wide = starts[-1] - starts[-2] if len(starts) > 1 else 1
            made.done = min(starts[-1] + wide, made.total)
        return made

    def rise(self, track: Track) -> None:
        if track.columns:
            rows = zip(*(column.rates for column in track.columns), strict=True)
            self.peaks = [max(peak, *row) for peak, row in zip(self.peaks, rows, strict=True)]

    def add(self, state: LayerState) -> tuple[int, int]:
        """Takes what happened up to a step; returns from which to which step it differs now.

        A state of a step that was done before means that the run went on from an earlier one.
        """
        known, self.total = self.done, max(state.total, 1)
        start = known if self.past.starts and state.done > known else max(state.done - 1, 0)
        column = Column(state.rates, state.frozen, state.cached, state.reasons, state.updates)
        least = -(-self.total // MOST)
        if self.past.starts and start - self.past.starts[-1] < least:
            start = min(start, self.past.starts[-1])
        self.past.cut(start)
        self.past.add(start, column)
        self.done = state.done
        self.peaks = list(map(max, self.peaks, state.rates))
        # Steps before the first state count as done too: they were planned, and now they are past.
        first = 0 if len(self.past.starts) == 1 else start
        return first, max(known, state.done)

    def along(self, steps: Sequence[int]) -> list[Column | None]:
        """The column of each of these steps, of which all or none are done.

        Where it is not known what happened, it is what was planned.
        """
        past = self.past.along(steps) if steps[0] < self.done else []
        if past and past[0] is not None:
            return past
        planned = self.planned.along(steps)
        return [a or b for a, b in zip(past, planned, strict=True)] if past else planned

    def at(self, step: int) -> Column | None:
        return self.along([step])[0]

    def __iter__(self) -> Iterator[tuple[int, Column]]:
        """All columns with their first steps: those that happened, then those ahead.

        Where the run was taken up in the middle, what was planned before comes first.
        """
        first = self.past.starts[0] if self.past.starts else self.done
        planned = list(zip(self.planned.starts, self.planned.columns, strict=True))
        yield from (pair for pair in planned if pair[0] < first)
        yield from zip(self.past.starts, self.past.columns, strict=True)
        (now,) = self.planned.along([self.done])
        if now is not None and self.done < self.total:
            yield self.done, now
        yield from (pair for pair in planned if pair[0] > self.done)

    def words(self, stage: int, step: int) -> list[str]:
        """What can be read of a stage at a step, line by line."""
        column = self.at(step)
        lines = [self.stages[stage]]
        lines.append(
            f"step {step:,} of {self.total:,}" + (", planned" if step >= self.done else "")
        )
        if column is None:
            return [*lines, "not known"]
        lines.append(f"learning rate {column.rates[stage]:.3g}" + self.standing(column, stage))
        if column.updates and step < self.done:
            moved = 100 * column.updates[stage]
            lines.append(f"weights last moved by {moved:.2g} % of their size")
        return [*lines, column.reasons[stage]]

    def standing(self, column: Column, stage: int) -> str:
        if not column.frozen[stage]:
            return ""
        return ", frozen, served from the cache" if column.cached[stage] else ", frozen"
