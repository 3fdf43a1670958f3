"""The room that a page needs: its own, and not that of the highest of all pages."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QStackedWidget, QWidget

ASKS = QEvent.Type.LayoutRequest


class Room(QWidget):
    """Holds a stack of pages, and asks for what the page that is shown needs.

    The stack itself asks for the height of the highest, so that all would scroll where one must.
    """

    def __init__(self, stack: QStackedWidget) -> None:
        super().__init__()
        self.stack = stack
        stack.setParent(self)
        stack.currentChanged.connect(lambda _: self.updateGeometry())

    def event(self, event: QEvent) -> bool:
        """A page that needs other room now tells the place in which this scrolls."""
        if event.type() == ASKS:
            self.updateGeometry()
        return super().event(event)

    def minimumSizeHint(self) -> QSize:
        page = self.stack.currentWidget()
        if page is None:
            return QSize()
        least = page.minimumSizeHint()
        if page.hasHeightForWidth():
            high = page.heightForWidth(max(self.width(), least.width()))
            least.setHeight(max(high, least.height()))
        return least

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.stack.setGeometry(self.rect())
