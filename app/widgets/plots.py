"""The one base of all plots, which pyqtgraph draws.

Each plot has a title, units and a legend, reads values under a crosshair (mouse or arrow keys),
and is saved as PNG, SVG or CSV. The library is imported after the window has opened; until then
a plot is its title over an empty place of the same size.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, QTimer
from PySide6.QtGui import (
    QFont,
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QGraphicsRectItem, QToolTip, QWidget

from app import theme
from app.widgets.chart import Drawing, new_chart
from app.widgets.plot_files import save_button, write
from app.widgets.plot_library import imported
from app.widgets.plot_words import Reading, Word, Words

TITLE = 28
LEGEND, NEXT, SIGN, LINES = 24, 17, 42, 3
"""Pixels of a line of the legend, of each below it, of a sign beside its word; lines at most."""
LEFT, NUMBERS, BOTTOM, BELOW = 60, 50, 42, 4
"""Pixels for numbers and title beside the frame, for numbers alone, for both below it with room."""
PAUSE = 33
"""Milliseconds between two charts that are made: each takes about one frame."""
Legend = list[tuple[str, Mapping[str, Any]]]
"""Words, and how the line (pen) or mark (symbol, size, pen, brush) beside each looks; a mark on a
line has both, the line's pen as `line`."""
MOVES: dict[int, tuple[int, int]] = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}
PICKS = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space)


class Plot(QWidget, Drawing):
    """A titled chart. Subclasses draw the figures, and say what lies where and what it reads."""

    x_title = y_title = ""
    margins = (0, 0, 10, BELOW)
    """Pixels beside the axes: left, top, right, bottom."""
    legend_help: Mapping[str, str] = MappingProxyType({})
    """What words of the legend mean."""
    legend_gap = 14
    legend_wraps = False
    """Whether a legend that is too long goes on in a line below."""
    made_at = 0.0
    """When the last chart of all was made."""

    def __init__(self, title: str, empty: str) -> None:
        super().__init__()
        self.title, self.empty = title, empty
        self.chart: Any = None
        self.at: Any = None
        self.scale, self.stale = 1.0, False
        self.waiting: list[Callable[[], None]] = []
        self.explained: Legend = []
        self.legend_lines = 1
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(title)
        self.setMinimumSize(240, 160)
        self.save_button = save_button(self)

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

    def under(self, at: QPointF) -> Any:
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

    def load(self) -> None:
        """Makes the chart when the library is there, and no other was made in this frame."""
        just_now = 1000 * (time.monotonic() - Plot.made_at) < PAUSE
        if self.chart is None and (just_now or not imported()):
            QTimer.singleShot(PAUSE, self, self.load)
        else:
            self.make_chart()

    def make_chart(self) -> None:
        """The chart, its legend and its crosshair, once."""
        if self.chart is not None:
            return
        import pyqtgraph as pg

        from app.widgets.legend_signs import Signs

        self.chart = chart = new_chart(self)
        # Widths that followed the words would be known after painting only.
        chart.getAxis("left").setWidth(LEFT if self.y_title else NUMBERS)
        chart.getAxis("bottom").setHeight(BOTTOM - BELOW if self.x_title else 0)
        self.signs = Signs()
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
        Plot.made_at = time.monotonic()

    def place_chart(self) -> None:
        """Below the title; the edge stays free for the frame that shows the focus."""
        if self.chart is not None:
            # What stood beside the axes of a wider chart would hold it wider than it can be seen.
            self.chart.plotItem.layout.setContentsMargins(0, 0, 0, 0)
            self.chart.setGeometry(2, TITLE, self.width() - 4, self.height() - TITLE - 2)
            # Before it is shown, Qt keeps the news of its size back.
            self.chart.resizeEvent(None)

    def redraw(self, scale: float = 0.0) -> None:
        """All anew in the theme's colours; `scale`: pixels of a file for one."""
        self.stale = False
        if self.chart is not None:
            self.scale = scale or self.devicePixelRatioF()
            self.chart.clear()
            self.overlay.say([])
            self.colour_axes()
            self.explain(self.legend() if self.has_figures() else [])
            self.chart.setVisible(self.has_figures())
            self.save_button.setEnabled(self.has_figures())
            if self.has_figures():
                self.draw()
            self.settle()
        self.update()

    def redraw_soon(self) -> None:
        """In this turn of the event loop; where nobody sees it, when it is shown."""
        if self.isVisible():
            self.soon(self.redraw)
        else:
            self.stale = True

    def soon(self, act: Callable[[], None]) -> None:
        """Does it once for all that comes in this turn of the event loop."""
        if not self.waiting:
            QTimer.singleShot(0, self, self.catch_up)
        if act not in self.waiting:
            self.waiting.append(act)

    def catch_up(self) -> None:
        acts, self.waiting = self.waiting, []
        for act in acts:
            act()

    def settle(self) -> None:
        """What follows from the size in pixels."""
        if self.has_figures():
            self.explain(self.explained)
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
        """The legend in a line above the axes, or more; making it anew takes long, so only if it
        differs."""
        lines = self.lines_of(legend)
        if legend != self.explained or lines != self.legend_lines:
            self.explained, self.legend_lines = legend, lines
            from app.widgets.legend_signs import Sign

            self.signs.clear()
            columns = max(-(-len(legend) // lines), 1)
            self.signs.setColumnCount(columns)
            for line in range(LINES if self.legend_wraps else 0):
                self.signs.layout.setRowFixedHeight(line, NEXT + 6)
            self.signs.setLabelTextColor(theme.colour("muted"))
            for number, (text, look) in enumerate(legend):
                self.signs.addItem(Sign(look), text)
                self.signs.layout.setColumnSpacing(2 * (number % columns) + 1, self.legend_gap)
            self.signs.layout.activate()  # or the last words would lie over the first
        left, top, right, bottom = self.margins
        top += LEGEND + (lines - 1) * NEXT if legend else 4
        self.chart.plotItem.layout.setContentsMargins(left, top, right, bottom)

    def lines_of(self, legend: Legend) -> int:
        """How many lines a legend takes at this width."""
        metrics, each = QFontMetricsF(self.small_font()), SIGN + self.legend_gap
        words = [metrics.horizontalAdvance(text) + each for text, _ in legend]
        for lines in range(1, LINES) if self.legend_wraps else ():
            columns = max(-(-len(words) // lines), 1)
            if (
                sum(max(words[at::columns]) for at in range(min(columns, len(words))))
                < self.width()
            ):
                return lines
        return LINES if self.legend_wraps else 1

    def show_reading(self) -> None:
        """Moves the crosshair to what is read, and says what that is."""
        if self.chart is None:
            return
        found = self.found()
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
        found = self.found()
        return list(found.lines) if found else []

    def found(self) -> Reading | None:
        return self.reading() if self.at is not None and self.has_figures() else None

    def save(self, path: str) -> None:
        """Writes the plot as the path's ending says: .png (at twice the size), .svg or .csv."""
        write(self, path)

    # Painting.

    def small_font(self) -> QFont:
        font = QFont(self.font())
        font.setPointSizeF(9)
        return font

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
        if self.stale:
            self.redraw()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.redraw_soon()

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
            self.read(self.under(event.position()))

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
