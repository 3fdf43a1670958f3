"""A field for a path, which shows both ends of a long one while nobody types in it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QLineEdit, QStyle, QStyleOptionFrame

INSET = 2
"""Pixels that Qt leaves between the frame's inside and the text of a field."""


class PathField(QLineEdit):
    """A path that is too long is shortened in its middle: where it begins, and the file's name."""

    @property
    def shortened(self) -> str:
        """What of the path is seen."""
        option = QStyleOptionFrame()
        self.initStyleOption(option)
        part = QStyle.SubElement.SE_LineEditContents
        room = self.style().subElementRect(part, option, self).width() - 2 * INSET
        return self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideMiddle, room)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Qt's own drawing while the path fits or is edited; else frame and shortened text."""
        shortened = self.shortened
        if self.hasFocus() or shortened == self.text():
            super().paintEvent(event)
            return
        option = QStyleOptionFrame()
        self.initStyleOption(option)
        painter, style = QPainter(self), self.style()
        style.drawPrimitive(QStyle.PrimitiveElement.PE_PanelLineEdit, option, painter, self)
        inside = style.subElementRect(QStyle.SubElement.SE_LineEditContents, option, self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(
            inside.adjusted(INSET, 0, -INSET, 0),
            Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine,
            shortened,
        )
        painter.end()
