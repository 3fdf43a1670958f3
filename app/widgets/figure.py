"""A number that a page shows large, with its name below it."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from app.widgets.controls import column, label


class Figure(QWidget):
    """A number above its name; its definition is the tooltip."""

    def __init__(self, name: str, help: str) -> None:
        super().__init__()
        self.value = label("–", "big")
        self.setLayout(column(self.value, label(name, "caption"), gap=0))
        self.setToolTip(help)
        self.setAccessibleName(name)

    def show_text(self, text: str) -> None:
        self.value.setText(text)
        self.setAccessibleDescription(f"{text}. {self.toolTip()}")
