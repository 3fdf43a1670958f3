"""The one base of all plots, which pyqtgraph draws.

Each plot has a title, units and a legend, reads values under a crosshair (mouse or arrow keys),
and is saved as PNG, SVG or CSV. The library is imported after the window has opened; until then
a plot is its title over an empty place of the same size.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from threading import Thread
from types import MappingProxyType
from typing import Any

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, QTimer
from PySide6.QtGui import (
    QColor,
    QFont,
    QHelpEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QShortcut,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QFileDialog,
    QGraphicsRectItem,
    QGraphicsScene,
    QMenu,
    QToolButton,
    QToolTip,
    QWidget,
)

from app import theme
from app.widgets.controls import calling, tool
from app.widgets.plot_files import write
from app.widgets.plot_words import Reading, Word, Words
from app.widgets.ticks import round_step

TITLE = 28
LEGEND = 24
OVER = 40
"""Pixels by which a number may lie beyond the end of its axis."""
LEFT, NUMBERS, BOTTOM = 60, 50, 38
"""Pixels for numbers and title beside the frame, for numbers alone, and for both below it."""
PAUSE = 33
"""Milliseconds between two charts that are made: each takes about one frame."""
Legend = list[tuple[str, Mapping[str, Any]]]
"""Words, and how the line (pen) or mark (symbol, size, pen, brush) beside each looks."""
MOVES: dict[int, tuple[int, int]] = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}
PICKS = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space)


@lru_cache(maxsize=1)
def importing() -> Thread:
    """Imports the library once, in half a second, in a thread where it makes no Qt object."""
    thread = Thread(target=import_module, args=("pyqtgraph",), name="espalier plots")
    thread.start()
    return thread


class Plot(QWidget):
    """A titled chart. Subclasses draw the figures, and say what lies where and what it reads."""

    x_title = y_title = ""
    margins = (0, 0, 10, 0)
    """Pixels beside the axes: left, top, right, bottom."""
    legend_help: Mapping[str, str] = MappingProxyType({})
    """What words of the legend mean."""
    made_at = 0.0
    """When the last chart of all was made."""

    def __init__(self, title: str, empty: str) -> None:
        super().__init__()
        self.title, self.empty = title, empty
        self.chart: Any = None
        self.at: Any = None
        self.scale, self.waits = 1.0, False
        self.explained: Legend = []
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(title)
        self.setMinimumSize(240, 160)
        self.save_button = tool("save", f"Save the plot: {title}", "Saves this plot", key="")
        self.save_button.setParent(self)
        self.save_button.setToolTip("Saves this plot as PNG, SVG or CSV (Ctrl+S on the plot)")
        self.save_button.setProperty("key", "Ctrl+S")
        self.save_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self.save_button)
        for kind in ("PNG", "SVG", "CSV"):
            menu.addAction(f"Save as {kind} …", calling(self.choose_file, kind))
        self.save_button.setMenu(menu)
        shortcut = QShortcut(QKeySequence("Ctrl+S"), self, self.save_button.showMenu)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)

    # For subclasses.

    def has_figures(self) -> bool:
        return False

    def legend(self) -> Legend:
        return []

    def set_up(self, chart: Any) -> None:
        """Settles once what of the chart stays: which axes there are, and how wide."""

    def draw(self) -> None:
        """Adds the figures to the empty chart, and says how far its axes go."""

    def arrange(self) -> None:
        """Settles what depends on the size in pixels: after drawing, and at another size."""

    def find(self, at: QPointF) -> Any:
        """What lies at a point of the widget, for `reading`; None where nothing does."""
        return None

    def step(self, right: int, down: int) -> Any:
        """What an arrow key leads to from what is read now."""
        return None

    def reading(self) -> Reading | None:
        """What is read at `self.at`, which is not None."""
        return None

    def pick(self) -> None:
        """A click, Return or Space on what is read."""

    def table(self) -> Sequence[Sequence[object]]:
        """The figures as rows of text and numbers, the first row their names."""
        return []

    # The chart.

    def round_ticks(self, name: str, room: int) -> None:
        """Round values along an axis, at least so many pixels apart, with nothing between them."""

        def spacing(low: float, high: float, pixels: float) -> list[tuple[float, float]]:
            return [(round_step(high - low, max(int(pixels / room), 2)), 0.0)]

        self.chart.getAxis(name).tickSpacing = spacing

    def load(self) -> None:
        """Makes the chart when the library is there, and no other was made in this frame."""
        just_now = 1000 * (time.monotonic() - Plot.made_at) < PAUSE
        if self.chart is None and (importing().is_alive() or just_now):
            QTimer.singleShot(PAUSE, self, self.load)
        else:
            self.make_chart()

    def make_chart(self) -> None:
        """The chart, once. The mouse passes through it: all plots hear it in the same way."""
        if self.chart is not None:
            return
        pg: Any = import_module("pyqtgraph")
        self.chart = chart = pg.PlotWidget(self, enableMenu=False)
        chart.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        chart.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        chart.hideButtons()
        # An index of items would keep some that are gone, and Qt would paint them and crash.
        chart.scene().setItemIndexMethod(QGraphicsScene.ItemIndexMethod.NoIndex)
        for name in ("left", "bottom"):
            chart.getAxis(name).enableAutoSIPrefix(False)
            chart.getAxis(name).setStyle(tickTextOffset=6)
        # Widths that followed the words would be known after painting only.
        chart.getAxis("left").setWidth(LEFT if self.y_title else NUMBERS)
        chart.getAxis("bottom").setHeight(BOTTOM if self.x_title else 0)
        chart.getAxis("left").setGrid(255)
        chart.getAxis("left").setStyle(tickAlpha=255, maxTickLevel=0)
        chart.getAxis("left").setZValue(-1)
        chart.getAxis("bottom").setStyle(tickLength=0, tickAlpha=0, hideOverlappingLabels=OVER)
        self.signs = pg.LegendItem(frame=False, verSpacing=-6)
        self.signs.layout.setContentsMargins(2, 0, 0, 0)
        self.signs.setParentItem(chart.plotItem)
        self.cross, self.marked = pg.PlotCurveItem(), QGraphicsRectItem()
        for item in (self.cross, self.marked):
            item.setZValue(10)
            chart.plotItem.vb.addItem(item, ignoreBounds=True)
        self.overlay, self.box = Words(self), Words(self)
        self.overlay.setZValue(20)
        self.box.setZValue(21)
        self.set_up(chart)
        self.place_chart()
        self.redraw()
        self.save_button.raise_()
        chart.show()
        Plot.made_at = time.monotonic()

    def place_chart(self) -> None:
        """Below the title; the edge stays free for the frame that shows the focus."""
        if self.chart is not None:
            self.chart.setGeometry(2, TITLE, self.width() - 4, self.height() - TITLE - 2)
            # Before it is shown, Qt keeps the news of its size back.
            self.chart.resizeEvent(None)

    def redraw(self, scale: float = 0.0) -> None:
        """All anew in the theme's colours; `scale`: pixels of a file for one."""
        self.waits = False
        if self.chart is not None:
            self.scale = scale or self.devicePixelRatioF()
            self.chart.clear()
            self.overlay.say([])
            self.colour_axes()
            self.explain(self.legend() if self.has_figures() else [])
            self.chart.setVisible(self.has_figures())
            if self.has_figures():
                self.draw()
            self.settle()
        self.update()

    def redraw_soon(self) -> None:
        """Once for all that comes in this turn of the event loop."""
        if not self.waits:
            self.waits = True
            QTimer.singleShot(0, self, self.redraw)

    def settle(self) -> None:
        """What follows from the size in pixels."""
        if self.has_figures():
            self.chart.plotItem.layout.activate()
            self.arrange()
        self.show_reading()

    def colour_axes(self) -> None:
        muted = theme.colour("muted")
        self.chart.setBackground(theme.colour("surface"))
        for name, title in (("left", self.y_title), ("bottom", self.x_title), ("right", "")):
            axis = self.chart.getAxis(name)
            axis.setPen(None)
            axis.setTickPen(self.pen("line"))
            axis.setTextPen(muted)
            axis.setTickFont(self.small_font())
            if title:
                axis.setLabel(title, **{"color": muted.name(), "font-size": "9pt"})

    def explain(self, legend: Legend) -> None:
        """The legend in a line above the axes; making it anew takes long, so only if it differs."""
        if legend != self.explained:
            self.explained = legend
            pg: Any = import_module("pyqtgraph")
            self.signs.clear()
            self.signs.setColumnCount(max(len(legend), 1))
            self.signs.setLabelTextColor(theme.colour("muted"))
            for number, (text, look) in enumerate(legend):
                kind = pg.ScatterPlotItem if "symbol" in look else pg.PlotDataItem
                self.signs.addItem(kind(**look | {"antialias": True}), text)
                self.signs.layout.setColumnSpacing(2 * number + 1, 14)
        left, top, right, bottom = self.margins
        top += LEGEND if legend else 4
        self.chart.plotItem.layout.setContentsMargins(left, top, right, bottom)

    def show_range(self, left: float, right: float, low: float, high: float) -> None:
        """The values at the edges."""
        self.chart.plotItem.vb.setRange(xRange=(left, right), yRange=(low, high), padding=0)

    def line(self, x: Sequence[float], y: Sequence[float], pen: QPen, connect: str = "all") -> None:
        """A line through values, or with "pairs" many."""
        pg: Any = import_module("pyqtgraph")
        made = pg.PlotCurveItem([*x], [*y], pen=pen, connect=connect, antialias=True)
        self.chart.addItem(made)

    def marks(self, marks: Sequence[tuple[float, float, Mapping[str, Any]]]) -> None:
        """Marks at values: x, y, and how each looks (symbol, size, pen, brush)."""
        pg: Any = import_module("pyqtgraph")
        self.chart.addItem(pg.ScatterPlotItem([{"pos": (x, y), **look} for x, y, look in marks]))

    def shade(self, ends: tuple[float, float], along: str, colour: QColor) -> Any:
        """A band between two values, below all else."""
        pg: Any = import_module("pyqtgraph")
        made = pg.LinearRegionItem(ends, along, colour, movable=False)
        for line in made.lines:
            line.setPen(None)
        made.setZValue(-10)
        self.chart.addItem(made)
        return made

    def errors(self, x: Sequence[float], y: Sequence[float], beam: float, **look: Any) -> None:
        """Bars of error: `left`, `right`, `top`, `bottom` are how far they go, row by row."""
        pg, asarray = import_module("pyqtgraph"), import_module("numpy").asarray
        pen = look.pop("pen")
        ends = {name: asarray(values) for name, values in look.items()}
        self.chart.addItem(pg.ErrorBarItem(x=asarray(x), y=asarray(y), beam=beam, pen=pen, **ends))

    def show_reading(self) -> None:
        """Moves the crosshair to what is read, and says what that is."""
        if self.chart is None:
            return
        found = self.reading() if self.at is not None and self.has_figures() else None
        (left, right), (low, high) = self.chart.viewRange()
        xs = [found.x, found.x] if found and "|" in found.cross else []
        xs += [left, right] if found and "-" in found.cross else []
        ys = [low, high] if found and "|" in found.cross else []
        ys += [found.y, found.y] if found and "-" in found.cross else []
        bold = bool(found and found.bold)
        pen = self.pen("text") if bold else self.pen("muted", 1, Qt.PenStyle.DotLine)
        edge = self.pen("surface", 3, alpha=200) if bold else None
        self.cross.setData(xs, ys, connect="pairs", pen=pen, shadowPen=edge)
        self.marked.setRect(found.frame if found and found.frame else QRectF())
        self.marked.setPen(self.pen("text", 2))
        self.marked.setVisible(bool(found and found.frame))
        text = "\n".join(found.lines) if found else ""
        look: dict[str, Any] = {"token": "text", "box": "surface", "beside": True}
        self.box.say([Word(found.x, found.y, text, **look)] if found else [])

    def said(self) -> list[str]:
        """What the crosshair reads, line by line."""
        found = self.reading() if self.at is not None and self.has_figures() else None
        return list(found.lines) if found else []

    # Where things lie.

    def frame(self) -> QRectF:
        """The place between the axes, in pixels of the widget."""
        self.make_chart()
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

    # How things look.

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

    def small_font(self) -> QFont:
        font = QFont(self.font())
        font.setPointSizeF(9)
        return font

    # Saving.

    def choose_file(self, kind: str) -> None:
        name = f"{self.title.lower().replace(' ', '-')}.{kind.lower()}"
        path, _ = QFileDialog.getSaveFileName(self, f"Save as {kind}", name, f"*.{kind.lower()}")
        if path:
            self.save(path)

    def save(self, path: str) -> None:
        """Writes the plot as the path's ending says: .png (at twice the size), .svg or .csv."""
        write(self, path)

    # Painting.

    def sizeHint(self) -> QSize:
        return QSize(420, 280)

    def event(self, event: QEvent) -> bool:
        """A word of the legend is explained where the mouse rests on it."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            help = self.legend_help.get(self.sign_at(event.pos()), "")
            if help:
                QToolTip.showText(event.globalPos(), help, self)
                return True
        return super().event(event)

    def sign_at(self, at: QPoint) -> str:
        """The word of the legend at a point."""
        if self.chart is None:
            return ""
        spot = (at - self.chart.pos()).toPointF()
        for (text, _), (sample, label) in zip(self.explained, self.signs.items, strict=True):
            if sample.sceneBoundingRect().united(label.sceneBoundingRect()).contains(spot):
                return text
        return ""

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        self.paint_title(painter)
        if self.hasFocus():
            painter.setPen(QPen(theme.colour("accent"), 1))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)

    def paint_title(self, painter: QPainter) -> None:
        """The title, and the sentence that says how to get figures while there are none."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = QFont(self.font())
        font.setPointSizeF(11)
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(theme.colour("text"))
        place, flags = QRectF(4, 0, self.width() - 44, TITLE), Qt.AlignmentFlag.AlignVCenter
        painter.drawText(place, flags, self.title)
        if not self.has_figures():
            painter.setFont(self.small_font())
            painter.setPen(theme.colour("muted"))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            place = QRectF(self.rect()).adjusted(24, TITLE, -24, -TITLE)
            painter.drawText(place, flags, self.empty)

    # What happens to it.

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.load()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.redraw()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.save_button.adjustSize()
        self.save_button.move(self.width() - self.save_button.width(), 0)
        self.place_chart()
        if self.chart is not None:
            self.settle()

    def read(self, at: Any) -> None:
        """Puts the crosshair there, or takes it away."""
        if at != self.at:
            self.at = at
            self.show_reading()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.chart is not None and self.has_figures():
            self.read(self.find(event.position()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self.at is not None:
            self.pick()

    def leaveEvent(self, event: QEvent) -> None:
        self.read(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in MOVES and self.has_figures():
            self.read(self.step(*MOVES[event.key()]))
        elif event.key() in PICKS and self.at is not None:
            self.pick()
        else:
            super().keyPressEvent(event)
