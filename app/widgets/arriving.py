"""A page while images are being added to it, and none of them is here yet."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QProgressBar

from app.bridge import Bridge
from app.widgets.controls import named
from app.widgets.empty import EmptyState
from engine.events import Ended, Progress
from engine.system.words import duration

WIDE = 320


class Arriving(EmptyState):
    """Says how far it is. `changed`: it begins, or is over."""

    changed = Signal()

    def __init__(self, bridge: Bridge, icon: str, begins: str, *jobs: str) -> None:
        """`begins` says what becomes of the images, which these `jobs` add."""
        super().__init__(icon, "Adding images …", begins)
        self.begins, self.jobs = begins, jobs
        self.tickets: set[int] = set()
        self.bar = QProgressBar(textVisible=False)
        self.bar.setFixedWidth(WIDE)
        named(self.bar, "Progress of adding images", "How many images were looked at")
        self.add_below(self.bar)
        bridge.submitted.connect(self.on_submitted)
        bridge.progress.connect(self.on_progress)
        bridge.ended.connect(self.on_ended)

    @property
    def comes(self) -> bool:
        """Whether images are being added, or will be."""
        return bool(self.tickets)

    def on_submitted(self, ticket: int, job: str) -> None:
        if job in self.jobs:
            self.tickets.add(ticket)
            self.bar.setRange(0, 0)
            self.text.setText(self.begins)
            self.changed.emit()

    def on_progress(self, ticket: int, event: Progress) -> None:
        """“Checking images: 120 of 500, about 8 seconds left.”"""
        if ticket not in self.tickets:
            return
        self.bar.setRange(0, event.total or 0)
        self.bar.setValue(event.done)
        far = f"{event.done:,} of {event.total:,}" if event.total else f"{event.done:,}"
        left = "" if event.seconds_left is None else f", {duration(event.seconds_left)} left"
        words = f"{event.doing}: {far}{left}." if event.done else f"{event.doing} …"
        self.text.setText(f"{words} {self.begins}")

    def on_ended(self, ticket: int, event: Ended) -> None:
        if ticket in self.tickets:
            self.tickets.discard(ticket)
            self.changed.emit()
