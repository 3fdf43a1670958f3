"""How long the layer plot takes to draw: `python -m tests.bench.layer_plot [--scale 2]`.

10,000 steps of 20 stages of a FreezeOut run, the lower stages served from the cache. The peer draws
each cell by itself, as a rectangle. Prints one table, in milliseconds.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import time
from array import array
from collections.abc import Callable, Iterator
from typing import Any

from engine.events import LayerPlan, LayerState
from engine.training.schedules import Timetable
from engine.training.schedules.freezeout import FreezeOut

STEPS, STAGES, PLANNED = 10_000, 20, 400
WIDTH, HEIGHT = 1200, 480
TIMES = 60


def cells(table: Timetable, step: int) -> tuple[tuple[Any, ...], ...]:
    """Rates, frozen or not, cached or not, and reasons of all stages in a step."""
    numbers, kept = range(STAGES), table.settled(step)
    return (
        tuple(table.at(step, name) for name in table.names),
        tuple(table.stands(number, step) for number in numbers),
        tuple(number < kept for number in numbers),
        tuple(table.reason(number, step) for number in numbers),
    )


def run_of(table: Timetable) -> tuple[LayerPlan, Iterator[LayerState]]:
    names, steps = tuple(table.names), tuple(range(0, STEPS, STEPS // PLANNED))
    rows = zip(*(cells(table, step) for step in steps), strict=True)
    plan = LayerPlan(STEPS, names, steps, *(tuple(zip(*row, strict=True)) for row in rows))
    return plan, (LayerState(n + 1, STEPS, names, *cells(table, n)) for n in range(STEPS))


def milliseconds(work: Callable[[], object], times: int = TIMES) -> str:
    """Median and worst by the clock, and the median of the processor's time.

    The last is the same however busy the computer is with other things.
    """
    clocks = time.perf_counter, time.thread_time
    found: list[list[float]] = [[], []]
    for _ in range(times):
        begun = [clock() for clock in clocks]
        work()
        for kept, clock, since in zip(found, clocks, begun, strict=True):
            kept.append(1000 * (clock() - since))
    wall, busy = found
    return f"{statistics.median(wall):8.1f}{max(wall):8.1f}{statistics.median(busy):11.1f}"


class Bench:
    """The plot on a screen that nobody sees, with all steps but the last hundred done."""

    def __init__(self) -> None:
        from app import theme
        from app.pages.tune.layer_plot import LayerPlot
        from app.shell.window import make_application

        self.app = make_application()
        theme.use("light")
        table = Timetable(
            FreezeOut(), [*(f"stage {n}" for n in range(STAGES - 1)), "head"], 0.1, STEPS
        )
        plan, self.states = run_of(table)
        self.plot = LayerPlot()
        theme.dress(self.plot)
        self.plot.resize(WIDTH, HEIGHT)
        self.plot.plan(plan)
        for _ in range(STEPS - 2 * TIMES):
            self.plot.state(next(self.states))
        self.plot.show()
        self.plot.make_chart()
        self.app.processEvents()

    def paint(self) -> None:
        """All of it: Qt would not paint the chart again for the widget around it."""
        self.plot.repaint()
        self.plot.chart.viewport().repaint()

    def again(self) -> None:
        self.paint()

    def afresh(self) -> None:
        """As after a change of theme: all colours are new."""
        self.plot.cells.look = None
        self.plot.redraw()
        self.paint()

    def arrival(self) -> None:
        self.plot.state(next(self.states))
        self.plot.catch_up()
        self.paint()

    def reading(self) -> None:
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest

        QTest.keyClick(self.plot, Qt.Key.Key_Left)
        self.paint()

    def peer(self) -> None:
        """The same cells, each as a rectangle, into an image of the same size."""
        from PySide6.QtCore import QRectF
        from PySide6.QtGui import QImage, QPainter

        frame, ratio = self.plot.frame(), self.plot.devicePixelRatioF()
        image = QImage((frame.size() * ratio).toSize(), QImage.Format.Format_RGB32)
        image.setDevicePixelRatio(ratio)
        wide, high = frame.width() / STEPS, frame.height() / STAGES
        painter = QPainter(image)
        for step, stage, colour in self.colours:
            top = frame.height() - (stage + 1) * high
            painter.fillRect(QRectF(step * wide, top, wide, high), colour)
        painter.end()

    def prepare_peer(self) -> None:
        """Its colours beforehand, so that only drawing is measured."""
        from PySide6.QtGui import QColor

        table, layers = self.plot.cells.table.tolist(), self.plot.layers
        self.colours = [
            (step, stage, QColor(*table[shade]))
            for step in range(STEPS)
            for stage, shade in enumerate(array("H", layers.at(step).levels))
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", default="1", help="device pixels for one, as on a sharp screen")
    os.environ["QT_SCALE_FACTOR"] = parser.parse_args().scale
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    bench = Bench()
    # The schedules bring PyTorch, which the window's process has not: no collecting through it.
    gc.freeze()
    ratio = bench.plot.devicePixelRatioF()
    print(f"{STEPS:,} steps x {STAGES} stages, {WIDTH} x {HEIGHT} at {ratio:g} x, milliseconds")
    print(f"{'':44}{'median':>8}{'worst':>8}{'processor':>11}")
    print(f"{'redrawn, nothing new':44}{milliseconds(bench.again)}")
    print(f"{'a new column, and redrawn':44}{milliseconds(bench.arrival)}")
    print(f"{'the crosshair moves, and redrawn':44}{milliseconds(bench.reading)}")
    print(f"{'redrawn from nothing (new theme)':44}{milliseconds(bench.afresh)}")
    bench.prepare_peer()
    print(f"{'peer: a rectangle for each cell, cells only':44}{milliseconds(bench.peer, 5)}")


if __name__ == "__main__":
    main()
