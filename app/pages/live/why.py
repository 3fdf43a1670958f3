"""Why a frame gets its answer, while frames come: one at a time, and always the newest.

A frame is asked about once the one before it is answered; those that come meanwhile are passed
over, so that nothing waits in a queue. While this is on, the frame that stands is the one that its
colours belong to, and the answer of now stands beside it as ever.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget

from app.bridge import Bridge
from app.widgets.controls import laid_out, named, row
from app.widgets.images import Picture
from app.widgets.why import HELP, Reason
from engine.events import Ended
from engine.results.why import Why

GONE = "This file can't be read. It may have been moved or deleted."
NO_REASONS = "An exported file gives answers alone: for reasons choose “This project” as the model"
LINES = 3
"""Of words have room, so that the image keeps its size from frame to frame."""


class LiveReason(Reason):
    """What is said of the reasons for the frame that stands in a picture. `pair` holds the picture
    and, while this is on, the nearest image of the second likeliest class."""

    def __init__(self, bridge: Bridge, picture: Picture, show: Callable[[bytes], object]) -> None:
        """`show` puts a JPEG into the picture."""
        super().__init__(bridge, picture)
        self.show_frame, self.newest = show, b""
        self.exported = False
        self.beside = Picture(GONE)
        named(self.beside, "What would change the answer", "The nearest of the second class")
        self.beside.hide()
        self.pair = QWidget()
        self.pair.setLayout(row(picture, self.beside))
        laid_out(self.pair).setStretch(0, 2)
        laid_out(self.pair).setStretch(1, 1)
        self.told.connect(self.show_beside)
        for words in (self.where, self.how):
            words.setMinimumHeight(LINES * words.fontMetrics().lineSpacing())

    @property
    def on(self) -> bool:
        return self.switch.isChecked()

    def show_exported(self, exported: bool) -> None:
        """Whether an exported file answers, of which only answers are known."""
        self.exported = exported
        named(self.switch, "Why?", NO_REASONS if exported else HELP, "H")

    def see(self, content: bytes) -> None:
        """A frame that was answered, as a JPEG."""
        self.newest = content
        self.switch.setEnabled(not self.exported)
        on = self.on and not self.exported
        if not on or self.found is None:
            self.show_frame(content)
        if on and self.question is None:
            self.begin()

    def forget(self) -> None:
        """Nothing is seen any more."""
        self.drop()
        self.take_away()
        self.newest, self.image = b"", {}
        self.picture.show_image(QImage())
        self.switch.setEnabled(False)
        self.setVisible(False)

    def look(self) -> None:
        """It is turned on or off."""
        self.drop()
        self.take_away()
        self.setVisible(self.on and bool(self.newest))
        if self.newest:
            self.show_frame(self.newest)
            if self.on:
                self.begin()

    def begin(self) -> None:
        """Asks about the newest frame."""
        asked = self.newest
        self.setVisible(True)
        if not self.where.text():
            self.where.setText("Looking at the frame …")

        def heard(ended: Ended) -> None:
            if ended.how != "done":
                self.take_away()
            self.image = {"content": asked}
            self.show_frame(asked)
            self.take(ended)
            if ended.how == "done" and self.on and self.newest is not asked:
                self.begin()

        self.question = self.bridge.ask("explain", heard, self.tell, content=asked)

    def show_beside(self, found: Why | None) -> None:
        """The nearest image of the second likeliest class; it stays while it is the same."""
        there = found.get("beside") if found is not None else None
        self.beside.setVisible(there is not None)
        if there is not None:
            self.say_beside()
            if there["file"] != self.beside.path or self.beside.image.isNull():
                self.beside.show_file(there["file"])
