"""Plots: what they say, what they save, and what the crosshair reads."""

from __future__ import annotations

import csv
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest

from app.widgets.class_plots import BarPlot, MatrixPlot
from app.widgets.plots import LinePlot, Plot, Series, ticks


@pytest.fixture
def lines(qtbot: object) -> LinePlot:
    plot = LinePlot("Accuracy over steps", "Learn first.", "step", "%")
    qtbot.addWidget(plot)
    plot.resize(480, 320)
    plot.show_series([Series("all", ((1, 90.0), (2, 80.0))), Series("old", ((2, 75.0),), "muted")])
    plot.show()
    return plot


@pytest.fixture
def matrix(qtbot: object) -> MatrixPlot:
    plot = MatrixPlot("Confusion matrix", "Learn first.")
    qtbot.addWidget(plot)
    plot.resize(420, 420)
    plot.show_matrix(["cat", "dog"], [[8, 2], [0, 5]])
    plot.show()
    return plot


@pytest.fixture
def bars(qtbot: object) -> BarPlot:
    plot = BarPlot("Accuracy of each class", "Learn first.")
    qtbot.addWidget(plot)
    plot.resize(420, 240)
    plot.show_bars([("cat", 0.8, 1.0), ("dog", 0.5, None)])
    plot.show()
    return plot


@pytest.mark.parametrize(
    ("low", "high", "most", "wanted"),
    [
        (0, 100, 5, [0, 20, 40, 60, 80, 100]),
        (60, 100, 4, [60, 70, 80, 90, 100]),
        (0.6, 2.4, 10, [0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.2, 2.4]),
        (5, 5, 4, [5]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, most: int, wanted: list[float]) -> None:
    assert ticks(low, high, most) == pytest.approx(wanted)


def test_the_arrow_keys_read_each_step(lines: LinePlot) -> None:
    QTest.keyClick(lines, Qt.Key.Key_Right)
    assert lines.nearest_x(lines.frame(lines.inside())) == 1
    QTest.keyClick(lines, Qt.Key.Key_Right)
    assert lines.nearest_x(lines.frame(lines.inside())) == 2
    QTest.keyClick(lines, Qt.Key.Key_Right)
    assert lines.nearest_x(lines.frame(lines.inside())) == 2


def test_the_crosshair_is_painted_and_not_saved(lines: LinePlot, tmp_path: Path) -> None:
    lines.save(str(tmp_path / "before.png"))
    plain = lines.grab().toImage()
    lines.spot = QPointF(200, 150)
    assert lines.grab().toImage() != plain
    lines.save(str(tmp_path / "after.png"))
    assert QImage(str(tmp_path / "before.png")) == QImage(str(tmp_path / "after.png"))


def test_a_plot_is_saved_as_png_at_twice_its_size(matrix: MatrixPlot, tmp_path: Path) -> None:
    matrix.save(str(tmp_path / "m.png"))
    image = QImage(str(tmp_path / "m.png"))
    assert (image.width(), image.height()) == (840, 840)


@pytest.mark.parametrize("name", ["lines", "matrix", "bars"])
def test_a_plot_is_saved_as_svg_with_its_words(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    plot: Plot = request.getfixturevalue(name)
    plot.save(str(tmp_path / "p.svg"))
    text = " ".join(ElementTree.parse(tmp_path / "p.svg").getroot().itertext())
    assert plot.title in text
    for words, _ in plot.legend():
        assert words in text


def table(plot: Plot, path: Path) -> list[list[str]]:
    plot.save(str(path))
    return list(csv.reader(path.read_text(encoding="utf-8").splitlines()))


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
        ["class", "accuracy", "precision"],
        ["dog", "0.5", ""],
        ["cat", "0.8", "1.0"],
    ]


def test_an_empty_cell_opens_nothing(matrix: MatrixPlot, qtbot: object) -> None:
    picked: list[tuple[str, str]] = []
    matrix.picked.connect(lambda true, predicted: picked.append((true, predicted)))
    frame = matrix.frame(matrix.inside())
    for row, column in ((1, 0), (0, 1)):
        spot = matrix.cell(frame, row, column).center().toPoint()
        QTest.mouseMove(matrix, spot)
        QTest.mouseClick(matrix, Qt.MouseButton.LeftButton, pos=spot)
    assert picked == [("cat", "dog")]


def test_a_plot_without_figures_says_what_to_do(qtbot: object, tmp_path: Path) -> None:
    plot = LinePlot("Accuracy over steps", "Learn classes to see this.", "step", "%")
    qtbot.addWidget(plot)
    plot.resize(400, 300)
    plot.save(str(tmp_path / "p.svg"))
    text = " ".join(ElementTree.parse(tmp_path / "p.svg").getroot().itertext())
    assert "Learn classes to see this." in text
