"""The dialog in which a backbone is chosen: listed, downloaded, or taken from a file."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QSpinBox,
    QWidget,
)

from app.bridge import Bridge
from app.widgets.controls import buddy, button, column, indented, label, named, reach, row, say_on
from app.widgets.receipt import size
from app.widgets.table import Table, TableRows
from engine.events import Ended
from engine.results.project import BackboneRow, Backbones
from engine.system.words import per_cent

WEIGHTS = "Weights (*.safetensors *.pth *.pt);;All files (*)"


def count(value: float | None) -> str:
    return "" if not value else f"{value / 1e6:.1f} M" if value < 1e9 else f"{value / 1e9:.1f} G"


COLUMNS: tuple[tuple[str, Callable[[BackboneRow], str]], ...] = (
    ("Backbone", lambda b: b["title"]),
    ("ImageNet accuracy", lambda b: per_cent(b["accuracy"]) if b["accuracy"] else ""),
    ("Multiplications", lambda b: count(b["macs"])),
    ("Size", lambda b: size(b["bytes"]) if b["bytes"] else ""),
    ("Weights are", lambda b: "here" if b["here"] else "to download" if b["url"] else "missing"),
)


class BackboneRows(TableRows):
    """The backbones that are known, with their figures."""

    def text(self, given: BackboneRow, column: int) -> str:
        return COLUMNS[column][1](given)

    def help(self, given: BackboneRow, column: int) -> str:
        return "\n".join(t for t in (given["help"], given["licence"]) if t)


class BackboneDialog(QDialog):
    """Chooses the network that images start from."""

    def __init__(self, bridge: Bridge, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Backbone")
        self.resize(800, 560)
        self.bridge = bridge
        self.rows = BackboneRows([title for title, _ in COLUMNS])
        self.table = Table(self.rows)
        self.side = indented(QSpinBox())
        self.note = label("", "muted", wrap=True)
        self.lay_out()
        self.question = bridge.ask("list_backbones", self.take)
        self.finished.connect(lambda _: bridge.drop(self.question))

    def lay_out(self) -> None:
        """What a backbone is, the list, the note of the chosen one, and the buttons."""
        self.fit_table()
        self.side.setRange(0, 512)
        self.side.setSingleStep(32)
        self.side.setSpecialValueText("usual")
        named(self.side, "Input size in pixels", "Smaller is faster and sees less", "Alt+S")
        text = (
            "The backbone turns images into features. Larger ones recognise more and take longer. "
            "After a change everything is learnt again from the images."
        )
        self.setLayout(
            column(
                label("Backbone", "big"),
                label(text, "muted", wrap=True),
                self.table,
                self.note,
                self.foot(),
                gap=12,
                edge=24,
            )
        )

    def fit_table(self) -> None:
        """The table chooses one row at a time; names take the room that figures leave."""
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.table.selectionModel().currentChanged.connect(lambda *_: self.show_chosen())
        named(self.table, "Backbones", "Choose the network that images start from")
        reach(self.table, "Alt+B")

    def foot(self) -> QHBoxLayout:
        """Input size, weights from a file, and the two answers."""
        self.use_button = button(
            "Use",
            "Takes this backbone; learn again afterwards",
            self.use,
            key="Return",
            kind="primary",
        )
        self.file_button = button(
            "From a file …", "Takes weights from a file of yours", self.choose_file, key="Ctrl+O"
        )
        cancel = button("Cancel", "Changes nothing", self.reject, key="Esc")
        return row(
            buddy("Input &size", self.side), self.side, 0, self.file_button, cancel, self.use_button
        )

    def take(self, ended: Ended) -> None:
        self.rows.give(ended.of(Backbones)["backbones"] if ended.how == "done" else [])
        name = self.bridge.project.backbone if self.bridge.project else ""
        chosen = next((i for i, b in enumerate(self.rows.rows) if b["name"] == name), 0)
        if self.rows.rows:
            self.table.selectRow(chosen)

    @property
    def chosen(self) -> BackboneRow | None:
        index = self.table.currentIndex()
        return self.rows.rows[index.row()] if index.isValid() else None

    def show_chosen(self) -> None:
        backbone = self.chosen
        if backbone is not None:
            self.note.setText(" ".join(t for t in (backbone["help"], backbone["licence"]) if t))
            say_on(self.use_button, "Use" if backbone["here"] else "Download and use")
            self.use_button.setEnabled(bool(backbone["here"] or backbone["url"]))

    def use(self) -> None:
        """Takes the chosen backbone; its weights are downloaded first where they are missing."""
        backbone, pixels = self.chosen, self.side.value()
        if backbone is None:
            return
        bridge, name = self.bridge, backbone["name"]

        def follow(ended: Ended) -> None:
            if ended.how == "done":
                bridge.submit("use_backbone", name=name, size=pixels)

        if backbone["here"]:
            bridge.submit("use_backbone", name=name, size=pixels)
        else:
            bridge.submit("download_weights", follow, backbone=name)
        self.accept()

    def choose_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Weights", "", WEIGHTS)
        if path:
            self.bridge.submit("use_backbone", weights=path, size=self.side.value())
            self.accept()
