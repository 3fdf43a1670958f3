"""Shows what was kept of a crash. Nothing is sent: who wants help copies the text by hand."""

from __future__ import annotations

import logging
from pathlib import Path

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QWidget

from app.shell.about import plain
from app.widgets.controls import button, column, label, row
from app.widgets.sizes import sized

log = logging.getLogger(__name__)

WHAT = (
    "The end of the log, the versions and the last events. It holds no image, but it can name "
    "files of yours: read it before you give it to someone."
)


class ReportDialog(QDialog):
    """The reports, newest first, to read, to copy or to delete."""

    def __init__(self, parent: QWidget, reports: list[Path]) -> None:
        super().__init__(parent)
        self.setWindowTitle("Report of a crash")
        sized(self, 880, 600)
        self.reports = reports
        texts = [self.read(path) for path in reversed(reports)]
        self.text = plain("\n\n".join(texts), "Report", "What was kept of the crash")
        copy = button("&Copy", "Puts the report on the clipboard", self.copy, key="Alt+C")
        delete = button("&Delete", "Deletes the report and goes back", self.delete, key="Alt+D")
        close = button(
            "Close", "Goes back; the report stays on this computer", self.close, key="Esc"
        )
        place = label(f"It lies in {reports[-1].parent}", "caption", wrap=True)
        self.setLayout(
            column(
                label("Report", "big"),
                label(WHAT, "muted", wrap=True),
                self.text,
                place,
                row(0, copy, delete, close),
                edge=24,
            )
        )
        self.text.setFocus()

    def read(self, path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            return f"{path.name} can't be read: {error.strerror or error}."

    def copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text.toPlainText())

    def delete(self) -> None:
        for path in self.reports:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                log.info("a report stays where it is: %s", error)
        self.close()

    def done(self, result: int) -> None:
        super().done(result)
        self.deleteLater()
