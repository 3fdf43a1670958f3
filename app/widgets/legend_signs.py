"""The legend of a plot: each line as long and each mark as large as they tell themselves apart.

pyqtgraph is imported here, so this is imported by the functions that need it: see plots.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyqtgraph as pg
from pyqtgraph.graphicsItems.ScatterPlotItem import drawSymbol
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

WIDE, MARK, HIGH = 32, 20, 20
"""Pixels of a sign, in which the pattern of a line, dots and dashes, is twice at least; of a mark
alone."""


class Sign(pg.ItemSample):
    """A line as the plot draws it (`pen`), with its mark where it has one (`symbol`, `size`,
    `brush`, and the mark's own `edge`), or a mark alone."""

    def __init__(self, look: Mapping[str, Any]) -> None:
        super().__init__(pg.PlotDataItem())
        self.look = look
        self.wide = MARK if "symbol" in look and look.get("line") is None else WIDE
        self.setFixedWidth(self.wide)

    def boundingRect(self) -> QRectF:
        return QRectF(0, 0, self.wide, HIGH)

    def paint(self, painter: QPainter, *_: object) -> None:
        """The line over the whole width, the mark in its middle."""
        look, middle = self.look, QPointF(self.wide / 2, HIGH / 2 + 1)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = look.get("line", None if "symbol" in look else look["pen"])
        if line is not None:
            pen = QPen(line)
            pen.setCapStyle(Qt.PenCapStyle.FlatCap)
            painter.setPen(pen)
            painter.drawLine(QPointF(0, middle.y()), QPointF(self.wide, middle.y()))
        if "symbol" in look:
            painter.translate(middle)
            edge, brush = pg.mkPen(look.get("pen")), pg.mkBrush(look.get("brush"))
            drawSymbol(painter, look["symbol"], look.get("size", 10), edge, brush)

    def mouseClickEvent(self, event: object) -> None:
        """Hides nothing: a legend is to be read."""


class Signs(pg.LegendItem):
    """Puts its words into columns by their number, also when they are made anew."""

    def __init__(self) -> None:
        super().__init__(frame=False, verSpacing=-6, sampleType=Sign)

    def _addItemToLayout(self, sample: Any, label: Any) -> None:
        # pyqtgraph asks the layout where there is room, and it still counts what was taken away.
        number = next(n for n, (known, _) in enumerate(self.items) if known is sample)
        line, column = divmod(number, self.columnCount)
        self.layout.addItem(sample, line, 2 * column, Qt.AlignmentFlag.AlignVCenter)
        self.layout.addItem(label, line, 2 * column + 1)
        self.rowCount = line + 1
