"""How the points of a class look: a colour and a shape, so that neither is needed to tell them."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap, QPolygonF

from app import theme

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442")
"""Those of Okabe and Ito (2008), which eyes that confuse red and green tell apart."""
SIZE = 10
"""Pixels across a mark."""
WAITS = -1
"""Stands for the class of images that wait for one."""


def polygon(*corners: tuple[float, float]) -> QPainterPath:
    """A closed shape one unit across, around its middle."""
    made = QPainterPath()
    made.addPolygon(QPolygonF([QPointF(x, y) for x, y in corners]))
    made.closeSubpath()
    return made


def circle(size: float = 1.0) -> QPainterPath:
    made = QPainterPath()
    made.addEllipse(QPointF(0, 0), size / 2, size / 2)
    return made


THIN, WIDE = 0.17, 0.54
SHAPES = (
    circle(),
    polygon((-0.45, -0.45), (0.45, -0.45), (0.45, 0.45), (-0.45, 0.45)),
    polygon((0, -0.52), (0.55, 0.43), (-0.55, 0.43)),
    polygon((0, -0.62), (0.5, 0), (0, 0.62), (-0.5, 0)),
    polygon(
        *((-THIN, -WIDE), (THIN, -WIDE), (THIN, -THIN), (WIDE, -THIN), (WIDE, THIN), (THIN, THIN)),
        *((THIN, WIDE), (-THIN, WIDE), (-THIN, THIN), (-WIDE, THIN), (-WIDE, -THIN)),
        (-THIN, -THIN),
    ),
    polygon((0, 0.52), (0.55, -0.43), (-0.55, -0.43)),
)
"""One fewer than colours: 42 classes have each their own pair."""


def colour(number: int) -> QColor:
    """The colour of a class by its place among all; grey for what waits."""
    return theme.colour("muted") if number < 0 else QColor(COLOURS[number % len(COLOURS)])


def shape(number: int) -> QPainterPath:
    return circle(0.7) if number < 0 else SHAPES[number % len(SHAPES)]


def paint(painter: QPainter, number: int, size: float = SIZE) -> None:
    """A mark around the painter's origin, with a thin edge by which it shows on any ground."""
    painter.save()
    painter.scale(size, size)
    edge = QPen(theme.colour("text", 110), 0.8)
    edge.setCosmetic(True)
    painter.setPen(edge)
    ink = colour(number)
    ink.setAlpha(190 if number < 0 else 255)
    painter.setBrush(QBrush(ink))
    painter.drawPath(shape(number))
    painter.restore()


def mark(number: int, ratio: float) -> QPixmap:
    """A mark as an image of so many pixels of the screen for one."""
    wide = SIZE + 4
    made = QPixmap(round(wide * ratio), round(wide * ratio))
    made.setDevicePixelRatio(ratio)
    made.fill(Qt.GlobalColor.transparent)
    painter = QPainter(made)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(QRectF(0, 0, wide, wide).center())
    paint(painter, number)
    painter.end()
    return made


def icon(number: int) -> QIcon:
    return QIcon(mark(number, 2.0))
