"""What a chart is drawn with, and where its values lie.

pyqtgraph is imported by the functions that need it: see plots.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPen
from PySide6.QtWidgets import QGraphicsScene, QWidget

from app import theme
from app.widgets.ticks import round_step

OVER = 40
"""Pixels by which a number may lie beyond the end of its axis."""


def new_chart(parent: QWidget) -> Any:
    """An empty chart. The mouse passes through it: all plots hear it in the same way."""
    import pyqtgraph as pg

    chart = pg.PlotWidget(parent, enableMenu=False)
    chart.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
    chart.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    chart.hideButtons()
    # An index of items would keep some that are gone, and Qt would paint them and crash.
    chart.scene().setItemIndexMethod(QGraphicsScene.ItemIndexMethod.NoIndex)
    left, bottom = chart.getAxis("left"), chart.getAxis("bottom")
    for axis in (left, bottom):
        axis.enableAutoSIPrefix(False)
        axis.setStyle(tickTextOffset=6)
    left.setGrid(255)
    left.setStyle(tickAlpha=255, maxTickLevel=0)
    left.setZValue(-1)
    bottom.setStyle(tickLength=0, tickAlpha=0, hideOverlappingLabels=OVER)
    return chart


class Drawing:
    """How a plot draws in its chart."""

    chart: Any
    scale: float
    """Pixels of the screen, or of a file, for one."""

    def make_chart(self) -> None:
        """Makes the chart, if there is none yet."""

    def catch_up(self) -> None:
        """Draws now what would be drawn soon."""

    def pen(
        self,
        token: str,
        width: float = 1.0,
        dash: Qt.PenStyle = Qt.PenStyle.SolidLine,
        alpha: int = 255,
    ) -> QPen:
        """A line of the theme, so many pixels wide however far the axes go."""
        pen = QPen(theme.colour(token, alpha), width * self.scale, dash)
        pen.setCosmetic(True)
        return pen

    def round_ticks(self, name: str, room: int) -> None:
        """Round values along an axis, at least so many pixels apart, with nothing between them."""

        def spacing(low: float, high: float, pixels: float) -> list[tuple[float, float]]:
            return [(round_step(high - low, max(int(pixels / room), 2)), 0.0)]

        self.chart.getAxis(name).tickSpacing = spacing

    def show_range(self, left: float, right: float, low: float, high: float) -> None:
        """The values at the edges."""
        self.chart.plotItem.vb.setRange(xRange=(left, right), yRange=(low, high), padding=0)

    def line(self, x: Sequence[float], y: Sequence[float], pen: QPen, connect: str = "all") -> None:
        """A line through values, or with "pairs" many; none where there is but one value."""
        if len(x) > 1:
            import pyqtgraph as pg

            made = pg.PlotCurveItem([*x], [*y], pen=pen, connect=connect, antialias=True)
            self.chart.addItem(made)

    def marks(self, marks: Sequence[tuple[float, float, Mapping[str, Any]]]) -> None:
        """Marks at values: x, y, and how each looks (symbol, size, pen, brush)."""
        import pyqtgraph as pg

        self.chart.addItem(pg.ScatterPlotItem([{"pos": (x, y), **look} for x, y, look in marks]))

    def shade(self, ends: tuple[float, float], along: str, colour: QColor) -> Any:
        """A band between two values, below all else."""
        import pyqtgraph as pg

        made = pg.LinearRegionItem(ends, along, colour, movable=False)
        for line in made.lines:
            line.setPen(None)
        made.setZValue(-10)
        self.chart.addItem(made)
        return made

    def errors(self, x: Sequence[float], y: Sequence[float], beam: float, **look: Any) -> None:
        """Bars of error: `left`, `right`, `top`, `bottom` are how far they go, row by row."""
        import pyqtgraph as pg
        from numpy import asarray

        pen = look.pop("pen")
        ends = {name: asarray(values) for name, values in look.items()}
        self.chart.addItem(pg.ErrorBarItem(x=asarray(x), y=asarray(y), beam=beam, pen=pen, **ends))

    def frame(self) -> QRectF:
        """The place between the axes, in pixels of the widget."""
        self.make_chart()
        self.catch_up()
        self.chart.plotItem.layout.activate()
        inside = self.chart.plotItem.vb
        return inside.mapRectToScene(inside.rect()).translated(self.chart.pos().toPointF())

    def spot(self, x: float, y: float) -> QPointF:
        """Where a value lies, in pixels of the widget."""
        frame, ((left, right), (low, high)) = self.frame(), self.chart.viewRange()
        across, up = (x - left) / (right - left), (y - low) / (high - low)
        return QPointF(frame.left() + across * frame.width(), frame.bottom() - up * frame.height())

    def value(self, at: QPointF) -> tuple[float, float]:
        """The values at a point of the widget."""
        frame, ((left, right), (low, high)) = self.frame(), self.chart.viewRange()
        across = (at.x() - frame.left()) / frame.width()
        up = (frame.bottom() - at.y()) / frame.height()
        return left + across * (right - left), low + up * (high - low)
