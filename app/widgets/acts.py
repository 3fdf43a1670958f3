"""Acts beside a list or plot: each is a button that tells its key, and the key itself."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, SignalInstance
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QPushButton, QSizePolicy, QWidget

from app.widgets.controls import button, named

SIGNS = {"Return": "↵", "Backspace": "⌫", "Delete": "Del", "-": "−"}


def sign_of(key: str) -> str:
    """A key as buttons show it."""
    *before, last = key.split("+") if len(key) > 1 else [key]
    sign = "+".join([*before, SIGNS.get(last, last)])
    return sign.replace("Shift+", "⇧")


def act(
    text: str, help: str, key: str, signal: SignalInstance, where: QWidget, kind: str = ""
) -> QPushButton:
    """A button that emits `signal`, as its key does while `where` has the focus."""
    made = button(f"{text}  {sign_of(key)}", help, signal.emit, kind=kind)
    made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    key_in(where, key, signal.emit)
    return named(made, text.removesuffix(" …"), help, key)


def key_in(where: QWidget, key: str, act: Callable[[], object]) -> None:
    """A key that works while `where` has the focus."""
    made = QShortcut(QKeySequence(key), where, act)
    made.setContext(Qt.ShortcutContext.WidgetShortcut)
    made.setAutoRepeat(False)  # a key that is held down would name what nobody has seen
