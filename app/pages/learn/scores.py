"""The right side of the Learn page: figures, plots, and the images behind them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QButtonGroup, QPushButton, QWidget

from app.bridge import Bridge
from app.widgets.class_plots import BarPlot, MatrixPlot
from app.widgets.controls import button, card, column, label, laid_out, named, reach, row, scrolled
from app.widgets.figure import Figure
from app.widgets.gallery import Gallery
from app.widgets.line_plot import LinePlot, Series
from app.widgets.rows import ImageRows
from app.widgets.thumbs import Thumbnails
from app.widgets.viewer import Viewer
from engine.events import Ended, ProjectView, StepView
from engine.results.learn import AnsweredImages, FullScores
from engine.system.words import per_cent, plural

PICTURE = 96
"""Pixels of an image's longer side: three fit beside each other in the smallest window."""
STATS = (
    ("accuracy", "accuracy", "The share of all validation images that are recognised."),
    (
        "average_incremental_accuracy",
        "average incremental",
        "Average incremental accuracy: the mean of the accuracies after each step so far.",
    ),
    (
        "forgetting",
        "forgetting",
        "Forgetting: how far old classes have fallen below their best accuracy, on average.",
    ),
    (
        "backward_transfer",
        "backward transfer",
        "Backward transfer: how much old classes gained (or lost, below 0) since they were learnt.",
    ),
)


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


class Pictures(QWidget):
    """Validation images with the model's answers: uncertain, wrong, or of one cell."""

    def __init__(self, bridge: Bridge, thumbs: Thumbnails) -> None:
        super().__init__()
        self.bridge = bridge
        self.rows = ImageRows(bridge)
        self.gallery = Gallery(self.rows, thumbs, PICTURE)
        named(self.gallery, "Answers", "Validation images with the model's answers")
        reach(self.gallery, "Alt+I")
        self.title = label("", "muted")
        self.group = QButtonGroup(self)
        self.choices = [
            self.choice("Least certain", "Alt+U", {"wrong": False}),
            self.choice("Wrong", "Alt+W", {"wrong": True}),
        ]
        self.asked: tuple[str, Mapping[str, Any]] = ("uncertain_images", {"wrong": False})
        self.choices[0].setChecked(True)
        self.setLayout(column(row(*self.choices, 8, self.title, 0), self.gallery, gap=4))
        self.gallery.opened.connect(lambda n: Viewer(self.rows, n, self.window()).open())

    def choice(self, name: str, key: str, settings: Mapping[str, Any]) -> QPushButton:
        help = f"Shows validation images: {name.lower()}"
        made = button(
            name, help, lambda: self.ask("uncertain_images", settings), key=key, kind="quiet"
        )
        made.setCheckable(True)
        self.group.addButton(made)
        return made

    def ask_cell(self, true: str, predicted: str) -> None:
        """Shows the images behind a cell of the confusion matrix."""
        self.group.setExclusive(False)
        for made in self.choices:
            made.setChecked(False)
        self.group.setExclusive(True)
        self.ask("confusion_images", {"true": true, "predicted": predicted})

    def ask(self, job: str, settings: Mapping[str, Any]) -> None:
        self.asked = (job, settings)
        self.bridge.ask(job, self.take, **settings)

    def ask_again(self) -> None:
        self.ask(*self.asked)

    def take(self, ended: Ended) -> None:
        """One tile for each image, captioned with the answer and how sure it is."""
        none: AnsweredImages = {"total": 0, "rows": []}
        found = ended.of(AnsweredImages) if ended.how == "done" else none
        self.rows.give(
            [
                {**r, "caption": f"{r['predicted']} {per_cent(r['confidence'], 0)}", "split": ""}
                for r in found["rows"]
            ]
        )
        cell = self.asked[1]
        about = f"{cell['true']} taken for {cell['predicted']} · " if "true" in cell else ""
        if cell.get("true") and cell["true"] == cell["predicted"]:
            about = f"{cell['true']}, recognised · "
        self.title.setText(about + plural(found["total"]))


class Scores(QWidget):
    """Figures, plots and images of the step in use."""

    def __init__(self, bridge: Bridge, thumbs: Thumbnails) -> None:
        super().__init__()
        self.bridge = bridge
        self.steps: tuple[StepView, ...] = ()
        self.live: list[tuple[float, float]] = []
        self.shown: tuple[str, int] = ("", 0)
        self.stats = {key: Figure(name, help) for key, name, help in STATS}
        nothing = "Learn classes to see this."
        self.lines = LinePlot("Accuracy over steps", nothing, "step", "%")
        self.bars = BarPlot("Accuracy of each class, lowest first", nothing)
        self.matrix = MatrixPlot("Confusion matrix", nothing)
        self.images = Pictures(bridge, thumbs)
        self.lay_out()
        self.matrix.picked.connect(self.images.ask_cell)
        self.bars.picked.connect(lambda name: self.images.ask_cell(name, name))

    def lay_out(self) -> None:
        """Figures above; below them plots, and the images behind them."""
        bars = scrolled(self.bars)
        bars.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        for plot, key in ((self.lines, "Alt+A"), (self.matrix, "Alt+M"), (self.bars, "Alt+B")):
            named(plot, plot.title, "Arrow keys read values; Ctrl+S saves the plot")
            reach(plot, key)
            plot.setToolTip("")
        stats = card(row(*self.stats.values()), edge=12)
        left = column(card(self.lines, edge=12), card(bars, edge=12), gap=16)
        right = column(card(self.matrix, edge=12), card(self.images, edge=12), gap=16)
        both = row(left, right, gap=16)
        for line, first, second in ((left, 2, 3), (right, 3, 2), (both, 1, 1)):
            line.setStretch(0, first)
            line.setStretch(1, second)
        self.setLayout(column(stats, both, gap=16))
        laid_out(self).setStretch(1, 1)

    def show_project(self, project: ProjectView) -> None:
        """Shows the steps; the scores are read anew when another step is in use."""
        self.steps = project.steps
        step = project.current_step
        self.lines.show_series(accuracy_series(self.steps, self.live))
        for key, stat in self.stats.items():
            stat.show_text(per_cent(getattr(step, key) if step else None))
        now = (project.path, step.id if step else 0)
        if now != self.shown:
            self.shown = now
            self.read_scores(step is not None)

    def read_scores(self, some: bool) -> None:
        if some:
            self.bridge.ask("scores", self.take)
            self.images.ask_again()
        else:
            self.bars.show_bars([])
            self.matrix.show_matrix([], [])
            self.images.rows.give([])
            self.images.title.clear()

    def take(self, ended: Ended) -> None:
        """Shows bars and matrix of the scores that were read."""
        if ended.how != "done":
            return
        result = ended.of(FullScores)
        self.bars.show_bars(
            [
                (r["name"], r["recall"], r["precision"])
                for r in result["rows"]
                if r["recall"] is not None
            ]
        )
        self.matrix.show_matrix(result["classes"], result["confusion"])

    def begin_live(self) -> None:
        self.live = []

    def add_live(self, done: int, total: int, figures: Mapping[str, float]) -> None:
        """A point within the step that is being learnt, where the learner tells its accuracy."""
        if "accuracy" in figures:
            self.live.append((len(self.steps) + done / max(total, 1), 100 * figures["accuracy"]))
            self.lines.show_series(accuracy_series(self.steps, self.live))
