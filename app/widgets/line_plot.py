"""The plot of lines over steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QPointF, Qt

from app import theme
from app.widgets.plot_words import Reading
from app.widgets.plots import Legend, Plot

ABOVE = 0.06
"""Of the height, the room above 100 %."""


@dataclass(frozen=True)
class Series:
    """One line: its points (x, y), its colour by token, and its dash.

    A `dense` line is thin and pale, without marks, and the crosshair stops at none of its points.
    A `level` is one value from end to end, to compare the others with. `size`: pixels of a mark.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    token: str = "accent"
    dash: Qt.PenStyle = Qt.PenStyle.SolidLine
    dense: bool = False
    level: bool = False
    size: int = 6

    @property
    def marked(self) -> bool:
        return len(self.points) <= 60 and not self.dense and not self.level


class LinePlot(Plot):
    """Lines over whole numbers (steps); y in `unit`: per cent, up to 100."""

    def __init__(self, title: str, empty: str, x_title: str, unit: str) -> None:
        super().__init__(title, empty)
        self.x_title, self.unit = x_title, unit
        self.series: tuple[Series, ...] = ()
        self.lines: list[Any] = []

    def set_up(self, chart: Any) -> None:
        left, bottom = chart.getAxis("left"), chart.getAxis("bottom")
        left.tickStrings = lambda values, *_: [f"{v:g} {self.unit}".strip() for v in values]
        bottom.tickStrings = lambda values, *_: [self.number(v) for v in values]

    def show_series(self, series: Sequence[Series]) -> None:
        """Shows these lines; the y axis begins at a round number below the lowest value."""
        self.series = tuple(s for s in series if s.points)
        self.redraw()

    def draw(self) -> None:
        self.lines = [self.draw_line(series) for series in reversed(self.series)]
        self.fit()

    def fit(self) -> None:
        """Both axes as wide as the figures."""
        low, high = self.upwards()
        room = 0.1 * (high - low)
        self.show_range(*self.across(), low - room, high + room)

    def number(self, x: float) -> str:
        """A value of the x axis in words; nothing where it is none."""
        return f"{x:g}" if x == int(x) else ""

    def across(self) -> tuple[float, float]:
        """A little wider than the points, so that a single one lies in the middle."""
        steps = self.steps()
        return steps[0] - 0.4, max(steps[-1], steps[0] + 1) + 0.4

    def upwards(self) -> tuple[float, float]:
        """From a round number below the lowest value to a little above 100: what is drawn there is
        whole."""
        lowest = min(y for s in self.series for _, y in s.points)
        low = max(0.0, math.floor((lowest - 5) / 20) * 20.0)
        return low, 100.0 + ABOVE * (100.0 - low)

    def look(self, series: Series) -> dict[str, Any]:
        """How a line looks; a dense one is thin and pale."""
        pen = self.pen(series.token, 1, series.dash, 120) if series.dense else None
        pen = pen or self.pen(series.token, 2, series.dash)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        return {"pen": pen, "antialias": True}

    def draw_line(self, series: Series) -> Any:
        """One line, its points marked while they are few."""
        return self.chart.plot(
            *zip(*series.points, strict=True),
            **self.look(series),
            symbol="o" if series.marked else None,
            symbolSize=series.size,
            symbolPen=None,
            symbolBrush=theme.colour(series.token),
        )

    def reading(self) -> Reading | None:
        """The crosshair at a step, and each series' value there."""
        if self.at not in self.steps():
            return None
        low, high = self.chart.viewRange()[1]
        return Reading(self.at, (low + high) / 2, self.words(self.at), "|")

    def words(self, x: float) -> list[str]:
        """What the crosshair reads at a step, line by line."""
        found = [
            f"{s.name}: {y:.1f} {self.unit}" for s in self.series for at, y in s.points if at == x
        ]
        return [f"{self.x_title} {x:g}", *found]

    def steps(self) -> list[float]:
        """Where the crosshair stops."""
        lines = [s for s in self.series if not s.level]
        stops = [s for s in lines if not s.dense] or lines
        return sorted({x for s in stops for x, _ in s.points})

    def under(self, at: QPointF) -> Any:
        x, _ = self.value(at)
        return min(self.steps(), key=lambda known: abs(known - x), default=None)

    def step(self, right: int, down: int) -> Any:
        steps = self.steps()
        number = steps.index(self.at) + right if self.at in steps else 0
        return steps[min(max(number, 0), len(steps) - 1)]

    def has_figures(self) -> bool:
        return bool(self.series)

    def legend(self) -> Legend:
        return [(s.name, self.sign(s)) for s in self.series]

    def sign(self, series: Series) -> dict[str, Any]:
        """A line with its marks, a mark alone where no line is drawn through it."""
        pen = self.look(series)["pen"]
        if not series.marked:
            return {"pen": pen}
        mark = {"symbol": "o", "size": series.size, "pen": None}
        line = pen if len(series.points) > 1 else None
        return {**mark, "brush": theme.colour(series.token), "line": line}

    def table(self) -> Sequence[Sequence[object]]:
        places = sorted({x for s in self.series if not s.level for x, _ in s.points})
        known = [
            dict.fromkeys(places, s.points[0][1]) if s.level else dict(s.points)
            for s in self.series
        ]
        unit = f" ({self.unit})" if self.unit else ""
        rows = [[x, *(points.get(x, "") for points in known)] for x in places]
        return [[self.x_title, *(f"{s.name}{unit}" for s in self.series)], *rows]
