"""A list of images with the model's answers, in which keys put right what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from app.bridge import Bridge
from app.widgets.gallery import Gallery
from app.widgets.mend import Mending, caption, merged, without
from app.widgets.mend_bar import MendBar, mend_menu
from app.widgets.rows import ImageRows, Row
from app.widgets.thumbs import Thumbnails
from app.widgets.viewer import Viewer
from engine.events import Ended
from engine.results.learn import AnsweredImages


class MendList(QWidget):
    """Asks a job for images, and shows them; what is dealt with goes, what is looked at stays.

    With `keeps` Enter keeps an image where it is, and what can be done stands beside it; without,
    it goes where the model sees it.
    """

    def __init__(
        self, bridge: Bridge, thumbs: Thumbnails, side: int, *, keeps: bool = False
    ) -> None:
        super().__init__()
        self.bridge = bridge
        self.rows = ImageRows(bridge)
        self.gallery = Gallery(self.rows, thumbs, side)
        self.gallery.tile.lines = 2
        self.mending = Mending(bridge, self, keeps=keeps)
        self.bar = MendBar(self.mending, self, self.chosen, upright=keeps)
        self.asked: tuple[str, Mapping[str, Any]] = ("", {})
        self.question: int | None = None
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

    def chosen(self) -> list[Row]:
        """The images that keys and menu are about, the current one first."""
        rows = self.gallery.selected_rows()
        now = self.rows.row(self.gallery.currentIndex().row())
        return [now, *(r for r in rows if r is not now)] if now in rows else rows

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

    def again(self) -> tuple[str, Mapping[str, Any]]:
        """What is asked for once more: the same list."""
        return self.asked

    def ask_again(self) -> None:
        """Asks anew after the model changed; what is looked at stays where it is."""
        job, settings = self.again()
        if job:
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
        self.say(found)

    def say(self, found: AnsweredImages) -> None:
        """Says what the list is, above it."""

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
