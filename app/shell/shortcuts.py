"""The overview of all keys, read from the controls themselves so that it can't be out of date."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QGridLayout, QWidget

from app.widgets.controls import button, column, label, row, scrolled
from app.widgets.sizes import sized

GENERAL = (
    ("Go through the controls", "Tab"),
    ("Look closer at an image", "Space"),
    ("Move in galleries and plots", "Arrow keys"),
    ("Choose several images", "Shift or Ctrl + click"),
)
NAME, ELIDED = 232, Qt.TextElideMode.ElideMiddle
"""Pixels of a control's name, which may hold the names of classes."""


def keys_of(page: QWidget) -> list[tuple[str, str]]:
    """Each control of a page that has a key: its name and the key, in their order."""
    found: dict[str, str] = {}
    for widget in page.findChildren(QWidget):
        key = widget.property("key")
        if key and widget.accessibleName():
            text = QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)
            found.setdefault(widget.property("plain") or widget.accessibleName(), text)
    return sorted(found.items())


class ShortcutsDialog(QDialog):
    """All keys, page by page."""

    def __init__(self, parent: QWidget, groups: dict[str, list[tuple[str, str]]]) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Keys")
        columns = [column(gap=16), column(gap=16)]
        heights = [0, 0]
        for title, keys in groups.items():
            shortest = heights.index(min(heights))
            columns[shortest].addWidget(self.group(title, keys))
            heights[shortest] += len(keys) + 2
        for each in columns:
            each.addStretch(1)
        inside = QWidget()
        inside.setLayout(row(*columns, gap=40, edge=8))
        scroll = scrolled(inside)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setMinimumWidth(inside.sizeHint().width() + scroll.verticalScrollBar().width())
        close = button("Close", "Goes back", self.close, key="Esc")
        self.setLayout(column(label("Keys", "big"), scroll, row(0, close), edge=24))
        sized(self, 880, 620)

    def group(self, title: str, keys: list[tuple[str, str]]) -> QWidget:
        made = QWidget()
        grid = QGridLayout(made)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(4)
        grid.addWidget(label(title, "heading"), 0, 0, 1, 2)
        for number, (name, key) in enumerate(keys, 1):
            words = label()
            words.setText(words.fontMetrics().elidedText(name, ELIDED, NAME))
            grid.addWidget(words, number, 0)
            grid.addWidget(label(key, "muted"), number, 1, Qt.AlignmentFlag.AlignRight)
        return made
