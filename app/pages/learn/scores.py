"""The right side of the Learn page: figures, plots, and the images behind them."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QBoxLayout, QWidget

from app.bridge import Bridge
from app.pages.learn.pictures import Pictures
from app.pages.learn.promise import PromiseCard
from app.pages.learn.summary import Summary
from app.widgets.class_plots import BarPlot, ClassBar
from app.widgets.controls import Yielding, card, column, named, reach, row, scrolled
from app.widgets.line_plot import LinePlot, Series
from app.widgets.matrix_plot import HELP, TITLE, MatrixPlot
from app.widgets.thumbs import Thumbnails
from engine.events import Ended, ProjectView, StepView
from engine.results.learn import BurstEffect, FullScores

SIDE_BY_SIDE = 800
"""Pixels from which on the matrix and the images behind it stand beside each other."""
LEAST, BELOW, LOWER = 400, 392, 320
"""Pixels of height of the matrix, of the images where they stand below it, and of the plots."""
GAP = 16
NOTHING = "Learn classes to see this."


def accuracy_series(steps: tuple[StepView, ...], live: list[tuple[float, float]]) -> list[Series]:
    """Accuracy over steps in per cent: all classes, old and new ones; then this step so far."""

    def points(name: str) -> tuple[tuple[float, float], ...]:
        return tuple(
            (s.number, 100 * getattr(s, name)) for s in steps if getattr(s, name) is not None
        )

    return [
        Series("all classes", points("accuracy")),
        Series("old classes", points("old_accuracy"), "muted", Qt.PenStyle.DashLine),
        Series("new classes", points("new_accuracy"), "warning", Qt.PenStyle.DotLine),
        Series("during this step", tuple(live), "text", Qt.PenStyle.DotLine),
    ]


class Scores(QWidget):
    """What came of learning: a sentence, the matrix, the images that are wrong, and bars."""

    def __init__(self, bridge: Bridge, thumbs: Thumbnails) -> None:
        super().__init__()
        self.bridge = bridge
        self.steps: tuple[StepView, ...] = ()
        self.live: list[tuple[float, float]] = []
        self.shown: tuple[str, int] = ("", 0)
        self.asked: tuple[str, int] = ("", 0)
        """The step in use, and the one of which it was asked what bursts change."""
        self.summary = Summary(bridge)
        self.lines = LinePlot("Accuracy over steps", NOTHING, "step", "%")
        self.bars = BarPlot("Accuracy of each class, lowest first", NOTHING)
        self.matrix = MatrixPlot(TITLE, NOTHING)
        self.images = Pictures(bridge, thumbs)
        self.promise = PromiseCard(bridge)
        self.lay_out()
        self.matrix.picked.connect(self.images.ask_cell)
        self.bars.picked.connect(lambda name: self.images.ask_cell(name, name))

    def lay_out(self) -> None:
        """The sentence above; below it the matrix with its images, then bars and lines."""
        for plot, key, help in (
            (self.matrix, "Alt+M", HELP),
            (self.bars, "Alt+B", "Arrow keys read values; Ctrl+S saves the plot"),
            (self.lines, "Alt+A", "Arrow keys read values; Ctrl+S saves the plot"),
        ):
            named(plot, plot.title, help)
            reach(plot, key)
            plot.setToolTip("")
        self.matrix_card, self.images_card = card(self.matrix, edge=12), card(self.images, edge=12)
        self.lines_card, bars_card = card(self.lines, edge=12), card(self.bars, edge=12)
        self.lines.setMinimumHeight(LOWER - 24)
        self.lines_card.hide()
        beside_bars = column(self.lines_card, 0)
        beside_bars.setStretch(0, 99)  # the space below it begins where it is as high as it may be
        self.top_row = row(self.matrix_card, self.images_card, gap=GAP)
        self.second_row = row(bars_card, beside_bars, gap=GAP)
        for line, shares in ((self.top_row, (3, 2)), (self.second_row, (1, 1))):
            for at, share in enumerate(shares):
                line.setStretch(at, share)
        inside = QWidget()
        inside.setLayout(
            column(self.summary, self.top_row, self.second_row, self.promise, 0, gap=GAP)
        )
        self.area = scrolled(inside, Yielding)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setLayout(column(self.area))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit()

    def fit(self) -> None:
        """One column where it is narrow; the matrix is as high as the page below the sentence."""
        wide = self.width() >= SIDE_BY_SIDE
        way = QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom
        for line in (self.top_row, self.second_row):
            line.setDirection(way)
        room = self.height() - self.summary.heightForWidth(self.area.viewport().width()) - GAP
        self.matrix_card.setFixedHeight(max(room, LEAST))
        self.images_card.setFixedHeight(max(room, LEAST) if wide else BELOW)
        self.lines_card.setMaximumHeight(max(room, LEAST))  # also beside the bars of many classes

    def show_project(self, project: ProjectView) -> None:
        """Shows the steps; the scores are read anew when another step is in use."""
        self.steps = project.steps
        self.promise.show_project(project)
        step = project.current_step
        self.show_lines()
        now = (project.path, step.id if step else 0)
        if step is None:
            self.summary.say("Nothing is learnt yet. Learn, and what came of it is shown here.")
        if now[0] != self.shown[0]:
            self.area.verticalScrollBar().setValue(0)
        if now != self.shown:
            self.shown = now
            self.summary.show_bursts({})
            self.read_scores(step is not None and len(step.classes) > 1)
            self.read_bursts()
            if step is not None and len(step.classes) == 1:
                self.summary.say("Only one class is learnt. Learn the others to see an accuracy.")

    def show_lines(self) -> None:
        """The accuracy over steps, from the second on: one point is no line."""
        series = accuracy_series(self.steps, self.live)
        self.lines_card.setVisible(len(series[0].points) > 1)
        self.lines.show_series(series)

    def read_scores(self, some: bool) -> None:
        if some:
            self.bridge.ask("scores", self.take)
            self.images.ask_again()
        else:
            self.bars.show_bars([])
            self.matrix.show_matrix([], [])
            self.images.give([])
            self.images.title.set_full("")

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.read_bursts()

    def read_bursts(self) -> None:
        """Asked only where somebody looks, for it takes about a second."""
        if self.isVisible() and self.shown != self.asked:
            self.asked = self.shown
            self.bridge.ask("burst_effect", self.take_bursts)

    def take_bursts(self, ended: Ended) -> None:
        if ended.how == "done":
            self.summary.show_bursts(ended.of(BurstEffect))

    def take(self, ended: Ended) -> None:
        """Shows sentence, bars and matrix of the scores that were read."""
        if ended.how != "done":
            self.shown = ("", 0)  # the project was closed meanwhile: it may be opened again
            return
        result = ended.of(FullScores)
        self.summary.show_scores(result)
        self.bars.show_bars(
            [ClassBar(r["name"], r["recall"], r["precision"], r["images"]) for r in result["rows"]]
        )
        self.matrix.show_matrix(result["classes"], result["confusion"])
        self.fit()

    def begin_live(self) -> None:
        self.live = []

    def add_live(self, done: int, total: int, figures: Mapping[str, float]) -> None:
        """A point within the step that is being learnt, where the learner tells its accuracy."""
        if "accuracy" in figures:
            self.live.append((len(self.steps) + done / max(total, 1), 100 * figures["accuracy"]))
            self.show_lines()
