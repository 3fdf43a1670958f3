"""How fast a job goes, said at a pace that a person can read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.events import Event, Progress

if TYPE_CHECKING:
    from engine.session import Session


SECONDS_BETWEEN_SNAPSHOTS = 1.0
SECONDS_BETWEEN_GLIMPSES = 8.0
"""Learning on the way takes about half a second, so it costs a twentieth of the time at most."""


class Eta:
    """Counts what is done of `total`, and estimates what is left from the time since the start."""

    def __init__(self, total: int, doing: str) -> None:
        self.total = total
        self.doing = doing
        self.started = self.shown = self.glimpsed = time.monotonic()

    def at(self, done: int) -> Progress:
        passed = time.monotonic() - self.started
        left = passed / done * (self.total - done) if done else None
        return Progress(done, self.total, self.doing, left)

    def now(self, done: int, session: Session) -> Iterator[Event]:
        """Progress, and now and then a snapshot of the project, so that a class appears early."""
        yield self.at(done)
        first = done and self.shown == self.started
        if first or time.monotonic() - self.shown > SECONDS_BETWEEN_SNAPSHOTS:
            self.shown = time.monotonic()
            yield session.changed("images")

    def may_glimpse(self, done: int) -> bool:
        """Whether it is time to say how well it goes; never at the end, which says so itself."""
        due = time.monotonic() - self.glimpsed > SECONDS_BETWEEN_GLIMPSES and done < self.total
        if due:
            self.glimpsed = time.monotonic()
        return due
