"""The images behind the scores: uncertain, wrong, or of a cell; what is wrong is put right."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QButtonGroup, QPushButton, QWidget

from app.bridge import Bridge
from app.widgets.controls import Elided, button, column, laid_out, named, reach, row
from app.widgets.gallery import Gallery
from app.widgets.mend import MendBar, Mending, caption, mend_menu, merged, without
from app.widgets.rows import ImageRows, Row
from app.widgets.thumbs import Thumbnails
from app.widgets.viewer import Viewer
from engine.events import Ended
from engine.results.learn import AnsweredImages
from engine.system.words import plural

ONE_SIDE = " to test · those to learn can't be judged by this method"
PICTURE = 112
"""Pixels of an image's longer side: large enough to judge it, and for the words below it."""


class Pictures(QWidget):
    """Images with the model's answers: uncertain, wrong, or of one cell; wrong ones are mended."""

    def __init__(self, bridge: Bridge, thumbs: Thumbnails) -> None:
        super().__init__()
        self.bridge = bridge
        self.rows = ImageRows(bridge)
        self.gallery = Gallery(self.rows, thumbs, PICTURE)
        self.gallery.tile.lines = 2
        self.gallery.setMinimumHeight(self.gallery.cell.height())
        named(self.gallery, "Answers", "Images with the model's answers; Return moves, K keeps")
        reach(self.gallery, "Alt+I")
        self.mending = Mending(bridge, self)
        self.bar = MendBar(self.mending, self, self.chosen)
        self.title = Elided("", "muted")
        self.group = QButtonGroup(self)
        self.choices = [
            self.choice("Least certain", "Alt+U", {"wrong": False}),
            self.choice("Wrong", "Alt+W", {"wrong": True}),
        ]
        self.asked: tuple[str, Mapping[str, Any]] = ("uncertain_images", {"wrong": False})
        self.question: int | None = None
        self.choices[0].setChecked(True)
        self.setLayout(column(row(*self.choices, 0), self.title, self.gallery, self.bar, gap=4))
        laid_out(self).setStretch(2, 1)
        self.connect_all()

    def connect_all(self) -> None:
        """A double click looks closer; what is chosen and mended is followed."""
        self.gallery.opened.connect(
            lambda n: Viewer(self.rows, n, self.window(), self.mending).open()
        )
        self.gallery.chosen.connect(self.bar.refresh)
        self.mending.done.connect(self.on_done)
        self.mending.back.connect(self.on_back)
        self.mending.learning_ended.connect(self.ask_again)
        self.gallery.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.gallery.customContextMenuRequested.connect(
            lambda at: mend_menu(self.mending, self.chosen(), self).popup(
                self.gallery.viewport().mapToGlobal(at)
            )
        )

    def choice(self, name: str, key: str, settings: Mapping[str, Any]) -> QPushButton:
        help = f"Shows images of both sides: {name.lower()}"
        made = button(name, help, lambda: self.start("uncertain_images", settings), key=key)
        made.setObjectName("quiet")
        made.setCheckable(True)
        self.group.addButton(made)
        return made

    def chosen(self) -> list[Row]:
        """The images that keys and menu are about, the current one first."""
        rows = self.gallery.selected_rows()
        now = self.rows.row(self.gallery.currentIndex().row())
        return [now, *(r for r in rows if r is not now)] if now in rows else rows

    def ask_cell(self, true: str, predicted: str) -> None:
        """Shows the images behind a cell of the confusion matrix."""
        self.group.setExclusive(False)
        for made in self.choices:
            made.setChecked(False)
        self.group.setExclusive(True)
        self.ask("confusion_images", {"true": true, "predicted": predicted})

    def start(self, job: str, settings: Mapping[str, Any]) -> None:
        """Shows a list, and goes there, so that keys are about its images."""
        self.ask(job, settings)
        self.gallery.setFocus()

    def ask(self, job: str, settings: Mapping[str, Any]) -> None:
        self.asked = (job, settings)
        self.give([])  # or keys would be about images of the list before
        self.wait_for(job, self.take, settings)

    def wait_for(
        self, job: str, take: Callable[[Ended], None], settings: Mapping[str, Any]
    ) -> None:
        """Asks; an older question is dropped, whose answer is about images of before."""
        self.drop()
        self.question = self.bridge.ask(job, take, **settings)

    def drop(self) -> None:
        if self.question is not None:
            self.bridge.drop(self.question)
        self.question = None

    def ask_again(self) -> None:
        """Asks anew after the model changed; what is looked at stays where it is."""
        job, settings = self.asked
        if job == "uncertain_images":
            settings = {**settings, "also": [r["id"] for r in self.chosen()]}
        self.wait_for(job, self.take_again, settings)

    def take(self, ended: Ended) -> None:
        self.question = None
        if ended.how == "done":
            found = ended.of(AnsweredImages)
            self.show_rows(found, found["rows"])

    def take_again(self, ended: Ended) -> None:
        self.question = None
        if ended.how == "done":
            found = ended.of(AnsweredImages)
            self.show_rows(found, merged(self.rows.everything(), found["rows"]))

    def show_rows(self, found: AnsweredImages, rows: Sequence[Row]) -> None:
        """One tile for each image, captioned with its class, the answer and how sure it is."""
        gone, before = self.mending.ids, self.chosen()
        shown = [{**r, "caption": caption(r)} for r in rows if r["id"] not in gone]
        self.give(shown)
        here = next((i for i, r in enumerate(shown) if before and r["id"] == before[0]["id"]), 0)
        self.gallery.go_to(here)
        cell = self.asked[1]
        about = f"{cell['true']} taken for {cell['predicted']} · " if "true" in cell else ""
        if cell.get("true") and cell["true"] == cell["predicted"]:
            about = f"{cell['true']}, recognised · "
        one_side = "" if "true" in cell or found["both_sides"] else ONE_SIDE
        self.title.set_full(about + plural(found["total"]) + one_side)

    def give(self, rows: Sequence[Row]) -> None:
        self.rows.give(rows)
        self.bar.refresh()

    def on_done(self, acted: list[Row]) -> None:
        """What was dealt with goes, and the next image is the current one."""
        there = {r["id"] for r in self.rows.everything()}
        if not there.isdisjoint(r["id"] for r in acted):
            self.gallery.go_to(without(self.rows, acted))
            self.bar.refresh()

    def on_back(self, acted: list[Row]) -> None:
        """What was taken back is shown first, and is the current image."""
        self.drop()
        ids = {r["id"] for r in acted}
        self.give([*acted, *(r for r in self.rows.everything() if r["id"] not in ids)])
        self.gallery.go_to(0)
