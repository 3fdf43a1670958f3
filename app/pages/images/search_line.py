"""Which images are shown, and in which order: words, a side of the split, and a sorting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePath

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QComboBox, QLineEdit, QWidget

from app.widgets.controls import laid_out, named, reach, row
from app.widgets.mend import caption
from app.widgets.rows import Row, shown

SIDES = (("All", ""), ("To learn", "train"), ("To test", "validation"))
SORTS = (
    ("By class", ""),
    ("Least certain first", "confidence"),
    ("Newest first", "date"),
    ("By file name", "name"),
)
PAUSE = 250
"""Milliseconds without a key after which the images are searched."""


class SearchLine(QWidget):
    """What is looked for. `changed` says that other images are to be shown."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.words = QLineEdit()
        self.words.setPlaceholderText("Search files and classes")
        named(self.words, "Search", "Shows images whose file or class has these words")
        reach(self.words, "Ctrl+F")
        self.side = chooser("Side", "Shows images to learn from or to test on only", SIDES)
        reach(self.side, "Alt+S")
        self.order = chooser("Order", "In which order the images are shown", SORTS)
        reach(self.order, "Alt+O")
        self.setLayout(row(self.words, self.side, self.order))
        laid_out(self).setStretch(0, 1)
        self.typed = QTimer(self, singleShot=True, interval=PAUSE)
        self.typed.timeout.connect(self.changed)
        self.words.textChanged.connect(lambda _: self.typed.start())
        for chosen in (self.side, self.order):
            chosen.currentIndexChanged.connect(lambda _: self.changed.emit())

    @property
    def query(self) -> dict[str, str]:
        """As the job `images` takes it."""
        return {
            "search": self.words.text().strip(),
            "split": self.side.currentData(),
            "sort": self.order.currentData(),
        }

    def reset(self) -> None:
        """Everything, by class, and nobody is told: another project is shown whole."""
        for control in (self.words, self.side, self.order):
            control.blockSignals(True)
        self.words.clear()
        self.side.setCurrentIndex(0)
        self.order.setCurrentIndex(0)
        for control in (self.words, self.side, self.order):
            control.blockSignals(False)
        self.typed.stop()

    @property
    def naming(self) -> tuple[Callable[[Row], str], int]:
        """What is written under an image, on how many lines: its file, its answer, or its class."""
        by = self.order.currentData()
        if by == "name":
            return lambda row: shown(PurePath(row["path"]).name), 1
        if by == "confidence":
            return lambda row: caption(row) if "predicted" in row else shown(row["class"]), 2
        return lambda row: shown(row.get("class", "")), 1


def chooser(name: str, help: str, entries: Sequence[tuple[str, str]]) -> QComboBox:
    made = named(QComboBox(), name, help)
    for text, value in entries:
        made.addItem(text, value)
    return made
