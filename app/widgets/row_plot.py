"""The base of plots that have a bar in each row, with its name and its value beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QPointF, QRectF

from app import theme
from app.widgets.plots import Plot


class RowPlot(Plot):
    """Bars from 0 to 1 across, one below the other; the first row lies between 0 and -1."""

    thick = 0.6
    """How much of a row's height its bar takes."""

    def row_count(self) -> int:
        """How many rows there are."""
        return 0

    def has_figures(self) -> bool:
        return self.row_count() > 0

    def set_up(self, chart: Any) -> None:
        chart.showAxis("right")
        for name in ("left", "right"):
            chart.getAxis(name).setGrid(False)
            chart.getAxis(name).setStyle(tickLength=0, tickTextOffset=6)

    def draw_bars(self, values: Sequence[float]) -> None:
        """Each on a track that is as long as the longest can be."""
        import pyqtgraph as pg

        rows = [-n - 0.5 for n in range(len(values))]
        for ends, token in (([1.0] * len(rows), "sunken"), (values, "accent")):
            look = {"pen": None, "brush": theme.colour(token)}
            bars = pg.BarGraphItem(x0=0, x1=[*ends], y=rows, height=self.thick, **look)
            self.chart.addItem(bars)

    def say_beside(self, side: str, words: Sequence[str]) -> None:
        """Words at the left or right of all rows."""
        self.chart.getAxis(side).setTicks([[(-n - 0.5, word) for n, word in enumerate(words)]])

    def around(self, row: int) -> QRectF:
        return QRectF(0, -row - 0.5 - self.thick / 2, 1, self.thick)

    def under(self, at: QPointF) -> int | None:
        number = int(-self.value(at)[1] // 1)
        return number if 0 <= number < self.row_count() else None

    def step(self, right: int, down: int) -> int:
        return 0 if self.at is None else min(max(self.at + down, 0), self.row_count() - 1)
