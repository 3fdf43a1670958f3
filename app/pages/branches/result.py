"""What came of a branch: scores without it and with it, what it costs, and which there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QWidget

from app.pages.tune.verdict import Comparison, verdict
from app.widgets.controls import column, label, laid_out, named, row
from app.widgets.table import Table, TableRows
from engine.results.branches import (
    BranchesMerged,
    BranchGrown,
    ClassToLearn,
    Cost,
    Costs,
    SizedBranch,
    compared_in,
)
from engine.system.words import plural

UNITS = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"),
         (1e-6, "µ"))  # fmt: skip
BYTES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
WAYS = {
    "branch": ("This branch", "Only the stages above the cut learn, from the new classes alone."),
    "upper stages anew": (
        "Same stages anew",
        "The stages above the cut are trained anew on the images of all classes.",
    ),
    "all anew": ("All anew", "The whole network is trained anew on the images of all classes."),
    "a network for each step": (
        "A network each",
        "Nothing is shared: a whole network of its own for each step of new classes.",
    ),
}
"""The ways that are compared, as the engine names them: title and tooltip."""


def sized(value: float, unit: str) -> str:
    """A quantity with a prefix: 1.2 GMAC, 3.4 mJ."""
    if not value:
        return f"0 {unit}".strip()
    size, prefix = next((pair for pair in UNITS if abs(value) >= pair[0]), UNITS[-1])
    return f"{value / size:.3g} {prefix}{unit}".strip()


def stored(value: float) -> str:
    size, unit = next((pair for pair in BYTES if value >= pair[0]), BYTES[-1])
    return f"{value / size:.3g} {unit}"


def seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} s"


def energy(value: float) -> str:
    return sized(value, "J")


COSTS: tuple[tuple[str, Callable[[Cost], str], str], ...] = (
    ("To learn: images", lambda c: f"{c['pictures']:,}", "Images to learn from."),
    ("parameters that learn", lambda c: sized(c["trained_parameters"], ""),
     "Weights that learn; all others stay as they are."),
    ("multiply-adds", lambda c: sized(c["learn_macs"], ""),
     "Multiplications with additions of the whole training, forward and backward."),
    ("weights read", lambda c: stored(c["learn_read_bytes"]),
     "Bytes of weights that the training fetches from memory."),
    ("energy, est.", lambda c: energy(c["learn_joules"]), ""),
    ("time, measured", lambda c: seconds(c["learn_seconds"]),
     "Measured on this computer, for the branch."),
    ("In use: stored", lambda c: stored(c["stored_bytes"]), "Bytes of the network's weights."),
    ("multiply-adds an image", lambda c: sized(c["macs"], ""),
     "Multiplications with additions for one image; the shared stages are run once."),
    ("weights read an image", lambda c: stored(c["read_bytes"]),
     "Bytes of weights that are fetched from memory for one image."),
    ("energy an image, est.", lambda c: energy(c["joules"]), ""),
)  # fmt: skip
"""The rows of the table of costs: title, words, definition."""


class CostRows(TableRows):
    """A row for each cost, a column for each way; `source` names the constants of the energy."""

    def __init__(self) -> None:
        super().__init__(("",))
        self.ways: Sequence[Cost] = ()
        self.source = ""

    def show_costs(self, costs: Costs) -> None:
        self.ways, self.source = costs["rows"], costs["energy"]
        self.titles = ("", *(WAYS[way["way"]][0] for way in self.ways))
        self.give(COSTS)

    def text(self, given: Any, column: int) -> str:
        title, words, _ = given
        return words(self.ways[column - 1]) if column else title

    def help(self, given: Any, column: int) -> str:
        return given[2] or self.source

    def data(self, index: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column():
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return super().data(index, role)

    def headerData(self, section: int, way: Qt.Orientation, role: int = 0) -> Any:
        if way == Qt.Orientation.Horizontal and section:
            if role == Qt.ItemDataRole.ToolTipRole:
                return WAYS[self.ways[section - 1]["way"]][1]
            if role == Qt.ItemDataRole.TextAlignmentRole:
                return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return super().headerData(section, way, role)


class BranchRows(TableRows):
    """A row for each branch of the network, the oldest first."""

    def __init__(self) -> None:
        super().__init__(("Branch", "Above", "Features", "Size", "Classes"))

    def text(self, given: SizedBranch, column: int) -> str:
        return (
            str(given["branch"]), given["cut"], f"{given['features']:,}", stored(given["bytes"]),
            ", ".join(given["classes"]),
        )[column]  # fmt: skip

    def help(self, given: SizedBranch, column: int) -> str:
        classes = ", ".join(given["classes"]) or "none: its classes were removed"
        return f"Branch {given['branch']} begins above {given['cut']}. Classes: {classes}."


def figures(rows: TableRows, name: str, help: str, wide: int) -> Table:
    """A table of figures in which one column takes the room that the others leave."""
    made = Table(rows)
    named(made, name, help)
    made.setObjectName("figures")
    made.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    made.setTextElideMode(Qt.TextElideMode.ElideRight)
    made.setWordWrap(False)
    made.setShowGrid(False)
    made.verticalHeader().setMinimumSectionSize(16)
    made.verticalHeader().setDefaultSectionSize(22)
    header = made.horizontalHeader()
    header.setHighlightSections(False)
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(wide, QHeaderView.ResizeMode.Stretch)
    return made


class BranchResult(QWidget):
    """Both ways on the same held-out images, and the table of costs."""

    def __init__(self) -> None:
        super().__init__()
        self.heading = label("", "heading", wrap=True)
        self.text = label("", "muted", wrap=True)
        self.comparison = Comparison("without", "with it")
        self.merged = Comparison("branches", "merged")
        for made in (self.comparison, self.merged):
            made.setMinimumWidth(400)
        self.costs = CostRows()
        self.table = figures(self.costs, "Costs", "What the branch costs beside other ways", 0)
        scores = (row(self.comparison, 0), row(self.merged, 0))
        self.setLayout(column(self.heading, self.text, *scores, self.table, gap=4))
        laid_out(self).setStretch(4, 1)
        self.filler = label()
        laid_out(self).addWidget(self.filler, 1)
        self.show_result(None)

    def show_result(self, grown: BranchGrown | None, merged: BranchesMerged | None = None) -> None:
        """What grew or was merged; without a comparison, what to do for one."""
        compared = merged or (compared_in(grown) if grown else None)
        heading, text = "Nothing grown yet", (
            "Grow a branch: what it brings and what it costs is told here, beside training "
            "everything anew."
        )  # fmt: skip
        if compared:
            heading, text = verdict(compared["difference"]["all"], compared["images"])
        elif grown:
            heading, text = (
                "Learnt without a branch",
                ("The new classes are told apart as well by the network as it is."),
            )
        self.heading.setText(heading)
        self.text.setText(text)
        for shown, on in ((self.comparison, not merged), (self.merged, bool(merged))):
            if compared and on:
                shown.show_run(compared)
            shown.setVisible(bool(compared) and on)
        if costs := grown.get("costs") if grown else None:
            self.costs.show_costs(costs)
        self.table.setVisible(bool(costs))
        self.filler.setVisible(not costs)


def listed(classes: Sequence[ClassToLearn], most: int = 6) -> str:
    """Classes in a few words: how many, their names, and their images."""
    names = ", ".join(c["name"] for c in classes[:most]) + (" …" if len(classes) > most else "")
    images = plural(sum(c["images"] for c in classes))
    return f"{plural(len(classes), 'class')}: {names} ({images} to learn from)"
