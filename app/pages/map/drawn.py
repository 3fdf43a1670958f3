"""Paints the points of a map: as density while there are many to be seen, as marks of their class
when there are fewer, and as the images themselves when there are few.

NumPy is imported here, so this is imported by the functions that need it: see plots.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QImage, QPainter, QPen, QPixmap, QPolygonF
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from app import theme
from app.pages.map import looks
from app.pages.map.cloud import CELL, apart, density
from app.pages.map.looks import SIZE, WAITS

if TYPE_CHECKING:
    from app.pages.map.view import MapView

MARKS, IMAGES = 2500, 400
"""So many points are seen at most as marks, and as images."""
SIDE = 64
"""Pixels of an image."""
RING = SIZE + 6
KEPT = 1500
"""Images that are kept in the size in which they are painted."""


class Points(QGraphicsItem):
    """All points of one plot, painted in its frame."""

    def __init__(self, plot: MapView) -> None:
        super().__init__(plot.chart.plotItem)
        self.plot = plot
        self.marks: dict[tuple[int, float, object], QPixmap] = {}
        self.scaled: dict[tuple[Any, float], QPixmap] = {}
        self.shown = ""
        """As what points are shown: "density", "marks" or "images"."""
        self.images: dict[int, QRectF] = {}
        """Where the images lie that are seen, by point, in pixels of the frame."""
        self.to_file = False

    def setExportMode(self, on: bool, options: object = None) -> None:
        """In a file marks are drawn as shapes."""
        self.to_file = on

    def boundingRect(self) -> QRectF:
        return QRectF(self.plot.chart.rect())

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """What is seen of the points, the loop that is drawn, and a ring around the current one."""
        plot, frame = self.plot, self.plot.inside
        if plot.cloud is None or frame.isEmpty():
            return
        painter.save()
        painter.setClipRect(frame)
        painter.translate(frame.topLeft())
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        points = plot.seen(SIDE / 2)
        self.images = {}
        self.shown = "density" if len(points) > MARKS else "marks"
        if self.shown == "density":
            self.paint_density(painter, frame)
        else:
            self.paint_points(painter, points)
        self.paint_hand(painter)
        painter.restore()

    def paint_density(self, painter: QPainter, frame: QRectF) -> None:
        """Cells of the mean colour of their points; those that are chosen stand out."""
        cloud, points = self.plot.cloud, self.plot.seen()
        assert cloud is not None
        cells = int(frame.width() // CELL) + 1, int(frame.height() // CELL) + 1
        colours = [looks.colour(number) for number in range(WAITS, len(cloud.names))]
        table = np.array([(each.red(), each.green(), each.blue()) for each in colours], np.float64)
        shades = table.T[:, cloud.classes[points] - WAITS]
        x, y = self.plot.pixels_of(points)
        made, marked = density(x, y, shades, cloud.chosen[points], cells)
        ink = theme.colour("text")
        made.reshape(-1, 4)[marked] = (ink.blue(), ink.green(), ink.red(), 255)
        image = QImage(made.data, *cells, 4 * cells[0], QImage.Format.Format_ARGB32)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        painter.drawImage(QRectF(0, 0, cells[0] * CELL, cells[1] * CELL), image)

    def paint_points(self, painter: QPainter, points: np.ndarray) -> None:
        """Images if few, a ring around the chosen, and marks, what waits below all others."""
        cloud = self.plot.cloud
        assert cloud is not None
        points = points[np.argsort(cloud.classes[points], kind="stable")]
        pixels = np.column_stack(self.plot.pixels_of(points))
        few = len(points) <= IMAGES and not self.to_file
        covered = self.paint_images(painter, points, pixels) if few else set()
        bare = np.array([point not in covered for point in points.tolist()], bool)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(theme.colour("text"), 2))
        for x, y in pixels[bare & cloud.chosen[points]].tolist():
            painter.drawEllipse(QPointF(x, y), RING / 2, RING / 2)
        for number in np.unique(cloud.classes[points]).tolist():
            self.paint_marks(painter, pixels[bare & (cloud.classes[points] == number)], number)

    def paint_marks(self, painter: QPainter, pixels: np.ndarray, number: int) -> None:
        """The marks of a class."""
        if self.to_file:
            for x, y in pixels.tolist():
                painter.save()
                painter.translate(x, y)
                looks.paint(painter, number)
                painter.restore()
            return
        made, draw = self.mark(number), painter.drawPixmap
        half = made.deviceIndependentSize().width() / 2
        for x, y in (pixels - half).tolist():
            draw(QPointF(x, y), made)

    def mark(self, number: int) -> QPixmap:
        key = (number, self.plot.devicePixelRatioF(), theme.tokens())
        if key not in self.marks:
            self.marks[key] = looks.mark(number, key[1])
        return self.marks[key]

    def paint_images(self, painter: QPainter, points: np.ndarray, pixels: np.ndarray) -> set[int]:
        """The images of points, as many as lie beside each other; returns those that are covered.
        Each is framed in its class's colour, with its mark in a corner."""
        self.shown = "images"
        cloud = self.plot.cloud
        assert cloud is not None
        order = np.argsort(~cloud.chosen[points], kind="stable")
        points, pixels = points[order], pixels[order]
        missing, covered = [], set()
        for at in apart(pixels, SIDE + 4):
            point, (x, y) = int(points[at]), pixels[at].tolist()
            row = self.plot.rows.get(int(cloud.keys[point]))
            if row is None:
                missing.append(point)
                continue
            thumb = self.plot.thumbs.get(row["thumb"])
            if thumb is None or thumb.isNull():
                continue
            covered.add(point)
            made = self.fitted(row["thumb"], thumb)
            size = made.deviceIndependentSize()
            place = QRectF(x - size.width() / 2, y - size.height() / 2, size.width(), size.height())
            self.images[point] = place
            painter.drawPixmap(place.topLeft(), made)
            self.paint_frame(painter, place, int(cloud.classes[point]), bool(cloud.chosen[point]))
        self.plot.want(missing)
        return covered

    def paint_frame(self, painter: QPainter, place: QRectF, number: int, chosen: bool) -> None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(looks.colour(number), 2))
        painter.drawRect(place)
        if chosen:
            painter.setPen(QPen(theme.colour("text"), 2))
            painter.drawRect(place.adjusted(-2, -2, 2, 2))
        corner = place.bottomLeft() + QPointF(8, -8)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QBrush(theme.colour("surface", 220)))
        painter.drawEllipse(corner, 8, 8)
        self.paint_marks(painter, np.array([corner.toTuple()]), number)

    def fitted(self, place: Any, image: QImage) -> QPixmap:
        """An image in the size in which it is painted, made once."""
        ratio = self.plot.devicePixelRatioF()
        key = (place, ratio)
        if key not in self.scaled:
            if len(self.scaled) >= KEPT:
                self.scaled.clear()
            side = round(SIDE * ratio)
            way = Qt.TransformationMode.SmoothTransformation
            small = image.scaled(QSize(side, side), Qt.AspectRatioMode.KeepAspectRatio, way)
            made = QPixmap.fromImage(small)
            made.setDevicePixelRatio(ratio)
            self.scaled[key] = made
        return self.scaled[key]

    def paint_hand(self, painter: QPainter) -> None:
        """The loop that the mouse draws, and rings around the current point and that below it."""
        plot = self.plot
        if len(plot.loop) > 1:
            line = QPolygonF([QPointF(x, y) for x, y in plot.loop])
            soft = QColor(theme.colour("accent", 40))
            painter.setPen(QPen(theme.colour("accent"), 1.5))
            painter.setBrush(QBrush(soft))
            painter.drawPolygon(line)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for point, token, wide in ((plot.at, "text", 1.5), (plot.current, "accent", 3)):
            if point is None or point < 0 or self.to_file:
                continue
            painter.setPen(QPen(theme.colour(token), wide))
            if point in self.images:
                painter.drawRect(self.images[point].adjusted(-4, -4, 4, 4))
            else:
                spot = QPointF(*map(float, plot.pixels_of(point)))
                painter.drawEllipse(spot, RING / 2 + 2, RING / 2 + 2)
