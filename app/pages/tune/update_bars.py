"""How much the weights of each stage change now: a bar for each row of the layer plot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.widgets.plot_words import Reading, Word
from app.widgets.plots import BOTTOM, LEGEND
from app.widgets.row_plot import RowPlot

EMPTY = "While a run goes on: how much the weights of each stage change."
WIDTH = 192
NUMBERS = 64
"""Pixels for a value beside its bar."""
LEAST = 1e-4
SMALLEST = 11
"""Rows lower than this have no numbers."""


def share(value: float) -> str:
    """A small share in per cent."""
    return f"{100 * value:.2g} %" if value else "0"


def rough(value: float) -> str:
    """The same in a narrow place."""
    return "<0.01 %" if 0 < value < LEAST else share(value)


class UpdateBars(RowPlot):
    """One bar for each stage, from the head above to the stem below, as in the layer plot."""

    margins = (6, LEGEND, 0, BOTTOM)
    thick = 2 / 3

    def __init__(self) -> None:
        super().__init__("Weight changes", EMPTY)
        self.stages: tuple[str, ...] = ()
        self.updates: tuple[float, ...] = ()
        self.setFixedWidth(WIDTH)

    def show_updates(self, stages: Sequence[str], updates: Sequence[float]) -> None:
        """Changes since the last look, as shares of the size of each stage's weights.

        Without any there is nothing to show.
        """
        self.stages, self.updates = tuple(stages) if updates else (), tuple(updates)
        parts = [f"{name} {share(value)}" for name, value in self.rows()]
        self.setAccessibleDescription(", ".join(parts) or EMPTY)
        self.at = self.at if self.at is not None and self.at < len(self.updates) else None
        self.redraw_soon()

    def rows(self) -> list[tuple[str, float]]:
        """From the head to the stem."""
        return list(zip(self.stages, self.updates, strict=True))[::-1]

    def row_count(self) -> int:
        return len(self.updates)

    def table(self) -> Sequence[Sequence[object]]:
        pairs = zip(self.stages, self.updates, strict=True)
        return [["stage", "change of the weights in about a second (share)"], *map(list, pairs)]

    def set_up(self, chart: Any) -> None:
        super().set_up(chart)
        chart.hideAxis("left")
        chart.hideAxis("bottom")
        chart.getAxis("right").setWidth(NUMBERS)

    def draw(self) -> None:
        """Bars on one scale: the longest is as wide as the frame."""
        most = max(self.updates) or 1.0
        self.draw_bars([value / most for _, value in self.rows()])
        self.show_range(0, 1, -len(self.updates), 0)

    def arrange(self) -> None:
        """Values beside the bars while there is room, and what they are."""
        small = self.frame().height() / len(self.updates) < SMALLEST
        self.say_beside("right", [] if small else [rough(value) for _, value in self.rows()])
        below = "% of the weights in a second"
        self.overlay.say([Word(0, -len(self.updates), below, left=0, off=(0, 31))])

    def reading(self) -> Reading:
        name, value = self.rows()[self.at]
        lines = [name, f"weights changed by {share(value)}"]
        return Reading(0, -self.at - 0.5, lines, frame=self.around(self.at))
