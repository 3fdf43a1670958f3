"""What the model says of one image: classes with their confidences, as bars."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from app import theme
from engine.system.words import per_cent

LINE, LOWEST = 34, 24
"""Pixels of a class's line where there is room, and in a low window."""
MOST, NEAREST = 8, 3
LEAST = 3
"""So many classes are shown live in the smallest window."""
NAMES = 0.45
"""The share of the width that names may take at most."""


class AnswerBars(QWidget):
    """The likeliest classes first; only the nearest ones' names where it is none of them.

    Shares are of a choice among the classes: beside "None of these" they would contradict it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bars: list[tuple[str, float]] = []
        self.known = self.sure = True
        self.setMinimumHeight(LOWEST * 3)

    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), LINE * max(len(self.bars), 3))

    def show_answer(self, classes: Mapping[str, float], known: bool, sure: bool = True) -> None:
        """Shows at most eight classes; the rest is added up in one more bar. Where it is not
        `sure`, no class stands out."""
        ordered = sorted(classes.items(), key=lambda item: -item[1])
        most = MOST if known else NEAREST
        rest = ordered[most:]
        self.bars = ordered[:most]
        if rest and known:
            self.bars.append((f"{len(rest)} other classes", sum(p for _, p in rest)))
        self.known, self.sure = known, sure
        self.setMinimumHeight(LOWEST * max(len(self.bars), 1))
        self.updateGeometry()
        words = ", ".join(f"{name} {per_cent(share, 0)}" for name, share in self.bars)
        nearest = f"None of these. Nearest: {', '.join(name for name, _ in self.bars)}"
        words = words if sure else f"Not sure which. {words}"
        self.setAccessibleDescription(words if known else nearest)
        self.update()

    def widest(self) -> float:
        """Pixels of the longest name; the first one may be bold."""
        font = self.font()
        font.setBold(True)
        metrics = QFontMetricsF(font)
        return max((metrics.horizontalAdvance(name) for name, _ in self.bars), default=0.0)

    def paintEvent(self, event: QPaintEvent) -> None:
        """One line for each class: its name, its bar, its share."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        left = min(self.width() * NAMES, self.widest() + 12)
        track = self.width() - left - 72
        middle = Qt.AlignmentFlag.AlignVCenter
        line = min(LINE, self.height() // max(len(self.bars), 1))
        for number, (name, share) in enumerate(self.bars):
            top = number * line
            bar = top + (line - 12) // 2
            first = number == 0 and self.known and self.sure
            font = self.font()
            font.setBold(first)
            painter.setFont(font)
            painter.setPen(theme.colour("text" if first else "muted"))
            elide = Qt.TextElideMode.ElideMiddle
            words = painter.fontMetrics().elidedText(name, elide, int(left) - 12)
            painter.drawText(QRectF(0, top, left - 8, line), middle, words)
            if not self.known:
                if number == 0:
                    painter.drawText(QRectF(left, top, track, line), middle, "is the nearest")
                continue
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("sunken"))
            painter.drawRoundedRect(QRectF(left, bar, track, 12), 4, 4)
            painter.setBrush(theme.colour("accent" if first else "muted", 255 if first else 120))
            if share > 0.002:
                painter.drawRoundedRect(QRectF(left, bar, max(track * share, 4), 12), 4, 4)
            painter.setPen(theme.colour("text" if first else "muted"))
            place = QRectF(left + track + 8, top, 60, line)
            painter.drawText(place, middle | Qt.AlignmentFlag.AlignRight, per_cent(share))


class LiveBars(AnswerBars):
    """As many of the likeliest classes as there is room for: the page does not move with them."""

    def show_answer(self, classes: Mapping[str, float], known: bool, sure: bool = True) -> None:
        super().show_answer(classes, known, sure)
        self.bars = self.bars[: max(LEAST, self.height() // LINE)]

    def setMinimumHeight(self, height: int) -> None:
        super().setMinimumHeight(min(height, LEAST * LINE))
