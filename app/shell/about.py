"""What this program is: its version, its embedded weights, and the licences of all in it."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QModelIndex
from PySide6.QtWidgets import QDialog, QHeaderView, QPlainTextEdit, QWidget

from app.licences import Part, all_parts, digests
from app.widgets.controls import button, column, label, named, row
from app.widgets.sizes import sized
from app.widgets.table import Table, TableRows
from engine import __version__

WHAT = "Teaches a pretrained image classifier your own classes. Everything stays on this computer."
VERSION = 88
"""Pixels of a version: the names of parts and licences need more."""
TITLES = ("Part", "Version", "Licence")


class Parts(TableRows):
    """The parts as rows."""

    def text(self, given: Part, column: int) -> str:
        return (given.name, given.version, given.licence)[column]


class AboutDialog(QDialog):
    """A table of parts, and beside it the licence of the one that is chosen."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("About Espalier")
        sized(self, 1008, 640)
        self.parts = Parts(TITLES)
        self.table = Table(self.parts)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Interactive)
        header.resizeSection(1, VERSION)
        named(self.table, "Parts", "What the program is made of; choose one to read its licence")
        self.licence = plain("", "Licence", "The licence of the chosen part")
        self.parts.give(all_parts())
        self.table.selectionModel().currentRowChanged.connect(self.show_part)
        self.table.selectRow(0)
        self.lay_out()
        self.table.setFocus()

    def lay_out(self) -> None:
        """The digests of the weights, then the parts beside a licence."""
        lines = [label(f"Espalier {__version__}", "big"), label(WHAT, "muted")]
        for name, digest in digests().items():
            sum_of = label(f"{name}: sha256 {digest}", "caption", wrap=True)
            sum_of.setTextInteractionFlags(self.licence.textInteractionFlags())
            lines.append(sum_of)
        close = button("Close", "Goes back", self.close, key="Esc")
        both = row(self.table, self.licence, gap=16)
        both.setStretch(0, 5)
        both.setStretch(1, 6)
        whole = column(
            *lines, 8, label("Parts and their licences", "heading"), both, row(0, close), edge=24
        )
        self.setLayout(whole)

    def show_part(self, now: QModelIndex, before: Any = None) -> None:
        part = self.parts.rows[now.row()]
        self.licence.setPlainText(f"{part.name} {part.version}\n{part.licence}\n\n{part.text}")

    def done(self, result: int) -> None:
        super().done(result)
        self.deleteLater()


def plain(text: str, name: str, help: str) -> QPlainTextEdit:
    """A text to read and to copy from; Tab leaves it."""
    made = QPlainTextEdit(text)
    made.setReadOnly(True)
    made.setTabChangesFocus(True)
    return named(made, name, help)
