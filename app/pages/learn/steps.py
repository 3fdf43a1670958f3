"""The steps of learning as a list: newest first, the one in use marked."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractListModel, QSize, Qt
from PySide6.QtGui import QFont, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate

from app import theme
from app.pages.learn.summary import tested
from app.widgets.controls import tip
from app.widgets.rows import ROW
from app.widgets.table import Index
from engine.events import StepView
from engine.system.words import plural


class StepRows(QAbstractListModel):
    """The steps of learning, newest first."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: tuple[StepView, ...] = ()

    def show_steps(self, steps: tuple[StepView, ...]) -> None:
        if steps != self.steps[::-1]:
            self.beginResetModel()
            self.steps = steps[::-1]
            self.endResetModel()

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.steps)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A step, what it is called, and how it was learnt."""
        step = self.steps[index.row()]
        if role == ROW:
            return step
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return f"Step {step.number}: {step.title}"
        if role == Qt.ItemDataRole.ToolTipRole:
            seconds = ", ".join(f"{name} {value:.1f} s" for name, value in step.seconds.items())
            return tip(
                f"{step.title}\n{step.when} · {step.learner} on {step.backbone} · "
                f"{plural(len(step.classes), 'class')}\n{seconds}"
            )
        return None


class StepTile(QStyledItemDelegate):
    """Paints a step on two lines; the one in use is marked."""

    def sizeHint(self, option: Any, index: Index) -> QSize:
        return QSize(180, 48)

    def paint(self, painter: QPainter, option: Any, index: Index) -> None:
        """The title above, classes and accuracy below."""
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        step: StepView = index.data(ROW)
        cell = option.rect.adjusted(2, 2, -2, -2)
        selected = option.state & QStyle.StateFlag.State_Selected
        if selected:
            painter.setBrush(theme.colour("accent_soft"))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawRoundedRect(cell, 6, 6)
        painter.setPen(QPen(theme.colour("accent" if step.current else "line"), 2))
        painter.drawLine(cell.left() + 4, cell.top() + 6, cell.left() + 4, cell.bottom() - 6)
        room = cell.adjusted(14, 4, -8, -cell.height() // 2)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(theme.colour("text"))
        words = f"{step.number}. {step.title}"
        elide = Qt.TextElideMode.ElideRight
        painter.drawText(room, middle, painter.fontMetrics().elidedText(words, elide, room.width()))
        font = QFont(painter.font())
        font.setPointSizeF(8.5)
        painter.setFont(font)
        painter.setPen(theme.colour("muted"))
        below = cell.adjusted(14, cell.height() // 2, -8, -4)
        facts = f"{plural(len(step.classes), 'class')} · {tested(step)}"
        facts += " · in use" if step.current else ""
        painter.drawText(below, middle, facts)
        painter.restore()
