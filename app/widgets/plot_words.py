"""Words at values of a plot, and the box of what the crosshair reads.

pyqtgraph's TextItem lays out a document of its own, a millisecond for each: too long for the
numbers of a confusion matrix. Here one item draws all words of a plot.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from app import theme

if TYPE_CHECKING:
    from app.widgets.plots import Plot

ROOM = 12
"""Pixels between the crosshair and its box."""


@dataclass(frozen=True)
class Reading:
    """What the crosshair reads at a value; `cross`: "|" and "-" for the lines that it has."""

    x: float
    y: float
    lines: Sequence[str]
    cross: str = ""
    frame: QRectF | None = None
    """A frame around what is read."""


@dataclass(frozen=True)
class Word:
    """A text at a value: `left` and `top` say which part of it lies there, from 0 to 1.

    `off` moves it by pixels; `halo`: an edge of the surface's colour around it.
    """

    x: float
    y: float
    text: str
    token: str = "muted"
    left: float = 0.5
    top: float = 0.5
    off: tuple[float, float] = (0.0, 0.0)
    upright: bool = False
    strong: bool = False
    halo: bool = False
    box: str = ""
    """The token of a box behind it."""
    beside: bool = False
    """Whether it goes to the right or left of the value, inside the chart."""
    pixels: int = 0
    """The height of its letters, where it is not that of the other words."""


class Words(QGraphicsItem):
    """Words of one plot, drawn over its chart and not cut off at its frame."""

    def __init__(self, plot: Plot) -> None:
        super().__init__()
        self.plot = plot
        self.words: tuple[Word, ...] = ()

    def say(self, words: Iterable[Word]) -> None:
        self.words = tuple(words)
        self.setVisible(bool(self.words))
        self.update()

    def font(self, word: Word) -> QFont:
        font = self.plot.small_font()
        font.setWeight(QFont.Weight.DemiBold if word.strong else QFont.Weight.Normal)
        if word.pixels:
            font.setPixelSize(word.pixels)
        return font

    def place(self, word: Word) -> QRectF:
        """Where a word lies, in pixels of the chart; a box stays inside the chart."""
        metrics = QFontMetricsF(self.font(word))
        size = metrics.size(0, word.text)
        at = self.plot.spot(word.x, word.y) - self.plot.chart.pos().toPointF()
        at += QPointF(*word.off)
        width, height = size.width(), size.height()
        if word.box:
            width, height = width + 16, height + (12 if word.box == "surface" else 4)
        if not word.beside:
            return QRectF(at.x() - word.left * width, at.y() - word.top * height, width, height)
        room = self.boundingRect()
        left = at.x() + ROOM if at.x() + ROOM + width < room.right() else at.x() - ROOM - width
        top = min(max(at.y() - height / 2, 0), room.bottom() - height)
        return QRectF(max(left, 0), max(top, 0), width, height)

    def boundingRect(self) -> QRectF:
        return QRectF(self.plot.chart.rect())

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for word in self.words:
            painter.setFont(self.font(word))
            if word.upright:
                self.paint_upright(painter, word)
            else:
                self.paint_word(painter, word)

    def paint_word(self, painter: QPainter, word: Word) -> None:
        place = self.place(word)
        if word.halo:
            path = QPainterPath()
            down = QFontMetricsF(painter.font()).ascent()
            path.addText(place.topLeft() + QPointF(0, down), painter.font(), word.text)
            painter.strokePath(path, QPen(theme.colour("surface", 220), 3))
        if word.box:
            painter.setPen(theme.colour("line" if word.box == "surface" else word.box))
            painter.setBrush(theme.colour(word.box))
            painter.drawRoundedRect(place, 6, 6)
            down = 6 if word.box == "surface" else 2
            place.adjust(8, down, -8, -down)
        painter.setPen(theme.colour(word.token))
        painter.drawText(place, Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextDontClip, word.text)

    def paint_upright(self, painter: QPainter, word: Word) -> None:
        """Read from below, with its end at the value."""
        at = self.plot.spot(word.x, word.y) - self.plot.chart.pos().toPointF()
        painter.save()
        painter.translate(at + QPointF(*word.off))
        painter.rotate(-90)
        flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.setPen(theme.colour(word.token))
        painter.drawText(QRectF(-200, -10, 200, 20), flags, word.text)
        painter.restore()
