"""The study that goes on, as the window follows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import QObject

from app.bridge import Bridge
from app.pages.follow import WAITS, FollowedJob
from engine.events import Ended, Progress, Started
from engine.system.words import duration

PAUSED = "The comparison is paused. What was measured is kept: go on with it under Compare."


class LiveStudy(FollowedJob):
    """What the study that was asked for does now, in words."""

    jobs = ("compare",)

    def __init__(self, bridge: Bridge, tell: Callable[..., object], parent: QObject) -> None:
        super().__init__(bridge, tell, parent)
        self.said, self.stopping = WAITS, False

    def pause(self) -> None:
        """Stops it at its next safe point."""
        if self.running:
            self.stopping, self.said = True, "Pausing …"
            self.bridge.cancel(self.ticket)
            self.changed.emit()

    def on_asked(self, job: str, settings: Mapping[str, Any]) -> None:
        self.said, self.stopping = WAITS, False

    def on_started(self, event: Started) -> None:
        self.say("Preparing …")

    def on_progress(self, event: Progress) -> None:
        count = f" · {event.done:,} of {event.total:,}" if event.total and event.done else ""
        left = event.seconds_left
        more = f". {duration(left).capitalize()} left of this row" if left is not None else ""
        self.say(f"{event.doing}{count}{more}.")

    def on_end(self, event: Ended) -> None:
        self.stopping = False
        if event.how == "cancelled":
            self.tell(PAUSED)
        self.changed.emit()

    def say(self, text: str) -> None:
        if not self.stopping:
            self.said = text
            self.changed.emit()
