"""While images are pulled with the mouse: the classes that they can be dropped on."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QListWidget

from app.widgets.controls import named
from app.widgets.rows import MIME, shown

ANOTHER = "A new class …"


class Targets(QListWidget):
    """Every class in a list. `chosen` brings the one on which images were dropped; nothing for a
    new one."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("bare")
        self.names: Sequence[str] = ()
        self.setAcceptDrops(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        named(self, "Classes to drop on", "Drop images on the class that they are of")

    def show_classes(self, names: Sequence[str]) -> None:
        self.names = names
        self.clear()
        self.addItems([*(shown(name) for name in names), ANOTHER])

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        event.setAccepted(event.mimeData().hasFormat(MIME))

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Marks the class under the mouse."""
        place = self.indexAt(event.position().toPoint()).row()
        self.setCurrentRow(place)
        event.setAccepted(place >= 0)

    def dropEvent(self, event: QDropEvent) -> None:
        place = self.indexAt(event.position().toPoint()).row()
        if place >= 0:
            event.acceptProposedAction()
            self.chosen.emit(self.names[place] if place < len(self.names) else "")
