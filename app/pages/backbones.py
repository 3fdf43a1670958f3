"""The dialog in which a backbone is chosen: listed, downloaded, or taken from a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QSpinBox,
    QTableView,
    QWidget,
)

from app.bridge import Bridge
from app.widgets.controls import buddy, button, column, indented, label, named, reach, row, say_on
from app.widgets.receipt import size
from engine.events import Ended

WEIGHTS = "Weights (*.safetensors *.pth *.pt);;All files (*)"


def count(value: float | None) -> str:
    return "" if not value else f"{value / 1e6:.1f} M" if value < 1e9 else f"{value / 1e9:.1f} G"


COLUMNS = (
    ("Backbone", lambda b: b["title"]),
    ("ImageNet accuracy", lambda b: f"{b['accuracy']:.1%}" if b.get("accuracy") else ""),
    ("Multiplications", lambda b: count(b.get("macs"))),
    ("Size", lambda b: size(b["bytes"]) if b.get("bytes") else ""),
    ("Weights are", lambda b: "here" if b["here"] else "to download" if b["url"] else "missing"),
)


class BackboneRows(QAbstractTableModel):
    """The backbones that are known, with their figures."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Mapping[str, Any]] = []

    def give(self, rows: list[Mapping[str, Any]]) -> None:
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        return len(COLUMNS)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        backbone = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[index.column()][1](backbone)
        if role == Qt.ItemDataRole.ToolTipRole:
            return "\n".join(t for t in (backbone["help"], backbone.get("licence", "")) if t)
        return None

    def headerData(self, section: int, way: Qt.Orientation, role: int = 0) -> str | None:
        across = way == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole
        return COLUMNS[section][0] if across else None


class BackboneDialog(QDialog):
    """Chooses the network that images start from."""

    def __init__(self, bridge: Bridge, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Backbone")
        self.resize(800, 560)
        self.bridge = bridge
        self.rows = BackboneRows()
        self.table = QTableView()
        self.size = indented(QSpinBox())
        self.note = label("", "muted", wrap=True)
        self.lay_out()
        self.question = bridge.ask("list_backbones", self.take)
        self.finished.connect(lambda _: bridge.drop(self.question))

    def lay_out(self) -> None:
        """What a backbone is, the list, the note of the chosen one, and the buttons."""
        self.fit_table()
        self.size.setRange(0, 512)
        self.size.setSingleStep(32)
        self.size.setSpecialValueText("usual")
        named(self.size, "Input size in pixels", "Smaller is faster and sees less", "Alt+S")
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
        """The table chooses whole rows, one at a time."""
        self.table.setModel(self.rows)
        self.table.verticalHeader().hide()
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.table.selectionModel().currentChanged.connect(lambda *_: self.show_chosen())
        named(self.table, "Backbones", "Choose the network that images start from")
        reach(self.table, "Alt+B")

    def foot(self) -> QHBoxLayout:
        """Input size, weights from a file, and the two answers."""
        self.use_button = button(
            "Use", "Takes this backbone; learn again afterwards", self.use, key="Return",
            kind="primary",
        )  # fmt: skip
        self.file_button = button(
            "From a file …", "Takes weights from a file of yours", self.choose_file, key="Ctrl+O"
        )
        cancel = button("Cancel", "Changes nothing", self.reject, key="Esc")
        return row(
            buddy("Input &size", self.size),
            self.size,
            0,
            self.file_button,
            cancel,
            self.use_button,
        )

    def take(self, ended: Ended) -> None:
        self.rows.give(list(ended.result.get("backbones", [])))
        name = self.bridge.project.backbone if self.bridge.project else ""
        chosen = next((i for i, b in enumerate(self.rows.rows) if b["name"] == name), 0)
        if self.rows.rows:
            self.table.selectRow(chosen)

    @property
    def chosen(self) -> Mapping[str, Any] | None:
        index = self.table.currentIndex()
        return self.rows.rows[index.row()] if index.isValid() else None

    def show_chosen(self) -> None:
        backbone = self.chosen
        if backbone is not None:
            self.note.setText(
                " ".join(t for t in (backbone["help"], backbone.get("licence", "")) if t)
            )
            say_on(self.use_button, "Use" if backbone["here"] else "Download and use")
            self.use_button.setEnabled(bool(backbone["here"] or backbone["url"]))

    def use(self) -> None:
        """Takes the chosen backbone; its weights are downloaded first where they are missing."""
        backbone, pixels = self.chosen, self.size.value()
        if backbone is None:
            return
        bridge, name = self.bridge, backbone["name"]

        def follow(ended: Ended) -> None:
            if ended.how == "done":
                bridge.submit("use_backbone", name=name, size=pixels)

        if backbone.get("here"):
            bridge.submit("use_backbone", name=name, size=pixels)
        else:
            bridge.submit("download_weights", follow, backbone=name)
        self.accept()

    def choose_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Weights", "", WEIGHTS)
        if path:
            self.bridge.submit("use_backbone", weights=path, size=self.size.value())
            self.accept()
