"""Every row of a study class by class: what one way learns well and another does not."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHeaderView

from app import theme
from app.study_files import by_rank, worst_first
from app.widgets.controls import named, reach
from app.widgets.table import Index, Table, TableRows
from engine.results.compare import Study, StudyRow
from engine.system.words import whole

FIRST = "Strategy"
DARKEST = 150
"""How opaque the colour is behind a class of which nothing is right, of 255."""


class ClassRows(TableRows):
    """A line for each strategy, a column for each class; the more is wrong, the more colour."""

    def __init__(self) -> None:
        super().__init__([FIRST])

    def show(self, study: Study | None) -> None:
        """The best row first, the class that is right least first."""
        names = worst_first(study) if study and study["rows"] else []
        self.beginResetModel()
        self.titles, self.numbers = (FIRST, *names), frozenset(range(1, len(names) + 1))
        self.rows = by_rank(study) if study else ()
        self.endResetModel()

    def share(self, given: StudyRow, column: int) -> float | None:
        return given["per_class"][self.titles[column]]

    def text(self, given: StudyRow, column: int) -> str:
        if not column:
            return given["title"].replace("Frozen features", "Frozen")
        share = self.share(given, column)
        return "–" if share is None else whole(share)

    def help(self, given: StudyRow, column: int) -> str:
        if not column:
            return given["title"]
        return f"{given['title']}, {self.titles[column]}: {self.text(given, column)} right"

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == Qt.ItemDataRole.BackgroundRole and index.column():
            share = self.share(self.rows[index.row()], index.column())
            colour = theme.colour("danger")
            colour.setAlpha(round(DARKEST * (1 - share)) if share is not None else 0)
            return colour
        return super().data(index, role)


class ClassTable(Table):
    """The rows' classes; what is wider than the page is scrolled."""

    def __init__(self) -> None:
        self.shares = ClassRows()
        super().__init__(self.shares)
        self.setObjectName("figures")
        self.setProperty("ends", True)
        self.setSelectionMode(self.SelectionMode.SingleSelection)
        self.setWordWrap(False)
        self.setShowGrid(False)
        self.setHorizontalScrollMode(self.ScrollMode.ScrollPerPixel)
        self.verticalHeader().setDefaultSectionSize(26)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        named(self, "Every row by class", "How much of each class a row has right")
        reach(self, "Alt+E")
