"""Classes with their digits, each as a button: the likeliest of an image, to be clicked."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy, QWidget

from app.widgets.captions import Name, fitted
from app.widgets.controls import button, calling, column, named
from app.widgets.rows import shown

MOST = 9
EDGES = 26
"""Pixels of a button beside its words."""


class ClassChoices(QWidget):
    """`chose` brings the digit of a class that was clicked; the keys work elsewhere."""

    chose = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.offered: Sequence[tuple[str, str]] = ()
        self.help = ""
        self.buttons = [self.choice(digit) for digit in range(1, MOST + 1)]
        self.setLayout(column(*self.buttons, gap=0))
        self.show_words()

    def choice(self, digit: int) -> QPushButton:
        made = button("", "", calling(self.chose.emit, digit), kind="choice")
        made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        made.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys with the images
        return made

    def offer(self, offered: Sequence[tuple[str, str]], help: str) -> None:
        """Classes, each with how likely it is in words, nine at most; `help` says what a click
        does."""
        self.offered, self.help = offered[:MOST], help
        self.show_words()

    def show_words(self) -> None:
        for digit, made in enumerate(self.buttons, 1):
            there = digit <= len(self.offered)
            made.setVisible(there)
            name, share = self.offered[digit - 1] if there else ("", "")
            parts = [f"{digit}   ", Name(shown(name)), f"  {share}" if share else ""]
            words = fitted(parts, made.fontMetrics(), self.width() - EDGES) if there else ""
            made.setText(words.replace("&", "&&"))
            said = " ".join([f"Class {digit}:", shown(name), share]).strip()
            named(made, said if there else f"Class {digit}", self.help, str(digit))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.show_words()
