"""Dropping files and folders: which paths a drop brings, and the frame that invites it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from PySide6.QtCore import QEvent, QMimeData, QObject, QRect, Qt, QUrl, Signal
from PySide6.QtGui import QDropEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from app import theme

Take = Callable[[list[str], Callable[[], object]], object]
"""Hears what was dropped and what adds it, and adds it here unless it belongs elsewhere."""


def path_of(url: QUrl) -> str:
    """The path of a local file, byte for byte: names need not be UTF-8 on Linux."""
    if sys.platform == "win32" or url.host():
        return url.toLocalFile()
    return os.fsdecode(unquote_to_bytes(url.path(QUrl.ComponentFormattingOption.FullyEncoded)))


def paths_of(mime: QMimeData) -> list[str]:
    """The files and folders that a drop or the clipboard brings, in order, each once."""
    found = [path_of(url) for url in mime.urls() if url.isLocalFile()]
    return list(dict.fromkeys(path for path in found if path))


class Frame(QWidget):
    """A frame with one sentence, laid over a widget while something is dragged above it."""

    def __init__(self, over: QWidget, text: str) -> None:
        super().__init__(over)
        self.text = text
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def lay_over(self) -> None:
        over = self.parentWidget()
        assert over is not None
        self.setGeometry(over.rect())
        self.raise_()
        self.show()

    def paintEvent(self, event: QPaintEvent) -> None:
        """A dashed frame with the sentence in its middle."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area: QRect = self.rect().adjusted(8, 8, -8, -8)
        painter.setBrush(theme.colour("accent_soft", 236))
        painter.setPen(QPen(theme.colour("accent"), 2, Qt.PenStyle.DashLine))
        painter.drawRoundedRect(area, 12, 12)
        font = painter.font()
        font.setPointSizeF(14)
        painter.setFont(font)
        painter.setPen(theme.colour("text"))
        flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        painter.drawText(area.adjusted(16, 16, -16, -16), flags, self.text)


class Drops(QObject):
    """Lets a widget take files and folders; `dropped` brings their paths."""

    dropped = Signal(list)

    def __init__(
        self, widget: QWidget, text: str, allowed: Callable[[], bool] = lambda: True
    ) -> None:
        super().__init__(widget)
        self.frame = Frame(widget, text)
        self.allowed = allowed
        widget.setAcceptDrops(True)
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind in (QEvent.Type.DragEnter, QEvent.Type.DragMove):
            assert isinstance(event, QDropEvent)
            return self.enter(event)
        if kind == QEvent.Type.DragLeave:
            self.frame.hide()
        elif kind == QEvent.Type.Drop:
            assert isinstance(event, QDropEvent)
            return self.take(event)
        return False

    def enter(self, event: QDropEvent) -> bool:
        if not (self.allowed() and event.mimeData().hasUrls()):
            return False
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        if not self.frame.isVisible():
            self.frame.lay_over()
        return True

    def take(self, event: QDropEvent) -> bool:
        self.frame.hide()
        paths = paths_of(event.mimeData())
        if not (paths and self.allowed()):
            return False
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        self.dropped.emit(paths)
        return True
