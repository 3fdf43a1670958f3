"""The dialog in which a network is chosen: listed, downloaded, or taken from a file."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QSpinBox,
    QWidget,
)

from app.bridge import Bridge
from app.shell.offer import change_network
from app.widgets.controls import buddy, button, column, indented, label, named, reach, row, say_on
from app.widgets.receipt import size
from app.widgets.sizes import sized
from app.widgets.table import Table, TableRows
from engine.events import Ended
from engine.results.project import BackboneRow, Backbones
from engine.system.words import per_cent

PAUSE = 250
"""Milliseconds without a key after which networks are searched."""
TIMM = "timm/"
WEIGHTS = "Weights (*.safetensors *.pth *.pt);;All files (*)"


ABOUT = (
    "The network is what looks at the images. Stronger ones recognise more and take longer. With "
    "another one everything is learnt again from your images; undo brings the old one back. One "
    "that holds many sizes can be made as fast as you ask for, on the Specialise page."
)


def speed(backbone: BackboneRow) -> str:
    """How long an image takes, where this computer has used the network."""
    found = backbone.get("measured")
    if not found:
        return "not measured"
    usual = found["size"] == backbone.get("size")
    at = "" if usual else f" ({found['size']} px)"
    return f"{found['milliseconds']:.{0 if found['milliseconds'] >= 10 else 1}f} ms an image{at}"


def ready(backbone: BackboneRow) -> str:
    if backbone["here"]:
        return "Ready"
    if not backbone["url"]:
        return "Missing"
    return f"Download {size(backbone['bytes'])}" if backbone["bytes"] else "Download"


def sizes(backbone: BackboneRow) -> str:
    """Whether Specialise finds smaller networks inside."""
    return "many sizes" if backbone["many_sizes"] else ""


COLUMNS: tuple[tuple[str, Callable[[BackboneRow], str]], ...] = (
    ("Network", lambda b: b["title"]),
    ("ImageNet", lambda b: per_cent(b["accuracy"]) if b["accuracy"] else ""),
    ("Speed here", speed),
    ("Holds", sizes),
    ("Size", lambda b: size(b["bytes"]) if b["bytes"] else ""),
    ("Weights", lambda b: ready(b).split(" ")[0]),  # its size stands beside it
)


FEATURES = {
    "usual": "",
    "last stage": "pooled",
    "last stage, roots": "pooled-roots",
    "last stage, mirrored too": "pooled-mirror",
    "last stage, roots, mirrored too": "pooled-roots-mirror",
    "several stages": "moments",
    "several stages, roots": "moments-roots",
    "several stages, mirrored too": "moments-mirror",
    "several stages, roots, mirrored too": "moments-roots-mirror",
}


class BackboneRows(TableRows):
    """The networks that are known, with their figures."""

    def text(self, given: BackboneRow, column: int) -> str:
        return COLUMNS[column][1](given)

    def help(self, given: BackboneRow, column: int) -> str:
        return "\n".join(t for t in (given["help"], given["licence"]) if t)


class BackboneDialog(QDialog):
    """Chooses the network that images start from."""

    def __init__(self, bridge: Bridge, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Network")
        sized(self, 960, 560)
        self.bridge = bridge
        self.rows = BackboneRows([title for title, _ in COLUMNS])
        self.table = Table(self.rows)
        self.side = indented(QSpinBox())
        self.features = QComboBox()
        self.note = label("", "muted", wrap=True)
        self.words = QLineEdit()
        self.more = label("One moment …", "muted", wrap=True)
        self.typed = QTimer(self, singleShot=True, interval=PAUSE)
        self.lay_out()
        self.detail = self.question = bridge.ask("list_backbones", self.take)
        self.finished.connect(lambda _: self.drop())

    def lay_out(self) -> None:
        """What a network is, the list, the note of the chosen one, and the buttons."""
        self.fit_table()
        self.words.setPlaceholderText("Search by name")
        named(self.words, "Search", "Shows networks with these words in their names")
        reach(self.words, "Ctrl+F")
        self.words.textChanged.connect(lambda _: self.typed.start())
        self.typed.timeout.connect(self.look)
        self.side.setRange(0, 512)
        self.side.setSingleStep(32)
        self.side.setSpecialValueText("usual")
        named(self.side, "Input size in pixels", "Smaller is faster and sees less", "Alt+S")
        for title, kind in FEATURES.items():
            self.features.addItem(title, kind)
        help = (
            "What classes are learnt from: the network's last stage, or the ones before it too; "
            "their square roots; the mean with the mirror image, which takes twice as long"
        )
        named(self.features, "Features", help, "Alt+T")
        self.setLayout(
            column(
                label("Choose a network", "big"),
                label(ABOUT, "muted", wrap=True),
                self.words,
                self.table,
                self.note,
                self.more,
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
        header.setMinimumSectionSize(96)  # titles are wider than some of the figures below
        self.table.selectionModel().currentChanged.connect(lambda *_: self.show_chosen())
        named(self.table, "Networks", "Choose the network that images start from")
        reach(self.table, "Alt+B")

    def foot(self) -> QHBoxLayout:
        """Input size, weights from a file, and the two answers."""
        self.use_button = button(
            "Use", "Takes this network and learns again", self.use, key="Return", kind="primary"
        )
        self.file_button = button(
            "From a file …", "Takes weights from a file of yours", self.choose_file, key="Ctrl+O"
        )
        cancel = button("Cancel", "Changes nothing", self.reject, key="Esc")
        return row(
            buddy("Input &size", self.side),
            self.side,
            buddy("Fea&tures", self.features),
            self.features,
            0,
            self.file_button,
            cancel,
            self.use_button,
        )

    def look(self) -> None:
        """Asks for the networks with the words in their names; without words for the list."""
        self.drop()
        if words := self.words.text().strip():
            self.more.setText("Looking …")
            self.question = self.bridge.ask("find_backbones", self.take, words=words)
        else:
            self.question = self.bridge.ask("list_backbones", self.take)

    def drop(self) -> None:
        for ticket in (self.question, self.detail):
            self.bridge.drop(ticket)

    def take(self, ended: Ended) -> None:
        done = ended.how == "done"
        self.rows.give(ended.of(Backbones)["backbones"] if done else [])
        self.more.setText(ended.of(Backbones)["more"] if done else ended.text)
        self.use_button.setEnabled(bool(self.rows.rows))
        if done and not self.rows.rows:
            self.note.setText("No network has these words in its name. Search for others.")
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
            say_on(self.use_button, "Use" if backbone["here"] else f"{ready(backbone)} and use")
            self.use_button.setEnabled(bool(backbone["here"] or backbone["url"]))
            if not backbone["bytes"]:
                self.ask_size(backbone)

    def ask_size(self, backbone: BackboneRow) -> None:
        """How large a network is that was found among so many that only its name was read."""
        self.bridge.drop(self.detail)

        def take(ended: Ended) -> None:
            rows = ended.of(Backbones)["backbones"] if ended.how == "done" else []
            backbone["bytes"] = next((r["bytes"] for r in rows if r["name"] == backbone["name"]), 0)
            if backbone["bytes"]:
                self.table.viewport().update()
                self.show_chosen()

        self.detail = self.bridge.ask("find_backbones", take, words=backbone["name"])

    def use(self) -> None:
        """Takes the chosen backbone; its weights are downloaded first where they are missing."""
        if self.chosen is not None:
            features = str(self.features.currentData())
            change_network(self.bridge, self.chosen, self.side.value(), features)
            self.accept()

    def choose_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Weights", "", WEIGHTS)
        if path:
            # Other networks are recognised by their weights.
            chosen = self.chosen["name"] if self.chosen is not None else ""
            name = chosen if chosen.startswith(TIMM) else ""
            side, kind = self.side.value(), str(self.features.currentData())
            self.bridge.submit(
                "use_backbone", name=name, weights=path, size=side, features=kind, learn=True
            )
            self.accept()
