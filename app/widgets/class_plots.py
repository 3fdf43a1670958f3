"""Bars of classes: how much of each is recognised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFontMetricsF

from app import theme
from app.widgets.plot_words import Reading
from app.widgets.plots import LEGEND, TITLE, Legend
from app.widgets.row_plot import RowPlot
from engine.system.words import plural, whole

LINE = 24
BAR, MARK = "recognised", "answers that are right"
HELP = {
    BAR: "The share of a class's test images that are recognised (recall).",
    MARK: "Of the images that are taken for a class, the share that belongs there (precision).",
}


class ClassBar(NamedTuple):
    """A class, the share of its test images that are recognised (None: not tested), the share of
    right ones among the answers that name it, and how many test images it has."""

    name: str
    accuracy: float | None
    precision: float | None = None
    images: int | None = None

    @property
    def words(self) -> str:
        """The share beside the size of its sample."""
        if self.accuracy is None:
            return "not tested"
        return whole(self.accuracy) + (f" of {self.images:,}" if self.images else "")


class BarPlot(RowPlot):
    """One bar for each class: accuracy as a bar, precision as a mark. It grows with its classes."""

    picked = Signal(str)
    thick = 10 / LINE
    legend_help: Mapping[str, str] = MappingProxyType(HELP)

    def __init__(self, title: str, empty: str) -> None:
        super().__init__(title, empty)
        self.bars: tuple[ClassBar, ...] = ()

    def show_bars(self, bars: Sequence[ClassBar]) -> None:
        """Shows shares from 0 to 1, the lowest accuracy first, those that are not tested last."""

        def place(bar: ClassBar) -> float:
            return 2.0 if bar.accuracy is None else bar.accuracy

        self.bars, self.at = tuple(sorted(bars, key=place)), None
        self.setMinimumHeight(TITLE + LEGEND + LINE * len(self.bars) + 12)
        self.redraw_soon()

    def row_count(self) -> int:
        return len(self.bars)

    def legend(self) -> Legend:
        bar = self.pen("accent", 8)
        bar.setCapStyle(Qt.PenCapStyle.FlatCap)
        marked = any(one.precision is not None for one in self.bars)
        mark = {"symbol": "|", "size": 14, "pen": self.pen("text", 2), "brush": None}
        return [(BAR, {"pen": bar}), *([(MARK, mark)] if marked else [])]

    def table(self) -> Sequence[Sequence[object]]:
        rows = [["" if cell is None else cell for cell in bar] for bar in self.bars]
        return [["class", "accuracy", "precision", "images"], *rows]

    def draw(self) -> None:
        """A line for each class: name, bar with mark, and the share."""
        self.draw_bars([bar.accuracy or 0.0 for bar in self.bars])
        self.chart.getAxis("left").setTextPen(theme.colour("text"))
        self.say_beside("right", [bar.words for bar in self.bars])
        precisions = [bar.precision for bar in self.bars]
        marks = [(p, -y - 0.5) for y, p in enumerate(precisions) if p is not None]
        xs, ys = [p for p, _ in marks for _ in "12"], [y + d for _, y in marks for d in (-0.3, 0.3)]
        self.line(xs, ys, self.pen("text", 2), "pairs")

    def arrange(self) -> None:
        """Lines of one height, and as much of each name as there is room for."""
        metrics = QFontMetricsF(self.small_font())
        widest = max(metrics.horizontalAdvance(bar.name) for bar in self.bars)
        shares = max(metrics.horizontalAdvance(bar.words) for bar in self.bars)
        room = min(widest + 2, self.width() * 0.32)
        elide = Qt.TextElideMode.ElideMiddle
        names = [metrics.elidedText(bar.name, elide, room) for bar in self.bars]
        self.say_beside("left", names)
        self.chart.getAxis("left").setWidth(room + 8)
        self.chart.getAxis("right").setWidth(shares + 14)
        self.chart.plotItem.layout.activate()
        self.show_range(0, 1, -max(self.frame().height() / LINE, 1), 0)

    def reading(self) -> Reading:
        bar = self.bars[self.at]
        lines = [bar.name, "not tested: no image to test"]
        if bar.accuracy is not None:
            some = f" of {plural(bar.images, 'test image')}" if bar.images else ""
            lines = [bar.name, f"{BAR}: {whole(bar.accuracy)}{some}"]
        lines += [f"{MARK}: {whole(bar.precision)}"] if bar.precision is not None else []
        return Reading(bar.accuracy or 0.0, -self.at - 0.5, lines, frame=self.around(self.at))

    def pick(self) -> None:
        self.picked.emit(self.bars[self.at].name)
