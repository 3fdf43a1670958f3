"""The confusion matrix: zoomed by keys and wheel, in a window of its own, with names to read."""

from __future__ import annotations

from itertools import pairwise

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from app.widgets.matrix_plot import MatrixDialog, MatrixPlot
from tests.helpers.plots import shown

FEW, MANY = 40, 100


def matrix_of(count: int, qtbot: object, side: int) -> MatrixPlot:
    names = [f"class {n} with a name that is long" for n in range(count)]
    plot = MatrixPlot("What is taken for what", "Learn first.")
    plot.show_matrix(names, [[5 if r == c else 0 for c in range(count)] for r in range(count)])
    return shown(plot, qtbot, side, side)


def names_shown(plot: MatrixPlot) -> list[int]:
    """The rows whose name stands beside them."""
    rows, _ = plot.seen()
    said = [word for word, _ in plot.overlay.words if word.text.startswith("class")]
    return [row for row in rows if any(word.y == -row - 0.5 for word in said)]


def turn(plot: MatrixPlot, notches: int, *, ctrl: bool = False) -> bool:
    """Turns the wheel over the middle of the cells; says whether the plot took it."""
    at, keys = plot.frame().center(), Qt.KeyboardModifier
    event = QWheelEvent(
        at,
        QPointF(plot.mapToGlobal(at.toPoint())),
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        keys.ControlModifier if ctrl else keys.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(plot, event)
    return event.isAccepted()


@pytest.mark.parametrize(("count", "side"), [(FEW, 540), (FEW, 800), (MANY, 540), (12, 300)])
@pytest.mark.parametrize("zooms", [0, 2, 5])
def test_names_never_overlap(qtbot: object, count: int, side: int, zooms: int) -> None:
    plot = matrix_of(count, qtbot, side)
    for _ in range(zooms):
        QTest.keyClick(plot, Qt.Key.Key_Plus)

    for upright in (False, True):
        places = [
            place
            for word, place in plot.overlay.words
            if word.upright is upright and word.text.startswith("class")
        ]
        # Letters fill three quarters of the height that Qt gives a line.
        ends = [(p.left(), p.right()) if upright else (p.top(), p.bottom()) for p in places]
        assert all(b[0] - a[0] >= 0.75 * (a[1] - a[0]) for a, b in pairwise(ends))


def test_forty_names_stand_in_a_card_and_a_hundred_when_zoomed(qtbot: object) -> None:
    assert names_shown(matrix_of(FEW, qtbot, 560)) == list(range(FEW))
    plot = matrix_of(MANY, qtbot, 560)
    assert names_shown(plot) == []

    for _ in range(4):
        QTest.keyClick(plot, Qt.Key.Key_Plus)

    rows, _ = plot.seen()
    assert names_shown(plot) == list(rows)
    assert 4 <= len(rows) < FEW


def test_plus_and_minus_zoom_and_nought_shows_all(qtbot: object) -> None:
    plot = matrix_of(FEW, qtbot, 540)
    for key, fewer in ((Qt.Key.Key_Plus, True), (Qt.Key.Key_Plus, True), (Qt.Key.Key_Minus, False)):
        before = len(plot.seen()[0])
        QTest.keyClick(plot, key)
        assert (len(plot.seen()[0]) < before) is fewer
    QTest.keyClick(plot, Qt.Key.Key_0)
    assert plot.seen() == (range(FEW), range(FEW))


def test_arrow_keys_take_what_is_shown_along(qtbot: object) -> None:
    plot = matrix_of(FEW, qtbot, 540)
    for _ in range(3):
        QTest.keyClick(plot, Qt.Key.Key_Plus)
    for _ in range(FEW):
        QTest.keyClick(plot, Qt.Key.Key_Down)
    assert FEW - 1 in plot.seen()[0]
    assert plot.said()[0].startswith(f"class {FEW - 1} ")


def test_the_wheel_zooms_at_the_pointer_only_where_that_is_meant(qtbot: object) -> None:
    plot = matrix_of(FEW, qtbot, 540)
    other = QWidget()
    qtbot.addWidget(other)
    plot.clearFocus()
    assert not turn(plot, 1), "the page is scrolled"
    assert plot.seen() == (range(FEW), range(FEW))

    assert turn(plot, 1, ctrl=True)
    middle = FEW // 2
    rows, columns = plot.seen()
    assert len(rows) < FEW
    assert middle in rows
    assert middle in columns

    assert turn(plot, -9, ctrl=True)
    assert not turn(plot, -1, ctrl=True), "there is nothing more to show"


def test_a_drag_moves_the_cells_and_opens_none(qtbot: object) -> None:
    plot = matrix_of(FEW, qtbot, 540)
    picked: list[tuple[str, str]] = []
    plot.picked.connect(lambda *cell: picked.append(cell))
    for _ in range(4):
        QTest.keyClick(plot, Qt.Key.Key_Plus)
    rows, columns = plot.seen()
    from_, to = (plot.spot(columns.start + n, -rows.start - n).toPoint() for n in (3.5, 1.5))

    QTest.mousePress(plot, Qt.MouseButton.LeftButton, pos=from_)
    QTest.mouseMove(plot, to)
    QTest.mouseRelease(plot, Qt.MouseButton.LeftButton, pos=to)

    assert (plot.seen()[0].start, plot.seen()[1].start) == (rows.start + 2, columns.start + 2)
    assert picked == []


def test_the_names_of_the_cell_that_is_read_stand_out_in_full(qtbot: object) -> None:
    plot = matrix_of(FEW, qtbot, 800)
    QTest.keyClick(plot, Qt.Key.Key_Down)
    QTest.keyClick(plot, Qt.Key.Key_Right)
    assert [word.text for word, _ in plot.pointed.words] == [plot.names[1], plot.names[1]]


def test_the_large_window_opens_a_cell_and_escape_leaves_it(qtbot: object) -> None:
    plot = matrix_of(3, qtbot, 540)
    picked: list[tuple[str, str]] = []
    plot.picked.connect(lambda *cell: picked.append(cell))
    plot.enlarge_button.click()
    dialog = plot.findChild(MatrixDialog)
    qtbot.waitUntil(lambda: dialog.matrix.chart is not None)
    QTest.keyClick(dialog.matrix, Qt.Key.Key_Down)

    QTest.keyClick(dialog.matrix, Qt.Key.Key_Escape)

    qtbot.waitUntil(lambda: not plot.findChildren(MatrixDialog))
    assert picked == []
    plot.enlarge_button.click()
    dialog = plot.findChild(MatrixDialog)
    qtbot.waitUntil(lambda: dialog.matrix.chart is not None)
    QTest.keyClick(dialog.matrix, Qt.Key.Key_Up)
    QTest.keyClick(dialog.matrix, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not plot.findChildren(MatrixDialog))
    assert picked == [(plot.names[0], plot.names[0])]


def test_cells_stay_square_and_inside_when_it_becomes_much_narrower(qtbot: object) -> None:
    plot = matrix_of(2, qtbot, 400)
    for width in (1200, 430, 900, 300):
        plot.resize(width, 400)
        frame = plot.frame()
        assert frame.width() == pytest.approx(frame.height())
        assert frame.right() <= width
