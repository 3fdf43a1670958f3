"""The field in which a class's name is typed, beside a grid or a map."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QCompleter, QLineEdit

WHOLE = Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.ControlModifier


class NameField(QLineEdit):
    """Where a class's name is typed. Enter gives it, with Shift to the whole burst; Esc leaves."""

    given = Signal(str, bool)
    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.burst = False
        self.setAcceptDrops(False)  # files that are dropped here are for the page

    def offer(self, names: Sequence[str]) -> None:
        """Names that are completed, the likeliest first."""
        if list(names) != self.names and not self.text():
            self.names = list(names)
            completer = QCompleter(self.names, self)
            completer.setCompletionMode(QCompleter.CompletionMode.InlineCompletion)
            completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
            self.setCompleter(completer)

    def begin(self, letter: str = "", burst: bool = False) -> None:
        """Begins a name with a letter that was pressed elsewhere."""
        self.clear()
        self.burst = burst
        self.setFocus()
        if letter:
            QLineEdit.keyPressEvent(
                self, QKeyEvent(QEvent.Type.KeyPress, 0, Qt.KeyboardModifier.NoModifier, letter)
            )

    def event(self, event: QEvent) -> bool:
        """Esc is this field's own here, and stops no job."""
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.key() == Qt.Key.Key_Escape
        ):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.leave()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            name = self.text().strip()
            burst = self.burst or bool(event.modifiers() & WHOLE)
            self.leave()
            if name:
                self.given.emit(name, burst)
        else:
            super().keyPressEvent(event)

    def leave(self) -> None:
        self.clear()
        self.burst = False
        self.left.emit()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.burst = False
