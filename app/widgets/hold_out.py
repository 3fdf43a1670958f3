"""The button that keeps images for testing, where a class has none."""

from __future__ import annotations

from PySide6.QtWidgets import QPushButton

from app.bridge import Bridge
from app.widgets.controls import named
from engine.events import ProjectView

TITLE = "Keep a fifth of each class for testing"
HELP = (
    "Some classes have no image to test. A fifth of each is no longer learnt from then, and says "
    "how well it does; what was taken together stays together. One undo takes it back"
)
KEY = "Ctrl+Shift+K"
ENOUGH = 5
"""From so many images on one of a class can be kept."""


def wants_tests(project: ProjectView | None) -> bool:
    """Whether a class has no image to test, though it has images enough."""
    if project is None or project.read_only:
        return False
    return any(known.train >= ENOUGH and not known.validation for known in project.classes)


class HoldOutButton(QPushButton):
    """There only while a class has no image to test."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__(TITLE)
        named(self, TITLE, HELP, KEY)
        self.setShortcut(KEY)
        self.clicked.connect(lambda *_: bridge.submit("hold_out"))
        bridge.changed.connect(lambda project: self.setVisible(wants_tests(project)))
        self.hide()
