"""The steps of learning as a list: newest first, the one in use marked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from PySide6.QtCore import QAbstractListModel, QRect, QSize, Qt
from PySide6.QtGui import QFont, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate

from app import theme
from app.pages.learn.summary import tested
from app.widgets.controls import tip
from app.widgets.rows import ROW
from app.widgets.table import Index
from engine.events import StepView
from engine.registry import PluginView
from engine.system.words import listed, plural

LINES, LINE = 3, 17
"""Of a step, and pixels of each."""
MOST = 9
"""New classes that a tooltip names."""


APART = Qt.ItemDataRole.UserRole + 1
"""What tells a step from others of the same title."""


def moment(when: str) -> str:
    """A step's time in a person's own: “29 Nov 11:42”; what can't be read stays as it is."""
    try:
        made = datetime.fromisoformat(when).replace(tzinfo=UTC).astimezone()
    except ValueError:
        return when
    return f"{made.day} {made:%b %H:%M}"


class StepRows(QAbstractListModel):
    """The steps of learning, newest first."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: tuple[StepView, ...] = ()
        self.learners: dict[str, str] = {}
        """The title of each learner by its name."""

    def know(self, learners: Iterable[PluginView]) -> None:
        self.learners = {view.name: view.title for view in learners}
        if self.steps:
            self.dataChanged.emit(self.index(0), self.index(len(self.steps) - 1))

    def learner(self, step: StepView) -> str:
        return self.learners.get(step.learner, step.learner)

    def apart(self, step: StepView) -> str:
        """What it brought and when; its method and network, where not all steps have the same."""
        new = len(step.new_classes)
        parts = [f"{new:,} new" if new else "none new", moment(step.when)]
        if len({made.learner for made in self.steps}) > 1:
            parts.insert(0, self.learner(step))
        if len({made.backbone for made in self.steps}) > 1:
            parts.append(step.backbone_title)
        return " · ".join(parts)

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
        if role == APART:
            return self.apart(step)
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return f"Step {step.number}: {step.title} ({self.apart(step)})"
        if role == Qt.ItemDataRole.ToolTipRole:
            seconds = ", ".join(f"{name} {value:.1f} s" for name, value in step.seconds.items())
            return tip(
                f"{step.title}\n{moment(step.when)} · {self.learner(step)} on "
                f"{step.backbone_title} · {plural(len(step.classes), 'class')}\n"
                f"New: {listed(step.new_classes, MOST) or 'none'}\n{seconds}"
            )
        return None


class StepTile(QStyledItemDelegate):
    """Paints a step on three lines; the one in use is marked."""

    def sizeHint(self, option: Any, index: Index) -> QSize:
        return QSize(180, 12 + LINES * LINE)

    def paint(self, painter: QPainter, option: Any, index: Index) -> None:
        """The title, classes and accuracy, and what tells it from the others."""
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
        facts = f"{plural(len(step.classes), 'class')} · {tested(step)}"
        facts += " · in use" if step.current else ""
        small = QFont(painter.font())
        small.setPointSizeF(8.5)
        elide = Qt.TextElideMode.ElideRight
        for number, words in enumerate((f"{step.number}. {step.title}", facts, index.data(APART))):
            painter.setPen(theme.colour("muted" if number else "text"))
            painter.setFont(small if number else painter.font())
            line = QRect(cell.left() + 14, cell.top() + 4 + LINE * number, cell.width() - 22, LINE)
            shown = painter.fontMetrics().elidedText(words, elide, line.width())
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, shown)
        painter.restore()
