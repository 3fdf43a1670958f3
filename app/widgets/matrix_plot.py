"""The confusion matrix: it can be zoomed, shown in a window of its own, and its cells opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import floor
from typing import Any

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFont, QFontMetricsF, QKeyEvent, QMouseEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QDialog, QWidget

from app import theme
from app.widgets.controls import button, card, column, label, laid_out, named, row, tool
from app.widgets.plot_words import Reading, Word, Words
from app.widgets.plots import Plot

TITLE = "What is taken for what"
HELP = "The confusion matrix: arrow keys read it, + and − zoom, Return shows the images"
ZOOM_HELP = "Wheel or + and − zoom, 0 shows all, dragging moves, a click shows the images."
AXES = "what it is", "what it is taken for"
NAMES = 0.24, 0.16
"""The share of the width or height that names may take: the second where they don't fit else."""
LETTERS = 8
"""Pixels of the smallest letters that can be read."""
GRIDDED = 40
"""So many classes have a gap between their cells."""
FEWEST = 4
"""Classes that are shown at the closest look."""
NOTCH = 120
"""What Qt calls one notch of a wheel."""
ZOOMS = {Qt.Key.Key_Plus: 0.75, Qt.Key.Key_Equal: 0.75, Qt.Key.Key_Minus: 1.34, Qt.Key.Key_0: 1e9}


class MatrixPlot(Plot):
    """Rows are true classes, columns what they are taken for. A cell opens its images."""

    picked = Signal(str, str)
    opens = True
    """Whether somebody shows the images of a cell that is picked."""

    def __init__(self, title: str, empty: str, enlarges: bool = True) -> None:
        super().__init__(title, empty)
        self.names: tuple[str, ...] = ()
        self.counts: tuple[tuple[int, ...], ...] = ()
        self.first, self.many = (0, 0), 0
        self.turned, self.dragged = 0, False
        self.held: tuple[int, int] | None = None
        self.named = self.lying = False
        self.enlarge_button = tool(
            "enlarge",
            f"Enlarge: {title}",
            "Shows the matrix in a window of its own; Esc goes back",
            self.enlarge,
            key="Ctrl+Shift+M",
        )
        self.enlarge_button.setParent(self)
        self.enlarge_button.setVisible(enlarges)

    def show_matrix(self, names: Sequence[str], counts: Sequence[Sequence[int]]) -> None:
        """Shows counts[true class][predicted class] of images, in the order of `names`."""
        if tuple(names) != self.names:
            self.first, self.many = (0, 0), len(names)
        self.names = tuple(names)
        self.counts = tuple(tuple(row) for row in counts)
        self.at = None
        self.enlarge_button.setEnabled(bool(names))
        self.redraw_soon()

    def has_figures(self) -> bool:
        return bool(self.names)

    def table(self) -> Sequence[Sequence[object]]:
        rows = [[name, *row] for name, row in zip(self.names, self.counts, strict=True)]
        return [["true \\ predicted", *self.names], *rows]

    def sizeHint(self) -> QSize:
        return QSize(420, 360)

    def set_up(self, chart: Any) -> None:
        for name in ("left", "bottom"):
            chart.hideAxis(name)
        self.pointed = Words(self)
        self.pointed.setZValue(20.5)

    # Drawing.

    def seen(self) -> tuple[range, range]:
        """The rows and the columns that are shown."""
        (r, c), many = self.first, self.many
        return range(r, r + many), range(c, c + many)

    def draw(self) -> None:
        """Cells in shades of their share of the true class, right ones in another colour."""
        import numpy as np
        import pyqtgraph as pg

        count = len(self.names)
        counts = np.array(self.counts, float)
        shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
        colours = np.zeros((count, count, 4), np.uint8)
        inks = theme.colour("danger"), theme.colour("accent")
        colours[..., :3], right = ((ink.red(), ink.green(), ink.blue()) for ink in inks)
        colours[range(count), range(count), :3] = right
        colours[..., 3] = np.where(counts > 0, 40 + 215 * shares**0.7, 0)
        cells = pg.ImageItem(colours[::-1], axisOrder="row-major")
        cells.setRect(QRectF(0, -count, count, count))
        self.chart.plotItem.vb.setBackgroundColor(theme.colour("sunken"))
        self.chart.addItem(cells)
        if self.many <= GRIDDED:  # a gap between cells
            along, ends = [n for n in range(1, count) for _ in "12"], [0, count] * (count - 1)
            pen = self.pen("surface")
            self.line(along, [-y for y in ends], pen, "pairs")
            self.line(ends, [-x for x in along], pen, "pairs")
        rows, columns = self.seen()
        self.show_range(columns.start, columns.stop, -rows.stop, -rows.start)

    def arrange(self) -> None:
        """A square of cells, as large as the names leave room; names and numbers if they fit."""
        width, height = self.chart.width(), self.chart.height()
        share, font = next(((s, f) for s in NAMES if (f := self.name_font(s))), (0.0, None))
        beside, below = self.name_rooms(font, share) if font else (0.0, 0.0)
        side = max(min(width - beside - 28, height - below - 28), 20)
        left = 20 + beside + max(0, (width - beside - 28 - side) / 2)
        self.chart.plotItem.layout.setContentsMargins(
            left, 4, width - left - side, height - 4 - side
        )
        self.chart.plotItem.layout.activate()
        self.named = font is not None
        names = self.edge_names(font, beside - 8, below - 8) if font else []
        axes = self.axes(beside, below, bool(font))
        self.overlay.say([*names, *axes, *self.numbers(side / self.many)])

    def name_rooms(self, font: QFont, share: float) -> tuple[float, float]:
        """Pixels for the names beside and below the cells, where they lie if all of them fit."""
        metrics, (rows, columns) = QFontMetricsF(font), self.seen()
        across, up = (
            max(metrics.horizontalAdvance(self.names[n]) for n in some) for some in (rows, columns)
        )
        width, height = self.chart.width(), self.chart.height()
        beside, line = min(across + 1, share * width) + 8, metrics.height() + 8
        cell = (min(width - beside, height - line) - 28) / self.many
        self.lying = up + 8 <= cell
        return beside, line if self.lying else min(up + 1, share * height) + 8

    def name_font(self, share: float) -> QFont | None:
        """The font in which a name is no higher than its cell; None where none can be read."""
        font = self.small_font()
        beside, below = self.name_rooms(font, share)
        side = min(self.chart.width() - beside, self.chart.height() - below) - 28
        cell, height = side / self.many, QFontMetricsF(font).height()
        if cell < height:
            font.setPixelSize(max(int(QFontMetricsF(font).ascent() * cell / height), 1))
            return font if font.pixelSize() >= LETTERS else None
        return font

    def edge_names(self, font: QFont, beside: float, below: float) -> list[Word]:
        """The names of the rows at the left, and those of the columns below."""
        metrics, (rows, columns) = QFontMetricsF(font), self.seen()
        elide, pixels = Qt.TextElideMode.ElideMiddle, max(font.pixelSize(), 0)

        def cut(n: int, room: float) -> str:
            return metrics.elidedText(self.names[n], elide, room)

        left, bottom = columns.start, -rows.stop
        look: dict[str, Any] = {"pixels": pixels}
        words = [Word(left, -r - 0.5, cut(r, beside), left=1, off=(-6, 0), **look) for r in rows]
        low: dict[str, Any] = {**look, "top": 0, "off": (0, 6), "upright": not self.lying}
        words += [
            Word(c + 0.5, bottom, self.names[c] if self.lying else cut(c, below), **low)
            for c in columns
        ]
        untested = [r for r in rows if not sum(self.counts[r])]
        return words + [
            Word(left, -r - 0.5, "not tested", left=0, off=(6, 0), **look) for r in untested
        ]

    def axes(self, beside: float, below: float, named: bool) -> list[Word]:
        """What rows and columns are, how much of them is shown, and how to see their names."""
        (true, taken), (rows, columns), count = AXES, self.seen(), len(self.names)
        if self.many < count:
            taken += f" · {self.many} of {count} classes"
        if not named:
            taken += " · zoom in for names (+)"
        across, down = columns.start + self.many / 2, -rows.start - self.many / 2
        return [
            Word(across, -rows.stop, taken, top=0, off=(0, below)),
            Word(columns.start, down, true, left=1, off=(-beside, 0), upright=True),
        ]

    def numbers(self, size: float) -> Iterator[Word]:
        """The counts in cells of so many pixels; all become smaller together if they must."""
        if size < 16:
            return
        metrics, (rows, columns) = QFontMetricsF(self.small_font()), self.seen()
        widest = metrics.horizontalAdvance(str(max(map(max, self.counts)))) + 2
        pixels = int(metrics.ascent() * (size - 1) / widest) if widest > size - 1 else 0
        for r in rows:
            whole = sum(self.counts[r])
            for c in columns:
                if count := self.counts[r][c]:
                    ink = "on_accent" if count / whole > 0.45 else "text"
                    yield Word(c + 0.5, -r - 0.5, f"{count}", ink, pixels=pixels)

    # Reading.

    def reading(self) -> Reading:
        """A frame around the cell, and in words what it counts."""
        r, c = self.at
        name, whole = self.names[r], sum(self.counts[r])
        right = f"{name}, recognised" if r == c else f"{name} taken for {self.names[c]}"
        lines = [right, f"{self.counts[r][c]} of {whole} images"]
        lines += ["click to see them"] if self.opens and self.counts[r][c] else []
        lines = lines if whole else [name, "not tested: no image to test"]
        return Reading(c + 0.5, -r - 0.5, lines, frame=QRectF(c, -r - 1, 1, 1))

    def show_reading(self) -> None:
        """Beside the box, the names of the row and of the column stand out."""
        super().show_reading()
        if self.chart is not None:
            self.pointed.say(self.pointed_names() if self.found() else [])

    def pointed_names(self) -> list[Word]:
        """In full, where the chart is wide enough, and moved so far that nothing is cut off."""
        if not self.named:
            return []
        (r, c), (rows, columns), width = self.at, self.seen(), self.chart.width()
        metrics = QFontMetricsF(self.small_font())
        look: dict[str, Any] = {"token": "text", "box": "surface"}
        words = []
        for n, x, y, share in ((r, columns.start, -r - 0.5, 1.0), (c, c + 0.5, -rows.stop, 0.5)):
            name = metrics.elidedText(self.names[n], Qt.TextElideMode.ElideMiddle, 0.6 * width)
            wide = metrics.horizontalAdvance(name) + 16
            left = self.spot(x, y).x() - self.chart.x() - share * wide
            inside = min(max(left, 0), width - wide)
            top = 0.5 if share == 1 else 0.0
            words.append(Word(x, y, name, left=share, top=top, off=(inside - left, 0), **look))
        return words

    def under(self, at: QPointF) -> tuple[int, int] | None:
        x, y = self.value(at)
        rows, columns = self.seen()
        inside = columns.start <= x < columns.stop and rows.start <= -y < rows.stop
        return (int(-y), int(x)) if inside else None

    def step(self, right: int, down: int) -> tuple[int, int]:
        (r, c), most = self.at or self.first, len(self.names) - 1
        return min(max(r + down, 0), most), min(max(c + right, 0), most)

    def pick(self) -> None:
        if self.counts[self.at[0]][self.at[1]]:
            self.picked.emit(self.names[self.at[0]], self.names[self.at[1]])

    # Zooming.

    def look_at(self, row: int, column: int, many: int) -> bool:
        """Shows so many classes from a row and a column on; says whether anything changed."""
        most = len(self.names)
        many = min(max(many, min(FEWEST, most)), most)
        first = min(max(row, 0), most - many), min(max(column, 0), most - many)
        if (first, many) == (self.first, self.many):
            return False
        self.first, self.many = first, many
        self.redraw()
        return True

    def zoom(self, by: float) -> bool:
        """Shows `by` times as many classes; the cell that is read stays where it is."""
        many = min(max(round(min(self.many * by, 1e6)), FEWEST), len(self.names))
        middle = tuple(n + self.many // 2 for n in self.first)
        row, column = (
            round(n + 0.5 - (n + 0.5 - first) / self.many * many)
            for n, first in zip(self.at or middle, self.first, strict=True)
        )
        return self.look_at(row, column, many)

    def follow(self) -> None:
        """Moves what is shown so that the cell that is read is in it."""
        if self.at is not None:
            row, column = (
                min(max(first, n - self.many + 1), n)
                for n, first in zip(self.at, self.first, strict=True)
            )
            self.look_at(row, column, self.many)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zooms where the matrix has the focus, or with Ctrl; otherwise the page is scrolled."""
        meant = self.hasFocus() or event.modifiers() & Qt.KeyboardModifier.ControlModifier
        if not (meant and self.has_figures() and self.chart is not None):
            event.ignore()
            return
        self.turned += event.angleDelta().y()
        notches = int(self.turned / NOTCH)
        self.turned -= notches * NOTCH
        self.at = self.under(event.position())
        done = self.zoom(0.8**notches) if notches else True
        event.setAccepted(done)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in ZOOMS and self.has_figures() and self.chart is not None:
            self.zoom(ZOOMS[Qt.Key(event.key())])
        else:
            super().keyPressEvent(event)
            self.follow()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        shown = self.chart is not None and self.has_figures()
        self.held, self.dragged = self.under(event.position()) if shown else None, False

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Reads the cell under the mouse; while a button is held, the cells move with it."""
        if self.held is not None and event.buttons() and self.many < len(self.names):
            x, y = self.value(event.position())
            row, column = self.first[0] - floor(-y), self.first[1] - floor(x)
            moved = self.look_at(row + self.held[0], column + self.held[1], self.many)
            self.dragged = self.dragged or moved
        super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """A click picks the cell; at the end of a drag it is none."""
        self.held = None
        if not self.dragged:
            super().mouseReleaseEvent(event)

    # A window of its own.

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.enlarge_button.adjustSize()
        self.enlarge_button.move(self.save_button.x() - self.enlarge_button.width(), 0)

    def enlarge(self) -> None:
        if self.has_figures():
            MatrixDialog(self, self.window()).open()


class MatrixDialog(QDialog):
    """The matrix as large as the window, until Esc; a cell that is picked is shown behind it."""

    def __init__(self, plot: MatrixPlot, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(plot.title)
        self.matrix = MatrixPlot(plot.title, plot.empty, enlarges=False)
        self.matrix.opens = plot.opens
        self.matrix.show_matrix(plot.names, plot.counts)
        named(self.matrix, plot.title, HELP)
        self.matrix.setToolTip("")
        self.matrix.picked.connect(plot.picked)
        self.matrix.picked.connect(lambda *_: self.close())
        close = button("Close", "Goes back", self.close, key="Esc")
        foot = row(label(ZOOM_HELP, "muted"), 0, close)
        self.setLayout(column(card(self.matrix, edge=12), foot, edge=16))
        laid_out(self).setStretch(0, 1)
        self.resize(parent.width() - 64, parent.height() - 64)
        self.matrix.setFocus()
