"""The list of classes: how many images, on which side of the split, learnt or not, and hints."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QDragMoveEvent, QDropEvent, QFont, QPainter, QPen
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate

from app import theme
from app.widgets.controls import tip
from app.widgets.drops import paths_of
from app.widgets.rows import MIME, ROW, chosen_in
from app.widgets.table import Index
from engine.events import ClassView, ProjectView
from engine.system.words import per_cent

HEIGHT = 52


def facts(view: ClassView) -> str:
    """The second line of a class: its counts, and how well it is recognised."""
    words = f"{view.train:,} to learn · {view.validation:,} to test"
    if view.learnt and view.accuracy is not None:
        return f"{words} · {per_cent(view.accuracy, 0)}"
    return words if view.learnt else f"{words} · new"


class ClassRows(QAbstractListModel):
    """All images first, then each class of the project."""

    def __init__(self) -> None:
        super().__init__()
        self.classes: tuple[ClassView, ...] = ()
        self.images = 0

    def show_project(self, project: ProjectView | None) -> None:
        """Takes the new classes; rows that stay keep their place, so the list does not jump."""
        classes = project.classes if project is not None else ()
        if [c.id for c in classes] != [c.id for c in self.classes]:
            self.beginResetModel()
            self.classes = classes
            self.images = sum(c.images for c in classes)
            self.endResetModel()
        elif classes != self.classes:
            self.classes = classes
            self.images = sum(c.images for c in classes)
            self.dataChanged.emit(self.index(0), self.index(len(classes)))

    def rowCount(self, parent: Index | None = None) -> int:
        inside = parent is not None and parent.isValid()
        return 0 if inside or not self.classes else len(self.classes) + 1

    def at(self, row: int) -> ClassView | None:
        return self.classes[row - 1] if 0 < row <= len(self.classes) else None

    def row_of(self, name: str) -> int:
        return next((i for i, c in enumerate(self.classes, 1) if c.name == name), 0)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A class's name, its facts as a tooltip, or all that is known of it (ROW)."""
        view = self.at(index.row())
        if role == ROW:
            return view
        if role == Qt.ItemDataRole.DisplayRole:
            return view.name if view else "All images"
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{view.name}, {facts(view)}" if view else f"All images, {self.images}"
        if role == Qt.ItemDataRole.ToolTipRole and view:
            news = "" if view.learnt else "\nNot learnt yet: learn it on the Learn page."
            hint = f"\n{view.hint}" if view.hint else ""
            group = f"\nIn the group {view.within}." if view.within else ""
            return tip(f"{view.name}: {facts(view)}{group}{news}{hint}")
        return None


class ClassTile(QStyledItemDelegate):
    """Paints a class on two lines, with a mark: filled when it is learnt."""

    def sizeHint(self, option: Any, index: Index) -> QSize:
        return QSize(200, HEIGHT if index.row() else 40)

    def paint(self, painter: QPainter, option: Any, index: Index) -> None:
        """The ground of a cell, then what is in it."""
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        cell = option.rect.adjusted(4, 2, -4, -2)
        selected = option.state & QStyle.StateFlag.State_Selected
        hovered = option.state & QStyle.StateFlag.State_MouseOver
        if selected or hovered:
            painter.setBrush(theme.colour("accent_soft" if selected else "hover"))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawRoundedRect(cell, 6, 6)
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.colour("accent"), 1))
            painter.drawRoundedRect(cell, 6, 6)
        view: ClassView | None = index.data(ROW)
        if view is None:
            model = index.model()
            assert isinstance(model, ClassRows)
            self.paint_all(painter, cell, model.images)
        else:
            self.paint_class(painter, cell, view)
        painter.restore()

    def paint_all(self, painter: QPainter, cell: QRect, images: int) -> None:
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(theme.colour("text"))
        painter.drawText(cell.adjusted(12, 0, -8, 0), middle, "All images")
        painter.setPen(theme.colour("muted"))
        right = middle | Qt.AlignmentFlag.AlignRight
        painter.drawText(cell.adjusted(0, 0, -12, 0), right, f"{images:,}")

    def paint_class(self, painter: QPainter, cell: QRect, view: ClassView) -> None:
        """A dot, the name and the count above; the facts below."""
        painter.setPen(QPen(theme.colour("accent" if view.learnt else "muted"), 1.5))
        painter.setBrush(theme.colour("accent") if view.learnt else Qt.BrushStyle.NoBrush)
        painter.drawEllipse(QPoint(cell.left() + 16, cell.top() + 15), 4, 4)
        if view.hint:
            mark = theme.image("warning", theme.tokens().warning, 32)
            painter.drawPixmap(QRect(cell.right() - 24, cell.top() + 26, 16, 16), mark)
        count = f"{view.images:,}"
        middle = Qt.AlignmentFlag.AlignVCenter
        room = cell.adjusted(30, 2, -12, -24)
        painter.setPen(theme.colour("muted"))
        painter.drawText(room, middle | Qt.AlignmentFlag.AlignRight, count)
        metrics = painter.fontMetrics()
        room.setWidth(room.width() - metrics.horizontalAdvance(count) - 8)
        painter.setPen(theme.colour("text"))
        words = metrics.elidedText(view.name, Qt.TextElideMode.ElideMiddle, room.width())
        painter.drawText(room, middle, words)
        font = QFont(painter.font())
        font.setPointSizeF(8.5)
        painter.setFont(font)
        painter.setPen(theme.colour("muted"))
        below = cell.adjusted(30, 24, -28, -2)
        words = painter.fontMetrics().elidedText(
            facts(view), Qt.TextElideMode.ElideRight, below.width()
        )
        painter.drawText(below, middle, words)


class ClassList(QListView):
    """The classes; files and images can be dropped on one. `picked` tells the chosen name."""

    picked = Signal(str)
    files_dropped = Signal(list, str)
    images_dropped = Signal(object, str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("bare")
        self.rows = ClassRows()
        self.setModel(self.rows)
        self.setItemDelegate(ClassTile(self))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.setAcceptDrops(True)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.name = ""
        self.selectionModel().currentChanged.connect(self.on_current)

    @property
    def current(self) -> ClassView | None:
        return self.rows.at(self.currentIndex().row())

    def show_project(self, project: ProjectView | None) -> None:
        """Shows the classes of now; the chosen class stays chosen where it is still there."""
        name = self.name
        self.selectionModel().blockSignals(True)
        self.rows.show_project(project)
        self.selectionModel().blockSignals(False)
        self.choose(name)

    def choose(self, name: str) -> None:
        self.setCurrentIndex(self.rows.index(self.rows.row_of(name)))

    def on_current(self, now: QModelIndex, before: QModelIndex) -> None:
        view = self.rows.at(now.row())
        name = view.name if view else ""
        if name != self.name:
            self.name = name
            self.picked.emit(name)

    def class_at(self, event: QDropEvent) -> str:
        view = self.rows.at(self.indexAt(event.position().toPoint()).row())
        return view.name if view else ""

    def dragEnterEvent(self, event: QDragMoveEvent) -> None:
        mime = event.mimeData()
        event.setAccepted(mime.hasUrls() or mime.hasFormat(MIME))

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        over = self.indexAt(event.position().toPoint())
        takes = event.mimeData().hasUrls() or bool(self.class_at(event))
        self.selectionModel().setCurrentIndex(over, self.selectionCommand(over))
        event.setAccepted(takes)

    def dropEvent(self, event: QDropEvent) -> None:
        """Files are added to the class under the mouse; images of the gallery are moved to it."""
        name, mime = self.class_at(event), event.mimeData()
        if mime.hasFormat(MIME) and name:
            self.images_dropped.emit(chosen_in(mime), name)
        elif mime.hasUrls():
            self.files_dropped.emit(paths_of(mime), name)
        event.acceptProposedAction()
