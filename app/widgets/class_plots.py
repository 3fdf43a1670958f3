"""Two plots of classes: bars of accuracy, and the confusion matrix whose cells can be opened."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFont, QFontInfo, QKeyEvent, QMouseEvent, QPainter, QPen

from app import theme
from app.widgets.painted import LEGEND, TITLE, Plot
from engine.system.words import per_cent

LINE = 24
NAMES = 80
"""Pixels for the names beside and below the matrix."""


class BarPlot(Plot):
    """One bar for each class: accuracy as a bar, precision as a mark. It grows with its classes."""

    picked = Signal(str)

    def __init__(self, title: str, empty: str) -> None:
        super().__init__(title, empty)
        self.bars: tuple[tuple[str, float, float | None], ...] = ()
        self.at = -1

    def show_bars(self, bars: Sequence[tuple[str, float, float | None]]) -> None:
        """Shows (class, accuracy, precision), shares from 0 to 1, the lowest accuracy first."""
        self.bars = tuple(sorted(bars, key=lambda bar: bar[1]))
        self.at = min(self.at, len(self.bars) - 1)
        self.setMinimumHeight(TITLE + LEGEND + LINE * len(self.bars) + 12)
        self.update()

    def has_figures(self) -> bool:
        return bool(self.bars)

    def legend(self) -> list[tuple[str, QPen]]:
        bar = QPen(theme.colour("accent"), 8, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap)
        mark = QPen(theme.colour("text"), 2, Qt.PenStyle.DotLine)
        return [("accuracy (recall)", bar), ("precision", mark)]

    def table(self) -> Sequence[Sequence[object]]:
        rows = [[name, a, "" if p is None else p] for name, a, p in self.bars]
        return [["class", "accuracy", "precision"], *rows]

    def names_width(self, painter_width: float) -> float:
        metrics = self.fontMetrics()
        widest = max((metrics.horizontalAdvance(name) for name, *_ in self.bars), default=0)
        return min(widest, painter_width * 0.32) + 8

    def paint_inside(self, painter: QPainter, area: QRectF) -> None:
        """A line for each class: name, bar with mark, and the figure."""
        left = self.names_width(area.width())
        track = area.width() - left - 64
        for number in range(len(self.bars)):
            line = QRectF(0, area.top() + number * LINE, area.width(), LINE)
            if self.dirty is None or line.intersects(self.dirty):
                self.paint_bar(painter, number, line, left, track)

    def paint_bar(
        self, painter: QPainter, number: int, line: QRectF, left: float, track: float
    ) -> None:
        """One class; `left` and `track` are where its bar begins and how long it can be."""
        name, accuracy, precision = self.bars[number]
        top, middle = line.top(), Qt.AlignmentFlag.AlignVCenter
        elide = Qt.TextElideMode.ElideRight
        painter.setPen(theme.colour("text"))
        words = painter.fontMetrics().elidedText(name, elide, int(left) - 8)
        painter.drawText(QRectF(4, top, left - 8, LINE), middle, words)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("sunken"))
        painter.drawRoundedRect(QRectF(left, top + 7, track, 10), 3, 3)
        painter.setBrush(theme.colour("accent", 255 if number != self.at else 190))
        if accuracy > 0:
            painter.drawRoundedRect(QRectF(left, top + 7, max(track * accuracy, 3), 10), 3, 3)
        if precision is not None:
            painter.setPen(QPen(theme.colour("text"), 2))
            at = left + track * precision
            painter.drawLine(QPointF(at, top + 5), QPointF(at, top + 19))
        painter.setPen(theme.colour("muted"))
        place = QRectF(left + track + 8, top, 52, LINE)
        painter.drawText(place, middle | Qt.AlignmentFlag.AlignRight, per_cent(accuracy))

    def paint_reading(self, painter: QPainter, area: QRectF) -> None:
        if self.spot is not None and 0 <= self.at < len(self.bars):
            name, accuracy, precision = self.bars[self.at]
            lines = [name, f"accuracy {per_cent(accuracy)}"]
            lines += [f"precision {per_cent(precision)}"] if precision is not None else []
            self.paint_box(painter, self.spot, lines)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.at = int((event.position().y() - self.inside().top()) // LINE)
        super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if 0 <= self.at < len(self.bars):
            self.picked.emit(self.bars[self.at][0])

    def step_spot(self, right: int, down: int) -> None:
        self.at = min(max(self.at + down, 0), len(self.bars) - 1)
        self.spot = QPointF(self.width() / 2, self.inside().top() + (self.at + 0.5) * LINE)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and 0 <= self.at < len(self.bars):
            self.picked.emit(self.bars[self.at][0])
        else:
            super().keyPressEvent(event)


class MatrixPlot(Plot):
    """The confusion matrix: rows are true classes, columns predicted. A cell opens its images."""

    picked = Signal(str, str)
    opens = True
    """Whether somebody shows the images of a cell that is picked."""

    def __init__(self, title: str, empty: str) -> None:
        super().__init__(title, empty)
        self.names: tuple[str, ...] = ()
        self.counts: tuple[tuple[int, ...], ...] = ()
        self.cells: list[tuple[int, int, int, float]] = []
        self.at: tuple[int, int] | None = None

    def show_matrix(self, names: Sequence[str], counts: Sequence[Sequence[int]]) -> None:
        """Shows counts[true class][predicted class] of images, in the order of `names`."""
        self.names = tuple(names)
        self.counts = tuple(tuple(row) for row in counts)
        # Only what is not 0 is painted: with 1,000 classes there are a million cells.
        totals = [max(sum(row), 1) for row in self.counts]
        self.cells = [
            (r, c, count, count / totals[r])
            for r, row in enumerate(self.counts)
            for c, count in enumerate(row)
            if count
        ]
        self.at = None
        self.update()

    def has_figures(self) -> bool:
        return bool(self.names)

    def table(self) -> Sequence[Sequence[object]]:
        rows = [[name, *row] for name, row in zip(self.names, self.counts, strict=True)]
        return [["true \\ predicted", *self.names], *rows]

    def sizeHint(self) -> QSize:
        return QSize(420, 360)

    @property
    def labelled(self) -> bool:
        """Names are painted while there is room for them."""
        room = min(self.width(), self.height()) - TITLE - NAMES
        return bool(self.names) and room / len(self.names) >= 12

    def frame(self, area: QRectF) -> QRectF:
        """The square of cells, right of the names of rows and above those of columns."""
        metrics = self.fontMetrics()
        widest = max((metrics.horizontalAdvance(name) for name in self.names), default=0)
        names = min(widest, NAMES) + 8 if self.labelled else 8
        side = max(min(area.width() - names - 28, area.height() - names - 26), 20)
        left = 20 + names + max(0, (area.width() - names - 28 - side) / 2)
        return QRectF(left, area.top(), side, side)

    def cell(self, frame: QRectF, row: int, column: int) -> QRectF:
        size = frame.width() / len(self.names)
        return QRectF(frame.left() + column * size, frame.top() + row * size, size, size)

    def paint_inside(self, painter: QPainter, area: QRectF) -> None:
        """Cells in shades of their share of the true class, right ones in another colour."""
        frame = self.frame(area)
        painter.setPen(Qt.PenStyle.NoPen)
        gap = 1 if len(self.names) <= 40 else 0
        # Whole pixels: five times as quick, and the edges are sharper.
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.fillRect(frame, theme.colour("sunken"))
        for r, c, _, share in self.cells:
            ink = "accent" if r == c else "danger"
            cell = self.cell(frame, r, c).adjusted(0, 0, -gap, -gap)
            painter.fillRect(cell, theme.colour(ink, int(40 + 215 * share**0.7)))
        if frame.width() / len(self.names) >= 16:
            self.paint_numbers(painter, frame)
        self.paint_names(painter, frame)

    def paint_numbers(self, painter: QPainter, frame: QRectF) -> None:
        """The count in the middle of each cell; at a point, since laying out in a box is slow."""
        pens, usual = [theme.colour("text"), theme.colour("on_accent")], painter.font()
        metrics, room = painter.fontMetrics(), frame.width() / len(self.names) - 1
        widest = metrics.horizontalAdvance(str(max((cell[2] for cell in self.cells), default=0)))
        if widest > room:  # all become smaller together
            smaller = QFont(usual)
            smaller.setPixelSize(max(1, round(QFontInfo(usual).pixelSize() * room / widest)))
            painter.setFont(smaller)
            metrics = painter.fontMetrics()
        down = (metrics.ascent() - metrics.descent()) / 2
        for r, c, count, share in self.cells:
            middle, text = self.cell(frame, r, c).center(), f"{count}"
            painter.setPen(pens[share > 0.45])
            left = middle.x() - metrics.horizontalAdvance(text) / 2
            painter.drawText(QPointF(left, middle.y() + down), text)
        painter.setFont(usual)

    def paint_names(self, painter: QPainter, frame: QRectF) -> None:
        """The classes beside rows and below columns, and which side is which."""
        size = frame.width() / len(self.names)
        metrics = painter.fontMetrics()
        painter.setPen(theme.colour("muted"))
        middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        room = 0.0
        for number, name in enumerate(self.names if self.labelled else ()):
            words = metrics.elidedText(name, Qt.TextElideMode.ElideRight, NAMES)
            room = max(room, metrics.horizontalAdvance(words) + 8.0)
            top = frame.top() + number * size
            painter.drawText(QRectF(0, top, frame.left() - 6, size), middle, words)
            painter.save()
            painter.translate(frame.left() + number * size, frame.bottom() + 4)
            painter.rotate(-90)
            painter.drawText(QRectF(-104, 0, 104, size), middle, words)
            painter.restore()
        bottom = QRectF(frame.left(), frame.bottom() + max(room, 8), frame.width(), 18)
        painter.drawText(bottom, Qt.AlignmentFlag.AlignCenter, "predicted class")
        painter.save()
        painter.translate(frame.left() - max(room, 8) - 18, frame.bottom())
        painter.rotate(-90)
        painter.drawText(
            QRectF(0, 0, frame.height(), 16), Qt.AlignmentFlag.AlignCenter, "true class"
        )
        painter.restore()

    def paint_reading(self, painter: QPainter, area: QRectF) -> None:
        """A frame around the cell, and in words what it counts."""
        if self.at is None:
            return
        r, c = self.at
        cell = self.cell(self.frame(area), r, c)
        painter.setPen(QPen(theme.colour("text"), 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(cell)
        right = (
            f"{self.names[r]}, recognised"
            if r == c
            else f"{self.names[r]} taken for {self.names[c]}"
        )
        lines = [right, f"{self.counts[r][c]} of {sum(self.counts[r])} images"]
        lines += ["click to see them"] if self.opens and self.counts[r][c] else []
        self.paint_box(painter, cell.center(), lines)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.at = None
        if self.has_figures():
            frame = self.frame(self.inside())
            if frame.contains(event.position()):
                size = frame.width() / len(self.names)
                offset = event.position() - frame.topLeft()
                most = len(self.names) - 1
                self.at = (min(int(offset.y() / size), most), min(int(offset.x() / size), most))
        super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.pick()

    def pick(self) -> None:
        if self.at is not None and self.counts[self.at[0]][self.at[1]]:
            self.picked.emit(self.names[self.at[0]], self.names[self.at[1]])

    def step_spot(self, right: int, down: int) -> None:
        r, c = self.at or (0, 0)
        most = len(self.names) - 1
        self.at = (min(max(r + down, 0), most), min(max(c + right, 0), most))
        self.spot = self.cell(self.frame(self.inside()), *self.at).center()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.pick()
        else:
            super().keyPressEvent(event)
