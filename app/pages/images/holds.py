"""Holds of a button: what a camera shows meanwhile is learnt at once, and stored when it is let go.

While one goes on, its frames are learnt in memory, some at a time, as soon as those before are: so
that the answers follow, and nothing piles up. At its end the whole hold is stored as one gesture.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from PySide6.QtCore import QObject, Signal

from app.bridge import Bridge
from app.pages.images.thinning import Thinning
from engine.events import Ended
from engine.results.live import FramesHeld

numbers = itertools.count(1)
"""No two holds of a window have the same number."""


@dataclass
class Hold:
    """One hold: the class, its frames (seconds since 1970, and a JPEG), and how many of them are
    learnt."""

    name: str
    number: int = field(default_factory=lambda: next(numbers))
    frames: list[tuple[float, bytes]] = field(default_factory=list)
    thinning: Thinning = field(default_factory=Thinning)
    sent: int = 0
    learnt: int = 0
    trouble: str = ""


class Holds(QObject):
    """The hold that goes on, and those that are being stored. `changed` comes with each frame that
    is taken or learnt."""

    changed = Signal()

    def __init__(self, bridge: Bridge, parent: QObject) -> None:
        super().__init__(parent)
        self.bridge = bridge
        self.now: Hold | None = None
        self.storing: list[Hold] = []
        self.question = 0

    def prepare(self) -> None:
        """Has the network loaded, so that the first frames that are held are learnt soon."""
        if not self.question:
            self.question = self.bridge.ask("hold_frames", self.ready, hold=0, frames=[], into="")

    def ready(self, ended: Ended) -> None:
        """A network that can't be loaded says so once frames are learnt."""
        self.question = 0
        self.learn()

    def begin(self, name: str) -> None:
        self.now = Hold(name)

    def see(self, at: float, small: bytes, content: bytes) -> bool:
        """A frame, seen at a time in seconds since 1970; says whether it is taken."""
        hold = self.now
        if hold is None or not hold.thinning.takes(at, small):
            return False
        hold.frames.append((at, content))
        self.learn()
        self.changed.emit()
        return True

    def learn(self) -> None:
        """Learns in memory what was taken since, unless something is being learnt."""
        hold = self.now
        if hold is None or self.question or hold.trouble or hold.sent == len(hold.frames):
            return
        fresh, hold.sent = hold.frames[hold.sent :], len(hold.frames)

        def heard(ended: Ended) -> None:
            self.question = 0
            if ended.how == "done":
                hold.learnt = ended.of(FramesHeld)["images"]
            else:
                hold.trouble = ended.text  # it is tried again for good, once the hold is over
            self.changed.emit()
            self.learn()

        self.question = self.bridge.ask(
            "hold_frames", heard, hold=hold.number, frames=fresh, into=hold.name
        )

    def end(self, source: str, say: Callable[[Hold, Ended], object]) -> Hold | None:
        """The button is let go: what was taken is stored and learnt, and `say` hears of it. Returns
        the hold, None where there was none."""
        hold, self.now = self.now, None
        if hold is None or not hold.frames:
            return hold
        self.storing.append(hold)
        frames, number = hold.frames, hold.number
        stored = partial(self.stored, hold, say)
        self.bridge.submit(
            "learn_frames", stored, source=source, frames=frames, into=hold.name, hold=number
        )
        return hold

    def stored(self, hold: Hold, say: Callable[[Hold, Ended], object], ended: Ended) -> None:
        self.storing.remove(hold)
        say(hold, ended)
        self.changed.emit()

    def give_up(self) -> None:
        """What is held is not wanted any more; what is being stored is."""
        self.now = None
        if self.question:
            self.bridge.drop(self.question)
            self.question = 0

    def counts(self) -> dict[str, int]:
        """Images of each class that are taken, and not stored yet."""
        found: dict[str, int] = {}
        for hold in [*self.storing, *([self.now] if self.now else [])]:
            found[hold.name] = found.get(hold.name, 0) + len(hold.frames)
        return found
