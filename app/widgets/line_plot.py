"""The plot of lines over steps, which pyqtgraph draws, imported after the window has opened."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from threading import Thread
from typing import Any

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, QTimer
from PySide6.QtGui import QFont, QMouseEvent, QPainter, QPen

from app import theme
from app.widgets.controls import column, laid_out
from app.widgets.plots import LEGEND, TITLE, Plot


@dataclass(frozen=True)
class Series:
    """One line: its points (x, y), its colour by token, and its dash.

    A `dense` line is thin and pale, without marks, and the crosshair stops at none of its points.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    token: str = "accent"
    dash: Qt.PenStyle = Qt.PenStyle.SolidLine
    dense: bool = False

    @property
    def marked(self) -> bool:
        return len(self.points) <= 60 and not self.dense

    @property
    def pen(self) -> QPen:
        tint = theme.colour(self.token, 120 if self.dense else 255)
        pen = QPen(tint, 1 if self.dense else 2, self.dash)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        return pen


class LinePlot(Plot):
    """Lines over whole numbers (steps); y in per cent, up to 100. pyqtgraph draws the chart.

    Importing that takes half a second: `load` does it beside the event loop. Until then there are
    the title and the legend over an empty place of the same size.
    """

    def __init__(self, title: str, empty: str, x_title: str, y_title: str) -> None:
        super().__init__(title, empty)
        self.x_title, self.y_title = x_title, y_title
        self.series: tuple[Series, ...] = ()
        self.reading: float | None = None
        self.chart: Any = None
        self.lines: list[Any] = []

    def load(self) -> None:
        """Imports the library in a thread, where it makes no Qt object; then makes the chart."""
        thread = Thread(target=import_module, args=("pyqtgraph",), name="espalier plots")
        thread.start()
        self.wait_for(thread)

    def wait_for(self, thread: Thread) -> None:
        if thread.is_alive():
            QTimer.singleShot(33, self, lambda: self.wait_for(thread))
        else:
            self.make_chart()

    def make_chart(self) -> None:
        """The chart, once. The mouse passes through it, so that it neither pans nor has a menu."""
        if self.chart is not None:
            return
        import pyqtgraph

        self.chart = chart = pyqtgraph.PlotWidget(enableMenu=False)
        chart.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        chart.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        chart.plotItem.layout.setContentsMargins(0, 0, 10, 0)
        left, bottom = chart.getAxis("left"), chart.getAxis("bottom")
        left.tickStrings = lambda values, *_: [f"{v:g} {self.y_title}".strip() for v in values]
        bottom.tickStrings = lambda values, *_: [self.number(v) for v in values]
        left.setWidth(50)
        left.setGrid(255)
        left.setStyle(tickAlpha=255, tickTextOffset=6, maxTickLevel=0)
        left.setZValue(-1)
        bottom.setStyle(tickLength=0, tickAlpha=0, tickTextOffset=6)
        bottom.setHeight(38)
        bottom.enableAutoSIPrefix(False)
        # The edge stays free for the frame that shows the focus.
        self.setLayout(column(chart))
        laid_out(self).setContentsMargins(2, TITLE + LEGEND, 2, 2)
        self.draw()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.draw()

    def show_series(self, series: Sequence[Series]) -> None:
        """Shows these lines; the y axis begins at a round number below the lowest value."""
        self.series = tuple(s for s in series if s.points)
        self.draw()
        self.update()

    def draw(self, scale: float = 0.0) -> None:
        """Axes, lines and crosshair in the theme's colours; `scale`: pixels of a file for one."""
        if self.chart is None:
            return
        self.chart.clear()
        self.chart.setVisible(self.has_figures())
        self.chart.setBackground(theme.colour("surface"))
        font, muted = QFont(self.font()), theme.colour("muted")
        font.setPointSizeF(9)
        for name in ("left", "bottom"):
            axis = self.chart.getAxis(name)
            axis.setPen(None)
            axis.setTickPen(theme.colour("line"))
            axis.setTextPen(muted)
            axis.setTickFont(font)
        axis.setLabel(self.x_title, **{"color": muted.name(), "font-size": "9pt"})
        if not self.series:
            return
        scale = scale or self.devicePixelRatioF()
        self.lines = [self.draw_line(series, scale) for series in reversed(self.series)]
        self.fit()
        if self.reading in self.steps():
            self.draw_reading(self.reading, font)

    def fit(self) -> None:
        """Both axes as wide as the figures."""
        self.chart.setXRange(*self.across(), padding=0)
        self.chart.setYRange(*self.upwards(), padding=0.1)

    def number(self, x: float) -> str:
        """A value of the x axis in words; nothing where it is none."""
        return f"{x:g}" if x == int(x) else ""

    def across(self) -> tuple[float, float]:
        """A little wider than the points, so that a single one lies in the middle."""
        steps = self.steps()
        return steps[0] - 0.4, max(steps[-1], steps[0] + 1) + 0.4

    def upwards(self) -> tuple[float, float]:
        """From a round number below the lowest value up to 100."""
        lowest = min(y for s in self.series for _, y in s.points)
        return max(0.0, math.floor((lowest - 5) / 20) * 20.0), 100.0

    def draw_line(self, series: Series, scale: float) -> Any:
        """One line, its points marked while they are few."""
        pen = series.pen
        # A pen that is not cosmetic would be stretched with the axes.
        pen.setCosmetic(True)
        pen.setWidthF(pen.widthF() * scale)
        return self.chart.plot(
            *zip(*series.points, strict=True),
            pen=pen,
            antialias=True,
            useCache=False,
            symbol="o" if series.marked else None,
            symbolSize=6,
            symbolPen=None,
            symbolBrush=theme.colour(series.token),
        )

    def draw_reading(self, x: float, font: QFont) -> None:
        """The crosshair at a step, and each series' value there."""
        import pyqtgraph

        lines = self.words(x)
        look = {
            "color": theme.colour("text"),
            "fill": theme.colour("surface"),
            "border": theme.colour("line"),
        }
        cross = pyqtgraph.InfiniteLine(
            x,
            pen=QPen(theme.colour("muted"), 0, Qt.PenStyle.DotLine),
            label="\n".join(lines),
            labelOpts=look,
        )
        cross.label.setFont(font)
        cross.setZValue(1)
        self.chart.addItem(cross)
        # Right of the line, or left where there is no room, and always inside the chart.
        view, width = self.chart.plotItem.vb, cross.label.boundingRect().width()
        at = view.mapFromView(QPointF(x, 0)).x()
        left = at + 12 if at + 12 + width < view.width() else max(at - 12 - width, 0)
        cross.label.anchors = [((at - left) / width, 0.5)] * 2
        cross.label.updatePosition()

    def words(self, x: float) -> list[str]:
        """What the crosshair reads at a step, line by line."""
        found = [
            f"{s.name}: {y:.1f} {self.y_title}"
            for s in self.series
            for at, y in s.points
            if at == x
        ]
        return [f"{self.x_title} {x:g}", *found]

    def steps(self) -> list[float]:
        """Where the crosshair stops."""
        stops = [s for s in self.series if not s.dense] or self.series
        return sorted({x for s in stops for x, _ in s.points})

    def has_figures(self) -> bool:
        return bool(self.series)

    def legend(self) -> list[tuple[str, QPen]]:
        return [(s.name, s.pen) for s in self.series]

    def table(self) -> Sequence[Sequence[object]]:
        known = [dict(s.points) for s in self.series]
        unit = f" ({self.y_title})" if self.y_title else ""
        rows = [[x, *(points.get(x, "") for points in known)] for x in sorted(set().union(*known))]
        return [[self.x_title, *(f"{s.name}{unit}" for s in self.series)], *rows]

    def paint_inside(self, painter: QPainter, area: QRectF) -> None:
        """On the screen the chart paints itself; here it goes into a file, without crosshair."""
        if self.dirty is None:
            self.make_chart()
            reading, self.reading = self.reading, None
            self.draw(painter.device().devicePixelRatioF())
            self.chart.render(painter, QRectF(self.chart.geometry()), self.chart.rect())
            self.reading = reading
            self.draw()

    def read(self, x: float | None) -> None:
        """Puts the crosshair at the step nearest to x, or takes it away."""
        nearest = None
        if x is not None:
            nearest = min(self.steps(), key=lambda known: abs(known - x), default=None)
        if nearest != self.reading:
            self.reading = nearest
            self.draw()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.chart is not None:
            at = self.chart.mapFrom(self, event.position())
            self.read(self.chart.plotItem.vb.mapSceneToView(at).x())

    def leaveEvent(self, event: QEvent) -> None:
        self.read(None)

    def step_spot(self, right: int, down: int) -> None:
        steps = self.steps()
        at = steps.index(self.reading) + right if self.reading in steps else 0
        self.read(steps[min(max(at, 0), len(steps) - 1)])
