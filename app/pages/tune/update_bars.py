"""How much the weights of each stage change now: a bar for each row of the layer plot."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QMouseEvent, QPainter

from app import theme
from app.widgets.axes import BOTTOM
from app.widgets.painted import LEGEND, TITLE, Plot

EMPTY = "While a run goes on: how much the weights of each stage change."
WIDTH = 192
NUMBERS = 64
"""Pixels for a value beside its bar."""
LEAST = 1e-4
SMALLEST = 11
"""Rows lower than this have no numbers."""


def share(value: float) -> str:
    """A small share in per cent."""
    return f"{100 * value:.2g} %" if value else "0"


def rough(value: float) -> str:
    """The same in a narrow place."""
    return "<0.01 %" if 0 < value < LEAST else share(value)


class UpdateBars(Plot):
    """One bar for each stage, from the head above to the stem below, as in the layer plot."""

    def __init__(self) -> None:
        super().__init__("Weight changes", EMPTY)
        self.stages: tuple[str, ...] = ()
        self.updates: tuple[float, ...] = ()
        self.at: int | None = None
        self.setFixedWidth(WIDTH)

    def show_updates(self, stages: Sequence[str], updates: Sequence[float]) -> None:
        """Changes since the last look, as shares of the size of each stage's weights.

        Without any there is nothing to show.
        """
        self.stages, self.updates = tuple(stages) if updates else (), tuple(updates)
        parts = [f"{name} {share(value)}" for name, value in self.rows()]
        self.setAccessibleDescription(", ".join(parts) or EMPTY)
        self.update()

    def rows(self) -> list[tuple[str, float]]:
        """From the head to the stem."""
        return list(zip(self.stages, self.updates, strict=True))[::-1]

    def has_figures(self) -> bool:
        return bool(self.updates)

    def table(self) -> Sequence[Sequence[object]]:
        pairs = zip(self.stages, self.updates, strict=True)
        return [["stage", "change of the weights in about a second (share)"], *map(list, pairs)]

    def frame(self) -> QRectF:
        """As high as the rows of the layer plot beside it."""
        top = TITLE + LEGEND + 4
        return QRectF(8, top, self.width() - 8 - NUMBERS, self.height() - top - BOTTOM)

    def paint_inside(self, painter: QPainter, area: QRectF) -> None:
        """Bars on one scale: the longest is as wide as the frame."""
        frame, rows = self.frame(), self.rows()
        size, most = frame.height() / len(rows), max(self.updates) or 1.0
        painter.setPen(Qt.PenStyle.NoPen)
        for number, (_, value) in enumerate(rows):
            box = QRectF(frame.left(), frame.top() + number * size, frame.width(), size)
            gap = min(size / 6, 4)
            box.adjust(0, gap, 0, -gap)
            painter.fillRect(box, theme.colour("sunken"))
            box.setWidth(frame.width() * value / most)
            painter.fillRect(box, theme.colour("accent"))
        painter.setPen(theme.colour("muted"))
        for number, (_, value) in enumerate(rows if size >= SMALLEST else ()):
            middle = frame.top() + (number + 0.5) * size
            place = QRectF(frame.right() + 6, middle - 10, NUMBERS - 6, 20)
            painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, rough(value))
        below = QRectF(0, frame.bottom() + 22, self.width(), 18)
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, "% of the weights in a second")

    # Reading.

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        frame, y = self.frame(), event.position().y()
        inside = self.updates and frame.top() <= y < frame.bottom()
        row = (y - frame.top()) / frame.height() * len(self.updates) if inside else 0
        self.at = int(row) if inside else None

    def step_spot(self, right: int, down: int) -> None:
        """The stage above or below."""
        last = len(self.updates) - 1
        self.at = min(max((self.at or 0) + (down if self.at is not None else 0), 0), last)
        frame = self.frame()
        y = frame.top() + (self.at + 0.5) * frame.height() / (last + 1)
        self.spot = frame.topLeft()
        self.spot.setY(y)

    def paint_reading(self, painter: QPainter, area: QRectF) -> None:
        if self.spot is not None and self.at is not None and self.at < len(self.updates):
            name, value = self.rows()[self.at]
            self.paint_box(painter, self.spot, [name, f"weights changed by {share(value)}"])
