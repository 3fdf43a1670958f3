"""The plot of subnets: latency across, accuracy up, the front, and a target line to drag."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QToolTip

from app import theme
from app.pages.specialise.networks import LEGEND_HELP, Point, decimals, families, front_of
from app.widgets.axes import BOTTOM, LEFT, Axes, wide
from app.widgets.painted import TITLE, Plot

REACH = 14
"""Pixels within which the mouse means a point; half of it for the target line."""
FAR = 1.5
"""How many times slower than all else a landmark may be and still lie where it belongs."""
NEW = 4.5
"""Radius of a point."""


def hidden(place: QRectF, frame: QRectF, taken: Sequence[QRectF]) -> float:
    """How much a name at this place would hide, in square pixels; outside the frame is worst."""
    covered = [place.intersected(other) for other in taken]
    area = sum(part.width() * part.height() for part in covered if not part.isEmpty())
    return area + (0 if frame.contains(place) else 1e6)


class ScatterPlot(Plot):
    """Subnets by latency and accuracy. A click or the arrow keys choose one (`picked`).

    The target line follows the mouse, Shift with an arrow key, or `set_target`; what a person
    does with it is told by `target_moved`. A target of 0 is none.
    """

    picked = Signal(str)
    target_moved = Signal(float)

    def __init__(self, title: str, empty: str) -> None:
        super().__init__(title, empty)
        self.points: dict[str, Point] = {}
        self.landmarks: tuple[Point, ...] = ()
        self.range: tuple[float, float] | None = None
        self.in_use = self.chosen = self.pinned = ""
        self.target = 0.0
        self.dragged: Axes | None = None
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
        self.points = {point.key: point for point in points}
        self.landmarks, self.in_use = tuple(landmarks), in_use
        self.range = (range_ms[0], range_ms[1]) if range_ms else None
        self.chosen = self.chosen if self.chosen in self.points else ""
        self.pinned = self.pinned if self.pinned in self.points else ""
        self.update()

    def add(self, point: Point) -> None:
        """One more, or better known; what is chosen stays."""
        self.points[point.key] = point
        self.update()

    def mark(self, chosen: str, pinned: str) -> None:
        """Which point is chosen, and which is pinned; nobody is told."""
        self.chosen, self.pinned = chosen, pinned
        point = self.points.get(chosen)
        self.setAccessibleDescription(", ".join(point.words) if point else self.empty)
        self.update()

    def set_target(self, milliseconds: float) -> None:
        self.target = milliseconds
        self.update()

    def everything(self) -> list[Point]:
        return [*self.points.values(), *self.landmarks]

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

    @property
    def axes(self) -> Axes:
        """Around all points and the target; they hold still while the target is dragged.

        A landmark that is much slower does not press the rest together: it lies at the edge.
        """
        if self.dragged is not None:
            return self.dragged
        xs = [p.x for p in self.points.values()] + list(self.range or ())
        xs += [self.target] if self.target else []
        most = FAR * max(xs) if xs else math.inf
        xs += [min(p.x, most) for p in self.landmarks]
        left, right = wide(xs or (0.0, 1.0), 0.1 * max(xs, default=1.0), 0.06)
        ys = [p.y for p in self.everything() if p.accuracy is not None]
        low, high = wide(ys, 8.0, 0.1) if ys else (0.0, 100.0)
        return Axes(max(left, 0.0), right, max(low, 0.0), min(high, 100.0) + 0.5)

    def frame(self) -> QRectF:
        return self.inside().adjusted(LEFT + 4, 12, -12, -BOTTOM)

    def spot_of(self, point: Point) -> QPointF:
        """A landmark whose accuracy is not known lies on the axis, a far one at the right edge."""
        axes = self.axes
        return axes.spot(
            self.frame(), min(point.x, axes.right), axes.low if point.accuracy is None else point.y
        )

    def near(self, at: QPointF) -> Point | None:
        """The nearest network within reach; a subnet before a landmark."""

        def far(point: Point) -> float:
            between = self.spot_of(point) - at
            return math.hypot(between.x(), between.y()) + (0 if point.key else 2)

        nearest = min(self.everything(), key=far, default=None)
        return nearest if nearest is not None and far(nearest) <= REACH else None

    def target_x(self) -> float:
        return self.axes.spot(self.frame(), self.target, 0).x()

    def on_target(self, at: QPointF) -> bool:
        return bool(self.target) and abs(at.x() - self.target_x()) <= REACH / 2

    @property
    def step(self) -> float:
        """The steps of the target: 50 to 500 on the axis, 0.001 ms at least."""
        axes = self.axes
        return max(10 ** math.floor(math.log10((axes.right - axes.left) / 50)), 0.001)

    def round(self, milliseconds: float) -> float:
        """To a step; a target is never rounded to none."""
        return max(round(round(milliseconds / self.step) * self.step, 6), self.step)

    # Painting.

    def legend(self) -> list[tuple[str, QPen]]:
        accent, text = theme.colour("accent"), theme.colour("text")
        found = [(word, QPen(accent, 2)) for word in ("measured", "predicted", "front")]
        found += [("target", QPen(theme.colour("warning"), 2))] if self.target else []
        found += [("in use", QPen(text, 2))] if self.in_use in self.points else []
        return [*found, ("landmark", QPen(text, 2))] if self.landmarks else found

    def legend_places(self) -> list[tuple[str, QPen, QRectF]]:
        left, places = 4.0, []
        for text, pen in self.legend():
            width = 26.0 + self.fontMetrics().horizontalAdvance(text)
            places.append((text, pen, QRectF(left, TITLE, width, 18)))
            left += width + 10
        return places

    def paint_legend(self, painter: QPainter) -> None:
        """Each with the sign that it has in the plot."""
        for text, pen, place in self.legend_places():
            at = QPointF(place.left() + 8, place.center().y())
            painter.setPen(pen)
            if text in ("front", "target"):
                painter.drawLine(at - QPointF(8, 0), at + QPointF(8, 0))
            elif text == "landmark":
                self.paint_landmark(painter, at)
            else:
                self.paint_dot(painter, at, text == "measured", "accent")
                self.paint_ring(painter, at, "text", text == "in use")
            painter.setPen(theme.colour("muted"))
            painter.drawText(place.adjusted(22, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, text)

    def paint_inside(self, painter: QPainter, area: QRectF) -> None:
        """Axes, then what is beyond the target, the front, the points, and the target line."""
        frame, axes = self.frame(), self.axes
        axes.paint(painter, frame, "latency: time for one image (ms)", "accuracy (%)")
        if self.target:
            beyond = QRectF(frame)
            beyond.setLeft(min(max(self.target_x(), frame.left()), frame.right()))
            painter.fillRect(beyond, theme.colour("muted", 20))
        self.paint_points(painter)
        for family in families(self.landmarks):
            painter.setPen(QPen(theme.colour("muted"), 1, Qt.PenStyle.DotLine))
            painter.drawPolyline([self.spot_of(point) for point in family])
        for point in self.landmarks:
            self.paint_landmark(painter, self.spot_of(point))
        self.paint_target(painter, frame)
        self.paint_names(painter, frame)
        if not self.points:
            self.paint_empty(painter, frame)

    def paint_empty(self, painter: QPainter, frame: QRectF) -> None:
        """The sentence that says how to get points, on a ground of its own."""
        flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        words = painter.boundingRect(frame.adjusted(32, 8, -32, -8), flags, self.empty)
        painter.setPen(theme.colour("line"))
        painter.setBrush(theme.colour("surface"))
        painter.drawRoundedRect(words.adjusted(-12, -8, 12, 8), 6, 6)
        painter.setPen(theme.colour("muted"))
        painter.drawText(words, flags, self.empty)

    def paint_points(self, painter: QPainter) -> None:
        """Points off the front are quiet; each has its error bar, or a tie to its prediction."""
        front = front_of(list(self.points.values()))
        best = {point.key for point in front}
        painter.setPen(QPen(theme.colour("accent", 150), 2))
        painter.drawPolyline([self.spot_of(point) for point in front])
        for point in sorted(self.points.values(), key=lambda p: p.key in best):
            loud = point.key in best or point.key in (self.chosen, self.pinned)
            self.paint_error(painter, point, loud)
            ink = "accent" if point.key in best else "muted"
            self.paint_dot(painter, self.spot_of(point), point.measured is not None, ink)
        for key, token in (
            (self.in_use, "text"),
            (self.pinned, "warning"),
            (self.chosen, "accent"),
        ):
            if key in self.points:
                self.paint_ring(painter, self.spot_of(self.points[key]), token)

    def paint_error(self, painter: QPainter, point: Point, loud: bool) -> None:
        """From the fastest to the slowest that the prediction allows."""
        if point.predicted is None or not point.error:
            return
        ends = [
            self.axes.spot(self.frame(), point.predicted + e, point.y)
            for e in (-point.error, point.error)
        ]
        painter.setPen(QPen(theme.colour("accent" if loud else "muted", 170 if loud else 60), 1))
        painter.drawLine(*ends)
        for end in ends if loud else ():
            painter.drawLine(end - QPointF(0, 3), end + QPointF(0, 3))
        if point.measured is not None:
            ring = self.axes.spot(self.frame(), point.predicted, point.y)
            painter.drawLine(ring, self.spot_of(point))
            self.paint_dot(painter, ring, False, "muted", NEW - 1.5)

    def paint_dot(
        self, painter: QPainter, at: QPointF, full: bool, token: str, radius: float = NEW
    ) -> None:
        painter.setPen(QPen(theme.colour(token, 255 if token == "accent" else 170), 1.5))
        painter.setBrush(theme.colour(token if full else "surface"))
        painter.drawEllipse(at, radius, radius)

    def paint_ring(self, painter: QPainter, at: QPointF, token: str, shown: bool = True) -> None:
        if shown:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.colour(token), 1.5))
            painter.drawEllipse(at, NEW + 3.5, NEW + 3.5)

    def paint_landmark(self, painter: QPainter, at: QPointF) -> None:
        painter.setPen(QPen(theme.colour("text"), 1.5))
        painter.setBrush(theme.colour("surface"))
        r = NEW + 1
        painter.drawPolygon([at + QPointF(*d) for d in ((0, -r), (r, 0), (0, r), (-r, 0))])

    def paint_names(self, painter: QPainter, frame: QRectF) -> None:
        """The slowest landmark of each family by name, on the side where it hides the least."""
        spots = [self.spot_of(point) for point in self.everything()]
        taken = [QRectF(at.x() - NEW, at.y() - NEW, 2 * NEW, 2 * NEW) for at in spots]
        taken.append(QRectF(self.target_x() - 4, frame.top(), 8, frame.height()))
        painter.setPen(theme.colour("text"))
        for *_, point in families(self.landmarks):
            name = point.name + (f" → {point.x:.3g} ms" if point.x > self.axes.right else "")
            at, width = self.spot_of(point), painter.fontMetrics().horizontalAdvance(name)
            sides = [
                QRectF(at.x() + across, at.y() + down, width, 16)
                for down in (-8, -24, 8)
                for across in ((10, -10 - width) if down == -8 else (4, -4 - width, -width / 2))
            ]
            place = min(sides, key=lambda p: hidden(p, frame, taken))
            taken.append(place)
            words = QPainterPath()
            words.addText(place.left(), place.top() + 12, painter.font(), name)
            painter.strokePath(words, QPen(theme.colour("surface", 220), 3))
            painter.drawText(QPointF(place.left(), place.top() + 12), name)

    def paint_target(self, painter: QPainter, frame: QRectF) -> None:
        """The line, and its value in a handle above it."""
        if not self.target or not frame.left() - 1 <= self.target_x() <= frame.right() + 1:
            return
        x, words = self.target_x(), f"{self.target:g} ms"
        painter.setPen(QPen(theme.colour("warning"), 2))
        painter.drawLine(QPointF(x, frame.top()), QPointF(x, frame.bottom()))
        width = painter.fontMetrics().horizontalAdvance(words) + 16
        left = min(max(x - width / 2, frame.left()), frame.right() + 8 - width)
        handle = QRectF(left, frame.top() - 11, width, 20)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("warning"))
        painter.drawRoundedRect(handle, 6, 6)
        painter.setPen(theme.colour("surface"))
        painter.drawText(handle, Qt.AlignmentFlag.AlignCenter, words)

    def paint_reading(self, painter: QPainter, area: QRectF) -> None:
        """The network under the crosshair, or else the values there."""
        if self.spot is None:
            return
        frame, point = self.frame(), self.near(self.spot)
        at = self.spot if point is None else self.spot_of(point)
        if not frame.adjusted(-1, -1, 1, 1).contains(at):
            return
        painter.setPen(QPen(theme.colour("muted"), 1, Qt.PenStyle.DotLine))
        painter.drawLine(QPointF(frame.left(), at.y()), QPointF(frame.right(), at.y()))
        painter.drawLine(QPointF(at.x(), frame.top()), QPointF(at.x(), frame.bottom()))
        ms, percent = self.axes.values(frame, at)
        self.paint_box(
            painter, at, point.words if point else [f"{ms:.{decimals(ms)}f} ms, {percent:.1f} %"]
        )

    # Hands.

    def event(self, event: QEvent) -> bool:
        """A word of the legend is explained where the mouse rests on it."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            over = [text for text, _, place in self.legend_places() if place.contains(event.pos())]
            QToolTip.showText(event.globalPos(), LEGEND_HELP[over[0]] if over else "", self)
            return True
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self.on_target(event.position()) and self.has_figures():
            self.dragged = self.axes

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.dragged is not None:
            frame = self.frame()
            x = min(max(event.position().x(), frame.left()), frame.right())
            self.move_target(self.axes.values(frame, QPointF(x, 0))[0])
            return
        over = self.has_figures() and self.on_target(event.position())
        self.setCursor(Qt.CursorShape.SplitHCursor if over else Qt.CursorShape.ArrowCursor)
        super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Ends a drag; a click that dragged nothing chooses the network under it."""
        point = self.near(event.position())
        if self.dragged is not None:
            self.dragged = None
            self.update()
        elif point is not None and point.key:
            self.picked.emit(point.key)

    def move_target(self, milliseconds: float) -> None:
        target = self.round(milliseconds)
        if target != self.target:
            self.set_target(target)
            self.target_moved.emit(target)

    def step_spot(self, right: int, down: int) -> None:
        """The next network to the right or left by latency, up or down by accuracy."""
        if not self.points:
            return
        along = sorted(self.points.values(), key=lambda p: (p.x, p.y) if right else (-p.y, p.x))
        at = next((i for i, p in enumerate(along) if p.key == self.chosen), -right - down)
        chosen = along[min(max(at + right + down, 0), len(along) - 1)]
        self.picked.emit(chosen.key)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps: dict[int, int] = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        shift = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        if shift and event.key() in steps and self.has_figures():
            self.move_target(self.target + steps[event.key()] * self.step)
        else:
            super().keyPressEvent(event)
