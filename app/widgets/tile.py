"""A tile of a gallery: one image with its caption, its split and what is to know about it."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QImage, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app import theme
from app.theme import GRID
from app.widgets.captions import fitted, lines_of
from app.widgets.rows import Row, row_of, side
from app.widgets.table import Index
from app.widgets.thumbs import Thumbnails

PATIENCE = 0.02
"""Seconds of scaling thumbnails in one paint."""
SCALED_KEPT = 1000
"""More than a large screen shows at once, or each paint would throw away what the next needs."""
CAPTION = 2 * GRID + 4


class Tile(QStyledItemDelegate):
    """Paints one image with its caption, its split and what is to know about it."""

    def __init__(self, thumbs: Thumbnails, parent: QWidget, side: int) -> None:
        super().__init__(parent)
        self.thumbs, self.side = thumbs, side
        self.scaled: OrderedDict[tuple[int, int], QImage] = OrderedDict()
        self.captions, self.lines = True, 1
        self.naming: Callable[[Row], str] = lambda row: row.get("class", "")
        self.until, self.late = 0.0, False

    def begin(self) -> None:
        """A paint begins: it may scale thumbnails for PATIENCE. What comes after is painted rough,
        and well in the next turn, so that a page full of new images holds nothing up."""
        self.until, self.late = time.perf_counter() + PATIENCE, False

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(self.side + 2 * GRID, self.side + 2 * GRID + CAPTION * self.lines)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """One tile, or an empty place until its row and its thumbnail are here."""
        row = row_of(index)
        cell = option.rect.adjusted(4, 4, -4, -4)
        self.paint_ground(painter, option, cell)
        side = self.side
        spot = QRect(cell.center().x() - side // 2, cell.top() + 4, side, side)
        image = self.thumbs.get(row.get("thumb")) if row else None
        if image is None or image.isNull():
            painter.fillRect(spot, theme.colour("sunken"))
        else:
            spot = self.paint_picture(painter, spot, image)
        if row:
            self.paint_words(painter, cell, spot, row)

    def paint_ground(self, painter: QPainter, option: QStyleOptionViewItem, cell: QRect) -> None:
        state = option.state
        if state & QStyle.StateFlag.State_Selected:
            painter.setBrush(theme.colour("accent_soft"))
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.setBrush(theme.colour("hover"))
        else:
            painter.setBrush(Qt.BrushStyle.NoBrush)
        focus = state & QStyle.StateFlag.State_HasFocus
        painter.setPen(QPen(theme.colour("accent"), 2) if focus else Qt.PenStyle.NoPen)
        painter.drawRoundedRect(cell, 6, 6)

    def paint_picture(self, painter: QPainter, spot: QRect, image: QImage) -> QRect:
        """The image in the middle of its spot; returns where it lies."""
        size = image.size().scaled(spot.size(), Qt.AspectRatioMode.KeepAspectRatio)
        place = QRect(QPoint(0, 0), size)
        place.moveCenter(spot.center())
        painter.drawImage(place, self.fitted(image, size * painter.device().devicePixelRatio()))
        return place

    def fitted(self, image: QImage, size: QSize) -> QImage:
        """The image in the size in which it is painted; scaling anew each time would be slow."""
        key = (image.cacheKey(), size.width())
        if key not in self.scaled:
            if time.perf_counter() > self.until:
                self.late = True
                return image
            way = Qt.TransformationMode.SmoothTransformation
            self.scaled[key] = image.scaled(size, Qt.AspectRatioMode.IgnoreAspectRatio, way)
            if len(self.scaled) > SCALED_KEPT:
                self.scaled.popitem(last=False)
        return self.scaled[key]

    def paint_words(self, painter: QPainter, cell: QRect, place: QRect, row: Row) -> None:
        """The split, a mark where something is to know, and the caption."""
        if split := row.get("split"):
            ink = theme.colour("accent" if split == "validation" else "muted")
            fresh = ", new" if split == "train" and row.get("learnt") is False else ""
            self.paint_badge(painter, place, side(row) + fresh, ink)
        if row.get("note"):
            mark = theme.image("warning", theme.tokens().warning, 32)
            painter.drawPixmap(QRect(place.right() - 20, place.top() + 4, 16, 16), mark)
        if self.captions:
            painter.setPen(theme.colour("text"))
            top = cell.bottom() - CAPTION * self.lines
            for place_of_line, words in enumerate(self.words(row, cell.width())):
                line = QRect(cell.left(), top + CAPTION * place_of_line, cell.width(), CAPTION)
                painter.drawText(line, Qt.AlignmentFlag.AlignCenter, words)

    def words(self, row: Row, wide: int) -> list[str]:
        """The lines of a caption as they are painted in a tile so many pixels wide."""
        lines = lines_of(row.get("caption") or self.naming(row))[: self.lines]
        metrics = QFontMetrics(self.font)
        return [fitted(parts, metrics, wide - 8) for parts in lines]

    @property
    def font(self) -> QFont:
        """Captions are written as all text is."""
        parent = self.parent()
        assert isinstance(parent, QWidget)
        return parent.font()

    def paint_badge(self, painter: QPainter, place: QRect, text: str, ink: QColor) -> None:
        """A small text on a light ground in the corner of the image."""
        painter.save()
        font = painter.font()
        font.setPointSizeF(7.5)
        painter.setFont(font)
        width = painter.fontMetrics().horizontalAdvance(text) + GRID
        badge = QRectF(place.left() + 4, place.bottom() - 18, width, 15)
        path = QPainterPath()
        path.addRoundedRect(badge, 4, 4)
        painter.fillPath(path, theme.colour("surface", 225))
        painter.setPen(ink)
        painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, text)
        painter.restore()
