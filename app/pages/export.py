"""The Export page: one file to use elsewhere, and the receipt of what was checked about it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QLineEdit,
    QPushButton,
    QStackedWidget,
    QWidget,
)

from app.bridge import Bridge
from app.theme import GRID
from app.widgets.controls import buddy, button, card, column, label, named, row, scrolled
from app.widgets.empty import EmptyState
from app.widgets.receipt import receipt_text, rows_of
from engine.events import Ended, ProjectView

EXPLAINED = (
    "One ONNX file with the preprocessing inside: it takes an RGB image of any size and gives a "
    "probability for each class. It is compared with this project on stored images, in a process "
    "of its own; where the two don't agree, nothing is exported."
)


class ExportPage(QWidget):
    """Where to write the model, and what came of it."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self.setObjectName("page")
        self.bridge = bridge
        self.project: ProjectView | None = None
        self.receipt: Mapping[str, Any] = {}
        self.format = QComboBox()
        self.target = QLineEdit()
        self.overwrite = QCheckBox("&Replace a file that is there")
        self.news = label("", "muted", wrap=True)
        self.empty = EmptyState(
            "export",
            "Nothing to export yet",
            "Learn some classes first: drop folders of images on the Images page. "
            "Then write the model here as one file.",
        )
        self.lay_out()
        self.bridge.changed.connect(self.show_project)

    def lay_out(self) -> None:
        """What is asked for on the left, the receipt on the right."""
        left = card(
            label("Export the model", "big"),
            label(EXPLAINED, "muted", wrap=True),
            8,
            self.make_form(),
            8,
            row(self.make_export_button(), 0),
            self.news,
            0,
            edge=24,
        )
        both = QWidget()
        both.setLayout(row(left, self.receipt_side(), gap=16))
        both.layout().setStretch(0, 1)
        both.layout().setStretch(1, 1)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.empty)
        self.pages.addWidget(both)
        self.setLayout(column(self.pages, edge=16))
        self.setFocusProxy(self.target)

    def make_export_button(self) -> QPushButton:
        self.export_button = button(
            "Export", "Writes and checks the model", self.export, key="Ctrl+E", icon="export",
            kind="primary",
        )  # fmt: skip
        return self.export_button

    def make_form(self) -> QFormLayout:
        """The format and the file, each with a key."""
        self.format.addItem("ONNX", "onnx")
        named(self.format, "Format", "The kind of file", "Alt+F")
        named(self.target, "File", "Where the model is written", "Alt+I")
        named(self.overwrite, "Replace", "Replaces a file that is there already", "Alt+R")
        choose = button(
            "Browse …", "Chooses the file", self.choose_file, key="Ctrl+Shift+B", icon="folder"
        )
        form = QFormLayout()
        form.setVerticalSpacing(12)
        line = row(self.target, choose)
        line.setStretch(0, 1)
        for text, control, what in (
            ("&Format", self.format, self.format),
            ("F&ile", self.target, line),
        ):
            name = buddy(text, control)
            name.setMinimumHeight(4 * GRID)
            form.addRow(name, what)
        form.addRow("", self.overwrite)
        return form

    def receipt_side(self) -> QWidget:
        """The receipt as a card, and what can be done with the file."""
        self.receipt_rows = QFormLayout()
        self.receipt_rows.setVerticalSpacing(10)
        self.receipt_rows.setHorizontalSpacing(24)
        self.receipt_rows.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        inside = QWidget()
        inside.setLayout(self.receipt_rows)
        scroll = scrolled(inside)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.open_button = button(
            "Open the folder", "Shows the file in its folder", self.open_folder, key="Ctrl+Shift+E",
            icon="folder",
        )  # fmt: skip
        self.copy_button = button(
            "Copy the receipt", "Copies the receipt as text", self.copy, key="Ctrl+Shift+C"
        )
        self.verdict = label("What was checked appears here after an export.", "muted", wrap=True)
        made = card(
            label("Receipt", "big"),
            self.verdict,
            8,
            scroll,
            row(self.open_button, self.copy_button, 0),
            edge=24,
        )
        made.layout().setStretch(3, 1)
        self.open_button.setEnabled(False)
        self.copy_button.setEnabled(False)
        return made

    # Showing.

    def show_project(self, project: ProjectView | None) -> None:
        """Offers a file beside the project; keeps what a person typed."""
        other = project is None or self.project is None or project.path != self.project.path
        self.project = project
        ready = project is not None and project.current_step is not None
        self.pages.setCurrentIndex(1 if ready else 0)
        if project is not None and other:
            self.target.setText(str(Path(project.path).parent / f"{project.name}.onnx"))
            self.show_receipt({})

    def show_receipt(self, receipt: Mapping[str, Any]) -> None:
        """One line for each thing that was checked."""
        self.receipt = receipt
        while self.receipt_rows.rowCount():
            self.receipt_rows.removeRow(0)
        for name, value in rows_of(receipt):
            text = label(value, wrap=True)
            text.setTextInteractionFlags(
                Qt.TextInteractionFlag.TextSelectableByMouse
                | Qt.TextInteractionFlag.TextSelectableByKeyboard
            )
            text.setMinimumWidth(200)
            self.receipt_rows.addRow(label(name, "muted"), text)
        self.open_button.setEnabled(bool(receipt))
        self.copy_button.setEnabled(bool(receipt))
        self.verdict.setText(
            "The exported file gives the same answers as this project."
            if receipt
            else "What was checked appears here after an export."
        )

    # Gestures.

    def choose_file(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Export to", self.target.text(), "ONNX (*.onnx)"
        )
        if path:
            self.target.setText(path if path.endswith(".onnx") else f"{path}.onnx")
            self.overwrite.setChecked(Path(path).exists())

    def export(self) -> None:
        """Writes the model; the answer is the receipt, or why there is none."""
        path = self.target.text().strip()
        if not path:
            self.news.setText("Say where to write the file.")
            return
        self.export_button.setEnabled(False)
        self.news.setText("Writing and checking …")
        self.bridge.submit("export", self.take, path=path, overwrite=self.overwrite.isChecked())

    def take(self, ended: Ended) -> None:
        self.export_button.setEnabled(True)
        self.news.setText(
            ended.text if ended.how != "done" else "Done. The receipt says what was checked."
        )
        if ended.how == "done":
            self.show_receipt(ended.result)

    def open_folder(self) -> None:
        folder = Path(self.receipt.get("path") or self.target.text()).parent
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

    def copy(self) -> None:
        QGuiApplication.clipboard().setText(receipt_text(self.receipt))
