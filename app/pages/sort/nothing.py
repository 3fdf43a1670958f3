"""The Sort page where nothing waits: nothing was added, or all of it was sorted."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QPushButton

from app.widgets.controls import button, named
from app.widgets.empty import EmptyState

ADD = "Add unsorted images …"
BEGINS = "They are looked at once, and wait here then."
HELP = "Adds a folder of images that have no class yet"


def none_here(*buttons: QPushButton) -> EmptyState:
    return EmptyState(
        "sort",
        "No unsorted images",
        "Drop a folder or images here that have no classes yet. You name a few, and the rest is "
        "suggested.",
        *buttons,
    )


def all_sorted(*buttons: QPushButton) -> EmptyState:
    return EmptyState(
        "sort",
        "Everything is sorted",
        "No image waits for a class. Ctrl+Z takes the last act back.",
        *buttons,
    )


def learn_button(go: Callable[[], object]) -> QPushButton:
    return button(
        "See how well they are recognised",
        "Goes to the Learn page",
        go,
        key="Ctrl+Shift+L",
        kind="primary",
    )


def add_button(text: str, add: Callable[[], object], kind: str = "") -> QPushButton:
    made = button(text, HELP, add, key="Ctrl+I", icon="plus", kind=kind)
    return named(made, "Add unsorted images", HELP, "Ctrl+I")


def back_button(take_back: Callable[[], object]) -> QPushButton:
    """There only while images are set aside."""
    help = "Images that were set aside wait for a class again"
    made = button("", help, take_back, key="Ctrl+Shift+B", kind="quiet")
    made.hide()
    return named(made, "Take back what was set aside", help, "Ctrl+Shift+B")


def again_button(look: Callable[[], object]) -> QPushButton:
    """A way to learnt images while none waits, and so no order can be chosen."""
    help = "Shows learnt images whose class may be wrong, and those unlike all others"
    return button("Look again at learnt images", help, look, key="Ctrl+G", kind="quiet")
