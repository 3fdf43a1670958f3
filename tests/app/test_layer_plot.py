"""The plot of stages over steps: what its pixels, its readings and its files say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPointF, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtTest import QTest

from app import theme
from app.pages.tune.layer_plot import EMPTY, LayerPlot
from app.shell.window import make_application
from engine.events import LayerPlan, LayerState
from tests.helpers.plots import shown, table, words

STAGES = ("stem", "low", "high", "head")
TOTAL, FREEZES, CACHED = 100, (40, 70), 50
"""Stem and low freeze; from step 50 on what the stem gives is served from the cache."""
STEM, LOW, HIGH, HEAD = range(4)


def rate(stage: int, step: int) -> float:
    return 0.0 if frozen(stage, step) else 0.1 * (1 - step / TOTAL)


def frozen(stage: int, step: int) -> bool:
    return stage <= LOW and step >= FREEZES[stage]


def reason(stage: int, step: int) -> str:
    return f"Frozen since step {FREEZES[stage]}." if frozen(stage, step) else "Learns."


def fields(steps: Sequence[int], stages: int = 4) -> list[tuple[tuple[object, ...], ...]]:
    """Rates, frozen, cached and reasons, each with a row for each stage."""
    cell = (rate, frozen, lambda stage, step: stage == STEM and step >= CACHED, reason)
    return [tuple(tuple(f(s, n) for n in steps) for s in range(stages)) for f in cell]


def plan() -> LayerPlan:
    steps = tuple(range(0, TOTAL, 5))
    return LayerPlan(TOTAL, STAGES, steps, *fields(steps))


def state(done: int, updates: tuple[float, ...] = ()) -> LayerState:
    """How the step before `done` was."""
    columns = [tuple(row[0] for row in part) for part in fields([done - 1])]
    return LayerState(done, TOTAL, STAGES, *columns, updates)


@pytest.fixture(autouse=True)
def light() -> None:
    make_application()
    theme.use("light")


@pytest.fixture
def plot(qtbot: object) -> LayerPlot:
    """A run of which 60 steps of 100 are done."""
    made = LayerPlot()
    made.plan(plan())
    for done in range(1, 61):
        made.state(state(done))
    return shown(made, qtbot, 720, 360)


def picture(plot: LayerPlot) -> QImage:
    """What a person sees when all that came is shown."""
    QCoreApplication.processEvents()
    return plot.grab().toImage()


def cells(plot: LayerPlot) -> QImage:
    return picture(plot).copy(plot.frame().toRect())


def colours(plot: LayerPlot, stage: int, step: int, wide: int = 16) -> list[QColor]:
    """The colours of some pixels around the middle of a cell, a little below its row's middle."""
    image, at = picture(plot), plot.middle(stage, step) + QPointF(0, 6)
    return [image.pixelColor((at + QPointF(x, 0)).toPoint()) for x in range(-wide // 2, wide // 2)]


def colour(plot: LayerPlot, stage: int, step: int) -> QColor:
    return colours(plot, stage, step, 2)[1]


def is_grey(found: QColor) -> bool:
    return found.hsvSaturationF() < 0.12


def is_pale(found: QColor) -> bool:
    """Near the surface, where all shades of rates that happened are far from it in some colour."""
    pairs = zip(found.getRgb()[:3], theme.colour("surface").getRgb()[:3], strict=True)
    return 0 < max(abs(a - b) for a, b in pairs) < 110


def test_grey_is_frozen_and_a_learning_stage_has_the_colour_of_its_rate(plot: LayerPlot) -> None:
    assert is_grey(colour(plot, STEM, 45))
    assert not is_grey(colour(plot, STEM, 35))
    assert colour(plot, HIGH, 35) == colour(plot, STEM, 35), "the same rate"
    assert colour(plot, HEAD, 20) != colour(plot, HEAD, 50), "another rate"


def test_hatched_is_served_from_the_cache(plot: LayerPlot) -> None:
    assert len({c.rgb() for c in colours(plot, STEM, 45)}) == 1, "frozen, but computed"
    lined = colours(plot, STEM, 56)
    assert len({c.rgb() for c in lined}) > 2
    assert all(is_grey(c) for c in lined)


def test_what_is_planned_is_pale_until_it_happens(plot: LayerPlot) -> None:
    before = colour(plot, HIGH, 80), colour(plot, LOW, 80)
    assert all(map(is_pale, before))
    assert not is_pale(colour(plot, HIGH, 55))
    for done in range(61, 91):
        plot.state(state(done))
    after = colour(plot, HIGH, 80), colour(plot, LOW, 80)
    assert not is_pale(after[0])
    assert is_grey(before[1])
    assert is_grey(after[1])
    assert before[1] != after[1]
    assert is_pale(colour(plot, HIGH, 95))


def test_a_picture_that_was_extended_is_the_one_drawn_at_once(
    plot: LayerPlot, qtbot: object
) -> None:
    at_once = LayerPlot()
    at_once.plan(plan())
    picture(plot)
    kept = plot.cells
    for done in [*range(61, 70), 72, 75, 80]:
        plot.state(state(done))
        picture(plot)
    assert plot.cells is kept is not None
    for done in [*range(1, 70), 72, 75, 80]:
        at_once.state(state(done))
    assert cells(shown(at_once, qtbot, 720, 360)) == cells(plot)


def test_steps_between_two_states_take_the_later_one(plot: LayerPlot) -> None:
    plot.state(state(80))
    plot.read((LOW, 65))
    assert plot.said()[-1] == "Frozen since step 70."


def test_a_run_that_goes_on_from_an_earlier_step_forgets_what_came_after(
    plot: LayerPlot, qtbot: object
) -> None:
    picture(plot)
    plot.state(state(31))
    again = LayerPlot()
    again.plan(plan())
    for done in range(1, 32):
        again.state(state(done))
    assert cells(shown(again, qtbot, 720, 360)) == cells(plot)
    plot.read((HEAD, 31))
    assert "step 31 of 100, planned" in plot.said()


def test_a_run_that_is_taken_up_in_the_middle_had_its_plan_before(qtbot: object) -> None:
    plot = LayerPlot()
    plot.plan(plan())
    plot.state(state(60))
    shown(plot, qtbot, 720, 360)
    assert is_grey(colour(plot, STEM, 45))
    assert not is_pale(colour(plot, HEAD, 20))
    plot.read((STEM, 45))
    assert plot.said()[1] == "step 45 of 100"


def test_without_a_plan_the_past_is_shown_and_the_rest_is_not_known(qtbot: object) -> None:
    plot = LayerPlot()
    for done in range(1, 31):
        plot.state(state(done))
    shown(plot, qtbot, 720, 360)
    assert not is_grey(colour(plot, HEAD, 20))
    assert colour(plot, HEAD, 50) == theme.colour("sunken")
    plot.read((HEAD, 50))
    assert plot.said()[-1] == "not known"


def test_the_mouse_reads_stage_step_rate_and_reason(plot: LayerPlot) -> None:
    plain = picture(plot)
    QTest.mouseMove(plot, plot.middle(STEM, 55).toPoint())
    assert plot.said() == [
        "stem",
        "step 55 of 100",
        "learning rate 0, frozen, served from the cache",
        "Frozen since step 40.",
    ]
    assert picture(plot) != plain
    QTest.mouseMove(plot, plot.middle(HEAD, 90).toPoint())
    assert plot.said() == ["head", "step 90 of 100, planned", "learning rate 0.01", "Learns."]
    QTest.mouseMove(plot, plot.frame().topRight().toPoint() + QPointF(30, 30).toPoint())
    assert plot.said() == []
    QCoreApplication.sendEvent(plot, QEvent(QEvent.Type.Leave))
    assert picture(plot) == plain


def test_the_sizes_of_updates_are_read_where_they_were_measured(plot: LayerPlot) -> None:
    """In a few steps only; they hold until the next ones."""
    plot.state(state(61, (0.0, 0.002, 0.003, 0.04)))
    plot.state(state(62))
    for step in (60, 61):
        plot.read((HEAD, step))
        assert "weights last moved by 4 % of their size" in plot.said()
    plot.read((HEAD, 59))
    assert not any("weights" in line for line in plot.said())


def test_the_arrow_keys_read_and_the_description_says_the_same(plot: LayerPlot) -> None:
    def key(name: Qt.Key, how: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> list[str]:
        QTest.keyClick(plot, name, how)
        assert plot.accessibleDescription() == ", ".join(plot.said())
        return plot.said()[:2]

    assert "arrow keys" in plot.accessibleDescription()
    assert key(Qt.Key.Key_Left) == ["head", "step 59 of 100"], "the last that was done"
    assert key(Qt.Key.Key_Left) == ["head", "step 58 of 100"]
    assert key(Qt.Key.Key_Down) == ["high", "step 58 of 100"]
    assert key(Qt.Key.Key_Up) == ["head", "step 58 of 100"]
    assert key(Qt.Key.Key_Up) == ["head", "step 58 of 100"], "there is nothing above"
    assert key(Qt.Key.Key_End) == ["head", "step 99 of 100, planned"]
    assert key(Qt.Key.Key_Right) == ["head", "step 99 of 100, planned"]
    assert key(Qt.Key.Key_Home) == ["head", "step 0 of 100"]


def test_in_a_long_run_the_keys_leap_and_with_shift_they_do_not(qtbot: object) -> None:
    plot = LayerPlot()
    plot.show_run(run([0, 2500, 5000, 7500], 10_000))
    shown(plot, qtbot, 720, 360)
    seen = []
    for shift in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier):
        QTest.keyClick(plot, Qt.Key.Key_Home)
        QTest.keyClick(plot, Qt.Key.Key_Right, shift)
        seen.append(plot.said()[1])
    assert seen == ["step 100 of 10,000", "step 1 of 10,000"]


def test_what_happens_at_the_crosshair_is_told(plot: LayerPlot) -> None:
    plot.read((LOW, 75))
    assert "planned" in plot.accessibleDescription()
    for done in range(61, 80):
        plot.state(state(done))
    assert "planned" not in plot.accessibleDescription()


def run(steps: list[int], total: int) -> dict[str, object]:
    """A run as it is told of when it is over: the fields of a LayerPlan, as lists."""
    rates, still, cached, reasons = ([list(row) for row in part] for part in fields(steps))
    return {
        "total": total,
        "stages": list(STAGES),
        "steps": steps,
        "rates": rates,
        "frozen": still,
        "cached": cached,
        "reasons": reasons,
    }


def test_a_finished_run_is_all_past(qtbot: object, tmp_path: Path) -> None:
    plot = LayerPlot()
    plot.show_run(run(list(range(0, TOTAL, 2)), TOTAL))
    shown(plot, qtbot, 720, 360)
    assert not is_pale(colour(plot, HEAD, 50))
    assert is_grey(colour(plot, STEM, 99))
    assert "planned" not in words(plot, tmp_path / "p.svg")
    assert {row[1] for row in table(plot, tmp_path / "p.csv")[1:]} == {"done"}


def test_a_run_that_was_stopped_is_empty_after_its_last_step(qtbot: object) -> None:
    plot = LayerPlot()
    plot.show_run(run(list(range(0, 50, 2)), TOTAL))
    shown(plot, qtbot, 720, 360)
    assert not is_grey(colour(plot, HEAD, 48))
    assert colour(plot, HEAD, 60) == theme.colour("sunken")


def test_a_run_that_may_go_on_has_its_plan_after_its_last_step(
    qtbot: object, tmp_path: Path
) -> None:
    plot = LayerPlot()
    plot.show_run(run(list(range(0, TOTAL, 5)), TOTAL) | {"done": 60})
    shown(plot, qtbot, 720, 360)
    assert not is_pale(colour(plot, HEAD, 55))
    assert is_pale(colour(plot, HEAD, 65))
    rows = table(plot, tmp_path / "t.csv")[1:]
    assert [row[1] for row in rows] == ["done"] * 12 + ["planned"] * 8


def test_the_figures_are_saved_as_csv(qtbot: object, tmp_path: Path) -> None:
    plot = LayerPlot()
    qtbot.addWidget(plot)
    plot.plan(plan())
    for done in (1, 53):
        plot.state(state(done))
    rows = table(plot, tmp_path / "t.csv")
    rates = [f"{name}: learning rate" for name in STAGES]
    assert rows[0] == ["step", "part", *rates, *(f"{name}: state" for name in STAGES)]
    assert rows[1] == ["0", "done", *["0.1"] * 4, *["learns"] * 4]
    assert rows[2][:3] == ["1", "done", "0.0"]
    assert rows[2][6:] == ["cached", "learns", "learns", "learns"]
    assert [row[:2] for row in rows[3:6]] == [
        ["53", "planned"],
        ["55", "planned"],
        ["60", "planned"],
    ]
    assert rows[-1][6:] == ["cached", "frozen", "learns", "learns"]


def test_a_saved_plot_has_its_words_cells_and_no_crosshair(plot: LayerPlot, tmp_path: Path) -> None:
    plot.read((HEAD, 30))
    said = words(plot, tmp_path / "p.svg")
    for word in (
        *STAGES,
        plot.title,
        "step",
        "stage",
        "learning rate per step",
        "frozen",
        "frozen, from the cache",
        "planned",
        "0.08",
        "100",
    ):
        assert word in said
    images = []
    for step in (30, 45):
        plot.read((HEAD, step))
        plot.save(str(tmp_path / "p.png"))
        images.append(QImage(str(tmp_path / "p.png")))
    assert images[0] == images[1]
    assert (images[0].width(), images[0].height()) == (1440, 720)
    at = (plot.middle(STEM, 45) + QPointF(2, 4)) * 2
    assert images[0].pixelColor(at.toPoint()) == colour(plot, STEM, 43)


def test_rates_that_lie_far_apart_are_shown_by_powers_of_ten(qtbot: object, tmp_path: Path) -> None:
    far = LayerPlot()
    rates = tuple((1e-1 / 10**n,) * 2 for n in (3, 2, 1, 0))
    nothing = ((False,) * 2,) * 4
    far.plan(LayerPlan(TOTAL, STAGES, (0, 50), rates, nothing, nothing, (("Learns.",) * 2,) * 4))
    shown(far, qtbot, 720, 360)
    assert len({colour(far, stage, 30).rgb() for stage in range(4)}) == 4
    said = words(far, tmp_path / "p.svg")
    assert "(log)" in said
    assert {"0.0001", "0.001", "0.01", "0.1"} <= set(said.split())


def test_the_cells_follow_the_theme(plot: LayerPlot) -> None:
    theme.dress(plot)
    seen = []
    for mode in ("dark", "light"):
        theme.use(mode)
        QCoreApplication.processEvents()
        seen.append((colour(plot, HIGH, 80), colour(plot, HIGH, 30), colour(plot, STEM, 45)))
    (dark_plan, dark, dark_frozen), (light_plan, light, light_frozen) = seen
    assert dark == light, "a rate has one colour"
    assert dark_plan.lightnessF() < light_plan.lightnessF()
    assert dark_frozen.lightnessF() < light_frozen.lightnessF()


def test_before_a_run_and_after_clearing_it_says_what_will_be_seen(
    plot: LayerPlot, tmp_path: Path
) -> None:
    assert EMPTY not in words(plot, tmp_path / "p.svg")
    plot.clear()
    said = " ".join(words(plot, tmp_path / "p.svg").split())
    assert "Start a run" in said
    assert plot.accessibleDescription() == EMPTY
    QTest.keyClick(plot, Qt.Key.Key_Left)
    QTest.mouseMove(plot, plot.rect().center())
    assert plot.said() == []


def test_it_is_a_part_of_what_it_is_given(qtbot: object) -> None:
    parent = LayerPlot()
    qtbot.addWidget(parent)
    assert LayerPlot(parent).parent() is parent
