"""Two axes of a plot: round ticks, where a value lies, and how they are painted."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from app import theme

LEFT, BOTTOM = 60, 42
"""Pixels for the numbers and the titles beside and below the frame."""


def round_step(span: float, most: int) -> float:
    """The smallest of 1, 2, 5, 10, 20 … (or 0.5, 0.2 …) that divides `span` at most so often."""
    size = 10 ** math.floor(math.log10(span / most))
    return next(size * n for n in (1, 2, 5, 10) if size * n * most >= span * 0.999)


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round values from `low` to `high`."""
    step = round_step(high - low, most)
    return [n * step for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def wide(values: Iterable[float], least: float, room: float) -> tuple[float, float]:
    """A range around the values, at least so wide, with so much of its width free at each end."""
    values = list(values)
    low, high = min(values), max(values)
    more = max(least - (high - low), 0) / 2 + max(high - low, least) * room
    return low - more, high + more


@dataclass(frozen=True)
class Axes:
    """The values at the edges of a frame: x from left to right, y from low to high."""

    left: float
    right: float
    low: float
    high: float

    def spot(self, frame: QRectF, x: float, y: float) -> QPointF:
        """Where the values lie, in pixels."""
        across = (x - self.left) / (self.right - self.left)
        up = (y - self.low) / (self.high - self.low)
        return QPointF(frame.left() + across * frame.width(), frame.bottom() - up * frame.height())

    def values(self, frame: QRectF, at: QPointF) -> tuple[float, float]:
        """The values at a point in pixels."""
        across = (at.x() - frame.left()) / frame.width()
        up = (frame.bottom() - at.y()) / frame.height()
        x = self.left + across * (self.right - self.left)
        return x, self.low + up * (self.high - self.low)

    def paint(self, painter: QPainter, frame: QRectF, x_title: str, y_title: str) -> None:
        """Lines across at round values, numbers at both axes, and the axes' titles."""
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for y in ticks(self.low, self.high, max(int(frame.height() / 40), 2)):
            at = self.spot(frame, self.left, y)
            painter.setPen(QPen(theme.colour("line"), 1))
            painter.drawLine(at, QPointF(frame.right(), at.y()))
            painter.setPen(theme.colour("muted"))
            painter.drawText(QRectF(at.x() - 44, at.y() - 10, 36, 20), right, f"{y:g}")
        self.paint_below(painter, frame, x_title, max(int(frame.width() / 80), 2))
        paint_upright(painter, frame, frame.left() - LEFT, y_title)

    def paint_below(self, painter: QPainter, frame: QRectF, title: str, most: int) -> None:
        """Round values below the frame, at most so many, and the title of the axis."""
        centre = Qt.AlignmentFlag.AlignCenter
        for x in ticks(self.left, self.right, most):
            at = self.spot(frame, x, self.low)
            painter.setPen(QPen(theme.colour("line"), 1))
            painter.drawLine(at, at + QPointF(0, 4))
            painter.setPen(theme.colour("muted"))
            painter.drawText(QRectF(at.x() - 40, at.y() + 5, 80, 16), centre, f"{x:.6g}")
        below = QRectF(frame.left(), frame.bottom() + 22, frame.width(), 18)
        painter.drawText(below, centre, title)


def paint_upright(painter: QPainter, frame: QRectF, left: float, title: str) -> None:
    """A title that is read from below, with its top at `left`, along the frame."""
    painter.save()
    painter.translate(left, frame.bottom())
    painter.rotate(-90)
    words = QRectF(-20, 0, frame.height() + 40, 16)
    painter.drawText(words, Qt.AlignmentFlag.AlignCenter, title)
    painter.restore()
