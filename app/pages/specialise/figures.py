"""The figures of subnets: as points of the plot, and as a table that compares two of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from PySide6.QtCore import QAbstractTableModel, Qt
from PySide6.QtWidgets import QHeaderView, QTableView

from app.pages.specialise.networks import Point, decimals
from app.widgets.controls import named, reach
from app.widgets.table import Index
from engine.events import Candidate
from engine.results.specialise import Landmark, LatencyTableRow, SubnetDetails, SubnetRow

MIB = 2**20
NOT_MEASURED = "Not measured yet. It takes about half a minute, once."
OFF = "This computer runs slower or faster than when it was measured. Measure it again."
VALUE = 52
"""Pixels for a value."""


@dataclass(frozen=True)
class Figure:
    """One line of the table: how a value is found, and how it is written."""

    name: str
    value: Callable[[SubnetDetails], float | None]
    unit: str
    decimals: int | None
    """None: so many that three figures are told."""
    help: str

    def words(self, row: SubnetDetails) -> str:
        value = self.value(row)
        return "–" if value is None else f"{value:,.{self.places(value)}f}"

    def places(self, value: float) -> int:
        return decimals(value) if self.decimals is None else self.decimals

    def words_with_unit(self, row: SubnetDetails) -> str:
        return f"{self.words(row)} {self.unit}".rstrip()

    def difference(self, one: SubnetDetails, other: SubnetDetails) -> str:
        """How much more `other` has than `one`, with a sign."""
        before, after = self.value(one), self.value(other)
        if before is None or after is None:
            return ""
        places = self.places(max(before, after))
        more = round(after - before, places)
        return f"{more:+,.{places}f}" if more else "equal"


def share(value: float | None) -> float | None:
    return None if value is None else 100 * value


FIGURES = (
    Figure("Accuracy", lambda r: share(r["accuracy"]), "%", 1,
           "The share of your validation images that are recognised"),
    Figure("Measured", lambda r: r["measured_ms"], "ms", None,
           "The time for one image on this computer, taken with a clock"),
    Figure("Predicted", lambda r: r["predicted_ms"], "ms", None,
           "The time for one image, worked out from the times of single blocks"),
    Figure("MACs", lambda r: r["macs"] / 1e6, "M", 1,
           "Multiplications for one image, in millions"),
    Figure("Parameters", lambda r: r["params"] / 1e6, "M", 2,
           "Numbers that the network has learnt, in millions"),
    Figure("Memory", lambda r: r["memory"] / MIB, "MiB", 2,
           "What one image needs at most while it goes through the network"),
    Figure("File", lambda r: r["file_bytes"] / 1e6, "MB", 2, "The size of the exported file"),
    Figure("Resolution", lambda r: r["resolution"], "px", 0,
           "How large images are when they enter the network"),
    Figure("Blocks", lambda r: sum(map(len, r["stages"])), "", 0,
           "The bars in the drawing"),
)  # fmt: skip


def of_class(name: str) -> Figure:
    """The line of one class in a comparison."""
    help = f"Accuracy of the class {name}"
    return Figure(name, lambda r: share(r["per_class"].get(name)), "%", 1, help)


def point_of(row: SubnetRow) -> Point:
    return Point(
        row["architecture"], row["title"], row["accuracy"],
        row["predicted_ms"], row["error_ms"], row["measured_ms"],
        family_of(row["architecture"], row["title"]),
    )  # fmt: skip


def family_of(architecture: str, title: str) -> str:
    """The network of which this is the whole, at some size; nothing of a part of one."""
    subnet, words = architecture[:1].isdecimal(), architecture.split()
    return "" if subnet or len(words) != 2 else title.partition(",")[0]


def landmark_of(row: Landmark) -> Point:
    name = f"{row['name']} · {row['size']} px"
    return Point("", name, row["accuracy"], measured=row["latency_ms"], family=row["name"])


def event_point(event: Candidate) -> Point:
    """A candidate as it arrives during a search."""
    return Point(
        event.architecture, event.title, event.accuracy,
        event.predicted_ms, event.error_ms, event.measured_ms,
        family_of(event.architecture, event.title),
    )  # fmt: skip


class FigureRows(QAbstractTableModel):
    """The figures of one subnet; or of two, with each class and the differences."""

    def __init__(self) -> None:
        super().__init__()
        self.columns: tuple[SubnetDetails, ...] = ()
        self.figures: tuple[Figure, ...] = ()

    def show_rows(self, *rows: SubnetDetails) -> None:
        self.beginResetModel()
        self.columns = rows
        names = rows[0]["per_class"] if len(rows) == 2 else ()
        self.figures = (*FIGURES, *(of_class(name) for name in names)) if rows else ()
        self.endResetModel()

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.figures)

    def columnCount(self, parent: Index | None = None) -> int:
        return 4 if len(self.columns) == 2 else 2

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The name of a figure, its value for each subnet, and the difference."""
        figure, column = self.figures[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self.text(figure, column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return figure.help
        if role == Qt.ItemDataRole.TextAlignmentRole and column:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def text(self, figure: Figure, column: int) -> str:
        """One subnet's values have their units; where two stand side by side, the name has."""
        if len(self.columns) == 1:
            return figure.words_with_unit(self.columns[0]) if column else figure.name
        if column == 3:
            return figure.difference(*self.columns)
        unit = f" ({figure.unit})" if figure.unit else ""
        return figure.words(self.columns[column - 1]) if column else figure.name + unit

    def headerData(self, section: int, way: Qt.Orientation, role: int = 0) -> Any:
        across = way == Qt.Orientation.Horizontal
        if across and role == Qt.ItemDataRole.DisplayRole:
            names = ("", "pinned", "chosen", "change") if len(self.columns) == 2 else ("", "")
            return names[section]
        if across and role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None


class FigureTable(QTableView):
    """Shows the figures; it scrolls where it has no room."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("figures")
        self.rows = FigureRows()
        self.setModel(self.rows)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(24)
        self.setShowGrid(False)
        self.setSelectionMode(QTableView.SelectionMode.NoSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QTableView.ScrollMode.ScrollPerPixel)
        self.setMinimumHeight(112)
        named(self, "Figures", "The figures of the chosen subnet, and of the pinned one")
        reach(self, "Alt+F")

    def show_rows(self, *rows: SubnetDetails) -> None:
        """One subnet, or the pinned one and the chosen one."""
        self.rows.show_rows(*rows)
        header = self.horizontalHeader()
        header.setVisible(len(rows) == 2)
        self.setMinimumWidth(280 if len(rows) == 2 else 192)
        if rows:
            header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
            header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for number in range(1, self.rows.columnCount()):
            header.resizeSection(number, VALUE if len(rows) == 2 else 84)


def day(when: str) -> str:
    """A moment as a person says it, in their own time; tables from elsewhere may say anything."""
    try:
        moment = datetime.fromisoformat(when).astimezone()
    except ValueError:
        return when
    return f"on {moment.day} {moment:%B %Y at %H:%M}"


def about_table(table: LatencyTableRow | None, error_ms: float) -> str:
    """What is known of this computer's speed, in a sentence or two."""
    if table is None:
        return NOT_MEASURED
    if not table["fits"]:
        return OFF
    lines = [f"Measured {day(table['when'])}: {table['device']}."]
    lines += (
        [f"Predictions were off by {error_ms:.{decimals(error_ms)}f} ms on average."]
        if error_ms
        else []
    )
    return " ".join(lines)
