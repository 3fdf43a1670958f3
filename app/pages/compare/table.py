"""The rows of a study: measured ones by rank, then those that wait or were left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from PySide6.QtCore import QItemSelection, QItemSelectionModel, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QHeaderView

from app.pages.tune.runs import took
from app.study_files import by_rank, reading, told_ms, told_size
from app.widgets.controls import named, reach
from app.widgets.table import Table, TableRows
from engine.results.compare import LastStudy, StudyRow
from engine.system.words import per_cent

TITLES = ("Strategy", "Accuracy", "95 %", "Behind", "Time", "Trained", "MACs", "ms", "MB")
HELP = {
    "Strategy": "{}",
    "Accuracy": "So many of the held-out images are right",
    "95 %": "Of as many other images this strategy would have so many right, in 95 of 100 cases",
    "Behind": "The best row's accuracy less this one's, in points, on the same images",
    "Time": "How long learning takes: steps, looking at the images, and the learner",
    "Trained": "How many weights gradients changed",
    "MACs": "Multiplications with additions for one image",
    "ms": "How long an image takes here in use: the median (p50) of the exported file",
    "MB": "How large the exported file is (ONNX, 32 bits)",
}
HEIGHT = 26


def height_of(rows: int) -> int:
    """Pixels of a table with so many rows, its titles among them."""
    return HEIGHT * rows + 36


class Line(NamedTuple):
    """A row of the table; `row` is None where nothing was measured, `why` says then why."""

    name: str
    title: str
    row: StudyRow | None = None
    why: str = ""


def lines_of(last: LastStudy, titles: Mapping[str, str], running: bool) -> list[Line]:
    """All rows that were asked for, the best first; what is measured has its own title."""
    study, asked = last["study"], last["asked"]
    rows = by_rank(study) if study else []
    left_out = {out["title"]: out["why"] for out in study["left_out"]} if study else {}
    there = [Line(row["name"], row["title"], row) for row in rows]
    known = {line.name for line in there}
    waits = "waits" if running else "not measured"
    names = [n for n in asked["strategies"] if n not in known] if asked else []
    return there + [
        Line(name, title, None, left_out.get(title, waits))
        for name in names
        if (title := titles.get(name, name)) and name not in ("all", "networks")
    ]


def weights(count: int) -> str:
    """A number of weights in a narrow column."""
    for unit, each in (("M", 1e6), ("k", 1e3)):
        if count >= each:
            return f"{count / each:.1f} {unit}"
    return str(count)


class StudyRows(TableRows):
    """One line for each strategy."""

    numbers = frozenset(range(1, len(TITLES)))

    def __init__(self) -> None:
        super().__init__(TITLES)

    def text(self, given: Line, column: int) -> str:
        """What a cell says; of a row that is not measured yet, only why it waits."""
        row = given.row
        if row is None:
            waits = given.why if len(given.why) < 16 else "left out"
            return (given.title, waits, *[""] * 7)[column]
        low, high = row["interval"]
        behind = row["difference"]
        by = f"{100 * behind[0]:.1f}" if behind and not row["tied"] else reading(row)
        return (
            row["title"].replace("Frozen features", "Frozen"),
            per_cent(row["accuracy"]),
            f"{100 * low:.0f}–{100 * high:.0f}",
            by,
            took(row["seconds"]),
            weights(row["trained"]),
            f"{row['macs'] / 1e6:.0f} M",
            told_ms(row),
            told_size(row),
        )[column]

    def help(self, given: Line, column: int) -> str:
        row, name = given.row, TITLES[column]
        if row is None:
            return f"{given.title}: {given.why}"
        if name == "Behind" and row["difference"]:
            mean, low, high = (100 * value for value in row["difference"])
            told = f"{mean:.1f} points ({low:.1f} to {high:.1f}), p {row['p']:.3f}"
            return f"{HELP[name]}: {told.replace('-', '−')}, which alone is corrected (Holm)"
        return f"{HELP[name].format(row['title'])}: {self.text(given, column)}".removeprefix(
            f"{row['title']}: "
        )

    def headerData(self, section: int, way: Qt.Orientation, role: int = 0) -> Any:
        if way == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.ToolTipRole:
            return HELP[TITLES[section]].format("What was compared")
        return super().headerData(section, way, role)


class StudyTable(Table):
    """The rows; `chosen` carries the names of those that are selected, in the table's order."""

    chosen = Signal(list)

    def __init__(self) -> None:
        self.lines, self.offered = StudyRows(), list[str]()
        super().__init__(self.lines)
        self.setObjectName("figures")
        self.setProperty("ends", True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setWordWrap(False)
        self.setShowGrid(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalHeader().setDefaultSectionSize(HEIGHT)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        help = "Choose a row to see its classes, or two to see them side by side"
        named(self, "Rows of the study", help)
        reach(self, "Alt+R")

    def show_lines(self, lines: Sequence[Line]) -> None:
        """Shows these rows; what a person selected stays selected, otherwise it is the best one."""
        kept = self.selected()
        self.blockSignals(True)
        self.lines.give(lines)
        measured = [line.name for line in lines if line.row is not None]
        kept = [name for name in kept if name in measured and kept != self.offered]
        self.offered = measured[:1]
        self.choose(kept or self.offered)
        self.blockSignals(False)
        self.chosen.emit(self.selected())

    def selected(self) -> list[str]:
        """The names of the chosen rows that are measured."""
        rows = sorted({index.row() for index in self.selectionModel().selectedRows()})
        return [self.lines.rows[at].name for at in rows if self.lines.rows[at].row is not None]

    def choose(self, names: Sequence[str]) -> None:
        """Selects these rows alone."""
        model, flags = self.selectionModel(), QItemSelectionModel.SelectionFlag
        model.clearSelection()
        for at, line in enumerate(self.lines.rows):
            if line.name in names:
                index = self.lines.index(at, 0)
                model.select(index, flags.Select | flags.Rows)
                model.setCurrentIndex(index, flags.NoUpdate)

    def row(self, name: str) -> StudyRow | None:
        return next((line.row for line in self.lines.rows if line.name == name), None)

    def selectionChanged(self, now: QItemSelection, before: QItemSelection) -> None:
        super().selectionChanged(now, before)
        self.chosen.emit(self.selected())
