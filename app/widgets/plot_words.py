"""Words at values of a plot, and the box of what the crosshair reads.

pyqtgraph's TextItem lays out a document of its own, a millisecond for each: too long for the
numbers of a confusion matrix. Here one item draws all words of a plot.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from app import theme

if TYPE_CHECKING:
    from app.widgets.plots import Plot

BESIDE = 12
"""Pixels between the crosshair and its box."""
EDGE = {"surface": 12, "warning": 4}
"""Pixels above and below the words in a box of this colour."""


@dataclass(frozen=True)
class Reading:
    """What the crosshair reads at a value; `cross`: "|" and "-" for the lines that it has."""

    x: float
    y: float
    lines: Sequence[str]
    cross: str = ""
    frame: QRectF | None = None
    """A frame around what is read."""
    bold: bool = False
    """Whether its lines have an edge, since no single colour shows on all that lies below."""


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
        super().__init__(plot.chart.plotItem)
        self.plot = plot
        self.words: list[tuple[Word, QRectF]] = []

    def say(self, words: Iterable[Word]) -> None:
        """Shows these where their values lie now."""
        self.words = [(word, self.place(word)) for word in words]
        self.update()

    def font(self, word: Word) -> QFont:
        font = self.plot.small_font()
        font.setWeight(QFont.Weight.DemiBold if word.strong else QFont.Weight.Normal)
        if word.pixels:
            font.setPixelSize(word.pixels)
        return font

    def place(self, word: Word) -> QRectF:
        """Where a word lies, in pixels of the chart; one beside the crosshair stays inside it."""
        size = QFontMetricsF(self.font(word)).size(0, word.text)
        if word.upright:
            size.transpose()
        if word.box:
            size += QSizeF(16, EDGE[word.box])
        at = self.plot.spot(word.x, word.y) - self.plot.chart.pos() + QPointF(*word.off)
        place = QRectF(at.x() - word.left * size.width(), 0, size.width(), size.height())
        place.moveTop(at.y() - word.top * size.height())
        if word.beside:
            room = self.boundingRect()
            place.moveLeft(at.x() + BESIDE)
            if place.right() > room.right():
                place.moveRight(at.x() - BESIDE)
            place.moveLeft(max(place.left(), 0))
            place.moveTop(max(min(place.top(), room.bottom() - place.height()), 0))
        return place

    def boundingRect(self) -> QRectF:
        return QRectF(self.plot.chart.rect())

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """Draws the words over the whole chart."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for word, place in self.words:
            painter.setFont(self.font(word))
            if word.upright:
                painter.save()
                painter.translate(place.center())
                painter.rotate(-90)
                place = QRectF(-place.height() / 2, -place.width() / 2, place.height(), 99)
            if word.halo:
                path, down = QPainterPath(), QPointF(0, painter.fontMetrics().ascent())
                path.addText(place.topLeft() + down, painter.font(), word.text)
                painter.strokePath(path, QPen(theme.colour("surface", 220), 3))
            if word.box:
                painter.setPen(theme.colour("line" if word.box == "surface" else word.box))
                painter.setBrush(theme.colour(word.box))
                painter.drawRoundedRect(place, 6, 6)
                place = place.adjusted(8, EDGE[word.box] / 2, 0, 0)
            painter.setPen(theme.colour(word.token))
            painter.drawText(place, Qt.TextFlag.TextDontClip, word.text)
            if word.upright:
                painter.restore()
