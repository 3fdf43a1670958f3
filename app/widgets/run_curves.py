"""What was measured in a run of tuning, as the lines of its plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from PySide6.QtCore import Qt

from app.widgets.line_plot import Series
from engine.results.tune import RunDetails

BEFORE, CURRENT, USED = "before tuning", "current network", "after tuning"
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
    against: tuple[str, float] | None = None
    """Another network's accuracy that is drawn for comparison: its name and the share."""
    used: tuple[str, float] | None = None
    """The run's network as it would be used, once that was compared."""

    @classmethod
    def of_run(cls, details: RunDetails) -> Curves:
        """Those of a run that is kept."""
        made = cls(list(details["epochs_curve"]))
        for name, values in made.steps.items():
            values.extend(details["steps_curve"].get(name, ()))
        made.know_epochs(details["layers"]["total"] if details["layers"] else 1, details["epochs"])
        if details["before"] and details["after"]:
            made.against = named(BEFORE, details["before"]["accuracy"])
            made.used = named(USED, details["after"]["accuracy"])
        return made

    def beside_current(self, accuracy: float | None) -> None:
        """Draws the accuracy of the network in use now for comparison."""
        self.against = named(CURRENT, accuracy)

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
                if values:
                    values.pop()
        self.steps["step"].append(done)
        for name in ("seconds", "loss", "accuracy"):
            if name in figures:  # without classes a step has no accuracy
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
        fine = Series("train, steps", self.fine(plot, over), "muted", dense=True)
        return [*lines, fine, *(self.marks(over) if plot == "accuracy" else ())]

    def marks(self, over: str) -> list[Series]:
        """What the lines of accuracy are compared with, and the epoch that was the best."""
        last = max((row[over] for row in self.epochs), default=0.0)
        last = max([last, *(x for x, _ in self.fine("accuracy", over))])
        best = max(self.epochs, key=merit, default=None)
        at = ((best[over], 100 * best["validation_accuracy"]),) if best else ()
        return [
            level(self.against, last, "muted", Pen.SolidLine),
            level(self.used, last, "accent", Pen.DotLine),
            Series("best epoch", at, "accent", size=12),
        ]

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


def merit(row: Mapping[str, float]) -> tuple[float, float]:
    """What the best epoch is chosen by, as the engine does it."""
    return row["validation_accuracy"], -row.get("validation_loss", 0.0)


def named(name: str, accuracy: float | None) -> tuple[str, float] | None:
    return None if accuracy is None else (name, accuracy)


def level(known: tuple[str, float] | None, last: float, token: str, dash: Pen) -> Series:
    """A named accuracy from the beginning to the last point of the other lines; nothing where it
    is not known, or where there are no other lines."""
    name, share = known or ("", 0.0)
    ends = ((0.0, 100 * share), (last, 100 * share)) if known and last else ()
    return Series(name, ends, token, dash, level=True)


def means(values: Sequence[float], long: int, scale: float = 1.0) -> list[float]:
    """The mean of each piece of so many values; what is left over belongs to the last."""
    count = len(values) // long
    edges = [*range(0, count * long, long), len(values)] if values else [0]
    return [scale * sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]


def overlaid(runs: Sequence[tuple[str, Curves]], plot: str, over: str) -> list[Series]:
    """The line of validation images of several runs, each with its name, and what the first is
    compared with."""
    _, figure, _, _ = LINES[plot][0]
    lines = [
        Series(name, curves.line(figure, plot, over), *OVERLAID[number % len(OVERLAID)])
        for number, (name, curves) in enumerate(runs)
    ]
    if plot == "accuracy" and runs and runs[0][1].against:
        last = max((x for made in lines for x, _ in made.points), default=0.0)
        lines.append(level(runs[0][1].against, last, "muted", Pen.SolidLine))
    return lines
