"""The bar at the bottom: what runs, how far it is, what is left, what waits, and how to stop it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtWidgets import QMenu, QProgressBar, QWidget

from app.bridge import Bridge
from app.widgets.controls import (
    Elided,
    button,
    calling,
    column,
    label,
    laid_out,
    named,
    row,
    say_on,
)
from engine.events import Ended, Progress, Started, Step
from engine.system.words import duration

NAMES = {
    "learn_folder": "Learn the dropped images",
    "learn_frames": "Learn what the camera saw",
    "learn_labels": "Learn the images of a file",
    "add_images": "Add images",
    "add_labels": "Add the images of a file",
    "save_labels": "Save the classes",
    "learn": "Learn",
    "export": "Export",
    "undo": "Undo",
    "redo": "Redo",
    "download_weights": "Download weights",
}
NOTHING = "Nothing is running."
LATE = 0.3
"""Seconds before which a job is not shown: one that has ended by then would only flicker."""


@dataclass
class Job:
    """A job that runs or waits, as the bar knows it."""

    name: str
    title: str
    settings: dict[str, Any] = field(default_factory=dict)
    running: bool = False
    since: float = field(default_factory=time.monotonic)


class JobBar(QWidget):
    """Shows the running job and those that wait; Esc cancels the running one."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self.setObjectName("jobBar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(48)
        self.bridge = bridge
        self.jobs: dict[int, Job] = {}
        self.last: Progress | None = None
        """How far the running job said it is."""
        self.watched = ""
        """What a page watches meanwhile, in words."""
        self.late = QTimer(self, singleShot=True, timerType=Qt.TimerType.PreciseTimer)
        self.late.timeout.connect(self.refresh)
        self.title = label("Ready", "heading")
        self.doing = Elided("", "muted")
        self.left = label("", "muted")
        self.bar = QProgressBar(textVisible=False)
        named(self.bar, "Progress of the running job", "How far the running job is")
        help = "Shows what waits, and lets you take it back"
        self.waiting = button("", help, self.show_waiting, key="Ctrl+J", kind="quiet")
        named(self.waiting, "Waiting jobs", help, "Ctrl+J")
        self.stop = button("Cancel", "Stops the running job", self.cancel_running, key="Esc")
        self.lay_out()
        self.connect_bridge()
        self.refresh()

    def lay_out(self) -> None:
        line = row(self.title, 8, self.doing, self.left)
        words = column(0, line, self.bar, 0, gap=4)
        line.setStretch(2, 1)
        self.setLayout(row(words, self.waiting, self.stop))
        laid_out(self).setContentsMargins(16, 0, 16, 0)
        laid_out(self).setStretch(0, 1)

    def connect_bridge(self) -> None:
        self.bridge.submitted.connect(self.on_submitted)
        self.bridge.started.connect(self.on_started)
        self.bridge.progress.connect(self.on_progress)
        self.bridge.step.connect(self.on_step)
        self.bridge.ended.connect(self.on_ended)
        self.bridge.watches.connect(self.on_watches)

    @property
    def running(self) -> int | None:
        """The ticket of the running job."""
        return next((ticket for ticket, job in self.jobs.items() if job.running), None)

    def on_submitted(self, ticket: int, name: str) -> None:
        title = NAMES.get(name, name.replace("_", " ").capitalize())
        self.jobs[ticket] = Job(name, title)
        self.refresh()

    def on_started(self, ticket: int, event: Started) -> None:
        if ticket in self.jobs:
            self.jobs[ticket].running, self.jobs[ticket].title = True, event.title
            self.last = None
            self.bar.setRange(0, 0)
            self.doing.set_full("")
            self.left.clear()
            self.refresh()

    def on_progress(self, ticket: int, event: Progress) -> None:
        if ticket == self.running:
            self.last = event
            if self.bar.isVisibleTo(self):
                self.show_progress(event)

    def show_progress(self, event: Progress) -> None:
        """Shows how far it is and how long it will still take, where that is known."""
        self.bar.setRange(0, event.total or 0)
        self.bar.setValue(event.done)
        count = f"{event.done:,} of {event.total:,}" if event.total else f"{event.done:,}"
        self.doing.set_full(f"{event.doing} · {count}" if event.done else event.doing)
        seconds = event.seconds_left
        self.left.setText(f"{duration(seconds)} left" if seconds is not None else "")

    def on_step(self, ticket: int, event: Step) -> None:
        if ticket == self.running:
            self.bar.setRange(0, event.total)
            self.bar.setValue(event.done)

    def on_ended(self, ticket: int, event: Ended) -> None:
        self.jobs.pop(ticket, None)
        self.refresh()

    def on_watches(self, words: str) -> None:
        self.watched = words
        self.refresh()

    def refresh(self) -> None:
        """Shows what runs now, once that takes a while, or that nothing does."""
        ticket, busy = self.running, self.takes_long()
        begins = busy and not self.bar.isVisibleTo(self)
        title = self.jobs[ticket].title if ticket else "Starting"
        self.title.setText(title if busy else "Ready")
        if not ticket or not busy:
            self.doing.set_full("" if busy else f"{self.watched}." if self.watched else NOTHING)
            self.left.clear()
        self.bar.setVisible(busy)
        self.stop.setVisible(busy)
        waits = len(self.jobs) - (1 if ticket else 0)
        self.waiting.setVisible(busy and waits > 0)
        say_on(self.waiting, f"{waits} waiting")
        if begins and ticket:
            self.doing.set_full("")
            if self.last is not None:
                self.show_progress(self.last)

    def takes_long(self) -> bool:
        """Whether a job is here for LATE seconds; where one may be soon, looks again then."""
        self.late.stop()
        if not self.jobs:
            return False
        left = LATE - (time.monotonic() - min(job.since for job in self.jobs.values()))
        if left > 0:
            self.late.start(round(1000 * left) + 1)
        return left <= 0

    def cancel_running(self) -> None:
        ticket = self.running or next(iter(self.jobs), None)
        if ticket is not None:
            self.doing.set_full("Stopping …")
            self.bridge.cancel(ticket)

    def show_waiting(self) -> None:
        """A menu of the waiting jobs; choosing one takes it back."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for ticket, job in self.jobs.items():
            if not job.running:
                menu.addAction(f"Take back: {job.title}", calling(self.bridge.cancel, ticket))
        menu.popup(self.waiting.mapToGlobal(QPoint(0, -menu.sizeHint().height())))
