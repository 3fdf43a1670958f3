"""What becomes of the files of a watched folder: copied into folders of classes, or, where they are
none of them or not sure, kept by the project to be named."""

from __future__ import annotations

import os

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QFileDialog, QWidget

from app.bridge import Bridge
from app.shell.preferences import Preferences
from app.widgets.controls import column, named, tip
from engine.events import Ended, ProjectView, Watched

SORT = "Sort &into …"
SORTS = "Copies each image into the folder of its class; those that are not sure have one as well"
SURE = "Copies each image into the folder of its class; those that are not sure wait in the project"
UNSURE = "Images that are none of the classes, or not sure, wait in the project to be named"
NO_PLACE = "An exported file has no place for images: choose “This project” as the model"
READ_ONLY = "This project can't be changed here, so nothing can wait in it"
ROOM = 200
"""Pixels for the name of a folder."""


class FolderFiles(QWidget):
    """Both are off until a person turns them on. `changed` comes where images go elsewhere."""

    changed = Signal()

    def __init__(self, bridge: Bridge, preferences: Preferences) -> None:
        super().__init__()
        self.bridge, self.preferences = bridge, preferences
        self.target, self.waiting = "", list[str]()
        self.ticket = 0
        self.sort, self.unsure = QCheckBox(SORT), QCheckBox("&Unsure ones wait in the project")
        self.sort.clicked.connect(self.choose)
        self.unsure.toggled.connect(self.switch)
        self.setLayout(column(self.sort, self.unsure))
        self.show_project(None, exported=False)
        self.show_target()

    @property
    def keeps(self) -> bool:
        """Whether unsure ones wait in the project."""
        return self.unsure.isEnabled() and self.unsure.isChecked()

    @property
    def settings(self) -> dict[str, object]:
        """What the job of watching is told."""
        return {"sort_into": self.target, "known_only": self.keeps}

    # Showing.

    def show_project(self, project: ProjectView | None, exported: bool) -> None:
        """Who answers: an exported file has nowhere to keep images."""
        why = NO_PLACE if exported or project is None else READ_ONLY if project.read_only else ""
        self.unsure.setEnabled(not why)
        named(self.unsure, "Unsure ones wait in the project", why or UNSURE, "Alt+U")
        self.show_target()

    def show_target(self) -> None:
        """The folder's name where there is one; its tooltip tells the whole path."""
        help = SURE if self.keeps else SORTS
        name, words = os.path.basename(self.target), SORT
        if self.target:
            metrics, middle = self.sort.fontMetrics(), Qt.TextElideMode.ElideMiddle
            shown = metrics.elidedText(name or self.target, middle, ROOM).replace("&", "&&")
            words, help = f"Sort &into “{shown}”", f"{help}. They go into {self.target}"
        self.sort.setText(words)
        self.sort.setChecked(bool(self.target))
        named(self.sort, "Sort into", help, "Alt+I")
        self.sort.setToolTip(tip(self.sort.toolTip()))

    # Gestures.

    def choose(self, on: bool) -> None:
        title = "Sort images into folders of their classes in"
        self.sort_into(QFileDialog.getExistingDirectory(self, title, "") if on else "")

    def sort_into(self, target: str) -> None:
        """Copies into folders there from now on; of an empty path, nowhere."""
        before, self.target = self.target, target
        self.show_target()
        if target != before:
            self.changed.emit()

    def switch(self) -> None:
        self.show_target()
        if self.target:
            self.changed.emit()

    # Keeping.

    def hear(self, event: Watched) -> None:
        """An answer: what is unsure waits in the project once it has time for it."""
        if self.keeps and event.path and not event.reason and event.verdict != "known":
            self.waiting.append(event.path)
            self.bring()

    def bring(self) -> None:
        """All that came while those before were brought, as one gesture."""
        if self.waiting and not self.ticket:
            paths, self.waiting = self.waiting, []
            copy = bool(self.preferences.get("copy_images", False))
            self.ticket = self.bridge.submit("add_unsorted", self.brought, paths=paths, copy=copy)

    def brought(self, ended: Ended) -> None:
        self.ticket = 0
        self.bring()

    def forget(self) -> None:
        """Another project is open: what was seen before is not for it."""
        self.waiting = []
