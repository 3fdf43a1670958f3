"""The dialog that takes images from a camera: while a button is held, frames become a class."""

from __future__ import annotations

import time
from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QComboBox, QDialog, QLineEdit, QWidget

from app.bridge import Bridge
from app.widgets.controls import buddy, button, column, label, named, reach, row
from app.widgets.images import Picture
from app.widgets.sizes import sized
from engine.events import Ended, Watched
from engine.system.words import plural

EVERY = 0.2
"""Seconds between two frames that are taken."""
MOST = 300
"""Frames of one hold."""
ABOUT = (
    "Name a class, show it to the camera, and hold the button or Space: five images a second are "
    "taken while you hold it, and learnt when you let go. Other frames are kept nowhere."
)
NOTHING = "What the camera sees appears here."
WAIT = "One moment …"
NO_NAME = "Say first which class it is."


class CameraDialog(QDialog):
    """Shows a camera; what is seen while the button is held becomes images of a class."""

    def __init__(self, bridge: Bridge, parent: QWidget, names: Sequence[str], first: str) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("From a camera")
        sized(self, 760, 640)
        self.bridge, self.ticket = bridge, 0
        self.source, self.name = QLineEdit("0"), QComboBox()
        self.name.addItems(list(names))
        self.name.setEditable(True)
        self.name.setCurrentText(first)
        if (field := self.name.lineEdit()) is not None:
            field.setPlaceholderText("name of the class")
        self.image = Picture(NOTHING)
        self.news = label("", "muted", wrap=True)
        self.frames: list[tuple[float, bytes]] = []
        self.held, self.last = "", 0.0
        self.make_controls()
        self.lay_out()
        bridge.watched.connect(self.hear)
        self.finished.connect(lambda _: self.end())
        self.start()

    def make_controls(self) -> None:
        """Names and keys, and what each control does."""
        help = "A camera's number (0 is the first), an address (rtsp:// or http://), or a film"
        named(self.source, "Camera", help, "Alt+S")
        self.source.returnPressed.connect(self.start)
        named(self.name, "Class", "What is shown; a new name makes a new class", "Alt+C")
        named(self.image, "Image", "What the camera sees now")
        self.show_button = button("Show", "Looks through this camera", self.start, key="Ctrl+O")
        self.show_button.setAutoDefault(False)
        help = "While it is held, by the mouse or by Space, images are taken"
        self.hold = button("Hold to take images", help, lambda: None, kind="primary")
        self.hold.setAutoDefault(False)
        named(self.hold, "Hold to take images", help, "Alt+T")
        reach(self.hold, "Alt+T")
        self.hold.pressed.connect(self.take)
        self.hold.released.connect(self.let_go)
        self.close_button = button("Close", "Lets the camera go", self.reject, key="Esc")
        self.close_button.setAutoDefault(False)

    def lay_out(self) -> None:
        source = row(buddy("&Source", self.source), self.source, self.show_button)
        source.setStretch(1, 1)
        what = row(buddy("&Class", self.name), self.name, self.hold, self.close_button)
        what.setStretch(1, 1)
        about = label(ABOUT, "muted", wrap=True)
        parts = (label("From a camera", "big"), about, source, self.image, self.news, what)
        whole = column(*parts, gap=16, edge=24)
        whole.setStretch(3, 1)
        self.setLayout(whole)
        self.hold.setFocus()

    # The camera.

    def start(self) -> None:
        """Looks through the camera that is named, and lets another one go."""
        self.end()
        self.news.setText(WAIT)
        source = self.source.text().strip()
        turn = self.ticket = self.bridge.ask(
            "look", lambda ended: self.over(turn, ended), source=source
        )

    def end(self) -> None:
        if self.ticket:
            self.bridge.drop(self.ticket)
        self.ticket, self.held, self.frames = 0, "", []

    def over(self, ticket: int, ended: Ended) -> None:
        if ticket == self.ticket:
            self.ticket = 0
            self.news.setText(ended.text if ended.how != "done" else "The film is over.")

    def hear(self, ticket: int, event: Watched) -> None:
        """A frame; while the button is held, one in a fifth of a second is taken."""
        if ticket != self.ticket:
            return
        if event.lost:
            self.news.setText(event.lost)
            return
        self.image.show_image(QImage.fromData(event.image))
        now = time.time()
        if self.held and now - self.last >= EVERY and len(self.frames) < MOST:
            self.last = now
            self.frames.append((now, event.image))
            self.news.setText(f"{plural(len(self.frames))} of {self.held} …")
        elif self.news.text() == WAIT:
            self.news.setText("")

    # Taking.

    def take(self) -> None:
        name = self.name.currentText().strip()
        if not name:
            self.news.setText(NO_NAME)
            self.name.setFocus()
            return
        self.held, self.frames, self.last = name, [], 0.0

    def let_go(self) -> None:
        """Learns what was taken; several holds make several bursts."""
        frames, name = self.frames, self.held
        self.held, self.frames = "", []
        if not name:
            return
        if not frames:
            self.news.setText("Nothing was taken yet. Hold it while the camera shows something.")
            return
        source = self.source.text().strip()

        def say(ended: Ended) -> None:
            done = f"{plural(len(frames))} of {name} learnt. Hold it again for more."
            if self.ticket:  # the dialog is still there
                self.news.setText(done if ended.how == "done" else ended.text)

        self.bridge.submit("learn_frames", say, frames=frames, source=source, into=name)
        if self.name.findText(name) < 0:
            self.name.addItem(name)
            self.name.setCurrentText(name)
