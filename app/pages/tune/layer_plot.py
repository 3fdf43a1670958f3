"""The plot of stages over steps: how fast each learns, when it freezes, what is kept."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QImage, QKeyEvent, QMouseEvent, QPainter, QPen
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QWidget

from app import theme
from app.pages.tune.layer_columns import Layers
from app.pages.tune.layer_image import PALE, LayerImage, Scale, gradient, hatching, inks
from app.widgets.axes import BOTTOM, Axes, paint_upright
from app.widgets.painted import TITLE, Plot
from engine.events import LayerPlan, LayerState

EMPTY = (
    "Start a run: here you see how fast each stage learns at each step, when it freezes, and when "
    "it is read from the cache."
)
HELP = "Use the arrow keys to read it, with Shift step by step; Home and End go to the ends."
NAMES = 120
"""Pixels for the names of stages, at most."""
BAR, RIGHT = 12, 96
"""Pixels of the bar of colours, and of all that is right of the frame."""
WORDS = 46
"""Letters in a line of the box of readings."""


def pixels_of(painter: QPainter) -> float:
    """Pixels for one, across and down; in an SVG, which can be enlarged, two."""
    device = painter.device()
    return 2.0 if isinstance(device, QSvgGenerator) else device.devicePixelRatioF()


class LayerPlot(Plot):
    """Stages from stem to head against steps; colour is the learning rate.

    Grey is frozen, hatched is served from the cache, pale is what is only planned. `plan` begins a
    run, each `state` adds what happened, `show_run` shows a run of the past.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Learning rate of each stage", EMPTY)
        if parent is not None:
            self.setParent(parent)
        self.layers = Layers()
        self.at: tuple[int, int] | None = None
        self.kept: LayerImage | None = None
        self.stale: tuple[int, int] | None = None
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
        changed = self.layers.add(state)
        first, last = zip(changed, self.stale or changed, strict=True)
        self.stale = min(first), max(last)
        if self.at is not None:
            self.describe()
        self.update()

    def show_run(self, layers: Mapping[str, Any]) -> None:
        """What happened in a run: the fields of a LayerPlan, as lists.

        With `done` beside them, how many steps were done of a run that may go on.
        """
        self.show_layers(Layers.of_run(layers))

    def clear(self) -> None:
        self.show_layers(Layers())

    def show_layers(self, layers: Layers) -> None:
        self.layers, self.at, self.kept, self.stale = layers, None, None, None
        self.setAccessibleDescription(f"{self.summary()} {HELP}" if self.has_figures() else EMPTY)
        self.update()

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

    # Where things lie.

    def sizeHint(self) -> QSize:
        return QSize(720, 360)

    def frame(self) -> QRectF:
        """The rows of stages, on whole pixels, right of their names and left of the colours."""
        metrics = self.fontMetrics()
        widest = max((metrics.horizontalAdvance(name) for name in self.layers.stages), default=0)
        area = self.inside().adjusted(min(widest, NAMES) + 32, 4, -RIGHT, -BOTTOM)
        return QRectF(area.toRect())

    @property
    def axes(self) -> Axes:
        return Axes(0, self.layers.total, 0, max(len(self.layers.stages), 1))

    def middle(self, stage: int, step: int) -> QPointF:
        """The middle of a cell."""
        return self.axes.spot(self.frame(), step + 0.5, stage + 0.5)

    # Painting.

    def legend(self) -> list[tuple[str, QPen]]:
        words = ["frozen", "frozen, from the cache"]
        words += ["planned"] if self.layers.done < self.layers.total else []
        return [(word, QPen(theme.colour("line"), 1)) for word in words]

    def paint_legend(self, painter: QPainter) -> None:
        """A small piece of what each word means."""
        found = inks(theme.tokens(), Scale.over(self.layers.peaks))
        left, metrics = 4.0, painter.fontMetrics()
        for text, pen in self.legend():
            box = QRectF(left, TITLE + 3, 20, 12)
            if text == "planned":
                painter.fillRect(box, gradient(box.topLeft(), box.topRight(), PALE))
            else:
                painter.fillRect(box, found.still)
            if "cache" in text:
                painter.fillRect(box, hatching(found.hatch, pixels_of(painter), True))
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(box)
            painter.setPen(theme.colour("muted"))
            painter.drawText(QPointF(left + 26, TITLE + 9 + metrics.ascent() / 2 - 1), text)
            left += metrics.horizontalAdvance(text) + 42

    def paint_inside(self, painter: QPainter, area: QRectF) -> None:
        frame = self.frame()
        painter.drawImage(frame, self.image(painter, frame))
        self.paint_rows(painter, frame)
        most = min(max(int(frame.width() / 80), 2), self.layers.total)
        self.axes.paint_below(painter, frame, "step", most)
        self.paint_colours(painter, frame)
        if 0 < self.layers.done < self.layers.total:
            x = self.axes.spot(frame, self.layers.done, 0).x()
            line = QRectF(round(x), frame.top() - 3, 1, frame.height() + 6)
            painter.fillRect(line, theme.colour("text"))

    def image(self, painter: QPainter, frame: QRectF) -> QImage:
        """The cells: on the screen those that are kept, and what is new; afresh for a file."""
        scale = pixels_of(painter)
        size = round(frame.width() * scale), round(frame.height() * scale)
        if self.dirty is None:
            return LayerImage(self.layers, *size, scale).image
        if self.kept is None or not self.kept.fits(self.layers, *size):
            self.kept = LayerImage(self.layers, *size, scale)
        elif self.stale is not None:
            self.kept.draw(*self.stale)
        self.stale = None
        return self.kept.image

    def paint_rows(self, painter: QPainter, frame: QRectF) -> None:
        """A line between rows while they are high enough, and as many names as have room."""
        stages = self.layers.stages
        size, metrics = frame.height() / len(stages), painter.fontMetrics()
        for number in range(1, len(stages) if size >= 6 else 0):
            y = round(frame.top() + number * size)
            painter.fillRect(QRectF(frame.left(), y, frame.width(), 1), theme.colour("surface"))
        painter.setPen(theme.colour("muted"))
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        room = frame.left() - 28
        for number in range(0, len(stages), max(math.ceil(metrics.height() * 0.9 / size), 1)):
            name = stages[len(stages) - 1 - number]
            words = metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, int(room))
            middle = frame.top() + (number + 0.5) * size
            painter.drawText(QRectF(20, middle - 10, room, 20), right, words)
        paint_upright(painter, frame, 2, "stage")

    def paint_colours(self, painter: QPainter, frame: QRectF) -> None:
        """The bar of colours beside the frame, with round rates and its title."""
        scale = Scale.over(self.layers.peaks)
        bar = QRectF(frame.right() + 16, frame.top(), BAR, frame.height())
        painter.fillRect(bar, gradient(bar.bottomLeft(), bar.topLeft()))
        for place, words in scale.ticks(max(int(frame.height() / 40), 2)):
            y = bar.bottom() - place * bar.height()
            painter.setPen(QPen(theme.colour("line"), 1))
            painter.drawLine(QPointF(bar.right(), y), QPointF(bar.right() + 4, y))
            painter.setPen(theme.colour("muted"))
            where = QRectF(bar.right() + 7, y - 10, 44, 20)
            painter.drawText(where, Qt.AlignmentFlag.AlignVCenter, words)
        title = "learning rate per step" + (" (log)" if scale.powers else "")
        paint_upright(painter, frame, self.width() - 20, title)

    # Reading.

    def reading(self) -> list[str]:
        """What is read under the crosshair, line by line; nothing where there is none."""
        return self.layers.words(*self.at) if self.at is not None else []

    def read(self, stage: int, step: int) -> None:
        """Puts the crosshair into a cell, or the nearest that there is."""
        stage = min(max(stage, 0), len(self.layers.stages) - 1)
        self.at = stage, min(max(step, 0), self.layers.total - 1)
        self.spot = self.middle(*self.at)
        self.describe()
        self.update()

    def describe(self) -> None:
        """Says to a screen reader what is read."""
        words = ", ".join(self.reading())
        if words != self.accessibleDescription():
            self.setAccessibleDescription(words)

    def paint_reading(self, painter: QPainter, area: QRectF) -> None:
        """A cross over the row and the step, and in words what is there."""
        if self.at is None:
            return
        frame, at = self.frame(), self.middle(*self.at)
        # Two lines, since no single colour shows on all of the cells'; whole pixels are quick.
        for token, width in (("surface", 3), ("text", 1)):
            ink, off = theme.colour(token, 200), width // 2
            left, top = round(at.x()) - off, round(at.y()) - off
            painter.fillRect(QRectF(frame.left(), top, frame.width(), width), ink)
            painter.fillRect(QRectF(left, frame.top(), width, frame.height()), ink)
        *lines, reason = self.reading()
        self.paint_box(painter, at, [*lines, *textwrap.wrap(reason, WORDS)])

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Reads the cell under the mouse."""
        frame = self.frame()
        if self.has_figures() and frame.contains(event.position()):
            x, y = self.axes.values(frame, event.position())
            self.read(int(y), int(x))
        elif self.at is not None:
            self.at = None
            self.update()

    def step_spot(self, right: int, down: int) -> None:
        """A hundredth of the run on or back, or the stage above or below.

        The first key shows the head in the last step that was done.
        """
        stage, step = self.at or (len(self.layers.stages) - 1 + down, self.layers.done - 1)
        leap = right * max(self.layers.total // 100, 1) if self.at else 0
        self.read(stage - down, step + leap)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Shift goes step by step; Home and End to the first and the last step."""
        key, total = event.key(), self.layers.total
        shift = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        moves: dict[int, int] = {Qt.Key.Key_Home: -total, Qt.Key.Key_End: total}
        if shift:
            moves |= {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        if self.has_figures() and key in moves:
            stage, step = self.at or (len(self.layers.stages) - 1, self.layers.done)
            self.read(stage, step + moves[key])
        else:
            super().keyPressEvent(event)
