"""Schedules: every one against every check, then each paper's own form.

What the published FreezeOut classes do is in freezeout_reference.py. That freezing saves work and
moves no weight is tested with the loop.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product

import pytest

from engine.registry import SettingView, settings_of
from engine.training.schedules import SCHEDULES, Schedule, Timetable
from engine.training.schedules.freezeout import FreezeOut
from engine.training.schedules.gradual import Gradual
from engine.training.schedules.slanted import Slanted
from tests.engine.training import freezeout_reference as published

TOTALS = (1, 2, 3, 10, 97)
STAGES = (1, 2, 6)
BASE = 0.1


def edges(view: SettingView) -> list[object]:
    """The values at the ends of what a person can set."""
    if view.kind == "bool":
        return [False, True]
    return list(view.choices) or [v for v in (view.least, view.most) if v is not None]


def variants() -> Iterator[object]:
    """Each schedule as it comes, and with each of its settings at its ends."""
    for name, plugin in SCHEDULES.items():
        yield pytest.param(name, {}, id=name)
        for view in settings_of(plugin):
            for value in edges(view):
                yield pytest.param(name, {view.name: value}, id=f"{name}-{view.name}-{value}")


VARIANTS = list(variants())


def bound(schedule: Schedule, stages: int, total: int) -> Timetable:
    return Timetable(schedule, [*(f"stage {n}" for n in range(stages)), "head"], BASE, total)


def every(schedule: Schedule, stages: int, total: int) -> Iterator[tuple[int, int]]:
    return ((number, step) for step in range(total) for number in range(stages + 1))


def check_rates(schedule: Schedule, stages: int, total: int) -> None:
    """Finite rates, a head that always learns, and none for what stands still."""
    table = bound(schedule, stages, total)
    for number, step in every(schedule, stages, total):
        rate, name = schedule.rate(number, stages, step, total), table.names[number]
        stands = schedule.frozen(number, stages, step, total)
        assert math.isfinite(rate)
        assert rate >= 0
        assert not (number == stages and (stands or rate == 0))
        assert table.at(step, name) == (0 if stands else BASE * rate)
        assert (name in table.frozen(step)) == stands


def check_reasons(schedule: Schedule, stages: int, total: int) -> None:
    """A sentence that says whether a stage is frozen, and from when or until when."""
    table = bound(schedule, stages, total)
    rows = [[table.stands(number, step) for step in range(total)] for number in range(stages + 1)]
    for number, step in every(schedule, stages, total):
        said, row = table.reason(number, step), rows[number]
        assert said.endswith(".")
        assert said.startswith("Frozen" if row[step] else "Learns")
        for word, named in re.findall(r"(since|until) step ([\d,]+)", said):
            # What is frozen until a step learns in it; what learns until a step learns in it too.
            at = int(named.replace(",", "")) + (word == "until" and not row[step])
            assert at in (0, total) or row[at] != row[at - 1]


@pytest.mark.parametrize(("name", "settings"), VARIANTS)
def test_rates_are_finite_and_only_what_stands_still_has_none(
    name: str, settings: dict[str, object]
) -> None:
    for stages, total in product(STAGES, TOTALS):
        check_rates(SCHEDULES.make(name, settings), stages, total)


@pytest.mark.parametrize(("name", "settings"), VARIANTS)
def test_the_reason_says_what_happens(name: str, settings: dict[str, object]) -> None:
    for stages, total in product(STAGES, TOTALS):
        check_reasons(SCHEDULES.make(name, settings), stages, total)


@pytest.mark.parametrize(("name", "settings"), VARIANTS)
def test_the_prefix_is_what_is_frozen_without_a_gap_and_settled_what_stays_so(
    name: str, settings: dict[str, object]
) -> None:
    for stages, total in product(STAGES, TOTALS):
        table = bound(SCHEDULES.make(name, settings), stages, total)
        still = [[n in table.frozen(step) for n in table.names] for step in range(total)]
        for step in range(total):
            prefixes = [max(k for k in range(stages + 1) if all(row[:k])) for row in still[step:]]
            assert table.prefix(step) == prefixes[0]
            assert table.settled(step) == min(prefixes)


@dataclass
class Holes(Schedule):
    """Freezes the stages of even numbers, in even steps only; no person sees it."""

    def rate(self, stage: int, stages: int, step: int, total: int) -> float:
        return 1.0

    def frozen(self, stage: int, stages: int, step: int, total: int) -> bool:
        return stage < stages and stage % 2 == 0 and (step % 2 == 0 or step >= 6)


def test_a_prefix_ends_at_the_first_stage_that_learns() -> None:
    table = bound(Holes(), 5, 9)
    assert [table.prefix(step) for step in range(9)] == [1, 0, 1, 0, 1, 0, 1, 1, 1]
    assert [table.settled(step) for step in range(9)] == [0, 0, 0, 0, 0, 0, 1, 1, 1]


class Negative(Holes):
    def rate(self, stage: int, stages: int, step: int, total: int) -> float:
        return 1 - step / 2


class Headless(Holes):
    def frozen(self, stage: int, stages: int, step: int, total: int) -> bool:
        return step > 2


@pytest.mark.parametrize("schedule", [Negative(), Headless()], ids=["negative", "headless"])
def test_the_checks_of_rates_can_fail(schedule: Schedule) -> None:
    with pytest.raises(AssertionError):
        check_rates(schedule, 2, 5)


def test_the_check_of_reasons_can_fail() -> None:
    with pytest.raises(AssertionError):
        check_reasons(Holes(), 2, 5)


def names(run: tuple) -> str:
    network, _, t_0, scale_lr, how_scale, _ = run
    return f"{network}-{how_scale}-{t_0}{'-scaled' if scale_lr else ''}"


@pytest.mark.parametrize("run", published.RUNS, ids=names)
def test_freezeout_equals_the_published_figures(run: tuple) -> None:
    """Layer i of L is our stage i of L + 1 stages: the last one shares its index with the head."""
    _, last, t_0, scale_lr, how_scale, rows = run
    schedule, total = FreezeOut(t_0, how_scale, scale_lr), published.TOTAL
    table = bound(schedule, last + 1, total)
    seen = set()
    for row in rows.strip().splitlines():
        index, first, *rates = row.split()
        for number in {int(index), last + 1} if int(index) == last else {int(index)}:
            still = [step for step in range(total) if table.stands(number, step)]
            assert str(still[0] if still else "-") == first
            found = [table.at(step, table.names[number]) for step in published.AT]
            assert found == pytest.approx([float(rate) for rate in rates], rel=1e-9, abs=1e-15)
            seen.add(number)
    assert seen == set(range(last + 2))


@pytest.mark.parametrize("total", [1, 2, 9, 900, 1000, 45_001])
def test_freezeout_ends_with_the_last_step_however_many_there_are(total: int) -> None:
    """The published code takes 1,000 steps for an epoch: one of 900 ends at 2 % of the rate."""
    for number in (5, 6):
        left = FreezeOut().rate(number, 6, total - 1, total)
        assert 0 < left <= (math.pi / 2 / total) ** 2 * (1 + 1e-6)
        assert FreezeOut().rate(number, 6, 0, total) == 1


@pytest.mark.parametrize("form", ["linear", "squared", "cubic"])
def test_freezeout_freezes_from_the_stem_up_and_the_last_stage_never(form: str) -> None:
    """In the published code the last block freezes before the end."""
    table = bound(FreezeOut(0.5, form), 6, 97)
    counts = [len(table.frozen(step)) for step in range(97)]
    assert counts == sorted(counts)
    assert counts[-1] == 5
    assert all(table.prefix(step) == counts[step] == table.settled(step) for step in range(97))


def test_freezeout_at_the_end_of_the_run_is_no_freezing() -> None:
    assert not any(bound(FreezeOut(1.0), 6, 97).frozen(step) for step in range(97))


@pytest.mark.parametrize("stage", range(6))
def test_a_scaled_stage_goes_as_far_as_without_freezing(stage: int) -> None:
    table, plain = bound(FreezeOut(0.5), 6, 4000), bound(FreezeOut(0.5, scaled=False), 6, 4000)
    way, short = (sum(t.at(step, f"stage {stage}") for step in range(4000)) for t in (table, plain))
    assert way / BASE == pytest.approx(2000, rel=0.002)
    assert short / BASE == pytest.approx(2000 * FreezeOut(0.5).ratio(stage, 6), rel=0.002)


def test_gradual_unfreezing_goes_down_from_the_head_an_interval_a_stage() -> None:
    """ULMFiT, section 3.3: the last layer first, then the next lower one, until all learn."""
    table = bound(Gradual(until=0.6), 6, 100)
    first = [min(s for s in range(100) if not table.stands(n, s)) for n in range(7)]
    assert first == [60, 50, 40, 30, 20, 10, 0]
    assert not any(table.stands(n, s) for n in range(7) for s in range(first[n], 100))


def test_gradual_unfreezing_has_the_discriminative_rates_of_ulmfit() -> None:
    """Section 3.2: each layer learns at the rate of the one above divided by 2.6."""
    for step in (60, 99):
        rates = [Gradual().rate(n, 6, step, 100) for n in range(7)]
        assert [up / down for down, up in pairwise(rates)] == pytest.approx([2.6] * 6)
    assert Gradual(warmup=0).rate(6, 6, 0, 100) == 1


def equation_3(t: int, steps: int, cut_frac: float, ratio: float) -> float:
    """ULMFiT's slanted triangular rate, as printed, for a highest rate of 1."""
    cut = math.floor(steps * cut_frac)
    p = t / cut if t < cut else 1 - (t - cut) / (cut * (1 / cut_frac - 1))
    return (1 + p * (ratio - 1)) / ratio


@pytest.mark.parametrize(
    ("total", "cut", "ratio"), [(10, 0.1, 32), (500, 0.1, 32), (1000, 0.25, 8), (16, 0.5, 100)]
)
def test_the_slanted_triangle_is_equation_3(total: int, cut: float, ratio: float) -> None:
    schedule = Slanted(cut, ratio)
    found = [schedule.rate(3, 6, t, total) for t in range(total)]
    assert found == pytest.approx([equation_3(t, total, cut, ratio) for t in range(total)])
    assert Slanted() == Slanted(0.1, 32)


def test_the_slanted_triangle_stays_above_its_lowest_rate_where_equation_3_goes_below_0() -> None:
    assert equation_3(18, 19, 0.1, 32) < 0
    for total in range(1, 200):
        rates = [Slanted().rate(6, 6, t, total) for t in range(total)]
        assert min(rates) >= 1 / 32
        assert max(rates[1:], default=1) == 1


def test_discriminative_rates_go_with_the_triangle_too() -> None:
    rates = [Slanted(factor=2.6).rate(n, 6, 50, 100) for n in range(7)]
    assert rates == pytest.approx([rates[6] / 2.6 ** (6 - n) for n in range(7)])
