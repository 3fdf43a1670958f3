"""The grid of what waits: what is chosen stays chosen while what lies around it changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QItemSelection, QItemSelectionModel, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent

from app.pages.sort.rows import HeapRows, HeapTile
from app.widgets.gallery import PICTURE, Gallery
from app.widgets.rows import Row
from app.widgets.thumbs import Thumbnails

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
ELSEWHERE = (
    Qt.KeyboardModifier.ControlModifier
    | Qt.KeyboardModifier.AltModifier
    | Qt.KeyboardModifier.MetaModifier
)


class SortGallery(Gallery):
    """`typed` brings a letter, with which a class's name begins."""

    typed = Signal(str)

    def __init__(self, rows: HeapRows, thumbs: Thumbnails) -> None:
        super().__init__(rows, thumbs)
        self.heap = rows
        self.tile = HeapTile(thumbs, self, PICTURE)
        self.tile.lines = 2
        self.setItemDelegate(self.tile)
        self.setDragEnabled(False)  # so that the mouse pulls a frame over images
        self.anchor: int | None = None
        """The image, by id, at which a run begins that Shift makes longer."""

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

    def choose(self, places: Sequence[int], now: int) -> None:
        """Makes these the chosen ones, and one of them the current one."""
        found = QItemSelection()
        for place in places:
            found.select(self.rows.index(place), self.rows.index(place))
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

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Shift with an arrow chooses a run; a letter begins a class's name."""
        keys, action = event.modifiers(), MOVES.get(Qt.Key(event.key()))
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
        index = self.indexAt(event.position().toPoint())
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier and index.isValid():
            self.lengthen(index.row())
            return
        self.anchor = None
        super().mousePressEvent(event)
