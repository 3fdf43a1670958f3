"""The Sort page where nothing waits: nothing was added, or all of it was sorted."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QPushButton

from app.widgets.controls import button
from app.widgets.empty import EmptyState


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
