"""The plots of the Tune page: curves of one run or of several, and how its stages learn."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QBoxLayout, QButtonGroup, QStackedWidget, QToolButton, QWidget

from app.pages.tune.layer_plot import LayerPlot
from app.pages.tune.live import LiveRun
from app.pages.tune.runs import DifferingRows, RunRows
from app.pages.tune.update_bars import UpdateBars
from app.widgets.controls import card, column, label, named, reach, row
from app.widgets.curve_plot import CurvePlot
from app.widgets.run_curves import Curves, overlaid
from app.widgets.table import Table
from engine.events import LayerPlan, LayerState
from engine.results.tune import LayerColumns, RunDetails

EMPTY = "Start a run: its {} is drawn here, step by step and at the end of each epoch."
COMES = "Its {} is drawn here from its first step on."
NONE = "No step of this run was made yet."
EVERY = 300
"""Milliseconds between two looks at the curves of a run that goes on: one plot at a time, so that
no frame is missed."""
LEAST = 176
"""Pixels of the plot of stages, so that all is seen at 1280 x 800."""
SAME = "These runs have the same settings."
DIFFER = "Settings that differ"


class Watch(QWidget):
    """Accuracy and loss above; below them the stages, or what differs between several runs."""

    def __init__(self) -> None:
        super().__init__()
        self.over = "epoch"
        self.curves: list[tuple[str, Curves]] = []
        self.accuracy = CurvePlot("Accuracy", EMPTY.format("accuracy"), "%")
        self.loss = CurvePlot("Loss", EMPTY.format("loss"), "")
        self.layers = LayerPlot()
        self.updates = UpdateBars()
        self.differing = DifferingRows()
        self.table = Table(self.differing)
        self.title = label(DIFFER, "heading")
        self.soon = QTimer(self, singleShot=True, interval=EVERY)
        self.soon.timeout.connect(self.draw_next)
        self.turn = 0
        self.choices = [
            self.choice("Epochs", "epoch", "Alt+1"),
            self.choice("Seconds", "seconds", "Alt+2"),
        ]
        self.lay_out()
        self.choices[0].setChecked(True)

    def choice(self, text: str, over: str, key: str) -> QToolButton:
        """One of the two scales below the curves."""
        made = QToolButton()
        made.setObjectName("scale")
        made.setText(text)
        made.setCheckable(True)
        named(made, f"Over {text.lower()}", f"Draws accuracy and loss over {text.lower()}", key)
        made.setShortcut(key)

        def toggled(on: bool) -> None:
            if on:
                self.show_over(over)

        made.toggled.connect(toggled)
        return made

    def lay_out(self) -> None:
        """Two plots beside each other, the stages below."""
        corner, self.group = QWidget(), QButtonGroup(self)
        corner.setLayout(row(*self.choices, gap=2))
        for made in self.choices:
            self.group.addButton(made)
        self.accuracy.put_in_corner(corner)
        for plot, key in (
            (self.accuracy, "Alt+3"),
            (self.loss, "Alt+4"),
            (self.layers, "Alt+5"),
            (self.updates, "Alt+6"),
        ):
            named(plot, plot.title, "Arrow keys read values; Ctrl+S saves the plot")
            reach(plot, key)
            plot.setToolTip("")
        named(self.table, DIFFER, "What is not the same in the chosen runs")
        self.table.setObjectName("figures")
        self.table.verticalHeader().setDefaultSectionSize(26)
        self.table.setShowGrid(False)
        for plot in (self.layers, self.updates):
            plot.setMinimumHeight(LEAST)
        stages = row(self.layers, self.updates, gap=16)
        stages.setStretch(0, 1)
        self.below = QStackedWidget()
        self.below.addWidget(card(stages, edge=12))
        self.below.addWidget(card(self.title, self.table, edge=12))
        self.above = row(card(self.accuracy, edge=12), card(self.loss, edge=12), gap=16)
        whole = column(self.above, self.below, gap=16)
        whole.setStretch(0, 1)
        whole.setStretch(1, 1)
        self.setLayout(whole)

    def put_beside(self, beside: bool) -> None:
        """The two plots beside each other, or one below the other where the page is narrow."""
        across, down = QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom
        self.above.setDirection(across if beside else down)

    # Showing.

    def clear(self) -> None:
        self.curves = []
        self.layers.clear()
        self.show_stages(False)
        self.draw()

    def show_stages(self, live: bool) -> None:
        self.below.setCurrentIndex(0)
        self.updates.setVisible(live)

    def show_live(self, live: LiveRun) -> None:
        """The run that goes on, from its plan to its last step."""
        self.curves = [("", live.curves)]
        self.show_stages(True)
        self.updates.show_updates((), ())
        if live.plan is not None:
            self.layers.plan(live.plan)
        elif live.known:
            self.show_past(live.known)
        else:
            self.layers.clear()
        if live.state is not None:
            self.show_state(live.state)
            self.updates.show_updates(live.state.stages, live.updates)
        self.draw()

    def follow(self, live: LiveRun) -> None:
        """Draws the curves of the run that goes on, now and then."""
        self.curves = [("", live.curves)]
        if not self.soon.isActive():
            self.soon.start()

    def show_state(self, state: LayerState) -> None:
        self.layers.state(state)
        if state.updates:
            self.updates.show_updates(state.stages, state.updates)

    def show_runs(
        self, runs: Sequence[RunDetails], rows: RunRows, accuracy: float | None = None
    ) -> None:
        """One kept run with its stages, or several with what differs between them. `accuracy` is
        that of the network in use."""
        self.soon.stop()
        self.curves = [(f"run {run['id']}", Curves.of_run(run)) for run in runs]
        for _, curves in self.curves:
            if curves.against is None or len(runs) > 1:
                curves.beside_current(accuracy)
        if len(runs) == 1:
            self.show_stages(False)
            self.show_past(runs[0])
        else:
            self.differing.compare(runs, rows)
            self.title.setText(DIFFER if self.differing.rows else SAME)
            self.below.setCurrentIndex(1)
        self.draw()

    def show_past(self, run: RunDetails) -> None:
        """How the stages of a kept run learnt; what it did not come to stays pale."""
        layers, done = run["layers"], int(max(run["steps_curve"].get("step") or [0]))
        if not layers:
            self.layers.clear()
        elif run["difference"] and done >= layers["total"]:
            self.layers.show_run(layers)
        else:
            self.layers.plan(plan_of(layers))
            if done:
                self.layers.state(state_at(layers, done))

    def show_over(self, over: str) -> None:
        self.over = over
        self.draw()

    def draw(self) -> None:
        """Both plots, as their curves are now."""
        self.soon.stop()
        for plot in (self.accuracy, self.loss):
            self.draw_one(plot)

    def draw_next(self) -> None:
        """One plot now, and the other a moment later."""
        self.turn = 1 - self.turn
        self.draw_one((self.accuracy, self.loss)[self.turn])
        if self.turn:
            self.soon.start()

    def draw_one(self, plot: CurvePlot) -> None:
        name = plot.title.lower()
        none = (NONE if self.curves[0][0] else COMES) if self.curves else EMPTY
        plot.empty = none.format(name)
        if len(self.curves) == 1:
            series = self.curves[0][1].series(name, self.over)
        else:
            series = overlaid(self.curves, name, self.over)
        plot.show_curves(series, self.over)


def plan_of(layers: LayerColumns) -> LayerPlan:
    """The plan that a kept run began with."""
    return LayerPlan(
        layers["total"],
        tuple(layers["stages"]),
        tuple(layers["steps"]),
        tuple(map(tuple, layers["rates"])),
        tuple(map(tuple, layers["frozen"])),
        tuple(map(tuple, layers["cached"])),
        tuple(map(tuple, layers["reasons"])),
    )


def state_at(layers: LayerColumns, done: int) -> LayerState:
    """How the stages stood in the last of so many steps, from the columns of a kept run."""
    column = max(bisect_left(layers["steps"], done) - 1, 0)
    return LayerState(
        done,
        layers["total"],
        tuple(layers["stages"]),
        tuple(row[column] for row in layers["rates"]),
        tuple(row[column] for row in layers["frozen"]),
        tuple(row[column] for row in layers["cached"]),
        tuple(row[column] for row in layers["reasons"]),
    )
