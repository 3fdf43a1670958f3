"""What is watched, as the page follows it: begun, ended, and begun anew when rules change."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, Signal

from app.bridge import Bridge
from engine.events import Ended, Watched

PREVIEW = 720
"""The longer side of the images that are shown, in pixels."""


class Watching(QObject):
    """One source at a time. `answered` brings each Watched, `changed` comes when it begins or ends,
    and `ended` where it does so by itself."""

    answered = Signal(object)
    changed = Signal()
    ended = Signal(object)

    def __init__(self, bridge: Bridge, parent: QObject) -> None:
        super().__init__(parent)
        self.bridge = bridge
        self.ticket = self.turn = 0
        self.settings: dict[str, Any] = {}
        bridge.watched.connect(self.hear)

    @property
    def running(self) -> bool:
        return bool(self.ticket)

    def begin(self, **settings: Any) -> None:
        """Ends what is watched, and watches with the settings of the job `watch`."""
        self.end()
        self.settings = settings
        self.turn += 1
        turn = self.turn
        self.ticket = self.bridge.ask(
            "watch",
            lambda ended: self.over(turn, ended),
            preview=PREVIEW,
            pass_over=True,
            **settings,
        )
        self.changed.emit()

    def again(self, **settings: Any) -> None:
        """Goes on with other settings, if it goes on; rules that were done rest on."""
        if self.running:
            self.begin(**{**self.settings, **settings, "go_on": True})

    def end(self) -> None:
        """Ends it with what it has: rules finish what they began. The camera is let go."""
        if self.ticket:
            ticket, self.ticket = self.ticket, 0
            self.bridge.finish(ticket)
            self.changed.emit()

    def hear(self, ticket: int, event: Watched) -> None:
        if ticket == self.ticket:
            self.answered.emit(event)

    def over(self, turn: int, ended: Ended) -> None:
        """A film is over, or something could not be opened."""
        if turn == self.turn and self.ticket:
            self.ticket = 0
            self.changed.emit()
            self.ended.emit(ended)
