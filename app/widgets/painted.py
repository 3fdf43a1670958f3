"""The plots that are not drawn by pyqtgraph yet.

A plot is painted by one method onto the screen, a PNG or an SVG, so that what is saved is what is
seen. Each has a title, units and a legend, reads values under a crosshair (mouse or arrow keys),
and can be saved as PNG, SVG or CSV.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QFont,
    QFontMetricsF,
    QImage,
    QImageWriter,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QShortcut,
)
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QFileDialog, QMenu, QToolButton, QWidget

from app import theme
from app.widgets.plots import Plot as Base

TITLE = 28
LEGEND = 24


class Plot(Base):
    """A titled image of figures. Subclasses paint the inside and give the table and readings."""

    def __init__(self, title: str, empty: str) -> None:
        super().__init__(title, empty)
        self.spot: QPointF | None = None
        self.dirty: QRectF | None = None

    def load(self) -> None:
        pass

    def make_chart(self) -> None:
        pass

    # For subclasses.

    def has_figures(self) -> bool:
        return False

    def legend(self) -> list[tuple[str, QPen]]:
        return []

    def paint_inside(self, painter: QPainter, area: QRectF) -> None:
        """Paints axes and figures into the area below the title and the legend."""

    def paint_reading(self, painter: QPainter, area: QRectF) -> None:
        """Paints the crosshair and what it reads; never part of a saved image."""

    def table(self) -> Sequence[Sequence[object]]:
        """The figures as rows of text and numbers, the first row their names."""
        return []

    def step_spot(self, right: int, down: int) -> None:
        """Moves the crosshair by keys."""

    # Saving.

    def save(self, path: str) -> None:
        """Writes the plot as the path's ending says: .png (at twice the size), .svg or .csv."""
        ending = Path(path).suffix.lower()
        if ending == ".csv":
            with open(path, "w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows(self.table())
        elif ending == ".svg":
            self.save_svg(path)
        else:
            self.save_png(path)

    def save_svg(self, path: str) -> None:
        made = QSvgGenerator()
        made.setFileName(path)
        made.setSize(self.size())
        made.setResolution(self.logicalDpiX())
        made.setViewBox(self.rect())
        made.setTitle(self.title)
        self.paint_on(QPainter(made))

    def save_png(self, path: str) -> None:
        image = QImage(self.size() * 2, QImage.Format.Format_RGB32)
        image.setDevicePixelRatio(2)
        self.paint_on(QPainter(image))
        QImageWriter(path, b"PNG").write(image)

    def paint_on(self, painter: QPainter) -> None:
        painter.setFont(self.font())
        painter.fillRect(self.rect(), theme.colour("surface"))
        self.paint_all(painter)
        painter.end()

    # Painting.

    def sizeHint(self) -> QSize:
        return QSize(420, 280)

    def inside(self) -> QRectF:
        top = TITLE + (LEGEND if self.legend() and self.has_figures() else 4)
        return QRectF(0, top, self.width(), max(self.height() - top, 10))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        self.dirty = QRectF(event.rect())
        self.paint_all(painter)
        self.dirty = None
        if self.spot is not None and self.has_figures():
            self.paint_reading(painter, self.inside())
        if self.hasFocus():
            painter.setPen(QPen(theme.colour("accent"), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)

    def paint_all(self, painter: QPainter) -> None:
        """Title, legend and inside, or the sentence that says how to get figures."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = QFont(self.font())
        font.setPointSizeF(11)
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(theme.colour("text"))
        painter.drawText(
            QRectF(4, 0, self.width() - 44, TITLE), Qt.AlignmentFlag.AlignVCenter, self.title
        )
        font.setPointSizeF(9)
        font.setWeight(QFont.Weight.Normal)
        painter.setFont(font)
        if not self.has_figures():
            painter.setPen(theme.colour("muted"))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.inside().adjusted(24, 0, -24, -TITLE), flags, self.empty)
            return
        self.paint_legend(painter)
        self.paint_inside(painter, self.inside())

    def paint_legend(self, painter: QPainter) -> None:
        left = 4.0
        metrics = painter.fontMetrics()
        for text, pen in self.legend():
            painter.setPen(pen)
            painter.drawLine(QPointF(left, TITLE + 9), QPointF(left + 20, TITLE + 9))
            painter.setPen(theme.colour("muted"))
            width = metrics.horizontalAdvance(text)
            painter.drawText(QPointF(left + 26, TITLE + 9 + metrics.ascent() / 2 - 1), text)
            left += width + 42

    def paint_box(self, painter: QPainter, at: QPointF, lines: Sequence[str]) -> None:
        """A small box of readings beside a point, kept inside the plot."""
        metrics = QFontMetricsF(painter.font())
        width = max(metrics.horizontalAdvance(line) for line in lines) + 16
        height = metrics.height() * len(lines) + 12
        left = at.x() + 12 if at.x() + 12 + width < self.width() else at.x() - 12 - width
        top = min(max(at.y() - height / 2, 0), self.height() - height)
        box = QRectF(max(left, 0), top, width, height)
        painter.setPen(theme.colour("line"))
        painter.setBrush(theme.colour("surface"))
        painter.drawRoundedRect(box, 6, 6)
        painter.setPen(theme.colour("text"))
        painter.drawText(box.adjusted(8, 6, -8, -6), Qt.AlignmentFlag.AlignLeft, "\n".join(lines))

    # The crosshair.

    def resizeEvent(self, event: QEvent) -> None:
        self.save_button.adjustSize()
        self.save_button.move(self.width() - self.save_button.width(), 0)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.spot = event.position()
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self.spot = None
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        moves: dict[int, tuple[int, int]] = {
            Qt.Key.Key_Left: (-1, 0),
            Qt.Key.Key_Right: (1, 0),
            Qt.Key.Key_Up: (0, -1),
            Qt.Key.Key_Down: (0, 1),
        }
        if event.key() in moves and self.has_figures():
            self.step_spot(*moves[event.key()])
            self.update()
        else:
            super().keyPressEvent(event)
