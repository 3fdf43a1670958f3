"""Tiles that show an image beside another one, so that the two can be compared."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyleOptionViewItem

from app import theme
from app.theme import GRID
from app.widgets.rows import Row, row_of, shown
from app.widgets.table import Index
from app.widgets.tile import Tile


class PairTile(Tile):
    """An image on the left, and on the right what its row has as `beside`, with its class."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return super().sizeHint(option, index) + QSize(self.side + GRID, 0)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """The image, what stands beside it where there is something, and the words of both."""
        row = row_of(index)
        cell = option.rect.adjusted(4, 4, -4, -4)
        self.paint_ground(painter, option, cell)
        left = cell.center().x() - self.side - GRID // 2
        first = QRect(left, cell.top() + 4, self.side, self.side)
        second = first.translated(self.side + GRID, 0)
        other = row.get("beside") if row else None
        if row is None or other is not None:
            place = self.paint_one(painter, second, other)
            if other is not None:
                words = painter.fontMetrics().elidedText(
                    shown(other["class"]), Qt.TextElideMode.ElideMiddle, place.width() - GRID
                )
                self.paint_badge(painter, place, words, theme.colour("muted"))
        else:
            first.moveCenter(QRect(cell.left(), first.top(), cell.width(), self.side).center())
        place = self.paint_one(painter, first, row)
        if row:
            self.paint_words(painter, cell, place, row)

    def paint_one(self, painter: QPainter, spot: QRect, row: Row | None) -> QRect:
        """An image, or an empty place until it is here; returns where it lies."""
        image: Any = self.thumbs.get(row.get("thumb")) if row else None
        if image is None or image.isNull():
            painter.fillRect(spot, theme.colour("sunken"))
            return spot
        return self.paint_picture(painter, spot, image)
