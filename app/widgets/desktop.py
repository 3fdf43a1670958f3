"""Showing files and folders in the programs that the desktop has for them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QTimer, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication

EVERY, LOOKS = 50, 200
"""Milliseconds between two looks at whether the desktop's opener gave up, and how many."""


def show_file(path: Path, tell: Callable[..., object]) -> None:
    """Opens a file or folder; where no program takes it, says where it is and offers its path."""

    def refused() -> None:
        text = f"No program on this computer opens this. It is in {path}"
        copy = ("Copy the path", lambda: QGuiApplication.clipboard().setText(str(path)))
        tell(text, "warning", action=copy, topic="show")

    opener = shutil.which("xdg-open") if sys.platform.startswith("linux") else None
    if opener is not None:
        open_by(opener, path, refused)
    elif not QDesktopServices.openUrl(QUrl.fromLocalFile(str(path))):
        refused()


def open_by(opener: str, path: Path, refused: Callable[[], object]) -> None:
    """Runs the desktop's opener, which Qt does not wait for, and so does not know how it ended.

    One that is still there after ten seconds shows what it was asked for, and is left alone.
    """
    quiet = subprocess.DEVNULL
    try:
        run = subprocess.Popen(
            [opener, str(path)], stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True
        )
    except OSError:
        refused()
        return
    timer, looks = QTimer(QCoreApplication.instance(), interval=EVERY), iter(range(LOOKS))

    def look() -> None:
        code = run.poll()
        if code is None and next(looks, None) is not None:
            return
        timer.stop()
        timer.deleteLater()
        if code:
            refused()

    timer.timeout.connect(look)
    timer.start()
