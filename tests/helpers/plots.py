"""What tests of plots share: one on the screen, and what its saved files say."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TypeVar
from xml.etree import ElementTree

from app.widgets.plots import Plot

Shown = TypeVar("Shown", bound=Plot)


def shown(plot: Shown, qtbot: object, width: int, height: int) -> Shown:
    """The plot, or a widget with some, on the screen with its chart until the test ends."""
    qtbot.addWidget(plot)
    plot.resize(width, height)
    plot.show()
    for one in (plot, *plot.findChildren(Plot)):
        if isinstance(one, Plot):
            one.make_chart()
    return plot


def words(plot: Plot, path: Path) -> str:
    """All words of a plot, saved as SVG."""
    plot.save(str(path))
    return " ".join(ElementTree.parse(path).getroot().itertext())


def table(plot: Plot, path: Path) -> list[list[str]]:
    """The rows of a plot, saved as CSV."""
    plot.save(str(path))
    return list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
