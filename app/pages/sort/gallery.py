"""The grid of what waits: what is chosen stays chosen while what lies around it changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QEvent, QItemSelection, QItemSelectionModel, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter

from app import theme
from app.pages.sort.rows import HeapRows, HeapTile, together
from app.widgets.gallery import PICTURE, Gallery
from app.widgets.rows import Row
from app.widgets.thumbs import Thumbnails
from app.widgets.tile import CAPTION

Flag = QItemSelectionModel.SelectionFlag
MOVES = {
    Qt.Key.Key_Left: Gallery.CursorAction.MoveLeft,
    Qt.Key.Key_Right: Gallery.CursorAction.MoveRight,
    Qt.Key.Key_Up: Gallery.CursorAction.MoveUp,
    Qt.Key.Key_Down: Gallery.CursorAction.MoveDown,
    Qt.Key.Key_Home: Gallery.CursorAction.MoveHome,
    Qt.Key.Key_End: Gallery.CursorAction.MoveEnd,
    Qt.Key.Key_PageUp: Gallery.CursorAction.MovePageUp,
    Qt.Key.Key_PageDown: Gallery.CursorAction.MovePageDown,
}
KEYS = (
    "Enter accepts what is suggested, Ctrl+Enter for all that is shown, 1 to 9 give another class, "
    "a letter begins a name, Shift+Enter names the burst and plus opens it or a group, minus takes "
    "out of a group, Delete sets aside, "
    "Backspace takes back, Space looks closer"
)
ELSEWHERE = (
    Qt.KeyboardModifier.ControlModifier
    | Qt.KeyboardModifier.AltModifier
    | Qt.KeyboardModifier.MetaModifier
)


class SortGallery(Gallery):
    """`typed` brings a letter, with which a class's name begins; `looked`: others are seen;
    `count_clicked` brings the place of a burst or group; `pulled`: the mouse begins and ends to
    drag; `left`: Escape, which is the gallery's own while `leaves`, and stops no job then."""

    typed = Signal(str)
    looked = Signal()
    count_clicked = Signal(int)
    left = Signal()
    leaves = False
    pulled = Signal(bool)

    def __init__(self, rows: HeapRows, thumbs: Thumbnails) -> None:
        super().__init__(rows, thumbs)
        self.heap = rows
        self.tile = self.heap_tile = HeapTile(thumbs, self, PICTURE)
        self.tile.lines = 2
        self.setItemDelegate(self.tile)
        self.setDragEnabled(False)
        self.frame_from: QPoint | None = None
        self.frame = QRect()
        """What the mouse pulls over images, in the whole gallery."""
        self.verticalScrollBar().valueChanged.connect(lambda _: self.looked.emit())
        self.anchor: int | None = None
        """The image, by id, at which a run begins that Shift makes longer."""

    def updateGeometries(self) -> None:
        super().updateGeometries()
        self.looked.emit()

    def whole(self) -> range:
        """The numbers of the images that can be seen whole, but for an edge as high as a line."""
        height, columns, top = self.cell.height(), self.columns, self.verticalOffset()
        first = -(-(top - CAPTION) // height) * columns
        last = (top + self.viewport().height() + CAPTION) // height * columns
        return range(max(first, 0), min(max(first, last), self.rows.rowCount()))

    def open_next(self) -> int | None:
        """The next place on the screen whose image waits still, the current one first."""
        now = self.currentIndex().row()
        left = [number for number in self.whole() if "done" not in (self.rows.row(number) or {})]
        return next(iter([*(n for n in left if n >= now), *left]), None)

    def show_list(self, ids: Sequence[int], known: Mapping[int, Row]) -> None:
        """Shows these. Where the current image is gone, what follows has moved up to its place."""
        before, now = self.heap.ids, self.currentIndex().row()
        chosen = {row["id"] for row in self.selected_rows()}
        if not self.heap.put(ids, known) or not ids:
            return
        places = dict(zip(ids, range(len(ids)), strict=True))
        left = [places[number] for number in chosen if number in places]
        if 0 <= now < len(before) and before[now] in places and left:
            self.choose(left, places[before[now]])
            return
        gone = [i for i, n in enumerate(before) if n in chosen and n not in places]
        first = min(gone, default=max(now, 0))
        self.go_to(sum(number in places for number in before[:first]))

    def go_to(self, number: int) -> None:
        """The same, whatever key is held down: with Ctrl nothing would be chosen."""
        if last := self.rows.rowCount():
            place = min(max(number, 0), last - 1)
            self.choose([place], place)

    def choose(self, places: Sequence[int], now: int) -> None:
        """Makes these the chosen ones, and one of them the current one."""
        found = QItemSelection()
        runs = [(place, place) for place in places]
        if isinstance(places, range) and places:
            runs = [(places[0], places[-1])]  # all of a large group, at once
        for first, last in runs:
            found.select(self.rows.index(first), self.rows.index(last))
        self.selectionModel().setCurrentIndex(self.rows.index(now), Flag.NoUpdate)
        self.selectionModel().select(found, Flag.ClearAndSelect)
        self.scrollTo(self.rows.index(now))

    def lengthen(self, to: int) -> None:
        """Chooses all from where the run began to there."""
        ids = self.heap.ids
        now = max(self.currentIndex().row(), 0)
        start = ids.index(self.anchor) if self.anchor in ids else now
        self.anchor = ids[start]
        self.choose(range(min(start, to), max(start, to) + 1), to)

    def event(self, event: QEvent) -> bool:
        if (
            self.leaves
            and event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.key() == Qt.Key.Key_Escape
        ):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Shift with an arrow chooses a run; a letter begins a class's name."""
        keys, action = event.modifiers(), MOVES.get(Qt.Key(event.key()))
        if self.leaves and event.key() == Qt.Key.Key_Escape:
            self.left.emit()
            return
        if action is not None and keys & Qt.KeyboardModifier.ShiftModifier and self.heap.total:
            self.lengthen(self.moveCursor(action, keys).row())
            return
        if event.text().isalpha() and not keys & ELSEWHERE:
            self.typed.emit(event.text())
            return
        if action is not None:
            self.anchor = None
        super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Opens what lies behind a count, lengthens a run, or begins to pull images or a frame."""
        spot = event.position().toPoint()
        index = self.indexAt(spot)
        row = self.rows.row(index.row()) or {}
        count = self.heap_tile.count_place(self.visualRect(index))
        if together(row) and count.contains(spot):
            self.count_clicked.emit(index.row())
            return
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier and index.isValid():
            self.lengthen(index.row())
            return
        self.anchor = None
        # What is chosen is pulled; from elsewhere, also where nothing is, a frame is.
        plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
        pulls = plain and self.selectionModel().isSelected(index) and "done" not in row
        self.setDragEnabled(pulls)
        if event.button() == Qt.MouseButton.LeftButton and not pulls:
            self.frame_from = spot + QPoint(0, self.verticalOffset())
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        if self.frame_from is not None:
            now = event.position().toPoint() + QPoint(0, self.verticalOffset())
            self.frame = QRect(self.frame_from, now).normalized()
            self.viewport().update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        self.frame_from, self.frame = None, QRect()
        self.viewport().update()

    def paintEvent(self, event: object) -> None:
        super().paintEvent(event)
        if not self.frame.isEmpty():
            painter = QPainter(self.viewport())
            painter.setPen(theme.colour("accent"))
            painter.setBrush(theme.colour("accent", 40))
            painter.drawRect(self.frame.translated(0, -self.verticalOffset()))

    def startDrag(self, actions: Qt.DropAction) -> None:
        """While it lasts, the classes that images can be dropped on are shown."""
        self.pulled.emit(True)
        super().startDrag(actions)
        self.pulled.emit(False)
