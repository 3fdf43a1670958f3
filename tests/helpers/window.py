"""What the tests of the window use: hands that drop, type and choose, and small weights."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QDialog,
    QFileDialog,
    QLabel,
    QLineEdit,
    QPushButton,
    QWidget,
)

SIZE = 64
"""Pixels of the network's input in these tests."""

LONG = 120_000
"""Milliseconds that a test waits at most: a slow machine with much to do takes its time."""

MAKE_WEIGHTS = """
import sys, torch, torchvision
from safetensors.torch import save_file
torch.manual_seed(0)
save_file(getattr(torchvision.models, sys.argv[2])(weights=None).state_dict(), sys.argv[1])
"""


def random_weights(path: Path, network: str = "squeezenet1_1") -> Path:
    """A file of random weights of a small network, made without importing torch here."""
    subprocess.run([sys.executable, "-c", MAKE_WEIGHTS, str(path), network], check=True)
    return path


def urls(paths: list[Path]) -> QMimeData:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return mime


def drop(target: QWidget, mime: QMimeData, at: QPoint | None = None) -> None:
    """Drags over a widget, and drops there if the drag was accepted, as a person does."""
    at = at or target.rect().center()
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    action = Qt.DropAction.CopyAction
    enter = QDragEnterEvent(at, action, mime, buttons, keys)
    QApplication.sendEvent(target, enter)
    assert enter.isAccepted(), f"{target} takes no drop"
    QApplication.sendEvent(target, QDropEvent(QPointF(at), action, mime, buttons, keys))


class Person:
    """Someone at the window: waits for what the window shows, never for a time."""

    def __init__(self, window: Any, qtbot: Any) -> None:
        self.window, self.qtbot = window, qtbot
        self.submitted: list[int] = []
        self.ended: dict[int, Any] = {}
        window.bridge.submitted.connect(lambda ticket, job: self.submitted.append(ticket))
        window.bridge.ended.connect(self.hears)

    def sees(self, what: Callable[[], object], timeout: int = LONG) -> None:
        self.qtbot.waitUntil(lambda: bool(what()), timeout=timeout)

    def hears(self, ticket: int, ended: Any) -> None:
        # Ticket 0 is the engine's own: it opens the project again after it was lost.
        if ticket:
            self.ended[ticket] = ended

    @property
    def endings(self) -> list[Any]:
        """How the jobs ended, in this order."""
        return list(self.ended.values())

    def waits_for(self, gesture: Callable[[], object], timeout: int = LONG) -> Any:
        """Does something that submits a job, and waits for the end of the first that it submits.

        A job that still ran before is not taken for it.
        """
        before = len(self.submitted)
        gesture()
        self.sees(lambda: self.ended.keys() & self.submitted[before : before + 1], timeout)
        return self.ended[self.submitted[before]]

    def ends(self, gesture: Callable[[], object]) -> Any:
        """Does something that ends a job that runs or waits, and waits for its end."""
        before = len(self.ended)
        gesture()
        self.sees(lambda: len(self.ended) > before)
        return self.endings[-1]

    def page(self, name: str) -> Any:
        self.window.rail.buttons[name].click()
        return self.window.pages[name]

    def presses(self, key: str, widget: QWidget | None = None) -> None:
        """A key or a chord like Ctrl+Z, in the window or in the widget of a dialog."""
        chord, widget = QKeySequence(key)[0], widget or self.window
        widget.activateWindow()
        self.sees(widget.isActiveWindow)
        QTest.keyClick(widget, chord.key(), chord.keyboardModifiers())

    def messages(self) -> list[str]:
        return [card.text for card in self.window.notices.cards]

    @property
    def project(self) -> Any:
        return self.window.bridge.project

    def classes(self) -> dict[str, int]:
        return {c.name: c.images for c in self.project.classes} if self.project else {}

    def will_answer(self, value: str = "", button: str = "") -> None:
        """Answers the next dialog: writes the value, and presses the button (or the first one)."""
        self.later(lambda: self.answer_dialog(value, button))

    def will_choose_file(self, path: Path) -> None:
        """Chooses a file or folder in the next file dialog."""
        self.later(lambda: self.answer_files(path))

    def later(self, act: Callable[[], bool]) -> None:
        timer = QTimer(self.window, interval=10)

        def look() -> None:
            if act():
                timer.stop()
                timer.deleteLater()

        timer.timeout.connect(look)
        timer.start()

    def answer_dialog(self, value: str, words: str) -> bool:
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, QDialog) or isinstance(dialog, QFileDialog):
            return False
        for field in dialog.findChildren(QComboBox):
            field.setCurrentText(value)
        for field in dialog.findChildren(QLineEdit):
            if value and not isinstance(field.parent(), QComboBox):
                field.setText(value)
        buttons = dialog.findChildren(QPushButton)
        chosen = next((b for b in buttons if b.text().replace("&", "") == words), buttons[0])
        chosen.click()
        return True

    def answer_files(self, path: Path) -> bool:
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, QFileDialog):
            return False
        dialog.setDirectory(str(path.parent))
        dialog.findChild(QLineEdit, "fileNameEdit").setText(str(path))
        dialog.accept()
        return True


def texts(widget: QWidget) -> str:
    """All words that a widget shows."""
    return "\n".join(made.text() for made in widget.findChildren(QLabel) if made.isVisible())
