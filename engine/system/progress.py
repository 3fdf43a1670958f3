"""How fast a job goes, said at a pace that a person can read."""

from __future__ import annotations

import math
import time

from engine.events import Progress


class Eta:
    """Counts what is done of `total`, and estimates what is left from the time since the start."""

    def __init__(self, total: int, doing: str) -> None:
        self.total = total
        self.doing = doing
        self.started = time.monotonic()

    def at(self, done: int) -> Progress:
        passed = time.monotonic() - self.started
        left = passed / done * (self.total - done) if done else None
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
