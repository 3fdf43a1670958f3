"""Two plots of classes: bars of accuracy, and the confusion matrix whose cells can be opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF

from app import theme
from app.widgets.plot_words import Reading, Word
from app.widgets.plots import LEGEND, TITLE, Legend, Plot
from app.widgets.row_plot import RowPlot
from engine.system.words import per_cent

LINE = 24
SHARES = 56
"""Pixels for the shares beside the bars."""
NAMES = 80
"""Pixels for the names beside and below the matrix."""


class BarPlot(RowPlot):
    """One bar for each class: accuracy as a bar, precision as a mark. It grows with its classes."""

    picked = Signal(str)
    thick = 10 / LINE

    def __init__(self, title: str, empty: str) -> None:
        super().__init__(title, empty)
        self.bars: tuple[tuple[str, float, float | None], ...] = ()

    def show_bars(self, bars: Sequence[tuple[str, float, float | None]]) -> None:
        """Shows (class, accuracy, precision), shares from 0 to 1, the lowest accuracy first."""
        self.bars, self.at = tuple(sorted(bars, key=lambda bar: bar[1])), None
        self.setMinimumHeight(TITLE + LEGEND + LINE * len(self.bars) + 12)
        self.redraw_soon()

    def row_count(self) -> int:
        return len(self.bars)

    def legend(self) -> Legend:
        bar = self.pen("accent", 8)
        bar.setCapStyle(Qt.PenCapStyle.FlatCap)
        mark = self.pen("text", 2, Qt.PenStyle.DotLine)
        return [("accuracy (recall)", {"pen": bar}), ("precision", {"pen": mark})]

    def table(self) -> Sequence[Sequence[object]]:
        rows = [[name, a, "" if p is None else p] for name, a, p in self.bars]
        return [["class", "accuracy", "precision"], *rows]

    def draw(self) -> None:
        """A line for each class: name, bar with mark, and the share."""
        self.draw_bars([accuracy for _, accuracy, _ in self.bars])
        self.chart.getAxis("left").setTextPen(theme.colour("text"))
        self.say_beside("right", [per_cent(accuracy) for _, accuracy, _ in self.bars])
        marks = [(p, -y - 0.5) for y, (_, _, p) in enumerate(self.bars) if p is not None]
        xs, ys = [p for p, _ in marks for _ in "12"], [y + d for _, y in marks for d in (-0.3, 0.3)]
        self.line(xs, ys, self.pen("text", 2), "pairs")

    def arrange(self) -> None:
        """Lines of one height, and as much of each name as there is room for."""
        metrics = QFontMetricsF(self.small_font())
        widest = max(metrics.horizontalAdvance(name) for name, *_ in self.bars)
        room = min(widest + 2, self.width() * 0.32)
        elide = Qt.TextElideMode.ElideRight
        names = [metrics.elidedText(name, elide, room) for name, *_ in self.bars]
        self.say_beside("left", names)
        self.chart.getAxis("left").setWidth(room + 8)
        self.chart.getAxis("right").setWidth(SHARES)
        self.chart.plotItem.layout.activate()
        self.show_range(0, 1, -max(self.frame().height() / LINE, 1), 0)

    def reading(self) -> Reading:
        name, accuracy, precision = self.bars[self.at]
        lines = [name, f"accuracy {per_cent(accuracy)}"]
        lines += [f"precision {per_cent(precision)}"] if precision is not None else []
        return Reading(accuracy, -self.at - 0.5, lines, frame=self.around(self.at))

    def pick(self) -> None:
        self.picked.emit(self.bars[self.at][0])


class MatrixPlot(Plot):
    """The confusion matrix: rows are true classes, columns predicted. A cell opens its images."""

    picked = Signal(str, str)
    opens = True
    """Whether somebody shows the images of a cell that is picked."""

    def __init__(self, title: str, empty: str) -> None:
        super().__init__(title, empty)
        self.names: tuple[str, ...] = ()
        self.counts: tuple[tuple[int, ...], ...] = ()

    def show_matrix(self, names: Sequence[str], counts: Sequence[Sequence[int]]) -> None:
        """Shows counts[true class][predicted class] of images, in the order of `names`."""
        self.names = tuple(names)
        self.counts = tuple(tuple(row) for row in counts)
        self.at = None
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
        if count <= 40:  # a gap between cells
            along, ends = [n for n in range(1, count) for _ in "12"], [0, count] * (count - 1)
            pen = self.pen("surface")
            self.line(along, [-y for y in ends], pen, "pairs")
            self.line(ends, [-x for x in along], pen, "pairs")
        self.show_range(0, count, -count, 0)

    def arrange(self) -> None:
        """A square of cells, as large as the names leave room; names and numbers if they fit."""
        count, metrics = len(self.names), QFontMetricsF(self.small_font())
        width, height = self.chart.width(), self.chart.height()
        named = (min(width, height) - NAMES) / count >= 12
        elide = Qt.TextElideMode.ElideRight
        names = [metrics.elidedText(n, elide, NAMES) for n in self.names] if named else []
        room = max(map(metrics.horizontalAdvance, names), default=0) + 8
        side = max(min(width - room - 28, height - room - 28), 20)
        left = 20 + room + max(0, (width - room - 28 - side) / 2)
        self.chart.plotItem.layout.setContentsMargins(
            left, 4, width - left - side, height - 4 - side
        )
        self.chart.plotItem.layout.activate()
        words = [Word(0, -y - 0.5, n, left=1, off=(-6, 0)) for y, n in enumerate(names)]
        words += [
            Word(x + 0.5, -count, n, top=0, off=(0, 6), upright=True) for x, n in enumerate(names)
        ]
        words.append(Word(count / 2, -count, "predicted class", top=0, off=(0, room)))
        words.append(Word(0, -count / 2, "true class", left=1, off=(-room, 0), upright=True))
        self.overlay.say([*words, *self.numbers(side / count)])

    def numbers(self, size: float) -> Iterator[Word]:
        """The counts in cells of so many pixels; all become smaller together if they must."""
        if size < 16:
            return
        metrics = QFontMetricsF(self.small_font())
        widest = metrics.horizontalAdvance(str(max(map(max, self.counts)))) + 2
        pixels = int(metrics.ascent() * (size - 1) / widest) if widest > size - 1 else 0
        for r, row in enumerate(self.counts):
            for c, count in enumerate(row):
                if count:
                    ink = "on_accent" if count / sum(row) > 0.45 else "text"
                    yield Word(c + 0.5, -r - 0.5, f"{count}", ink, pixels=pixels)

    def reading(self) -> Reading:
        """A frame around the cell, and in words what it counts."""
        r, c = self.at
        right = (
            f"{self.names[r]}, recognised"
            if r == c
            else f"{self.names[r]} taken for {self.names[c]}"
        )
        lines = [right, f"{self.counts[r][c]} of {sum(self.counts[r])} images"]
        lines += ["click to see them"] if self.opens and self.counts[r][c] else []
        return Reading(c + 0.5, -r - 0.5, lines, frame=QRectF(c, -r - 1, 1, 1))

    def under(self, at: QPointF) -> tuple[int, int] | None:
        x, y = self.value(at)
        count = len(self.names)
        return (int(-y), int(x)) if 0 <= x < count and 0 <= -y < count else None

    def step(self, right: int, down: int) -> tuple[int, int]:
        (r, c), most = self.at or (0, 0), len(self.names) - 1
        return min(max(r + down, 0), most), min(max(c + right, 0), most)

    def pick(self) -> None:
        if self.counts[self.at[0]][self.at[1]]:
            self.picked.emit(self.names[self.at[0]], self.names[self.at[1]])
