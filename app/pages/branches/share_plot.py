"""The sharing curve: accuracy of a branch against how much of the network it shares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QBrush

from app import theme
from app.widgets.plot_words import Reading, Word
from app.widgets.plots import Legend, Plot
from engine.results.branches import CurvePoint
from engine.system.words import per_cent

BEAM = 1.1
"""Per cent of operations across the ends of an interval."""
DOT, RING = 9.0, 17.0
"""Pixels across a point, and across the mark around the recommended one."""


def recommended(points: Sequence[CurvePoint], threshold: float) -> str:
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
    x_title = "operations shared with the network, %"
    y_title = "accuracy, %"
    margins = (0, 8, 12, 4)

    def __init__(self, title: str, empty: str) -> None:
        super().__init__(title, empty)
        self.points: tuple[CurvePoint, ...] = ()
        self.threshold = 0.0

    # What is shown.

    def show_curve(self, points: Sequence[CurvePoint]) -> None:
        """Shows these cuts, from the stem up."""
        self.points, self.at = tuple(points), None
        self.tell()

    def set_threshold(self, threshold: float) -> None:
        """So many points below the best may be given up for sharing more."""
        self.threshold = threshold
        self.tell()

    def tell(self) -> None:
        words = f"Recommended: {self.recommended}" if self.points else self.empty
        self.setAccessibleDescription(words)
        self.redraw_soon()

    @property
    def recommended(self) -> str:
        return recommended(self.points, self.threshold)

    @property
    def best(self) -> float:
        return 100 * max(found["accuracy"] for found in self.points)

    def has_figures(self) -> bool:
        return bool(self.points)

    def legend(self) -> Legend:
        band = self.pen("accent_soft", 10)
        band.setCapStyle(Qt.PenCapStyle.FlatCap)
        unit = "point" if self.threshold == 1 else "points"
        return [
            ("held-out accuracy, 95 % interval", {"pen": self.pen("accent", 2)}),
            (f"within {self.threshold:g} {unit} of the best", {"pen": band}),
        ]

    def table(self) -> Sequence[Sequence[object]]:
        """A row for each cut, from the stem up."""
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
                *(100 * x for x in (p["share_macs"], p["share_parameters"], p["accuracy"])),
                *(100 * end for end in p["interval"]),
                p["seconds"],
                "yes" if p["cut"] == self.recommended else "",
            ]
            for p in self.points
        ]
        return [titles, *rows]

    # Drawing.

    def set_up(self, chart: Any) -> None:
        self.round_ticks("left", 40)
        self.round_ticks("bottom", 80)

    def upwards(self) -> tuple[float, float]:
        """Round numbers around the intervals and the band, with room for the words beside them."""
        values = [100 * end for p in self.points for end in p["interval"]]
        low = min(*values, self.best - self.threshold)
        low, high = math.floor((low - 1) / 5) * 5, math.ceil((max(values) + 1) / 5) * 5
        low, high = max(low, 0), min(high, 100)
        room = (high - low) / 30
        return low - room, high + room

    def draw(self) -> None:
        """The band lies below all; above it the intervals, the curve, its points and the ring."""
        band = self.best - self.threshold, self.best
        self.shade(band, "horizontal", theme.colour("accent_soft"))
        xs, ys, lows, highs = zip(*(spots(found) for found in self.points), strict=True)
        down, up = [[abs(a - b) for a, b in zip(ys, ends, strict=True)] for ends in (lows, highs)]
        grey = self.pen("muted")
        self.errors(xs, ys, BEAM, bottom=down, top=up, pen=grey)
        dot = {"symbol": "o", "size": DOT, "pen": None, "brush": QBrush(theme.colour("accent"))}
        ring = {"symbol": "o", "size": RING, "pen": self.pen("warning", 2), "brush": None}
        self.line(xs, ys, self.pen("accent", 2))
        x, y, *_ = next(spots(p) for p in self.points if p["cut"] == self.recommended)
        self.marks([*((x, y, dot) for x, y in zip(xs, ys, strict=True)), (x, y, ring)])
        self.show_range(-3, 103, *self.upwards())

    def arrange(self) -> None:
        """The recommended cut by name, and of the others those that there is room for."""
        taken: list[QRectF] = []
        words: list[Word] = []
        for p in sorted(self.points, key=lambda p: p["cut"] != self.recommended):
            word = self.name_of(p)
            place = self.overlay.place(word)
            if not any(place.intersects(other) for other in taken):
                taken.append(place)
                words.append(word)
        self.overlay.say(words)

    def name_of(self, found: CurvePoint) -> Word:
        """The name of a point: below it, inside the frame, beside its interval.

        That of the recommended one goes to the left, since the curve falls to the right of it.
        """
        x, y, *_ = spots(found)
        marked, frame, at = found["cut"] == self.recommended, self.frame(), self.spot(x, y)
        text = f"{found['cut']}, recommended" if marked else found["cut"]
        width = self.fontMetrics().horizontalAdvance(text) + 12
        left = at.x() - width > frame.left() if marked else at.x() + width > frame.right()
        down = 17 if at.y() + 26 < frame.bottom() else -17
        look: dict[str, Any] = {"token": "warning", "strong": True} if marked else {}
        return Word(x, y, text, left=left, off=(-12 if left else 12, down), **look)

    # Reading.

    def reading(self) -> Reading:
        """A line at the point that is read, and what it says."""
        found = self.points[self.at]
        x, y, *_ = spots(found)
        return Reading(x, y, self.words(found), "|")

    def words(self, found: CurvePoint) -> list[str]:
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

    def under(self, at: QPointF) -> int:
        x, _ = self.value(at)
        gaps = [abs(spots(found)[0] - x) for found in self.points]
        return gaps.index(min(gaps))

    def step(self, right: int, down: int) -> int:
        now = -1 if self.at is None else self.at
        return min(max(now + right, 0), len(self.points) - 1)

    def pick(self) -> None:
        self.picked.emit(self.points[self.at]["cut"])


def spots(found: CurvePoint) -> tuple[float, float, float, float]:
    """Share and accuracy of a cut and the ends of its interval, in per cent."""
    low, high = found["interval"]
    return 100 * found["share_macs"], 100 * found["accuracy"], 100 * low, 100 * high
