"""What was measured in a run of tuning, as the lines of its plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from PySide6.QtCore import Qt

from app.widgets.line_plot import Series
from engine.results.tune import RunDetails

PIECES = 60
"""A line of single steps is drawn as the means of so many pieces."""

Pen = Qt.PenStyle
LINES = {
    "accuracy": (
        ("validation", "validation_accuracy", "accent", Pen.SolidLine),
        ("old classes", "old_accuracy", "muted", Pen.DashLine),
        ("new classes", "new_accuracy", "warning", Pen.DotLine),
        ("train", "train_accuracy", "text", Pen.DashDotLine),
    ),
    "loss": (
        ("validation", "validation_loss", "accent", Pen.SolidLine),
        ("train", "train_loss", "text", Pen.DashDotLine),
    ),
}
"""The lines of each plot: name, figure of an epoch, colour and dash."""
SCALES = {"accuracy": 100.0, "loss": 1.0}
OVERLAID = (
    ("accent", Pen.SolidLine),
    ("warning", Pen.DashLine),
    ("text", Pen.DotLine),
    ("danger", Pen.DashDotLine),
    ("muted", Pen.SolidLine),
)
"""How the lines of several runs look."""


@dataclass
class Curves:
    """A row of figures for each epoch, and the loss and accuracy of single steps.

    `each` is how many steps an epoch has. `steps` has the columns step, seconds, loss, accuracy.
    """

    epochs: list[Mapping[str, float]] = field(default_factory=list)
    steps: dict[str, list[float]] = field(
        default_factory=lambda: {name: [] for name in ("step", "seconds", "loss", "accuracy")}
    )
    each: float = 1.0

    @classmethod
    def of_run(cls, details: RunDetails) -> Curves:
        """Those of a run that is kept."""
        made = cls(list(details["epochs_curve"]))
        for name, values in made.steps.items():
            values.extend(details["steps_curve"].get(name, ()))
        made.know_epochs(details["layers"]["total"] if details["layers"] else 1, details["epochs"])
        return made

    def know_epochs(self, total: float, epochs: float) -> None:
        self.each = max(total / max(epochs, 1e-9), 1.0)

    def add(self, done: int, figures: Mapping[str, float]) -> None:
        """Takes the figures of a step, or those of an epoch's end.

        A run that goes on from a checkpoint takes back what came after it.
        """
        if "epoch" in figures:
            self.epochs = [row for row in self.epochs if row["step"] < done] + [figures]
            return
        while self.steps["step"] and self.steps["step"][-1] >= done:
            for values in self.steps.values():
                values.pop()
        self.steps["step"].append(done)
        for name in ("seconds", "loss", "accuracy"):
            self.steps[name].append(figures[name])

    @property
    def best(self) -> float | None:
        """The best accuracy on validation images so far."""
        return max((row["validation_accuracy"] for row in self.epochs), default=None)

    def series(self, plot: str, over: str) -> list[Series]:
        """The lines of the plot "accuracy" or "loss" over "epoch" or "seconds"."""
        lines = [
            Series(name, self.line(figure, plot, over), token, dash)
            for name, figure, token, dash in LINES[plot]
        ]
        return [*lines, Series("train, step by step", self.fine(plot, over), "muted", dense=True)]

    def line(self, figure: str, plot: str, over: str) -> tuple[tuple[float, float], ...]:
        """A figure of each epoch that has it."""
        scale = SCALES[plot]
        return tuple((row[over], scale * row[figure]) for row in self.epochs if figure in row)

    def fine(self, plot: str, over: str) -> tuple[tuple[float, float], ...]:
        """The figure of single steps, as means of pieces that are equally long."""
        across = self.steps["seconds" if over == "seconds" else "step"]
        if len(self.steps[plot]) != len(across):
            return ()
        long = max(1, len(across) // PIECES)
        scale = 1.0 if over == "seconds" else 1 / self.each
        pairs = zip(
            means(across, long, scale), means(self.steps[plot], long, SCALES[plot]), strict=True
        )
        return tuple(pairs)


def means(values: Sequence[float], long: int, scale: float = 1.0) -> list[float]:
    """The mean of each piece of so many values; what is left over belongs to the last."""
    count = len(values) // long
    edges = [*range(0, count * long, long), len(values)] if values else [0]
    return [scale * sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]


def overlaid(runs: Sequence[tuple[str, Curves]], plot: str, over: str) -> list[Series]:
    """The line of validation images of several runs, each with its name."""
    _, figure, _, _ = LINES[plot][0]
    return [
        Series(name, curves.line(figure, plot, over), *OVERLAID[number % len(OVERLAID)])
        for number, (name, curves) in enumerate(runs)
    ]
