"""The sharing curve: accuracy of a branch against how much of the network it shares."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFont, QKeyEvent, QMouseEvent, QPainter, QPainterPath, QPen

from app import theme
from app.widgets.axes import BOTTOM, LEFT, Axes
from app.widgets.plots import Plot
from engine.system.words import per_cent

DOT, RING = 4.0, 8.0
"""Radii of a point, and of the mark around the recommended one."""
X_TITLE = "operations shared with the network, %"
Y_TITLE = "accuracy, %"

Found = Mapping[str, Any]


def recommended(points: Sequence[Found], threshold: float) -> str:
    """The cut that shares most of those within `threshold` points of the best; "" without points.

    The rule of training/branching/sharing_curve.py, here so that the mark follows the hand (a
    test holds both equal).
    """
    if not points:
        return ""
    best = max(found["accuracy"] for found in points)
    near = [p for p in points if 100 * (best - p["accuracy"]) <= threshold + 1e-9]
    return max(near, key=lambda p: (p["share_macs"], p["share_parameters"]))["cut"]


class SharePlot(Plot):
    """A point for each cut; the threshold is a band below the best. A click picks a cut."""

    picked = Signal(str)

    def __init__(self, title: str, empty: str) -> None:
        super().__init__(title, empty)
        self.points: tuple[Found, ...] = ()
        self.threshold = 0.0
        self.reading = -1

    # What is shown.

    def show_curve(self, points: Sequence[Found]) -> None:
        """Shows these cuts, from the stem up."""
        self.points, self.reading = tuple(points), -1
        self.tell()

    def set_threshold(self, threshold: float) -> None:
        """So many points below the best may be given up for sharing more."""
        self.threshold = threshold
        self.tell()

    def tell(self) -> None:
        words = f"Recommended: {self.recommended}" if self.points else self.empty
        self.setAccessibleDescription(words)
        self.update()

    @property
    def recommended(self) -> str:
        return recommended(self.points, self.threshold)

    @property
    def best(self) -> float:
        return 100 * max(found["accuracy"] for found in self.points)

    def has_figures(self) -> bool:
        return bool(self.points)

    def legend(self) -> list[tuple[str, QPen]]:
        band = QPen(theme.colour("accent_soft"), 10)
        band.setCapStyle(Qt.PenCapStyle.FlatCap)
        unit = "point" if self.threshold == 1 else "points"
        return [
            ("held-out accuracy, 95 % interval", QPen(theme.colour("accent"), 2)),
            (f"within {self.threshold:g} {unit} of the best", band),
        ]

    def table(self) -> Sequence[Sequence[object]]:
        titles = [
            "cut",
            "operations shared (%)",
            "parameters shared (%)",
            "accuracy (%)",
            "interval from (%)",
            "interval to (%)",
            "seconds",
            "recommended",
        ]
        rows = [
            [
                p["cut"],
                *(100 * p[name] for name in ("share_macs", "share_parameters", "accuracy")),
                *(100 * end for end in p["interval"]),
                p["seconds"],
                "yes" if p["cut"] == self.recommended else "",
            ]
            for p in self.points
        ]
        return [titles, *rows]

    # Where it lies.

    def axes(self) -> Axes:
        """All shares across; upwards round numbers around the intervals and the band."""
        values = [100 * end for p in self.points for end in p["interval"]]
        low = min(*values, self.best - self.threshold)
        low, high = math.floor((low - 1) / 5) * 5, math.ceil((max(values) + 1) / 5) * 5
        return Axes(-3, 103, max(low, 0), min(high, 100))

    def frame(self) -> QRectF:
        return self.inside().adjusted(LEFT, 12, -16, -BOTTOM)

    def spot_of(self, found: Found) -> QPointF:
        return self.axes().spot(self.frame(), 100 * found["share_macs"], 100 * found["accuracy"])

    # Painting.

    def paint_inside(self, painter: QPainter, area: QRectF) -> None:
        """The band lies below the lines, the curve above them."""
        frame, axes = self.frame(), self.axes()
        top = axes.spot(frame, 0, self.best).y()
        bottom = axes.spot(frame, 0, max(self.best - self.threshold, axes.low)).y()
        band = QRectF(frame.left(), top, frame.width(), max(bottom - top, 1))
        painter.fillRect(band, theme.colour("accent_soft"))
        axes.paint(painter, frame, X_TITLE, Y_TITLE)
        self.paint_curve(painter, axes, frame)
        self.paint_names(painter, frame)

    def paint_curve(self, painter: QPainter, axes: Axes, frame: QRectF) -> None:
        """Intervals, the line, the points, and a ring around the recommended one."""
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(theme.colour("muted"), 1))
        for p in self.points:
            ends = [axes.spot(frame, 100 * p["share_macs"], 100 * end) for end in p["interval"]]
            painter.drawLine(*ends)
            for end in ends:
                painter.drawLine(end - QPointF(3, 0), end + QPointF(3, 0))
        spots = [self.spot_of(p) for p in self.points]
        path = QPainterPath(spots[0])
        for spot in spots[1:]:
            path.lineTo(spot)
        painter.setPen(QPen(theme.colour("accent"), 2))
        painter.drawPath(path)
        painter.setBrush(theme.colour("accent"))
        for spot in spots:
            painter.drawEllipse(spot, DOT, DOT)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        marked = next(
            s for s, p in zip(spots, self.points, strict=True) if p["cut"] == self.recommended
        )
        painter.setPen(QPen(theme.colour("warning"), 2))
        painter.drawEllipse(marked, RING, RING)

    def paint_names(self, painter: QPainter, frame: QRectF) -> None:
        """The recommended cut by name, and of the others those that there is room for."""
        taken: list[QRectF] = []
        plain, strong = painter.font(), QFont(painter.font())
        strong.setWeight(QFont.Weight.DemiBold)
        for p in sorted(self.points, key=lambda p: p["cut"] != self.recommended):
            marked = p["cut"] == self.recommended
            painter.setFont(strong if marked else plain)
            words = f"{p['cut']}, recommended" if marked else p["cut"]
            place = self.place_of(painter.fontMetrics().horizontalAdvance(words), p, frame)
            if not any(place.intersects(other) for other in taken):
                taken.append(place)
                painter.setPen(theme.colour("warning" if marked else "muted"))
                painter.drawText(place, Qt.AlignmentFlag.AlignCenter, words)
        painter.setFont(plain)

    def place_of(self, width: float, found: Found, frame: QRectF) -> QRectF:
        """Where the name of a point goes: below it, inside the frame, beside its interval.

        That of the recommended one goes to the left, since the curve falls to the right of it.
        """
        at, width = self.spot_of(found), width + 8
        before, after = at.x() - 8 - width, at.x() + 8
        marked = found["cut"] == self.recommended
        fits = before > frame.left() if marked else after + width > frame.right() + 8
        left = before if fits else after
        top = at.y() + 8 if at.y() + 26 < frame.bottom() else at.y() - 26
        return QRectF(left, top, width, 18)

    def paint_reading(self, painter: QPainter, area: QRectF) -> None:
        """A line at the point that is read, and what it says."""
        if not 0 <= self.reading < len(self.points):
            return
        frame, found = self.frame(), self.points[self.reading]
        at = self.spot_of(found)
        painter.setPen(QPen(theme.colour("muted"), 1, Qt.PenStyle.DotLine))
        painter.drawLine(QPointF(at.x(), frame.top()), QPointF(at.x(), frame.bottom()))
        # Below the legend, where a point lies high.
        self.paint_box(painter, QPointF(at.x(), max(at.y(), frame.top() + 44)), self.words(found))

    def words(self, found: Found) -> list[str]:
        """What the crosshair reads at a cut, line by line."""
        low, high = found["interval"]
        trained = found["cut"] != self.points[-1]["cut"]
        return [
            f"{found['cut']}{' · recommended' if found['cut'] == self.recommended else ''}",
            f"{per_cent(found['accuracy'])} ({per_cent(low)} to {per_cent(high)})",
            f"shared: {per_cent(found['share_macs'])} of operations, "
            f"{per_cent(found['share_parameters'])} of parameters",
            f"trained for {found['seconds']:.1f} s"
            if trained
            else "all shared: nothing is trained",
        ]

    # Mouse and keys.

    def read(self, number: int) -> None:
        """Puts the crosshair at a point."""
        self.reading = number
        self.spot = self.spot_of(self.points[number])
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.points:
            gaps = [abs(self.spot_of(p).x() - event.position().x()) for p in self.points]
            self.read(gaps.index(min(gaps)))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.pick()

    def leaveEvent(self, event: QEvent) -> None:
        self.reading = -1
        super().leaveEvent(event)

    def pick(self) -> None:
        if 0 <= self.reading < len(self.points):
            self.picked.emit(self.points[self.reading]["cut"])

    def step_spot(self, right: int, down: int) -> None:
        self.read(min(max(self.reading + right, 0), len(self.points) - 1))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.pick()
        else:
            super().keyPressEvent(event)
