"""What an export is asked for: the format with its settings, the file, and the images' licence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QFrame,
    QLineEdit,
    QWidget,
)

from app.bridge import Bridge
from app.forms import Form
from app.pages.export.unfinished import Unfinished
from app.pages.export.usage import Usage
from app.theme import GRID
from app.widgets.controls import (
    Whole,
    buddy,
    button,
    column,
    label,
    laid_out,
    named,
    row,
    say_on,
    scrolled,
)
from app.widgets.names import folder_name
from app.widgets.path_field import PathField
from engine.events import Ended, ProjectView
from engine.registry import PluginView
from engine.results.export import Exporters

CHECKED = (
    "The file is compared with this project on stored images, in a process of its own; where the "
    "two don't agree, nothing is exported. Beside it lie a receipt, a page to print, a model card "
    "and a sample script."
)
OUTSIDE = "The preprocessing is not inside this file: its script does it, and its card says it."
LICENCE = "Under what terms the images are, for example CC0; each export names it"
READ_ONLY = "This project can only be looked at, so this can't be noted"
TAKEN = "firlm"
"""Letters that the page uses with Alt for other things than settings."""


def file_name(project: str, format: PluginView) -> str:
    """How an export is called that a person did not name: moths.onnx, moths.fp16.onnx."""
    variant = format.name.partition("-")[2]
    return f"{project}{f'.{variant}' if variant else ''}{format.facts['suffix']}"


def listed(format: PluginView) -> str:
    """A format in the list: which one is right for most, and which can't be used here."""
    if format.facts["missing"]:
        return f"{format.title} (not here)"
    if format.facts["recommended"]:
        return f"{format.title.partition(',')[0]} (recommended)"
    return format.title


def free_file(beside: Path, project: str, name: str) -> Path:
    """A file that is not there, in a folder with the project's name and today's date."""
    dated = f"{project} exported {date.today().isoformat()}"
    path, number = beside / dated / name, 2
    while path.exists():
        path, number = beside / f"{dated} {number}" / name, number + 1
    return path


class ExportForm(QFrame):
    """The left side of the page. `asked` carries the settings of the job."""

    asked = Signal(dict)

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self.setObjectName("card")
        self.bridge = bridge
        self.project: ProjectView | None = None
        self.formats: dict[str, PluginView] = {}
        self.question = 0
        self.proposed = ""
        self.format = QComboBox()
        self.help = label("", "caption", wrap=True)
        self.missing = label("", "caption", wrap=True)
        self.target, self.licence = PathField(), QLineEdit()
        self.overwrite = QCheckBox("&Replace a file that is there")
        self.settings = Form(TAKEN)
        self.news = label("", "muted", wrap=True)
        self.usage, self.unfinished = Usage(), Unfinished(bridge)
        self.make_controls()
        self.lay_out()

    # Layout.

    def make_controls(self) -> None:
        """Names, keys and tooltips of all controls."""
        self.format.addItem("ONNX", "onnx")
        self.format.setMinimumContentsLength(10)
        named(self.format, "Format", "The kind of file", "Alt+F")
        named(self.target, "File", "Where the model is written", "Alt+I")
        named(self.licence, "Licence of the images", LICENCE, "Alt+L")
        named(self.overwrite, "Replace", "Replaces a file that already exists", "Alt+R")
        self.licence.setPlaceholderText("not stated")
        self.browse = button(
            "Browse …", "Chooses the file", self.choose_file, key="Ctrl+Shift+B", icon="folder"
        )
        say_on(self.browse, "")  # the path needs the room
        self.export_button = button(
            "Export",
            "Writes and checks the model",
            self.ask,
            key="Ctrl+E",
            icon="export",
            kind="primary",
        )
        self.format.currentIndexChanged.connect(self.show_format)
        self.licence.editingFinished.connect(self.keep_licence)

    def lay_out(self) -> None:
        """What is asked for scrolls where there is no room; the button stays below it."""
        inside = QWidget()
        inside.setLayout(
            column(
                label(CHECKED, "muted", wrap=True), 4, self.rows(), self.settings, self.missing, 0
            )
        )
        laid_out(inside).setContentsMargins(0, 0, 0, 0)
        scroll = scrolled(inside, Whole)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        title = label("Export the model", "big")
        ask = row(self.export_button, 0)
        whole = column(title, self.unfinished, scroll, self.news, self.usage, ask, edge=24)
        whole.setStretch(2, 1)
        self.setLayout(whole)
        self.missing.hide()

    def rows(self) -> QFormLayout:
        """The format, the file and the licence, each with its label."""
        form = QFormLayout()
        form.setVerticalSpacing(GRID)
        line = row(self.target, self.browse)
        line.setStretch(0, 1)
        for text, control, what in (
            ("&Format", self.format, self.format),
            ("", self.format, self.help),
            ("F&ile", self.target, line),
            ("&Licence of\nthe images", self.licence, self.licence),
        ):
            name = buddy(text, control)
            name.setMinimumHeight(4 * GRID if text else 0)
            form.addRow(name, what)
        form.addRow("", self.overwrite)
        return form

    # Showing.

    def load(self) -> None:
        """Asks once which formats there are."""
        if not self.formats and not self.question:
            self.question = self.bridge.ask("list_exporters", self.show_formats)

    def show_formats(self, ended: Ended) -> None:
        """Offers all formats; those that can't be used here say why, and can't be chosen."""
        self.question = 0
        if ended.how != "done":
            self.news.setText(ended.text)
            return
        chosen = self.format.currentData()
        self.formats = {view.name: view for view in ended.of(Exporters)["exporters"]}
        model = self.format.model()
        assert isinstance(model, QStandardItemModel)  # what a QComboBox makes itself
        self.format.blockSignals(True)
        self.format.clear()
        for at, view in enumerate(self.formats.values()):
            reason = view.facts["missing"]
            self.format.addItem(listed(view), view.name)
            help = reason or f"{view.facts['whom']} {view.help}"
            self.format.setItemData(at, help, Qt.ItemDataRole.ToolTipRole)
            model.item(at).setEnabled(not reason)
        self.format.setCurrentIndex(max(self.format.findData(chosen), 0))
        self.format.blockSignals(False)
        lacking = [v for v in self.formats.values() if v.facts["missing"]]
        lines = [f"{view.title}: {view.facts['missing']}" for view in lacking]
        self.missing.setText("\n".join(lines))
        self.missing.setVisible(bool(lines))
        self.show_format()

    @property
    def chosen(self) -> PluginView | None:
        """The format; None until the engine has said which there are."""
        return self.formats.get(self.format.currentData())

    def show_format(self) -> None:
        """The format's settings, and its ending in the file's name, unless a person named it."""
        if self.chosen is not None:
            outside = "" if self.chosen.facts["inside"] else f" {OUTSIDE}"
            whom = self.chosen.facts["whom"]
            self.help.setText(f"{whom}\n{self.chosen.help}{outside}")
            self.settings.show_plugin(self.chosen)
            self.settings.setVisible(bool(self.chosen.settings))
            self.put_in_order()
        self.propose()

    def put_in_order(self) -> None:
        """Tab goes from above to below, also through controls that were made anew."""
        chain = [
            self.format,
            self.target,
            self.browse,
            self.licence,
            self.overwrite,
            *self.settings.controls.values(),
            self.export_button,
        ]
        for before, after in pairwise(chain):
            QWidget.setTabOrder(before, after)

    def propose(self, anew: bool = False) -> None:
        """A file in a folder of its own beside the project, as long as nobody chose another."""
        if self.project is None or not (anew or self.target.text() == self.proposed):
            return
        project = folder_name(self.project.name)
        name = file_name(project, self.chosen) if self.chosen else f"{project}.onnx"
        self.proposed = str(free_file(Path(self.project.path).parent, project, name))
        self.target.setText(self.proposed)
        self.overwrite.setChecked(False)

    def show_project(self, project: ProjectView, other: bool) -> None:
        """Another project gets a name of its own; a note that was undone is seen to be."""
        self.unfinished.show_project(project)
        before, self.project = self.project, project
        renamed = before is not None and before.name != project.name
        if other or renamed:
            self.propose(anew=other)
        if other:
            self.news.clear()
            self.usage.clear()
        # What someone is typing stays, unless another project is shown.
        if other or before is None or before.data_licence != project.data_licence:
            self.licence.setText(project.data_licence)
        self.licence.setEnabled(not project.read_only)
        named(
            self.licence,
            "Licence of the images",
            READ_ONLY if project.read_only else LICENCE,
            "Alt+L",
        )

    # Gestures.

    def choose_file(self) -> None:
        view = self.chosen
        title, suffix = (view.title, view.facts["suffix"]) if view else ("ONNX", ".onnx")
        path, _ = QFileDialog.getSaveFileName(
            self, "Export to", self.target.text(), f"{title} (*{suffix})"
        )
        if path:
            self.target.setText(path if path.endswith(suffix) else f"{path}{suffix}")
            # The dialog asked whether to replace just the file that it was given.
            self.overwrite.setChecked(path.endswith(suffix) and Path(path).exists())

    def keep_licence(self) -> None:
        """Keeps what was noted in the project, as a gesture that can be undone."""
        text = " ".join(self.licence.text().split())
        if self.project is None or self.project.read_only or text == self.project.data_licence:
            return
        self.bridge.submit("set_data_licence", text=text)

    def ask(self) -> None:
        """Asks for the export of what is set."""
        path = self.target.text().strip()
        if not path:
            self.news.setText("Say where to write the file.")
            return
        self.keep_licence()
        self.asked.emit({**self.values, "path": path, "make_folder": path == self.proposed})

    @property
    def values(self) -> Mapping[str, Any]:
        """The settings of the job, but for the path."""
        found = {"format": self.format.currentData(), "overwrite": self.overwrite.isChecked()}
        return found | ({"settings": self.settings.values} if self.chosen else {})
