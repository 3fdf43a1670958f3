"""The Export page: one file to use elsewhere, and the receipt of what was checked about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QShowEvent
from PySide6.QtWidgets import QFormLayout, QFrame, QSizePolicy, QStackedWidget, QWidget

from app.bridge import Bridge
from app.pages.export.form import ExportForm
from app.pages.follow import WAITS
from app.widgets.controls import (
    Yielding,
    button,
    card,
    column,
    label,
    laid_out,
    named,
    reach,
    row,
    scrolled,
)
from app.widgets.desktop import show_file
from app.widgets.matrix_plot import MatrixPlot
from app.widgets.next_step import NextStep
from app.widgets.receipt import matrix_of, receipt_text, rows_of
from app.widgets.rows import short
from engine.events import Ended, ProjectView
from engine.results.export import Receipt

NOTHING = "What was checked appears here after an export."
WRITES = "Writing and checking …"


class ConfusionPicture(MatrixPlot):
    """What the exported file takes for what; its images are those of the Learn page."""

    opens = False


class ExportPage(QWidget):
    """Where to write the model, and what came of it."""

    def __init__(self, bridge: Bridge, tell: Callable[..., object]) -> None:
        """`tell` shows a message: its text, level, details, action and topic."""
        super().__init__()
        self.setObjectName("page")
        self.bridge, self.tell = bridge, tell
        self.project: ProjectView | None = None
        self.receipt: Receipt | None = None
        self.folder, self.ticket = Path(), 0
        self.form = ExportForm(bridge)
        self.target, self.news = self.form.target, self.form.news
        self.export_button = self.form.export_button
        then = "Then write the model here as one file."
        self.empty = NextStep(bridge, "export", "Nothing to export yet", then)
        self.make_buttons()
        self.lay_out()
        self.form.asked.connect(self.submit)
        self.bridge.changed.connect(self.show_project)
        self.bridge.started.connect(self.on_started)

    def make_buttons(self) -> None:
        """What can be done with an export."""
        self.page_button = button(
            "Page to print",
            "Opens the receipt in the browser, to print it or keep it",
            self.open_page,
            key="Ctrl+P",
        )
        self.open_button = button(
            "Show the folder",
            "Shows the file in its folder",
            self.open_folder,
            key="Ctrl+Shift+E",
            icon="folder",
        )
        self.copy_button = button(
            "Copy as text", "Copies the receipt as text", self.copy, key="Ctrl+Shift+C"
        )

    def lay_out(self) -> None:
        """What is asked for on the left, the receipt on the right."""
        both = QWidget()
        both.setLayout(row(self.form, self.receipt_side(), gap=16))
        laid_out(both).setStretch(0, 4)
        laid_out(both).setStretch(1, 5)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.empty)
        self.pages.addWidget(both)
        self.setLayout(column(self.pages, edge=16))
        self.setFocusProxy(self.form.target)

    def receipt_side(self) -> QFrame:
        """The receipt as a card: its lines, the confusion matrix, and the buttons below them."""
        self.receipt_rows = QFormLayout()
        self.receipt_rows.setVerticalSpacing(10)
        self.receipt_rows.setHorizontalSpacing(24)
        self.receipt_rows.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        self.matrix = ConfusionPicture("What is taken for what", "No image's class is known.")
        named(self.matrix, self.matrix.title, "Arrow keys read cells; Ctrl+S saves the picture")
        reach(self.matrix, "Alt+M")
        self.matrix.setToolTip("")
        self.matrix.setMinimumHeight(400)
        self.matrix.hide()
        inside = QWidget()
        inside.setLayout(column(self.receipt_rows, 8, self.matrix, 0))
        scroll = scrolled(inside, Yielding)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verdict = label(NOTHING, "muted", wrap=True)
        tools = row(self.page_button, self.open_button, self.copy_button, 0)
        made = card(label("Receipt", "big"), self.verdict, 8, scroll, tools, edge=24)
        laid_out(made).setStretch(3, 1)
        self.refresh_tools()
        return made

    # Showing.

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.form.load()

    def show_project(self, project: ProjectView | None) -> None:
        """Offers a file beside the project; keeps what a person typed."""
        other = project is None or self.project is None or project.path != self.project.path
        self.project = project
        ready = project is not None and project.current_step is not None
        self.empty.show_project(project)
        self.pages.setCurrentIndex(1 if ready else 0)
        if project is not None:
            self.form.show_project(project, other)
            if other:
                self.show_receipt(None)

    def show_receipt(self, receipt: Receipt | None) -> None:
        """One line for each thing that was checked, and the matrix where classes are known."""
        self.receipt = receipt
        while self.receipt_rows.rowCount():
            self.receipt_rows.removeRow(0)
        for name, value in rows_of(receipt) if receipt else ():
            text = label(value, wrap=True)
            text.setTextInteractionFlags(
                Qt.TextInteractionFlag.TextSelectableByMouse
                | Qt.TextInteractionFlag.TextSelectableByKeyboard
            )
            text.setMinimumWidth(200)
            text.setAlignment(Qt.AlignmentFlag.AlignTop)
            title = label(name, "muted", wrap=True)
            title.setFixedWidth(120)
            # As high as its value, so that both begin on the same line.
            title.setAlignment(Qt.AlignmentFlag.AlignTop)
            title.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
            self.receipt_rows.addRow(title, text)
        classes, counts = (receipt["classes"], matrix_of(receipt)) if receipt else ([], [])
        known = any(map(any, counts))
        self.matrix.show_matrix(classes if known else (), counts)
        self.matrix.setVisible(known)
        self.verdict.setText(receipt["verdict"] if receipt else NOTHING)
        self.refresh_tools()

    def refresh_tools(self) -> None:
        for made in (self.page_button, self.open_button, self.copy_button):
            made.setEnabled(bool(self.receipt))

    # Gestures.

    def export(self) -> None:
        self.form.ask()

    def submit(self, settings: Mapping[str, Any]) -> None:
        """Writes the model; the answer is the receipt, or why there is none."""
        if self.export_button.hasFocus():  # a button that is off would hand it to the header
            self.news.setFocus()
        self.export_button.setEnabled(False)
        self.news.setText(WAITS if self.bridge.jobs else WRITES)
        self.form.usage.clear()
        folder = Path(settings["path"]).absolute().parent
        self.ticket = self.bridge.submit(
            "export", lambda ended: self.take(ended, folder), **settings
        )

    def on_started(self, ticket: int, event: object) -> None:
        """What waited for another job begins."""
        if ticket == self.ticket:
            self.news.setText(WRITES)

    def take(self, ended: Ended, folder: Path) -> None:
        """Says how the export ended and shows its receipt."""
        self.export_button.setEnabled(True)
        if self.news.hasFocus():
            self.export_button.setFocus()
        self.news.setText(
            ended.text if ended.how != "done" else "Done. The receipt says what was checked."
        )
        if ended.how == "done":
            self.folder = folder
            receipt = ended.of(Receipt)
            self.show_receipt(receipt)
            self.form.usage.show_use(receipt)
            self.form.propose()
            text = f"The model is exported and checked. It is in {short(str(folder))}."
            show = ("Show in folder", lambda: show_file(folder, self.tell))
            self.tell(text, action=show, topic="export")

    def open_page(self) -> None:
        if self.receipt:  # A key acts a moment after it is pressed.
            show_file(self.folder / self.receipt["papers"]["page"], self.tell)

    def open_folder(self) -> None:
        show_file(self.folder, self.tell)

    def copy(self) -> None:
        if self.receipt:
            QGuiApplication.clipboard().setText(receipt_text(self.receipt))
