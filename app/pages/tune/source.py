"""Which images a network adapts to without classes: the project's, its heap, or a folder's."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QFileDialog, QWidget

from app.widgets.controls import buddy, column, label, named

PROJECT, HEAP, OTHER = "project", "heap", ""
"""As the engine calls them; the last asks for a folder."""
WORDS = (("All of this project", PROJECT), ("Those without a class", HEAP), ("A folder …", OTHER))
HELP = "Held-out images are never among them: on these the result is judged."


class ImageSource(QWidget):
    """A choice, to which folders are added as they are chosen. `edited`: it is another one."""

    edited = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.choice = QComboBox()
        for words, name in WORDS:
            self.choice.addItem(words, name)
        named(self.choice, "Images", "Which images the network adapts to", "Alt+G")
        self.before = PROJECT
        self.choice.activated.connect(lambda _: self.chosen())
        self.setLayout(
            column(buddy("Ima&ges", self.choice), self.choice, label(HELP, "caption", wrap=True))
        )

    @property
    def value(self) -> str:
        return str(self.choice.currentData() or self.before)

    def chosen(self) -> None:
        """Another source; “A folder …” asks which, and without an answer nothing changes."""
        if self.choice.currentData() == OTHER:
            path = QFileDialog.getExistingDirectory(self, "A folder of images", "")
            self.show_value(path or self.before)
        if self.value != self.before:
            self.before = self.value
            self.edited.emit()

    def show_value(self, value: str) -> None:
        """A folder gets a line of its own, above the one that asks for others."""
        if self.choice.findData(value) < 0:
            at = self.choice.findData(OTHER)
            self.choice.insertItem(at, Path(value).name or value, value)
            self.choice.setItemData(at, value, Qt.ItemDataRole.ToolTipRole)
        self.choice.setCurrentIndex(self.choice.findData(value))
