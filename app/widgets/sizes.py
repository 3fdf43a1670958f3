"""How large a dialog is at first, and where one lies that stays open beside the window."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QSize
from PySide6.QtWidgets import QWidget

FRAME = 24
"""Pixels that are left free around a dialog."""


def sized(dialog: QWidget, width: int, height: int) -> None:
    """Gives a dialog its size at first; no more than the screen has beside its frame."""
    free = dialog.screen().availableGeometry().size() - QSize(FRAME, 2 * FRAME)
    dialog.resize(QSize(width, height).boundedTo(free))


def put_beside(dialog: QWidget, window: QWidget) -> None:
    """Moves a dialog to the right of a window, or to its left where there is more room; where there
    is none on either side, over its right edge."""
    free, around = window.screen().availableGeometry(), window.frameGeometry()
    left, right = around.left() - free.left(), free.right() - around.right()
    if left > right and left >= dialog.width():
        x = around.left() - dialog.width()
    else:
        x = min(around.right() + 1, free.right() + 1 - dialog.width())
    y = min(max(around.top(), free.top()), free.bottom() + 1 - dialog.height())
    dialog.move(QPoint(max(x, free.left()), max(y, free.top())))
