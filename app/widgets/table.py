"""A plain table: rows that were given at once, whole rows chosen, titles above."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSize, Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from app.widgets.controls import tip

Index = QModelIndex | QPersistentModelIndex
"""Either may be handed to what a model or a view overrides."""
AROUND = {"figures": 14}
WIDER = 18
"""Pixels of a title beside its words, as the style sheet pads it: by its table's name, or else."""


RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class TableRows(QAbstractTableModel):
    """Rows under titles. What a cell says is up to `text` and `help`; columns of `numbers` have
    their ends below each other."""

    numbers: frozenset[int] = frozenset()

    def __init__(self, titles: Sequence[str]) -> None:
        super().__init__()
        self.titles = tuple(titles)
        self.rows: Sequence[Any] = ()

    def give(self, rows: Sequence[Any]) -> None:
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def text(self, given: Any, column: int) -> str:
        return given[column]

    def help(self, given: Any, column: int) -> str:
        return self.text(given, column)

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index | None = None) -> int:
        return len(self.titles)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        given = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self.text(given, index.column())
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip(self.help(given, index.column()))
        ends = role == Qt.ItemDataRole.TextAlignmentRole and index.column() in self.numbers
        return RIGHT if ends else None

    def headerData(self, section: int, way: Qt.Orientation, role: int = 0) -> Any:
        if role == Qt.ItemDataRole.TextAlignmentRole and section in self.numbers:
            return RIGHT
        across = way == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole
        return self.titles[section] if across else None


class Titles(QHeaderView):
    """Titles that ask for the room of their words, in the font of their table.

    Qt would measure them bold and in the header's own font, which the style sheet makes smaller.
    """

    def __init__(self, table: QTableView) -> None:
        super().__init__(Qt.Orientation.Horizontal, table)
        self.table = table
        self.setSectionsClickable(True)

    def sectionSizeFromContents(self, section: int) -> QSize:
        text = str(self.model().headerData(section, self.orientation()) or "")
        words = self.table.fontMetrics().horizontalAdvance(text)
        around = AROUND.get(self.table.objectName(), WIDER)
        return QSize(words + around, super().sectionSizeFromContents(section).height())


class Table(QTableView):
    """Shows rows; titles stand on the left, and columns share the width."""

    def __init__(self, rows: TableRows) -> None:
        super().__init__()
        self.setModel(rows)
        self.verticalHeader().hide()
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setTabKeyNavigation(False)  # Tab leaves the table; arrows go through it
        header = Titles(self)
        self.setHorizontalHeader(header)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
