"""The plot of subnets: latency across, accuracy up, the front, and a target line to drag."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QBrush, QKeyEvent, QMouseEvent, QPainterPath
from PySide6.QtWidgets import QGraphicsItem

from app import theme
from app.pages.specialise.networks import LEGEND_HELP, Point, decimals, families, front_of
from app.widgets.plot_words import Reading, Word
from app.widgets.plots import Legend, Plot
from app.widgets.ticks import wide

REACH = 14
"""Pixels within which the mouse means a point; half of it for the target line."""
FAR = 1.5
"""How many times slower than all else a landmark may be and still lie where it belongs."""
DOT, SMALL, RING = 10.0, 7.0, 17.0
"""Pixels across a point, a prediction beside its measurement, and a ring around a point."""
DIAMOND = QPainterPath(QPointF(0, -0.5))
for x, y in ((0.5, 0), (0, 0.5), (-0.5, 0), (0, -0.5)):
    DIAMOND.lineTo(x, y)
RINGED = QPainterPath()
for size in (0.5, 0.5 * DOT / RING):
    RINGED.addEllipse(QPointF(0, 0), size, size)
SIDES = (
    *((0.0, 10, 0), (1.0, -10, 0)),
    *((0.0, 4, -16), (1.0, -4, -16), (0.5, 0, -16)),
    *((0.0, 4, 16), (1.0, -4, 16), (0.5, 0, 16)),
)
"""Where the name of a landmark can lie: which part of it is at the point, and how far off."""


def hidden(place: QRectF, frame: QRectF, taken: Sequence[QRectF]) -> float:
    """How much a name at this place would hide, in square pixels; outside the frame is worst."""
    covered = [place.intersected(other) for other in taken]
    area = sum(part.width() * part.height() for part in covered if not part.isEmpty())
    return area + (0 if frame.contains(place) else 1e6)


def tied(points: Sequence[Point]) -> list[Point]:
    """Those that were predicted and measured: a line ties the two."""
    return [p for p in points if p.predicted is not None and p.error and p.measured is not None]


class ScatterPlot(Plot):
    """Subnets by latency and accuracy. A click or the arrow keys choose one (`picked`).

    The target line follows the mouse, Shift with an arrow key, or `set_target`; what a person
    does with it is told by `target_moved`. A target of 0 is none.
    """

    picked = Signal(str)
    target_moved = Signal(float)
    x_title = "latency: time for one image (ms)"
    y_title = "accuracy (%)"
    margins = (0, 12, 12, 4)
    legend_help = LEGEND_HELP

    def __init__(self, title: str, empty: str) -> None:
        super().__init__(title, empty)
        self.points: dict[str, Point] = {}
        self.landmarks: tuple[Point, ...] = ()
        self.range: tuple[float, float] | None = None
        self.in_use = self.chosen = self.pinned = ""
        self.target = 0.0
        self.held: tuple[float, float, float, float] | None = None
        self.setMinimumSize(320, 160)

    # What is shown.

    def show_points(
        self,
        points: Sequence[Point],
        landmarks: Sequence[Point] = (),
        range_ms: Sequence[float] | None = None,
        in_use: str = "",
    ) -> None:
        """Shows these; `range_ms` is how fast and how slow subnets can be."""
        self.points, self.at = {point.key: point for point in points}, None
        self.landmarks, self.in_use = tuple(landmarks), in_use
        self.range = (range_ms[0], range_ms[1]) if range_ms else None
        self.chosen = self.chosen if self.chosen in self.points else ""
        self.pinned = self.pinned if self.pinned in self.points else ""
        self.redraw_soon()

    def add(self, point: Point) -> None:
        """One more, or better known; what is chosen stays."""
        self.points[point.key] = point
        self.redraw_soon()

    def mark(self, chosen: str, pinned: str) -> None:
        """Which point is chosen, and which is pinned; nobody is told."""
        self.chosen, self.pinned = chosen, pinned
        point = self.points.get(chosen)
        self.setAccessibleDescription(", ".join(point.words) if point else self.empty)
        self.redraw_soon()

    def set_target(self, milliseconds: float) -> None:
        self.target = milliseconds
        if self.held is not None:  # Nothing else moves.
            self.target_line.setValue(milliseconds)
            self.slower.setRegion((milliseconds, self.held[1]))
            self.settle()
        else:
            self.redraw_soon()

    def everything(self) -> list[Point]:
        return [*self.points.values(), *self.landmarks]

    @property
    def in_families(self) -> list[Point]:
        """What is joined by a dotted line and named: landmarks, and whole networks that can be
        chosen."""
        return [*self.landmarks, *(point for point in self.points.values() if point.family)]

    def has_figures(self) -> bool:
        return bool(self.points or self.landmarks or self.range)

    def table(self) -> Sequence[Sequence[object]]:
        """All networks, the fastest first; what is not known is left empty."""
        front = {point.key for point in front_of(list(self.points.values()))}
        head = ["network", "accuracy", "measured ms", "predicted ms", "error ms", "front"]
        rows: list[list[object]] = [
            [
                p.key or p.name,
                "" if p.accuracy is None else p.accuracy,
                "" if p.measured is None else p.measured,
                *(("", "") if p.predicted is None else (p.predicted, p.error)),
                "yes" if p.key in front else "",
            ]
            for p in sorted(self.everything(), key=lambda p: p.x)
        ]
        return [head, *rows]

    # Where things lie.

    def span(self) -> tuple[float, float, float, float]:
        """Left, right, low and high around all points and the target; held while it is dragged.

        A landmark that is much slower does not press the rest together: it lies at the edge.
        """
        if self.held is not None:
            return self.held
        xs = [p.x for p in self.points.values()] + list(self.range or ())
        xs += [self.target] if self.target else []
        most = FAR * max(xs) if xs else math.inf
        xs += [min(p.x, most) for p in self.landmarks]
        left, right = wide(xs or (0.0, 1.0), 0.1 * max(xs, default=1.0), 0.06)
        ys = [p.y for p in self.everything() if p.accuracy is not None]
        low, high = wide(ys, 8.0, 0.1) if ys else (0.0, 100.0)
        low, high = max(low, 0.0), min(high, 100.0)
        room = (high - low) / 30
        return max(left, 0.0), right, low - room, high + room

    def place(self, point: Point) -> tuple[float, float]:
        """A landmark whose accuracy is not known lies on the axis, a far one at the right edge."""
        (_, right), (low, _) = self.chart.viewRange()
        return min(point.x, right), low if point.accuracy is None else point.y

    def spot_of(self, point: Point) -> QPointF:
        self.make_chart()
        return self.spot(*self.place(point))

    def near(self, at: QPointF) -> Point | None:
        """The nearest network within reach; a subnet before a landmark."""

        frame, (x, y) = self.frame(), self.value(at)
        (left, right), (low, high) = self.chart.viewRange()
        across, up = frame.width() / (right - left), frame.height() / (high - low)

        def far(point: Point) -> float:
            at_x, at_y = self.place(point)
            away = math.hypot((at_x - x) * across, (at_y - y) * up)
            return away + (0 if point.key else 2)

        nearest = min(self.everything(), key=far, default=None)
        return nearest if nearest is not None and far(nearest) <= REACH else None

    def on_target(self, at: QPointF) -> bool:
        if not self.target or not self.has_figures():
            return False
        return abs(at.x() - self.spot(self.target, 0).x()) <= REACH / 2

    @property
    def pace(self) -> float:
        """The steps of the target: 50 to 500 on the axis, 0.001 ms at least."""
        left, right, *_ = self.span()
        return max(10 ** math.floor(math.log10((right - left) / 50)), 0.001)

    def round(self, milliseconds: float) -> float:
        """To a step; a target is never rounded to none."""
        return max(round(round(milliseconds / self.pace) * self.pace, 6), self.pace)

    # Drawing.

    def set_up(self, chart: Any) -> None:
        self.round_ticks("left", 40)
        self.round_ticks("bottom", 80)
        # Marks at the edge are seen as a whole.
        chart.plotItem.vb.setFlag(QGraphicsItem.GraphicsItemFlag.ItemClipsChildrenToShape, False)

    def legend(self) -> Legend:
        """Only what there is to be seen."""
        found: Legend = [
            ("measured", self.dot("accent", full=True)),
            ("predicted", self.dot("accent")),
            ("front", {"pen": self.pen("accent", 2)}),
        ]
        found += [("target", {"pen": self.pen("warning", 2)})] if self.target else []
        found += (
            [("in use", {**self.ring("text"), "symbol": RINGED})]
            if self.in_use in self.points
            else []
        )
        whole = any(point.family for point in self.points.values())
        found += [("whole network", self.dot("accent", full=True, whole=True))] if whole else []
        return [*found, ("landmark", self.diamond())] if self.landmarks else found

    def dot(
        self, token: str, full: bool = False, whole: bool = False, size: float = DOT
    ) -> dict[str, Any]:
        """How a point looks: filled if it was measured, a diamond if it is a whole network."""
        pen = self.pen(token, 1.5, alpha=255 if token == "accent" else 170)
        ink = QBrush(theme.colour(token if full else "surface"))
        symbol = {"symbol": DIAMOND, "size": size + 2} if whole else {"symbol": "o", "size": size}
        return {**symbol, "pen": pen, "brush": ink}

    def ring(self, token: str) -> dict[str, Any]:
        return {"symbol": "o", "size": RING, "pen": self.pen(token, 1.5), "brush": None}

    def diamond(self) -> dict[str, Any]:
        ink, pen = QBrush(theme.colour("surface")), self.pen("text", 1.5)
        return {"symbol": DIAMOND, "size": DOT + 2, "pen": pen, "brush": ink}

    def draw(self) -> None:
        """What is beyond the target, the front, the points, the landmarks, and the target line."""
        self.show_range(*self.span())
        self.draw_target()
        front = front_of(list(self.points.values()))
        best = {point.key for point in front}
        pen = self.pen("accent", 2, alpha=150)
        self.line([p.x for p in front], [p.y for p in front], pen)
        dots = self.pen("muted", 1, Qt.PenStyle.DotLine)
        for family in families(self.in_families):
            xs, ys = zip(*map(self.place, family), strict=True)
            self.line(xs, ys, dots)
        points = sorted(self.points.values(), key=lambda p: p.key in best)
        loud = best | {self.chosen, self.pinned}
        self.draw_errors([p for p in points if p.key not in loud], False)
        self.draw_errors([p for p in points if p.key in loud], True)
        rings = {self.in_use: "text", self.pinned: "warning", self.chosen: "accent"}
        inks = [
            ("accent" if p.key in best else "muted", p.measured is not None, bool(p.family))
            for p in points
        ]
        # One look for all that look alike: pyqtgraph makes an image of each.
        looks, diamond = {ink: self.dot(*ink) for ink in set(inks)}, self.diamond()
        small = self.dot("muted", size=SMALL)
        self.marks(
            [(p.predicted or 0.0, p.y, small) for p in tied(points)]
            + [(p.x, p.y, looks[ink]) for p, ink in zip(points, inks, strict=True)]
            + [(p.x, p.y, self.ring(rings[p.key])) for p in points if p.key in rings]
            + [(*self.place(p), diamond) for p in self.landmarks]
        )

    def draw_target(self) -> None:
        """The line, and a shade over all that is slower."""
        import pyqtgraph as pg

        _, right, *_ = self.span()
        if self.target:
            ink = theme.colour("muted", 20)
            self.slower = self.shade((min(self.target, right), right), "vertical", ink)
            self.target_line = pg.InfiniteLine(self.target, pen=self.pen("warning", 2))
            self.target_line.setZValue(5)
            self.chart.addItem(self.target_line)

    def draw_errors(self, points: Sequence[Point], loud: bool) -> None:
        """From the fastest to the slowest that a prediction allows, and a tie to the measurement.

        Points off the front are quiet, and have no ends.
        """
        known = [p for p in points if p.predicted is not None and p.error]
        if not known:
            return
        *_, low, high = self.span()
        pen = self.pen("accent" if loud else "muted", 1, alpha=170 if loud else 60)
        xs, ys = [p.predicted or 0.0 for p in known], [p.y for p in known]
        wide = [p.error for p in known]
        beam = (high - low) / 45 if loud else 0.0
        self.errors(xs, ys, beam, left=wide, right=wide, pen=pen)
        ends = [x for p in tied(known) for x in (p.predicted or 0.0, p.x)]
        self.line(ends, [p.y for p in tied(known) for _ in "12"], pen, "pairs")

    def arrange(self) -> None:
        """The handle of the target, the slowest landmark of each family by name, or what to do."""
        left, right, low, high = self.span()
        words = []
        if self.target and left <= self.target <= right:
            words.append(self.handle(high))
        taken = [QRectF(-4, -4, 8, 8).translated(self.spot_of(p)) for p in self.everything()]
        line = self.spot(self.target, 0).x()
        taken.append(QRectF(line - 4, self.frame().top(), 8, self.frame().height()))
        for *_, point in families(self.in_families):
            name = point.name + (f" → {point.x:.3g} ms" if point.x > right else "")
            word = Word(*self.place(point), name, "text", halo=True)
            sides = [replace(word, left=part, off=(across, down)) for part, across, down in SIDES]
            word = min(sides, key=lambda w: hidden(self.place_of(w), self.frame(), taken))
            taken.append(self.place_of(word))
            words.append(word)
        if not self.points:
            text = textwrap.fill(self.empty, max(int(self.frame().width() / 7), 16))
            words.append(Word((left + right) / 2, (low + high) / 2, text, box="surface"))
        self.overlay.say(words)

    def handle(self, high: float) -> Word:
        """The value of the target above its line, not beyond the frame."""
        frame, x = self.frame(), self.spot(self.target, 0).x()
        text = f"{self.target:g} ms"
        half = self.fontMetrics().horizontalAdvance(text) / 2 + 8
        middle = min(max(x, frame.left() + half), frame.right() + 8 - half)
        return Word(self.target, high, text, "surface", off=(middle - x, -1), box="warning")

    def place_of(self, word: Word) -> QRectF:
        return self.overlay.place(word).translated(self.chart.pos().toPointF())

    # Reading.

    def under(self, at: QPointF) -> Any:
        """The network under the mouse, or else the values there."""
        point = self.near(at)
        inside = self.frame().adjusted(-1, -1, 1, 1)
        if not inside.contains(at if point is None else self.spot_of(point)):
            return None
        return self.value(at) if point is None else point

    def reading(self) -> Reading:
        if isinstance(self.at, Point):
            return Reading(*self.place(self.at), self.at.words, "|-")
        ms, percent = self.at
        return Reading(ms, percent, [f"{ms:.{decimals(ms)}f} ms, {percent:.1f} %"], "|-")

    # Hands.

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.held = self.span() if self.on_target(event.position()) else None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.held is not None:
            frame = self.frame()
            x = min(max(event.position().x(), frame.left()), frame.right())
            self.move_target(self.value(QPointF(x, 0))[0])
            return
        over = self.on_target(event.position())
        self.setCursor(Qt.CursorShape.SplitHCursor if over else Qt.CursorShape.ArrowCursor)
        super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Ends a drag; a click that dragged nothing chooses the network under it."""
        if self.held is not None:
            self.held = None
            self.redraw()
        elif self.has_figures() and (point := self.near(event.position())) and point.key:
            self.picked.emit(point.key)

    def move_target(self, milliseconds: float) -> None:
        target = self.round(milliseconds)
        if target != self.target:
            self.set_target(target)
            self.target_moved.emit(target)

    def step(self, right: int, down: int) -> Any:
        """The next network to the right or left by latency, up or down by accuracy."""
        if self.points:
            along = sorted(self.points.values(), key=lambda p: (p.x, p.y) if right else (-p.y, p.x))
            at = next((i for i, p in enumerate(along) if p.key == self.chosen), -right - down)
            self.picked.emit(along[min(max(at + right + down, 0), len(along) - 1)].key)
        return self.at

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps: dict[int, int] = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        shift = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        if shift and event.key() in steps and self.has_figures():
            self.move_target(self.target + steps[event.key()] * self.pace)
        else:
            super().keyPressEvent(event)
