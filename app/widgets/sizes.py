"""How large a dialog is at first."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QWidget

FRAME = 24
"""Pixels that are left free around a dialog."""


def sized(dialog: QWidget, width: int, height: int) -> None:
    """Gives a dialog its size at first; no more than the screen has beside its frame."""
    free = dialog.screen().availableGeometry().size() - QSize(FRAME, 2 * FRAME)
    dialog.resize(QSize(width, height).boundedTo(free))
