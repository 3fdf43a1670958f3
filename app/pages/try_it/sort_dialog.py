"""The dialog that sorts images into folders by class: which, where to, and what is left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QDialog, QDoubleSpinBox, QFileDialog, QLineEdit, QWidget

from app.widgets.controls import buddy, button, column, indented, label, named, row
from app.widgets.drops import Drops
from engine.events import Notice
from engine.results.learn import ImagesSorted

ABOUT = (
    "Every image goes into a folder with the name of its class, images like none of them into "
    "“none of these”, and where a promise lets no answer be given, into “not sure”. No file is "
    "ever replaced, and a list in the target folder says where each image came from."
)


class SortDialog(QDialog):
    """Asks what is to be done; `start` is called with the settings of the job `sort_images`."""

    def __init__(self, parent: QWidget, start: Callable[[dict[str, Any]], object]) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Sort into folders")
        self.setMinimumWidth(560)
        self.start = start
        self.source, self.target = QLineEdit(), QLineEdit()
        self.move_them = QCheckBox("&Move the images instead of copying them")
        self.known_only = QCheckBox("&Leave out what is none of the classes, or not sure")
        self.least = indented(QDoubleSpinBox())
        self.news = label("", "warning", wrap=True)
        self.make_controls()
        self.lay_out()
        Drops(self, "Drop a folder of images").dropped.connect(self.take)

    def make_controls(self) -> None:
        """Each with a name, a tooltip and a key."""
        named(self.source, "Images", "The folder of images that are sorted", "Alt+I")
        named(self.target, "Into", "The folder in which the classes get folders", "Alt+T")
        named(
            self.move_them,
            "Move",
            "Takes the images away from where they are. Those that a "
            "project learnt from where they lay will be missing there",
            "Alt+M",
        )
        named(
            self.known_only,
            "Known only",
            "Images like none of the classes, or not sure by the promise, stay where they are",
            "Alt+L",
        )
        named(
            self.least,
            "Least confidence",
            "Images whose class is less sure stay where they are",
            "Alt+P",
        )
        for field in (self.source, self.target):
            field.setAcceptDrops(False)  # so that a folder can be dropped anywhere
        self.least.setRange(0, 100)
        self.least.setDecimals(0)
        self.least.setSuffix(" %")
        self.least.setSpecialValueText("any")
        self.sort_button = button(
            "Sort",
            "Begins; it can be cancelled at any time",
            self.sort,
            key="Return",
            kind="primary",
        )

    def lay_out(self) -> None:
        """What to sort, where to, and how; then the two buttons."""
        choose = button(
            "Browse …",
            "Chooses the folder of images",
            self.choose_source,
            key="Ctrl+O",
            icon="folder",
        )
        place = button(
            "Browse …",
            "Chooses the target folder",
            self.choose_target,
            key="Ctrl+Shift+O",
            icon="folder",
        )
        for made in (choose, place):
            made.setAutoDefault(False)
        named(choose, "Browse for images", "Chooses the folder of images", "Ctrl+O")
        named(place, "Browse for the target", "Chooses the target folder", "Ctrl+Shift+O")
        cancel = button("Cancel", "Changes nothing", self.reject, key="Esc")
        self.setLayout(
            column(
                label("Sort into folders", "big"),
                label(ABOUT, "muted", wrap=True),
                8,
                buddy("&Images", self.source),
                row(self.source, choose),
                buddy("In&to", self.target),
                row(self.target, place),
                8,
                self.move_them,
                self.known_only,
                row(buddy("Leave out what is less &probable than", self.least), self.least, 0),
                self.news,
                row(0, cancel, self.sort_button),
                edge=24,
            )
        )
        self.source.setFocus()

    def take(self, paths: Sequence[str]) -> None:
        """A folder that was dropped or chosen; the target is proposed beside it."""
        if not paths:
            return
        folder = Path(paths[0]) if Path(paths[0]).is_dir() else Path(paths[0]).parent
        self.source.setText(str(folder))
        if not self.target.text():
            self.target.setText(str(folder.with_name(f"{folder.name} sorted")))

    def choose_source(self) -> None:
        if path := QFileDialog.getExistingDirectory(self, "Images to sort", self.source.text()):
            self.take([path])

    def choose_target(self) -> None:
        if path := QFileDialog.getExistingDirectory(self, "Sort into", self.target.text()):
            self.target.setText(path)

    def sort(self) -> None:
        """Begins where both folders are named; otherwise says what is missing."""
        source, target = self.source.text().strip(), self.target.text().strip()
        if not source or not target:
            self.news.setText("Name the folder of images and the folder to sort them into.")
            return
        self.start(
            {
                "paths": [source],
                "to": target,
                "move": self.move_them.isChecked(),
                "known_only": self.known_only.isChecked(),
                "least": self.least.value() / 100,
            }
        )
        self.accept()


def told(result: ImagesSorted) -> Notice:
    """What came of it."""
    count, left = sum(result["folders"].values()), sum(result["left_out"].values())
    what = "moved" if result["move"] else "copied"
    rest = f", {left:,} left out" if left else ""
    there = f", {result['there']:,} were in their folder already" if result["there"] else ""
    images = "1 image was" if count == 1 else f"{count:,} images were"
    details = [f"{name}: {number:,}" for name, number in result["folders"].items()]
    details += [f"left out: {number:,}. {why}" for why, number in result["left_out"].items()]
    sentence = f"{images} {what} into folders{there}{rest}. “{result['list']}” lists them."
    return Notice(sentence, "warning" if left else "info", tuple(details))
