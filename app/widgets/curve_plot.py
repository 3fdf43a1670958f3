"""The plots of a run's loss and accuracy, over epochs or over seconds."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

from app.widgets.line_plot import LinePlot, Series
from app.widgets.plots import TITLE, Legend

OUTLIERS = 0.05
"""Of a line of single steps, the highest values of this share do not widen the plot."""


class CurvePlot(LinePlot):
    """Lines over epochs or seconds; y in per cent, or a plain number where `unit` is empty.

    A line may have its own points: the crosshair reads of each the last one that was reached.
    """

    legend_wraps = True
    legend_gap = 8

    def __init__(self, title: str, empty: str, unit: str) -> None:
        super().__init__(title, empty, "epoch", unit)
        self.corner: QWidget | None = None

    def put_in_corner(self, widget: QWidget) -> None:
        """Shows a control beside the title."""
        widget.setParent(self)
        self.corner = widget

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.corner is not None:
            self.corner.adjustSize()
            left = self.save_button.x() - self.corner.width() - 4
            self.corner.move(left, max(TITLE + 2 - self.corner.height(), 0) // 2)

    def show_curves(self, series: Sequence[Series], x_title: str) -> None:
        """Shows these lines over what `x_title` says; a crosshair elsewhere is taken away.

        Lines that only went on are not made anew: that would take longer than a frame.
        """
        made, before = [s for s in series if s.points], [look(s) for s in self.series]
        went_on = self.chart is not None and before and [look(s) for s in made] == before
        if x_title != self.x_title:
            self.x_title, self.at, went_on = x_title, None, False
        if not went_on or self.at is not None:
            self.show_series(series)
            return
        self.series = tuple(made)
        for line, one in zip(self.lines, reversed(self.series), strict=True):
            line.setData(*zip(*one.points, strict=True))
        self.fit()

    def legend(self) -> Legend:
        """The line of single steps first: its name is the longest, and columns are the shorter."""
        return [(s.name, self.sign(s)) for s in sorted(self.series, key=lambda s: not s.dense)]

    def number(self, x: float) -> str:
        return f"{x:,.6g}"

    def across(self) -> tuple[float, float]:
        """From the beginning of the run to its last point, with a little room."""
        last = max(x for s in self.series for x, _ in s.points) or 1.0
        return -0.02 * last, 1.02 * last

    def upwards(self) -> tuple[float, float]:
        """Per cent as elsewhere; other numbers from 0 to the highest that is no outlier."""
        if self.unit:
            return super().upwards()
        return 0.0, max(1e-9, *(max(usual(series)) for series in self.series))

    def words(self, x: float) -> list[str]:
        """Where the crosshair is, and the value of each line there."""
        lines = [f"{self.x_title} {x:,.4g}"]
        for series in self.series:
            reached = [y for at, y in series.points if at <= x]
            if reached:
                lines.append(f"{series.name}: {self.told(reached[-1])}")
        return lines

    def told(self, y: float) -> str:
        return f"{y:.1f} {self.unit}" if self.unit else f"{y:.3g}"


def look(series: Series) -> tuple[object, ...]:
    """How a line is drawn, whatever its points are."""
    return series.name, series.token, series.dash, series.dense, series.marked, series.size


def usual(series: Series) -> list[float]:
    """The values of a line; of a dense one without the few that are far above the others."""
    values = sorted(y for _, y in series.points)
    return values[: max(1, round(len(values) * (1 - OUTLIERS)))] if series.dense else values
