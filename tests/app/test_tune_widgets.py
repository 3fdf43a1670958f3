"""The parts of the Tune page: plots, bars, the words of a verdict, and what differs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest

from app import theme
from app.pages.tune.layer_plot import LayerPlot
from app.pages.tune.page import CARD
from app.pages.tune.runs import DifferingRows, RunRows, RunTable, took
from app.pages.tune.update_bars import UpdateBars
from app.pages.tune.verdict import RunCard, best_of, operations, verdict
from app.pages.tune.watch import Watch
from app.shell.window import make_application
from app.widgets.curve_plot import CurvePlot
from app.widgets.line_plot import Series
from app.widgets.run_curves import Curves
from engine.events import LayerPlan
from tests.helpers.plots import shown, table, words
from tests.helpers.runs import curves, epoch, judged, names, run
from tests.helpers.window import texts

STAGES = ("stem", "low", "head")


@pytest.fixture(autouse=True)
def light() -> None:
    make_application()
    theme.use("light")


# The plots.


def test_the_crosshair_reads_the_last_point_of_each_line(qtbot: object, tmp_path: Path) -> None:
    plot = shown(CurvePlot("Loss", "Nothing yet.", ""), qtbot, 480, 240)
    plot.make_chart()
    plot.show_curves(curves(2).series("loss", "epoch"), "epoch")
    QTest.keyClick(plot, Qt.Key.Key_Right)
    QTest.keyClick(plot, Qt.Key.Key_Right)
    assert plot.at == 2.0, "it stops at the epochs, not at each step"
    assert plot.words(2.0) == ["epoch 2", "validation: 2", "train: 1", "train, steps: 8"]
    assert plot.words(1.3)[1:] == ["validation: 2", "train: 1", "train, steps: 5"]
    rows = table(plot, tmp_path / "l.csv")
    assert rows[0] == ["epoch", "validation", "train", "train, steps"]
    assert len(rows) == 9, "the file has each step"
    assert rows[-1] == ["2.0", "2.0", "1.0", "8.0"]
    said = words(plot, tmp_path / "l.svg")
    assert "Loss" in said
    assert "train, steps" in said
    plot.show_curves(curves(2).series("loss", "seconds"), "seconds")
    assert plot.at is None


def test_lines_that_went_on_look_like_lines_drawn_anew(qtbot: object) -> None:
    def plot_of(*epochs: int) -> CurvePlot:
        plot = shown(CurvePlot("Loss", "Nothing yet.", ""), qtbot, 480, 240)
        plot.make_chart()
        for number in epochs:
            plot.show_curves(curves(number).series("loss", "epoch"), "epoch")
        return plot

    went_on, anew, before = plot_of(2, 3, 4), plot_of(4), plot_of(3)
    assert went_on.grab().toImage() == anew.grab().toImage() != before.grab().toImage()
    went_on.show_curves([], "epoch")
    assert not went_on.has_figures()


def test_a_few_wild_steps_do_not_flatten_the_loss(qtbot: object) -> None:
    plot = shown(CurvePlot("Loss", "Nothing yet.", ""), qtbot, 480, 240)
    plot.make_chart()
    wild = Series("steps", tuple((n, 1e6 if n == 3 else 1.0) for n in range(100)), dense=True)
    plot.show_curves([Series("validation", ((50.0, 2.0),)), wild], "epoch")
    assert plot.chart.viewRange()[1][1] < 3
    plot.show_curves([Series("validation", ((50.0, 2e6),)), wild], "epoch")
    assert plot.chart.viewRange()[1][1] > 1e6, "what is no single step is always seen"


def test_the_switch_stands_beside_the_title_and_clear_of_the_save_button(qtbot: object) -> None:
    watch = shown(Watch(), qtbot, 860, 440)
    corner, save = watch.accuracy.corner, watch.accuracy.save_button
    assert corner.isVisible()
    assert not corner.geometry().intersects(save.geometry())
    assert corner.geometry().bottom() < watch.accuracy.frame().top()
    watch.choices[1].click()
    assert watch.over == "seconds"
    assert [made.isChecked() for made in watch.choices] == [False, True]


def layers() -> LayerPlan:
    columns = ((0.1, 0.1), (0.1, 0.1), (0.1, 0.1))
    still = ((False, False),) * 3
    return LayerPlan(2, STAGES, (0, 1), columns, still, still, (("Learns.", "Learns."),) * 3)


def test_the_bars_lie_beside_the_rows_of_the_layer_plot(qtbot: object) -> None:
    plot = shown(LayerPlot(), qtbot, 480, 240)
    plot.plan(layers())
    bars = shown(UpdateBars(), qtbot, 192, 240)
    bars.show_updates(STAGES, (0.0, 0.01, 0.02))
    assert bars.frame().top() == pytest.approx(plot.frame().top(), abs=2)
    assert bars.frame().bottom() == pytest.approx(plot.frame().bottom(), abs=2)
    image, high = bars.grab().toImage(), bars.frame().height() / 3

    def accent(row: int, across: float) -> bool:
        at = bars.frame().left() + across * bars.frame().width(), bars.frame().top() + high * row
        return image.pixelColor(QPoint(int(at[0]), int(at[1] + high / 2))) == QColor(
            theme.LIGHT.accent
        )

    assert [accent(row, 0.9) for row in range(3)] == [True, False, False], "the head is above"
    assert [accent(row, 0.3) for row in range(3)] == [True, True, False], "the stem stands still"


def test_the_bars_are_read_by_keys_and_saved(qtbot: object, tmp_path: Path) -> None:
    bars = shown(UpdateBars(), qtbot, 192, 240)
    assert "While a run goes on" in words(bars, tmp_path / "b.svg")
    bars.show_updates(STAGES, (0.0, 0.0123, 0.02))
    assert bars.accessibleDescription() == "head 2 %, low 1.2 %, stem 0"
    plain = bars.grab().toImage()
    QTest.keyClick(bars, Qt.Key.Key_Down)
    QTest.keyClick(bars, Qt.Key.Key_Down)
    assert bars.rows()[bars.at] == ("low", 0.0123)
    assert bars.grab().toImage() != plain
    assert table(bars, tmp_path / "b.csv")[1:] == [
        ["stem", "0.0"],
        ["low", "0.0123"],
        ["head", "0.02"],
    ]
    bars.show_updates(STAGES, ())
    assert not bars.has_figures()


# Words.


@pytest.mark.parametrize(
    ("difference", "heading"),
    [
        ([0.05, 0.01, 0.09], "Better: +5.0 points"),
        ([-0.05, -0.09, -0.01], "Worse: −5.0 points"),
        ([0.05, -0.01, 0.11], "No clear difference: +5.0 points"),
        ([0.0, 0.0, 0.0], "No difference"),
    ],
)
def test_a_verdict_says_what_the_interval_means(difference: list[float], heading: str) -> None:
    said, sentence = verdict(difference, 1200)
    assert said == heading
    assert "1,200 validation images" in sentence


def test_times_and_operations_are_told_as_roughly_as_they_are_known() -> None:
    told = [took(s) for s in (3.24, 32.4, 324.0, 32400.0, -0.01, -4.0)]
    assert told == ["3.2 s", "32 s", "5.4 min", "9.0 h", "0.0 s", "−4.0 s"]
    assert [operations(n) for n in (0, 1.5e6, 2.34e12, 5e15)] == ["0", "1.5 M", "2.34 T", "5 P"]


def test_the_card_of_a_result_tells_old_and_new_apart(qtbot: Any) -> None:
    card = RunCard()
    qtbot.addWidget(card)
    card.setFixedSize(CARD, 200)
    card.show()
    card.show_run(judged([0.1, 0.02, 0.2]), busy=False)
    said = texts(card)
    for figure in ("80.0 %", "85.0 %", "70.0 %", "+10.0", "+2.0 to +20.0", "old\n"):
        assert figure in said
    assert card.adopt_button.isVisible()
    assert card.keep_button.isVisible()
    assert card.heading.text() == "Better: +5.0 points"
    assert card.layout().totalHeightForWidth(CARD) <= 200, "it fits beside the table"
    best = {"best_epoch": 12.5, "epochs_done": 20.0, "best_accuracy": 0.8}
    card.show_run({**judged([0.1, 0.02, 0.2]), **best}, busy=False)
    assert "Best epoch: 12.5 of 20." in texts(card)
    assert card.layout().totalHeightForWidth(CARD) <= 200, "also with the best epoch"
    for state, said in (("adopted", "Undo goes back"), ("discarded", "was kept")):
        card.show_run({**judged([0.1, 0.02, 0.2]), "state": state}, busy=False)
        assert said in texts(card)
        assert card.adopt_button.isVisible() == (state == "discarded")
        assert card.layout().totalHeightForWidth(CARD) <= 200
    card.show_run(judged(None), busy=False)
    assert "old\n" not in texts(card), "without new classes all are old"


@pytest.mark.parametrize(
    ("difference", "first"),
    [
        ([0.05, 0.01, 0.09], "Use the tuned one"),
        ([-0.05, -0.09, -0.01], "Keep the current one"),
        ([0.05, -0.01, 0.11], "Keep the current one"),
        ([0.0, 0.0, 0.0], "Keep the current one"),
    ],
)
def test_the_answer_that_the_verdict_gives_comes_first_and_is_the_primary_one(
    qtbot: Any, difference: list[float], first: str
) -> None:
    card = RunCard()
    qtbot.addWidget(card)
    card.setFixedSize(CARD, 200)
    card.show()
    for wanted in ([0.05, 0.01, 0.09], [-0.05, -0.09, -0.01], difference):  # whatever came before
        made = judged(None)
        card.show_run({**made, "difference": {**made["difference"], "all": wanted}}, busy=False)

    def answers() -> list[Any]:
        return sorted((card.adopt_button, card.keep_button), key=lambda made: made.x())

    qtbot.waitUntil(lambda: answers()[0].text() == first)
    assert [made.isVisible() for made in answers()] == [True, True]
    assert all(made.width() >= made.sizeHint().width() for made in answers()), "no word is cut"
    assert [made.objectName() for made in answers()] == ["primary", ""]
    keys = [made.shortcut().toString() for made in (card.adopt_button, card.keep_button)]
    assert keys == ["Ctrl+U", "Ctrl+K"]


def test_of_several_runs_the_best_is_the_one_that_the_table_says() -> None:
    """The best epoch is not what would be used: only what was compared is told of those."""
    first = {**judged(None), "id": 1, "best_accuracy": 0.99, "after": {"accuracy": 0.7}}
    second = {**judged(None), "id": 2, "best_accuracy": 0.5, "after": {"accuracy": 0.9}}
    assert "70.0 %" in RunRows().text(first, 6)
    assert best_of([first, second]).startswith("Run 2 ")
    assert "90.0 %" in best_of([first, second])
    assert best_of([run(3, best_accuracy=0.6), run(4, best_accuracy=0.8)]).startswith("Run 4 ")
    assert RunRows().text(run(4, best_accuracy=0.8), 6) == "best 80.0 %"
    assert "None" in best_of([run(5, best_accuracy=None)])


def test_the_curves_of_a_run_show_what_it_is_compared_with() -> None:
    details = {
        **judged(None),
        "epochs_curve": [epoch(1, 4, 0.7), epoch(2, 8, 0.7, validation_loss=1.0)],
        "steps_curve": {},
        "layers": None,
    }
    made = names(Curves.of_run(details).series("accuracy", "epoch"))
    assert made["before tuning"] == ((0.0, 80.0), (2.0, 80.0))
    assert made["after tuning"] == ((0.0, 85.0), (2.0, 85.0))
    assert made["best epoch"] == ((2.0, 70.0),), "as accurate as the first, with a lower loss"
    assert "before tuning" not in names(Curves.of_run(details).series("loss", "epoch"))
    going = curves(2)
    assert "current network" not in names(going.series("accuracy", "epoch"))
    going.beside_current(0.75)
    assert names(going.series("accuracy", "epoch"))["current network"] == ((0.0, 75.0), (2.0, 75.0))


def test_the_title_of_the_rates_is_never_longer_than_its_bar(qtbot: object) -> None:
    for height in (120, 160, 240, 400):
        plot = shown(LayerPlot(), qtbot, 480, height)
        plot.setMinimumSize(0, 0)
        plot.resize(480, height)
        plot.plan(layers())
        plot.make_chart()
        plot.grab()
        axis = plot.chart.getAxis("right")
        assert axis.label.boundingRect().width() <= plot.frame().height() + 1 or (
            axis.labelText == "rate"
        )


def test_only_settings_that_differ_are_compared() -> None:
    rows, made = RunRows(), DifferingRows()
    rows.labels = {"lr": "Learning rate"}
    other = {"lr": 0.02, "epochs": 3.0, "balance": True}
    made.compare([run(3), run(5, schedule="freezeout", settings=other)], rows)
    assert made.titles == ("Setting", "Run 3", "Run 5")
    assert made.rows == [
        ("Schedule", "none", "freezeout"),
        ("Learning rate", "0.01", "0.02"),
        ("balance", "–", "yes"),
    ]
    made.compare([run(1), run(2)], rows)
    assert made.rows == []


def test_the_table_keeps_what_is_chosen_when_the_runs_are_read_anew(qtbot: Any) -> None:
    made = RunTable()
    qtbot.addWidget(made)
    heard: list[list[int]] = []
    made.chosen.connect(heard.append)
    made.show_runs([run(3), run(2, state="running"), run(1)], 0)
    made.choose([1, 2])
    assert heard[-1] == [1, 2]
    count = len(heard)
    made.show_runs([run(4, state="running"), run(3), run(2, state="running"), run(1)], 4)
    assert made.selected() == [1, 2]
    assert len(heard) == count, "nobody chose anything"
    assert [made.runs.index(n, 3).data() for n in range(4)] == [
        "running",
        "done",
        "stopped",
        "done",
    ]
    made.runs.tell(4, epochs_done=1.5)
    assert made.runs.index(0, 4).data() == "1.5/3"
    assert "Run 4" in made.runs.index(0, 0).data(Qt.ItemDataRole.ToolTipRole)


def test_eight_words_of_a_legend_are_whole_at_1280_pixels(qtbot: Any) -> None:
    names = ("train, steps", "validation", "old classes", "new classes", "train")
    names += ("before tuning", "after tuning", "best epoch")
    plot = CurvePlot("Accuracy", "Empty.", "%")
    plot.show_series([Series(name, ((0, 1.0), (1, 2.0))) for name in names])
    shown(plot, qtbot, 396, 160)
    for _, said in plot.signs.items:
        assert said.sceneBoundingRect().right() <= plot.chart.width() + 8, said.text
