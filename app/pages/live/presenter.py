"""The presenter of the Live page: says what is seen, shows it large, and has a face if wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PySide6.QtWidgets import QCheckBox, QWidget

from app.bridge import Bridge
from app.pages.live.face import Caption, Face
from app.pages.live.voice_dialog import VoiceDialog
from app.pages.live.voice_settings import VoiceSettings
from app.pages.live.watching import Watching
from app.presenting import Announcer
from app.shell.preferences import Preferences
from app.widgets.controls import button, column, named, row
from engine.events import Ended, Said, Watched

SAYS = "Says the answer aloud when it changes and stays, and shows it large"
FACE = "Draws a face whose mouth follows what is said"
WORDS = "What is said for each class, and by which voice, how fast and how loud"


class Presenter(QWidget):
    """Off unless it is switched on. While a sentence is said others wait for nothing: what is
    still true at its end is said then, and what no more is, never."""

    def __init__(
        self,
        bridge: Bridge,
        preferences: Preferences,
        tell: Callable[..., object],
        watching: Watching,
    ) -> None:
        super().__init__()
        self.bridge, self.tell, self.watching = bridge, tell, watching
        self.settings = VoiceSettings(preferences)
        self.path, self.names, self.classes = "", list[str](), dict[int, str]()
        self.announcer = Announcer()
        self.ticket = 0
        self.complained: set[str] = set()
        self.on, self.with_face = QCheckBox("S&ay it aloud"), QCheckBox("&Face")
        self.caption, self.face = Caption(), Face()
        self.band = QWidget()
        self.make_controls()
        self.band.setLayout(row(self.face, self.caption, gap=16))
        line = row(self.on, 8, self.with_face, 0, self.more)
        self.setLayout(column(self.band, line))
        bridge.said.connect(self.follow)
        watching.answered.connect(self.hear)
        watching.changed.connect(self.stop)
        self.show_switches()

    def make_controls(self) -> None:
        named(self.on, "Say it aloud", SAYS, "Alt+A")
        named(self.with_face, "Face", FACE, "Alt+F")
        self.on.setChecked(self.settings.switched("aloud"))
        self.with_face.setChecked(self.settings.switched("face"))
        self.on.toggled.connect(self.switch)
        self.with_face.toggled.connect(self.switch)
        self.more = button("Words and voice …", WORDS, self.ask, key="Alt+W")

    def switch(self) -> None:
        """Keeps what was switched; what is being said ends with the presenter."""
        self.settings.switch("aloud", self.on.isChecked())
        self.settings.switch("face", self.with_face.isChecked())
        if not self.on.isChecked():
            self.stop()
        self.show_switches()

    def show_switches(self) -> None:
        self.band.setVisible(self.on.isChecked())
        self.face.setVisible(self.with_face.isChecked())

    def show_project(self, path: str, names: Sequence[str], classes: Mapping[int, str]) -> None:
        """Who answers, and what. `classes` are names by number: words follow those renamed."""
        if path == self.path:
            now = {name: classes.get(number, name) for number, name in self.classes.items()}
            self.settings.rename(path, now)
        self.path, self.names, self.classes = path, list(names), dict(classes)
        self.learn_settings()

    def learn_settings(self) -> None:
        """What holds from the next sentence on."""
        self.announcer.words = self.settings.words(self.path)
        self.announcer.unsure = self.settings.unsure

    def ask(self) -> None:
        VoiceDialog(
            self.window(), self.bridge, self.settings, self.path, self.names, self.learn_settings
        ).open()

    # Saying.

    def hear(self, event: Watched) -> None:
        if self.on.isChecked():
            self.announcer.hear(event)
            if event.lost:
                self.caption.show_text("")
            self.say_what_is_due()

    def say_what_is_due(self) -> None:
        """Begins the next sentence unless one is being said."""
        if self.ticket or (text := self.announcer.due()) is None:
            return
        self.caption.show_text(text)
        if text:
            manner: dict[str, Any] = self.settings.manner()
            ticket = self.ticket = self.bridge.ask(
                "say", lambda ended: self.over(ticket, ended), text=text, **manner
            )

    def follow(self, ticket: int, said: Said) -> None:
        if ticket == self.ticket:
            self.face.speak(said)

    def over(self, ticket: int, ended: Ended) -> None:
        """Says the next; where it can't be heard, says why once, and the captions go on."""
        if ticket != self.ticket:
            return
        self.ticket = 0
        self.face.rest()
        if ended.how in ("refused", "failed") and ended.text not in self.complained:
            self.complained.add(ended.text)
            self.tell(ended.text, "warning")
        self.say_what_is_due()

    def stop(self) -> None:
        """It is silent at once, when the watching ends or begins and when it is switched off."""
        if self.ticket:
            self.bridge.drop(self.ticket)
        self.ticket = 0
        self.announcer.forget()
        self.caption.show_text("")
        self.face.rest()
