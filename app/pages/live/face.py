"""A drawn face whose mouth follows what is said, and the large caption beside it."""

from __future__ import annotations

import time

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QFontMetricsF, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import theme
from engine.events import Said

FRAME = 16
"""Milliseconds between two positions of the mouth."""
SIDE = 80
"""Pixels of the face, and of the caption's height."""
SIZES = (26, 22, 18, 15, 12)
"""Points of a caption: the largest with which it fits."""
CLOSED = 0.08
"""Less than this is a closed mouth."""


class Face(QWidget):
    """Calm unless something is said; nothing ticks then."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedSize(QSize(SIDE, SIDE))
        self.setAccessibleName("Face")
        self.setAccessibleDescription("Its mouth follows what is said")
        self.said: Said | None = None
        self.open = 0.0
        self.timer = QTimer(self, interval=FRAME, timerType=Qt.TimerType.PreciseTimer)
        self.timer.timeout.connect(self.move_mouth)

    def speak(self, said: Said) -> None:
        """Follows a sentence from when it is heard, on the clock that the player was started by."""
        self.said = said
        self.timer.start()
        self.move_mouth()

    def rest(self) -> None:
        self.said = None
        self.timer.stop()
        self.show_open(0.0)

    def opening(self, clock: float) -> float:
        """How far the mouth is open at this moment of time.perf_counter, from 0 to 1."""
        if self.said is None or not self.said.mouth:
            return 0.0
        step = (clock - self.said.at) / self.said.step
        return self.said.mouth[int(step)] if 0 <= step < len(self.said.mouth) else 0.0

    def move_mouth(self) -> None:
        """Shows what will be heard when the screen shows it, a frame from now."""
        clock = time.perf_counter() + FRAME / 1000
        self.show_open(self.opening(clock))
        if self.said is not None and clock > self.said.at + self.said.seconds:
            self.timer.stop()

    def show_open(self, share: float) -> None:
        if share != self.open:
            self.open = share
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """A head, two eyes, and a mouth between a smile and an open one."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.scale(self.width() / SIDE, self.height() / SIDE)
        painter.setPen(QPen(theme.colour("accent"), 2))
        painter.setBrush(theme.colour("accent_soft"))
        painter.drawEllipse(QRectF(4, 4, SIDE - 8, SIDE - 8))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("text"))
        for x in (28.0, 52.0):
            painter.drawEllipse(QPointF(x, 33), 3.5, 4.5)
        self.draw_mouth(painter)

    def draw_mouth(self, painter: QPainter) -> None:
        if self.open < CLOSED:
            smile = QPainterPath(QPointF(29, 51))
            smile.quadTo(QPointF(40, 60), QPointF(51, 51))
            pen = QPen(theme.colour("text"), 2.5)
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            painter.strokePath(smile, pen)
        else:
            painter.drawEllipse(QPointF(40, 54), 11 - 2 * self.open, 2 + 9 * self.open)


class Caption(QWidget):
    """What is said, as large as it fits."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.setAccessibleName("Caption")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(SIDE)

    def show_text(self, text: str) -> None:
        self.text = text
        self.setAccessibleDescription(text)
        self.setToolTip("")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The largest size with which all words fit."""
        painter = QPainter(self)
        painter.setPen(theme.colour("text"))
        wrap = Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignVCenter
        font, room = self.font(), QRectF(self.rect())
        font.setBold(True)
        for size in SIZES:
            font.setPointSizeF(size)
            needed = QFontMetricsF(font).boundingRect(room, wrap, self.text)
            if needed.height() <= room.height() and needed.width() <= room.width():
                break
        painter.setFont(font)
        painter.drawText(room, wrap, self.text)
