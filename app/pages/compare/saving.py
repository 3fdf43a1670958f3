"""A study as files: a table for a spreadsheet, a page for a browser, or a drawing of the table."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QPoint
from PySide6.QtGui import QImage, QImageWriter, QPainter
from PySide6.QtWidgets import QFileDialog, QMenu, QPushButton, QWidget

from app import theme
from app.pages.compare.table import StudyTable, height_of, lines_of
from app.study_files import page, table
from app.widgets.controls import button, column, label
from engine.results.compare import Study
from engine.system.files import replace_file

KINDS = ("CSV", "HTML", "PNG")
WIDE, TWICE = 960, 2.0
"""Pixels of the drawing, and how many of its file stand for one."""


def save_button(
    parent: QWidget, study: Callable[[], Study | None], tell: Callable[..., object]
) -> QPushButton:
    """The button with a menu of kinds of files."""
    made = button(
        "Save …",
        "Saves this comparison: a table (CSV), a page for a browser (HTML), or a picture (PNG)",
        lambda: made.showMenu(),
        key="Ctrl+Shift+E",
        icon="save",
    )
    menu = QMenu(made)
    for kind in KINDS:
        menu.addAction(f"Save as {kind} …", partial(choose_file, parent, study, tell, kind))
    made.setMenu(menu)
    return made


def choose_file(
    parent: QWidget,
    study: Callable[[], Study | None],
    tell: Callable[..., object],
    kind: str,
    *_: object,
) -> None:
    """Asks where to, and writes; where that can't be done, says why."""
    if (found := study()) is None:
        return
    name = f"comparison.{kind.lower()}"
    path, _chosen = QFileDialog.getSaveFileName(
        parent, f"Save as {kind}", name, f"*.{kind.lower()}"
    )
    if path:
        try:
            write(found, Path(path))
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            tell(f"{path} can't be written ({why}). Name another file.", "warning")


def write(study: Study, path: Path) -> None:
    """Writes what the path's ending says. Raises OSError."""
    if path.suffix.lower() == ".csv":
        replace_file(path, table(study).encode())
    elif path.suffix.lower() == ".html":
        replace_file(path, page(study).encode())
    elif not QImageWriter(str(path), b"PNG").write(drawn(study)):
        raise OSError(f"no image can be written to {path.name}")


def drawn(study: Study) -> QImage:
    """The reading and all rows, as on the page but without its edges."""
    sheet, rows = QWidget(), StudyTable()
    sheet.setObjectName("page")
    rows.show_lines(
        lines_of({"asked": None, "study": study, "done": True, "changed": ""}, {}, False)
    )
    rows.clearSelection()
    rows.setFixedHeight(height_of(len(study["rows"])))
    sheet.setLayout(column(label(study["said"], "heading", wrap=True), rows, gap=16, edge=24))
    sheet.setFixedWidth(WIDE)
    sheet.adjustSize()
    image = QImage(sheet.size() * TWICE, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(TWICE)
    image.fill(theme.colour("ground"))
    painter = QPainter(image)
    sheet.render(painter, QPoint())
    painter.end()
    sheet.deleteLater()
    return image
