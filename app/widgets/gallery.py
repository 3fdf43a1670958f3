"""A gallery whose cost does not depend on how many images it holds: its layout is arithmetic."""

from __future__ import annotations

from PySide6.QtCore import (
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QDrag, QKeyEvent, QPainter, QPixmap, QRegion, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QAbstractItemView, QStyle, QStyleOptionViewItem

from app.theme import GRID
from app.widgets.rows import Chosen, ImageRows, Row, count, runs_of
from app.widgets.table import Index
from app.widgets.thumbs import Thumbnails
from app.widgets.tile import Tile

PICTURE = 112
SMALLEST, LARGEST, LARGER = 48, 320, 1.25
"""The least and the greatest side of an image, and what one turn of the wheel does."""


def zoom_of(event: QKeyEvent) -> float | None:
    """How many times larger a key makes images; 0: as at first; None: no key for it."""
    keys: dict[int, float] = {
        Qt.Key.Key_Plus: LARGER,
        Qt.Key.Key_Equal: LARGER,
        Qt.Key.Key_Minus: 1 / LARGER,
        Qt.Key.Key_0: 0.0,
    }
    return keys.get(event.key())


class Gallery(QAbstractItemView):
    """Images in a grid. `chosen` tells the rows that are selected, `opened` a row to look at."""

    chosen = Signal()
    opened = Signal(int)

    def __init__(self, rows: ImageRows, thumbs: Thumbnails, side: int = PICTURE) -> None:
        super().__init__()
        self.setObjectName("gallery")
        self.rows = rows
        self.tile = Tile(thumbs, self, side)
        self.first_side = self.exact = float(side)
        self.setItemDelegate(self.tile)
        self.setModel(rows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setDragEnabled(True)
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_Hover)
        thumbs.arrived.connect(self.viewport().update)
        rows.counted.connect(lambda _: self.updateGeometries())
        self.activated.connect(lambda index: self.opened.emit(index.row()))
        self.selectionModel().selectionChanged.connect(lambda *_: self.chosen.emit())

    def selected_rows(self) -> list[Row]:
        """The rows that are selected and already here, in their order."""
        return self.rows.among(self.selectionModel().selection())

    @property
    def chosen_images(self) -> Chosen:
        """All images that are selected, as `rows.with_ids` takes them."""
        return self.rows.chosen(self.selectionModel().selection())

    @property
    def how_many_chosen(self) -> int:
        return count(runs_of(self.selectionModel().selection()))

    def startDrag(self, actions: Qt.DropAction) -> None:
        """Takes what is chosen along, with the current image to see. Qt's own would make an index
        for each of a million images."""
        drag, row = QDrag(self), self.rows.row(self.currentIndex().row()) or {}
        drag.setMimeData(self.rows.carried(self.selectionModel().selection()))
        if (image := self.tile.thumbs.get(row.get("thumb"))) is not None:
            keep, smooth = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode
            small = image.scaled(64, 64, keep, smooth.SmoothTransformation)
            drag.setPixmap(QPixmap.fromImage(small))
        drag.exec(Qt.DropAction.CopyAction)

    # Geometry: everything follows from the number of columns.

    @property
    def cell(self) -> QSize:
        return self.tile.sizeHint(QStyleOptionViewItem(), QModelIndex())

    @property
    def columns(self) -> int:
        return max(1, self.viewport().width() // self.cell.width())

    def place(self, number: int) -> QRect:
        """Where an image lies in the whole gallery. The columns share the width evenly."""
        columns, cell = self.columns, self.cell
        width = self.viewport().width() / columns
        line, column = divmod(number, columns)
        left = round(column * width)
        return QRect(left, line * cell.height(), round((column + 1) * width) - left, cell.height())

    def visualRect(self, index: Index) -> QRect:
        return self.place(index.row()).translated(0, -self.verticalOffset())

    def indexAt(self, point: QPoint) -> QModelIndex:
        columns = self.columns
        column = int(point.x() * columns / max(1, self.viewport().width()))
        line = (point.y() + self.verticalOffset()) // self.cell.height()
        number = line * columns + column
        inside = 0 <= column < columns and 0 <= number < self.rows.rowCount()
        return self.rows.index(number) if inside else QModelIndex()

    def in_view(self) -> range:
        """The numbers of the images that can be seen."""
        height, columns, top = self.cell.height(), self.columns, self.verticalOffset()
        first = top // height * columns
        last = ((top + self.viewport().height()) // height + 1) * columns
        return range(first, min(last, self.rows.rowCount()))

    def scrollTo(
        self,
        index: Index,
        hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible,
    ) -> None:
        place, bar = self.place(index.row()), self.verticalScrollBar()
        if place.top() < bar.value():
            bar.setValue(place.top())
        elif place.bottom() >= bar.value() + self.viewport().height():
            bar.setValue(place.bottom() + 1 - self.viewport().height())

    def updateGeometries(self) -> None:
        super().updateGeometries()
        lines = -(-self.rows.rowCount() // self.columns)
        bar = self.verticalScrollBar()
        bar.setSingleStep(self.cell.height() // 2)
        bar.setPageStep(self.viewport().height())
        bar.setRange(0, max(0, lines * self.cell.height() - self.viewport().height()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        top = self.in_view().start
        super().resizeEvent(event)
        self.updateGeometries()
        self.verticalScrollBar().setValue(self.place(top).top() if top else 0)

    def horizontalOffset(self) -> int:
        return 0

    def verticalOffset(self) -> int:
        return self.verticalScrollBar().value()

    def isIndexHidden(self, index: Index) -> bool:
        return False

    # Moving and selecting.

    def moveCursor(
        self, action: QAbstractItemView.CursorAction, modifiers: Qt.KeyboardModifier
    ) -> QModelIndex:
        """Where an arrow or page key goes."""
        move = QAbstractItemView.CursorAction
        columns = self.columns
        page = max(1, self.viewport().height() // self.cell.height()) * columns
        total = self.rows.rowCount()
        now = self.currentIndex().row() if self.currentIndex().isValid() else -1
        goes = {
            move.MoveLeft: now - 1,
            move.MovePrevious: now - 1,
            move.MoveRight: now + 1,
            move.MoveNext: now + 1,
            move.MoveUp: now - columns if now >= columns else now,
            move.MoveDown: now + columns if now + columns < total else now,
            move.MovePageUp: now - page,
            move.MovePageDown: now + page,
            move.MoveHome: 0,
            move.MoveEnd: total - 1,
        }
        return (
            self.rows.index(min(max(goes.get(action, now), 0), total - 1))
            if total
            else QModelIndex()
        )

    def setSelection(self, area: QRect, flags: QItemSelectionModel.SelectionFlag) -> None:
        """Selects what the area touches: a run of images in each line."""
        area = area.normalized().translated(0, self.verticalOffset())
        total, columns, height = self.rows.rowCount(), self.columns, self.cell.height()
        first = int(max(area.left(), 0) * columns / max(1, self.viewport().width()))
        last = int(max(area.right(), 0) * columns / max(1, self.viewport().width()))
        found = QItemSelection()
        for line in range(max(area.top(), 0) // height, max(area.bottom(), 0) // height + 1):
            start = line * columns + min(first, columns - 1)
            stop = min(line * columns + min(last, columns - 1), total - 1)
            if start <= stop:
                found.select(self.rows.index(start), self.rows.index(stop))
        self.selectionModel().select(found, flags)

    def visualRegionForSelection(self, selection: QItemSelection) -> QRegion:
        return QRegion(self.viewport().rect())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space looks closer; Ctrl with plus, minus and 0 makes the images larger or smaller."""
        if event.key() == Qt.Key.Key_Space and self.currentIndex().isValid():
            self.opened.emit(self.currentIndex().row())
        elif (
            event.modifiers() & Qt.KeyboardModifier.ControlModifier
            and (by := zoom_of(event)) is not None
        ):
            self.zoom(by)
        else:
            super().keyPressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom(LARGER if event.angleDelta().y() > 0 else 1 / LARGER)
            event.accept()
        else:
            super().wheelEvent(event)

    def zoom(self, by: float) -> None:
        """Shows the images so many times as large; with 0 as large as at first.

        The current image, or the first that is seen, stays in view.
        """
        self.exact = min(max(self.exact * by, SMALLEST), LARGEST) if by else self.first_side
        seen = self.in_view()
        kept = self.currentIndex() if self.currentIndex().row() in seen else None
        self.tile.side = round(self.exact / GRID) * GRID
        self.updateGeometries()
        self.scrollTo(kept or self.rows.index(seen.start))
        self.viewport().update()

    def go_to(self, number: int) -> None:
        """Makes an image, or the last one, the current and the only chosen one."""
        self.setCurrentIndex(self.rows.index(min(number, self.rows.rowCount() - 1)))

    # Painting.

    def paintEvent(self, event: object) -> None:
        """Paints the tiles that can be seen, and no others."""
        painter = QPainter(self.viewport())
        painter.setRenderHints(
            QPainter.RenderHint.SmoothPixmapTransform | QPainter.RenderHint.Antialiasing
        )
        option = QStyleOptionViewItem()
        self.initViewItemOption(option)
        ground = option.state
        self.tile.begin()
        under = self.indexAt(self.viewport().mapFromGlobal(self.cursor().pos()))
        for number in self.in_view():
            index = self.rows.index(number)
            option.rect = self.visualRect(index)
            option.state = self.state_of(index, under, ground)
            self.tile.paint(painter, option, index)
        if self.tile.late:
            QTimer.singleShot(0, self.viewport(), self.viewport().update)

    def state_of(
        self, index: QModelIndex, under: QModelIndex, ground: QStyle.StateFlag
    ) -> QStyle.StateFlag:
        state = ground & ~(QStyle.StateFlag.State_HasFocus | QStyle.StateFlag.State_MouseOver)
        if self.selectionModel().isSelected(index):
            state |= QStyle.StateFlag.State_Selected
        if index == under and self.underMouse():
            state |= QStyle.StateFlag.State_MouseOver
        if self.hasFocus() and index == self.currentIndex():
            state |= QStyle.StateFlag.State_HasFocus
        return state
