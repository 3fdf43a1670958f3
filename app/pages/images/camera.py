"""The dialog that takes images from a camera: while a button is held, frames become a class, and
what is answered beside them changes as they are learnt."""

from __future__ import annotations

import time
from collections.abc import Sequence

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QComboBox, QDialog, QFrame, QLineEdit, QSizePolicy, QWidget

from app.bridge import Bridge
from app.pages.images.holds import Hold, Holds
from app.pages.try_it.answers import LiveBars
from app.shell.preferences import Preferences
from app.widgets.controls import (
    Elided,
    Yielding,
    buddy,
    button,
    card,
    column,
    label,
    laid_out,
    named,
    reach,
    row,
    scrolled,
)
from app.widgets.images import Picture
from app.widgets.rows import shown
from app.widgets.sizes import sized
from engine.events import Ended, ProjectView, Watched
from engine.system.words import per_cent, plural

ABOUT = (
    "Name a class, show it to the camera, and hold the button or Space. Frames that differ are "
    "taken, five a second at most, and learnt at once. Other frames are kept nowhere."
)
NOTHING = "What the camera sees appears here."
WAIT = "One moment …"
NO_NAME = "Say first which class it is."
NOBODY = "The answer appears here once a class is learnt."
ONE = "With a second class there is something to tell apart."
SIDE = 264
SOURCE, FIRST = "camera source", "0"
"""In the preferences: what was looked through last, and what is at first."""


class CameraDialog(QDialog):
    """Shows a camera; what is seen while the button is held becomes images of a class."""

    def __init__(
        self,
        bridge: Bridge,
        preferences: Preferences,
        parent: QWidget,
        names: Sequence[str],
        first: str,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("From a camera")
        sized(self, 960, 640)
        self.bridge, self.preferences = bridge, preferences
        self.ticket, self.clock, self.looks, self.waits = 0, time.time, "", WAIT
        self.holds = Holds(bridge, self)
        self.source, self.name = QLineEdit(preferences.get(SOURCE, FIRST)), QComboBox()
        self.name.addItems(list(names))
        self.name.setEditable(True)
        self.name.setCurrentText(first)
        if (field := self.name.lineEdit()) is not None:
            field.setPlaceholderText("name of the class")
        self.image = Picture(NOTHING)
        self.news = label("", "muted", wrap=True)
        self.verdict, self.reason = Elided("", "title"), label(NOBODY, "muted", wrap=True)
        self.bars = LiveBars()
        self.counts = label("", wrap=True)
        self.make_controls()
        self.lay_out()
        bridge.watched.connect(self.hear)
        bridge.changed.connect(self.show_counts)
        self.holds.changed.connect(self.show_hold)
        self.finished.connect(lambda _: self.end())
        self.show_counts(bridge.project)
        self.start()

    def make_controls(self) -> None:
        """Names and keys, and what each control does."""
        help = "A camera's number (0 is the first), an address (rtsp:// or http://), or a film"
        named(self.source, "Camera", help, "Alt+S")
        self.source.returnPressed.connect(self.start)
        named(self.name, "Class", "What is shown; a new name makes a new class", "Alt+C")
        named(self.image, "Image", "What the camera sees now")
        named(self.bars, "Confidences", "What is answered now, smoothed over a third of a second")
        named(self.counts, "Images", "How many images each class has, with those being taken")
        self.show_button = button("Show", "Looks through this camera", self.start, key="Ctrl+O")
        help = "While it is held, by the mouse or by Space, images are taken and learnt"
        self.hold = button("Hold to take images", help, lambda: None, kind="primary")
        named(self.hold, "Hold to take images", help, "Alt+T")
        reach(self.hold, "Alt+T")
        self.hold.pressed.connect(self.take)
        self.hold.released.connect(self.let_go)
        if (field := self.name.lineEdit()) is not None:
            field.returnPressed.connect(self.hold.setFocus)
        self.close_button = button("Close", "Lets the camera go", self.reject, key="Esc")
        for made in (self.show_button, self.hold, self.close_button):
            made.setAutoDefault(False)

    def lay_out(self) -> None:
        """The camera on the left, what is answered and known on the right."""
        source = row(buddy("&Source", self.source), self.source, self.show_button)
        source.setStretch(1, 1)
        what = row(buddy("&Class", self.name), self.name, self.hold, self.close_button)
        what.setStretch(1, 1)
        both = row(self.image, self.side(), gap=16)
        both.setStretch(0, 1)
        about = label(ABOUT, "muted", wrap=True)
        parts = (label("From a camera", "big"), about, source, both, self.news, what)
        whole = column(*parts, gap=16, edge=24)
        whole.setStretch(3, 1)
        self.setLayout(whole)
        self.hold.setFocus()

    def side(self) -> QFrame:
        """The answer of now, and the classes with their images."""
        lines = QWidget()
        lines.setLayout(column(self.counts, 0))
        policy = QSizePolicy.Policy
        self.bars.setSizePolicy(policy.Expanding, policy.Expanding)
        images = (label("Images", "heading"), scrolled(lines, Yielding))
        made = card(self.verdict, self.reason, self.bars, *images)
        laid_out(made).setStretch(2, 2)
        laid_out(made).setStretch(4, 1)
        made.setFixedWidth(SIDE)
        return made

    # The camera.

    def start(self) -> None:
        """Looks through the camera that is named, and lets another one go."""
        self.end()
        self.wait(WAIT)
        source = self.looks = self.source.text().strip()
        turn = self.ticket = self.bridge.ask(
            "look", lambda ended: self.over(turn, ended), source=source
        )
        self.holds.prepare()

    def end(self) -> None:
        if self.ticket:
            self.bridge.drop(self.ticket)
        self.ticket = 0
        self.holds.give_up()

    def wait(self, words: str) -> None:
        """Says why no frame comes, until one does."""
        self.waits = words
        self.news.setText(words)

    def over(self, ticket: int, ended: Ended) -> None:
        if ticket == self.ticket:
            self.ticket = 0
            self.news.setText(ended.text if ended.how != "done" else "The film is over.")

    def hear(self, ticket: int, event: Watched) -> None:
        """A frame with its answer; while the button is held, it may be taken."""
        if ticket != self.ticket:
            return
        if event.lost:
            self.wait(event.lost)
            return
        if not QUrl(self.looks).password():
            self.preferences.put(SOURCE, self.looks)
        self.image.show_image(QImage.fromData(event.image))
        self.show_answer(event)
        taken = self.holds.see(self.clock(), event.small, event.image)
        if not taken and self.news.text() == self.waits:
            self.news.setText("")

    # What is shown beside it.

    def show_answer(self, event: Watched) -> None:
        """The class in words and as bars; nothing of it before one is learnt."""
        known, sure = event.verdict != "none of these", event.verdict == "known"
        words = {"": "", "none of these": "None of these", "not sure": "Not sure"}
        answer = f"{shown(event.answer)}  {per_cent(event.share, 0)}"
        self.verdict.set_full(words.get(event.verdict, answer))
        self.reason.setText({0: NOBODY, 1: ONE}.get(len(event.classes), ""))
        self.reason.setVisible(len(event.classes) < 2)
        self.bars.show_answer(event.classes, known, sure and event.answer in event.classes)

    def show_counts(self, project: ProjectView | None) -> None:
        """Images of each class, with those that are taken and not stored yet."""
        counts = {c.name: c.images for c in project.classes} if project is not None else {}
        for name, more in self.holds.counts().items():
            counts[name] = counts.get(name, 0) + more
        lines = (f"{shown(name)}  {count:,}" for name, count in counts.items())
        self.counts.setText("\n".join(lines) or "None yet")

    def show_hold(self) -> None:
        """How many images are taken, and how many of them are learnt by now."""
        self.show_counts(self.bridge.project)
        if (hold := self.holds.now) is not None and hold.frames:
            learnt = hold.trouble or f"{hold.learnt:,} learnt"
            self.news.setText(f"{plural(len(hold.frames))} of {shown(hold.name)}, {learnt} …")

    # Taking.

    def take(self) -> None:
        name = self.name.currentText().strip()
        if name:
            self.holds.begin(name)
        else:
            self.news.setText(NO_NAME)
            self.name.setFocus()

    def let_go(self) -> None:
        """Stores what was taken; several holds make several bursts."""
        hold = self.holds.end(self.source.text().strip(), self.say)
        if hold is not None and not hold.frames:
            self.news.setText("Nothing was taken yet. Hold it while the camera shows something.")
        elif hold is not None and self.name.findText(hold.name) < 0:
            self.name.addItem(hold.name)
            self.name.setCurrentText(hold.name)

    def say(self, hold: Hold, ended: Ended) -> None:
        """What came of a hold, unless another one goes on."""
        done = f"{plural(len(hold.frames))} of {shown(hold.name)} learnt. Hold it again for more."
        if self.holds.now is None:
            self.news.setText(done if ended.how == "done" else ended.text)
