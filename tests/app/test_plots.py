"""Plots: what they say, what they save, and what the crosshair reads."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from xml.etree import ElementTree

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtTest import QTest

from app import theme
from app.shell.window import make_application
from app.widgets import plots
from app.widgets.class_plots import BarPlot, ClassBar
from app.widgets.curve_plot import CurvePlot
from app.widgets.line_plot import LinePlot, Series
from app.widgets.matrix_plot import MatrixPlot
from app.widgets.plots import Plot
from tests.helpers.plots import shown, table, words


@pytest.fixture
def lines(qtbot: object) -> LinePlot:
    plot = LinePlot("Accuracy over steps", "Learn first.", "step", "%")
    plot.show_series([Series("all", ((1, 90.0), (2, 80.0))), Series("old", ((2, 75.0),), "muted")])
    return shown(plot, qtbot, 480, 320)


@pytest.fixture
def matrix(qtbot: object) -> MatrixPlot:
    plot = MatrixPlot("Confusion matrix", "Learn first.")
    plot.show_matrix(["cat", "dog"], [[8, 2], [0, 5]])
    return shown(plot, qtbot, 420, 420)


@pytest.fixture
def bars(qtbot: object) -> BarPlot:
    plot = BarPlot("Accuracy of each class", "Learn first.")
    plot.show_bars([ClassBar("cat", 0.8, 1.0, 10), ClassBar("dog", 0.5)])
    return shown(plot, qtbot, 420, 240)


def readings(plot: Plot) -> list[str]:
    """What the box at the crosshair says, line by line; nothing where there is none."""
    return [line for word, _ in plot.box.words for line in word.text.splitlines()]


def spot(plot: LinePlot, x: float, y: float) -> QPoint:
    """Where in the widget a value lies."""
    return plot.spot(x, y).toPoint()


def test_the_place_is_kept_until_the_library_is_there(
    qtbot: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Event()
    monkeypatch.setattr(plots, "imported", held.is_set)
    plot = LinePlot("Accuracy over steps", "Learn first.", "step", "%")
    qtbot.addWidget(plot)
    plot.resize(480, 320)
    plot.show()
    plot.show_series([Series("all", ((1, 90.0), (2, 80.0)))])
    QTest.keyClick(plot, Qt.Key.Key_Right)
    empty, size = plot.grab().toImage(), plot.size()

    assert plot.chart is None

    held.set()
    qtbot.waitUntil(lambda: plot.chart is not None)

    assert plot.size() == size
    assert plot.grab().toImage() != empty
    assert readings(plot) == ["step 1", "all: 90.0 %"], "the key that came before counts"


def test_a_plot_that_is_shown_late_has_its_button(qtbot: object) -> None:
    plot = LinePlot("Accuracy over steps", "Learn first.", "step", "%")
    qtbot.addWidget(plot)
    plot.load()
    qtbot.waitUntil(lambda: plot.chart is not None)
    plot.resize(480, 320)
    plot.show()
    button = plot.save_button
    assert button.size() == button.sizeHint()
    assert button.geometry().right() == plot.rect().right()


def test_the_axes_begin_at_a_round_number_and_hold_every_point(lines: LinePlot) -> None:
    (left, right), (low, high) = lines.chart.viewRange()
    assert left < 1 < 2 < right
    assert 50 < low < 60 < 100 < high < 110


def test_a_chart_follows_the_theme(lines: LinePlot, qtbot: object) -> None:
    make_application()
    theme.dress(lines)
    at = spot(lines, 1.5, 65)
    seen = []
    for mode in ("dark", "light"):
        theme.use(mode)
        QCoreApplication.processEvents()
        seen.append(lines.grab().toImage().pixelColor(at))
    assert seen == [QColor(theme.DARK.surface), QColor(theme.LIGHT.surface)]


def test_the_arrow_keys_read_each_step(lines: LinePlot) -> None:
    QTest.keyClick(lines, Qt.Key.Key_Right)
    assert readings(lines) == ["step 1", "all: 90.0 %"]
    for _ in range(2):
        QTest.keyClick(lines, Qt.Key.Key_Right)
        assert readings(lines) == ["step 2", "all: 80.0 %", "old: 75.0 %"]


def test_the_mouse_reads_the_nearest_step_and_moves_nothing(lines: LinePlot) -> None:
    before = lines.chart.viewRange()
    QTest.mouseMove(lines, spot(lines, 1.8, 70))
    assert readings(lines) == ["step 2", "all: 80.0 %", "old: 75.0 %"]
    QTest.mousePress(lines, Qt.MouseButton.LeftButton, pos=spot(lines, 1.8, 70))
    QTest.mouseMove(lines, spot(lines, 1.2, 90))
    QTest.mouseRelease(lines, Qt.MouseButton.LeftButton, pos=spot(lines, 1.2, 90))
    assert readings(lines) == ["step 1", "all: 90.0 %"]
    assert lines.chart.viewRange() == before
    QCoreApplication.sendEvent(lines, QEvent(QEvent.Type.Leave))
    assert readings(lines) == []


def test_the_crosshair_is_painted_and_not_saved(lines: LinePlot, tmp_path: Path) -> None:
    lines.save(str(tmp_path / "before.png"))
    plain = lines.grab().toImage()
    QTest.keyClick(lines, Qt.Key.Key_Right)
    assert lines.grab().toImage() != plain
    lines.save(str(tmp_path / "after.png"))
    assert QImage(str(tmp_path / "before.png")) == QImage(str(tmp_path / "after.png"))
    assert readings(lines)[0] == "step 1"


def test_a_saved_chart_has_its_lines_axes_and_units(lines: LinePlot, tmp_path: Path) -> None:
    lines.save(str(tmp_path / "p.png"))
    image = QImage(str(tmp_path / "p.png"))
    assert (image.width(), image.height()) == (960, 640)
    assert image.pixelColor(spot(lines, 1.5, 85) * 2) == theme.colour("accent")
    lines.save(str(tmp_path / "p.svg"))
    said = {w.strip() for w in ElementTree.parse(tmp_path / "p.svg").getroot().itertext()}
    assert {"step", "1", "2", "60 %", "80 %", "100 %"} <= said


def test_a_plot_is_saved_as_png_at_twice_its_size(matrix: MatrixPlot, tmp_path: Path) -> None:
    matrix.save(str(tmp_path / "m.png"))
    image = QImage(str(tmp_path / "m.png"))
    assert (image.width(), image.height()) == (840, 840)


@pytest.mark.parametrize("name", ["lines", "matrix", "bars"])
def test_a_plot_is_saved_as_svg_with_its_words(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    plot: Plot = request.getfixturevalue(name)
    said = words(plot, tmp_path / "p.svg")
    assert plot.title in said
    for text, _ in plot.legend():
        assert text in said


def test_the_figures_are_saved_as_csv(
    lines: LinePlot, matrix: MatrixPlot, bars: BarPlot, tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    assert table(lines, path) == [
        ["step", "all (%)", "old (%)"],
        ["1", "90.0", ""],
        ["2", "80.0", "75.0"],
    ]
    assert table(matrix, path) == [
        ["true \\ predicted", "cat", "dog"],
        ["cat", "8", "2"],
        ["dog", "0", "5"],
    ]
    assert table(bars, path) == [
        ["class", "accuracy", "precision", "images"],
        ["dog", "0.5", "", ""],
        ["cat", "0.8", "1.0", "10"],
    ]


def test_an_empty_cell_opens_nothing(matrix: MatrixPlot, qtbot: object) -> None:
    picked: list[tuple[str, str]] = []
    matrix.picked.connect(lambda true, predicted: picked.append((true, predicted)))
    for row, column in ((1, 0), (0, 1)):
        spot = matrix.spot(column + 0.5, -row - 0.5).toPoint()
        QTest.mouseMove(matrix, spot)
        QTest.mouseClick(matrix, Qt.MouseButton.LeftButton, pos=spot)
    assert picked == [("cat", "dog")]


def test_a_plot_without_figures_says_what_to_do(qtbot: object, tmp_path: Path) -> None:
    plot = LinePlot("Accuracy over steps", "Learn classes to see this.", "step", "%")
    qtbot.addWidget(plot)
    plot.resize(400, 300)
    assert "Learn classes to see this." in words(plot, tmp_path / "p.svg")


def test_a_legend_shows_dots_and_dashes_and_what_is_a_mark_alone(qtbot: object) -> None:
    plot = LinePlot("Accuracy over steps", "Learn first.", "step", "%")
    both, one = ((1, 90.0), (2, 80.0)), ((2, 75.0),)
    dashed, dotted = Qt.PenStyle.DashLine, Qt.PenStyle.DotLine
    plot.show_series(
        [
            Series("all", both),
            Series("old", one, "muted", dashed),
            Series("new", both, "text", dotted),
        ]
    )
    shown(plot, qtbot, 480, 320)
    look = dict(plot.explained)
    styles = {name: look[name]["line"] and look[name]["line"].style() for name in look}
    assert styles == {"all": Qt.PenStyle.SolidLine, "old": None, "new": dotted}
    image = plot.signs.items[1][0].look
    assert image["symbol"] == "o", "one value is a mark without a line"


def test_a_legend_that_is_made_anew_lies_where_it_lay(qtbot: object) -> None:
    plot = CurvePlot("Accuracy", "Run first.", "%")
    names = [f"a line with a name {n}" for n in range(9)]
    plot.show_curves([Series(name, ((1, 90.0), (2, 80.0))) for name in names], "epoch")
    shown(plot, qtbot, 560, 320)

    def places() -> list[object]:
        QCoreApplication.processEvents()
        return [label.sceneBoundingRect().getRect() for _, label in plot.signs.items]

    theme.dress(plot)
    before = places()
    theme.use("dark")
    try:
        after = places()
    finally:
        theme.use("light")
    assert plot.legend_lines > 1
    assert len(set(before)) == 9
    assert after == before
