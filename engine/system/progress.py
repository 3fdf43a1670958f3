"""How fast a job goes, said at a pace that a person can read."""

from __future__ import annotations

import math
import time

from engine.events import Progress

SEEN = 2.0
"""Seconds of work that an estimate needs: one from less is often ten times wrong."""


class Eta:
    """Counts what is done of `total`, and estimates what is left from the pace so far.

    The pace is taken from the first that is done: what comes before it, such as opening files and
    importing libraries, comes once.
    """

    def __init__(self, total: int, doing: str) -> None:
        self.total = total
        self.doing = doing
        self.first: tuple[float, int] | None = None

    def at(self, done: int) -> Progress:
        now = time.monotonic()
        if done and self.first is None:
            self.first = now, done
        begun, before = self.first or (now, done)
        passed, made = now - begun, done - before
        left = passed / made * (self.total - done) if made > 0 and passed >= SEEN else None
        return Progress(done, self.total, self.doing, left)


class Every:
    """Something that is due once in so many seconds, and the first time `at_once` or after them."""

    def __init__(self, seconds: float, at_once: bool = False) -> None:
        self.seconds = seconds
        self.last = -math.inf if at_once else time.monotonic()

    def due(self) -> bool:
        now = time.monotonic()
        if now - self.last <= self.seconds:
            return False
        self.last = now
        return True
