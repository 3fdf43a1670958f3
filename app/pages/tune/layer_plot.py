"""The plot of stages over steps: how fast each learns, when it freezes, what is kept."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QFontMetricsF, QKeyEvent, QPainterPath, QTransform
from PySide6.QtWidgets import QGraphicsPathItem, QGraphicsRectItem, QWidget

from app import theme
from app.pages.tune.layer_columns import Layers
from app.pages.tune.layer_image import PALE, Cells, Scale, gradient, hatching, mixed, still
from app.widgets.plot_words import Reading
from app.widgets.plots import Legend, Plot
from engine.events import LayerPlan, LayerState

EMPTY = (
    "Start a run: here you see how fast each stage learns at each step, when it freezes, and when "
    "it is read from the cache."
)
HELP = "Use the arrow keys to read it, with Shift step by step; Home and End go to the ends."
NAMES = 120
"""Pixels for the names of stages, at most."""
GAP, BAR, RIGHT = 16, 12, 96
"""Pixels beside the bar of colours, across it, and of all that is right of the frame."""
RATE = ("learning rate per step", "learning rate", "rate")
WORDS = 46
"""Letters in a line of the box of readings."""
BOX, HATCHED = QPainterPath(), QPainterPath()
BOX.addRect(-0.5, -0.3, 1, 0.6)
HATCHED.addPath(BOX)
for across in (-0.5, -0.2, 0.1, 0.4):
    HATCHED.moveTo(across, 0.3)
    HATCHED.lineTo(min(across + 0.6, 0.5), 0.3 - min(0.6, 0.5 - across))


class LayerPlot(Plot):
    """Stages from stem to head against steps; colour is the learning rate.

    Grey is frozen, hatched is served from the cache, pale is what is only planned. `plan` begins a
    run, each `state` adds what happened, `show_run` shows a run of the past.
    """

    x_title, y_title = "step", "stage"
    margins = (0, 4, 0, 4)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Learning rate of each stage", EMPTY)
        if parent is not None:
            self.setParent(parent)
        self.layers = Layers()
        self.cells: Cells | None = None
        self.setMinimumSize(360, 240)
        self.clear()

    # What is shown.

    def plan(self, plan: LayerPlan) -> None:
        """What a run will do. It replaces what was shown."""
        self.show_layers(Layers.planning(plan))

    def state(self, state: LayerState) -> None:
        """What happened up to a step; of other stages than shown, a run begins with it."""
        if state.stages != self.layers.stages:
            self.show_layers(Layers(state.stages, state.total))
        first, last = self.layers.add(state)
        scale = Scale.over(self.layers.peaks)
        if self.cells is not None and self.cells.total == self.layers.total:
            self.cells.bring(first, last)
        known = self.cells is not None and self.cells.look == (theme.tokens(), scale)
        if known:
            self.soon(self.show_cells)
        else:
            self.redraw_soon()
        if self.at is not None:
            self.describe()

    def show_run(self, layers: Mapping[str, Any]) -> None:
        """What happened in a run: the fields of a LayerPlan, as lists.

        With `done` beside them, how many steps were done of a run that may go on.
        """
        self.show_layers(Layers.of_run(layers))

    def clear(self) -> None:
        self.show_layers(Layers())

    def show_layers(self, layers: Layers) -> None:
        self.layers, self.at, self.cells = layers, None, None
        self.setAccessibleDescription(f"{self.summary()} {HELP}" if self.has_figures() else EMPTY)
        self.redraw_soon()

    def summary(self) -> str:
        stages = self.layers.stages
        return (
            f"{len(stages)} stages from {stages[0]} to {stages[-1]}, {self.layers.total:,} steps."
        )

    def has_figures(self) -> bool:
        return bool(self.layers.stages)

    def table(self) -> Sequence[Sequence[object]]:
        """A row for each column, with the rate of each stage and how it stands."""
        stages = self.layers.stages
        head = ["step", "part", *(f"{name}: learning rate" for name in stages)]
        rows: list[list[object]] = [[*head, *(f"{name}: state" for name in stages)]]
        for step, column in self.layers:
            stands = zip(column.frozen, column.cached, strict=True)
            words = [
                ("cached" if cached else "frozen") if still else "learns"
                for still, cached in stands
            ]
            part = "planned" if step >= self.layers.done else "done"
            rows.append([step, part, *column.rates, *words])
        return rows

    # Drawing.

    def sizeHint(self) -> QSize:
        return QSize(720, 360)

    def set_up(self, chart: Any) -> None:
        """The rates stand at the right axis, with their bar of colours in front of them."""
        chart.showAxis("right")
        for name in ("left", "right"):
            chart.getAxis(name).setGrid(False)
            chart.getAxis(name).setStyle(tickLength=0, tickAlpha=0)
        chart.getAxis("right").setStyle(tickTextOffset=GAP + BAR + 7)
        chart.getAxis("right").setWidth(RIGHT)
        self.round_ticks("bottom", 80)
        self.bar = QGraphicsRectItem(chart.plotItem)
        self.bar.setPen(Qt.PenStyle.NoPen)

    def legend(self) -> Legend:
        """A small piece of what each word means."""
        pen, hatch = self.pen("line"), self.pen("muted")
        grey, pale = (
            still(theme.tokens()),
            QBrush(gradient(QPointF(-0.5, 0), QPointF(0.5, 0), PALE)),
        )
        found: Legend = [
            ("frozen", {"symbol": BOX, "size": 20, "pen": pen, "brush": grey}),
            (
                "frozen, from the cache",
                {"symbol": HATCHED, "size": 20, "pen": hatch, "brush": grey},
            ),
        ]
        if self.layers.done < self.layers.total:
            found.append(("planned", {"symbol": BOX, "size": 20, "pen": pen, "brush": pale}))
        return found

    def draw(self) -> None:
        """The cells, the lines between rows, the hatching, and how far the run is."""
        import pyqtgraph as pg

        if self.cells is None or self.cells.total != self.layers.total:
            self.cells = Cells(self.layers)
        self.cells.colour()
        self.image = pg.ImageItem(axisOrder="row-major")
        self.rows = pg.PlotCurveItem(pen=self.pen("surface"))
        self.hatches = [QGraphicsPathItem(), QGraphicsPathItem()]
        self.now = pg.InfiniteLine(pen=self.pen("text"))
        for item in (self.image, *self.hatches, self.rows, self.now):
            self.chart.addItem(item)
        for item in self.hatches:
            item.setPen(Qt.PenStyle.NoPen)
        count, total = len(self.layers.stages), self.layers.total
        self.show_range(0, total, 0, count)
        self.powers = Scale.over(self.layers.peaks).powers

    def show_cells(self) -> None:
        """The cells as they are now."""
        if self.chart is None or self.cells is None:
            return
        cells, layers = self.cells, self.layers
        self.image.setImage(cells.pixels, levels=None, autoLevels=False)
        self.image.setRect(QRectF(0, 0, layers.total, len(layers.stages)))
        parts = (0, cells.done), (cells.done, cells.wide)
        for item, part in zip(self.hatches, parts, strict=True):
            item.setPath(self.pixels.map(cells.hatched(*part)))
        self.now.setValue(layers.done)
        self.now.setVisible(0 < layers.done < layers.total)

    def arrange(self) -> None:
        """Lines between rows while they are high enough, as many names as have room, the rates."""
        stages, metrics = self.layers.stages, QFontMetricsF(self.small_font())
        left, right = (self.chart.getAxis(name) for name in ("left", "right"))
        widest = max(metrics.horizontalAdvance(name) for name in stages)
        left.setWidth(min(widest, NAMES) + 32)
        self.chart.plotItem.layout.activate()
        frame, count, total = self.frame(), len(stages), self.layers.total
        size, elide = frame.height() / count, Qt.TextElideMode.ElideMiddle
        each = max(math.ceil(metrics.height() * 0.9 / size), 1)
        names = [
            (n + 0.5, metrics.elidedText(stages[n], elide, NAMES))
            for n in range(count - 1, -1, -each)
        ]
        left.setTicks([names])
        marks = Scale.over(self.layers.peaks).ticks(max(int(frame.height() / 40), 2))
        right.setTicks([[(place * count, words) for place, words in marks]])
        right.setLabel(
            self.rate_title(frame.height()),
            **{"color": theme.colour("muted").name(), "font-size": "9pt"},
        )
        right.resizeEvent()  # pyqtgraph centres a title only when its axis changes
        frame.translate(-self.chart.pos().toPointF())
        bar = QRectF(frame.right() + GAP, frame.top(), BAR, frame.height())
        self.bar.setRect(bar)
        self.bar.setBrush(gradient(bar.bottomLeft(), bar.topLeft()))
        ys = [y for y in range(1, count if size >= 6 else 0) for _ in "12"]
        self.rows.setData([0, total] * (len(ys) // 2), ys, connect="pairs")
        # The hatching is in pixels: stretched with the axes, its lines would be.
        self.pixels = QTransform.fromScale(frame.width() / total, -frame.height() / count)
        ink, surface = theme.colour("muted"), theme.colour("surface")
        for item, share in zip(self.hatches, (1.0, PALE), strict=True):
            item.setTransform(self.pixels.inverted()[0])
            item.setBrush(hatching(mixed(ink, surface, share), self.scale))
        self.show_cells()

    def rate_title(self, height: float) -> str:
        """The words beside the bar of colours: the longest that are not cut off at this height."""
        log, metrics = " (log)" if self.powers else "", QFontMetricsF(self.small_font())
        titles = [f"{words}{log}" for words in RATE]
        fitting = (t for t in titles if metrics.horizontalAdvance(t) <= height)
        return next(fitting, titles[-1])

    # Reading.

    def middle(self, stage: int, step: int) -> QPointF:
        """The middle of a cell."""
        return self.spot(step + 0.5, stage + 0.5)

    def said(self) -> list[str]:
        """What is read under the crosshair, line by line; nothing where there is none."""
        return self.layers.words(*self.at) if self.at is not None else []

    def reading(self) -> Reading:
        stage, step = self.at
        *lines, reason = self.said()
        return Reading(
            step + 0.5, stage + 0.5, [*lines, *textwrap.wrap(reason, WORDS)], "|-", bold=True
        )

    def read(self, at: tuple[int, int] | None) -> None:
        """Puts the crosshair into a cell, or the nearest that there is."""
        if at is not None:
            stage = min(max(at[0], 0), len(self.layers.stages) - 1)
            at = stage, min(max(at[1], 0), self.layers.total - 1)
        super().read(at)
        if at is not None:
            self.describe()

    def describe(self) -> None:
        """Says to a screen reader what is read."""
        words = ", ".join(self.said())
        if words != self.accessibleDescription():
            self.setAccessibleDescription(words)

    def under(self, at: QPointF) -> tuple[int, int] | None:
        x, y = self.value(at)
        return (int(y), int(x)) if self.frame().contains(at) else None

    def step(self, right: int, down: int) -> tuple[int, int]:
        """A hundredth of the run on or back, or the stage above or below.

        The first key shows the head in the last step that was done.
        """
        stage, step = self.at or (len(self.layers.stages) - 1 + down, self.layers.done - 1)
        leap = right * max(self.layers.total // 100, 1) if self.at else 0
        return stage - down, step + leap

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Shift goes step by step; Home and End to the first and the last step."""
        key, total = event.key(), self.layers.total
        shift = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        moves: dict[int, int] = {Qt.Key.Key_Home: -total, Qt.Key.Key_End: total}
        if shift:
            moves |= {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        if self.has_figures() and key in moves:
            stage, step = self.at or (len(self.layers.stages) - 1, self.layers.done)
            self.read((stage, step + moves[key]))
        else:
            super().keyPressEvent(event)
