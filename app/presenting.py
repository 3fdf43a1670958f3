"""What is said of what is watched, and when: for the Live page and the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.events import Watched

STEADY = 0.6
"""Seconds for which an answer must stay, on the clock of the source, before it is said."""
SLOWEST, SPEED, FASTEST = 80, 160, 450
"""Words a minute: at least, unless set otherwise, and at most."""
LONGEST = 400
"""Characters of what is said at once."""
UNSURE = {"none of these": "None of these", "not sure": "Not sure"}
"""What is said, if a person asks for it, where no class is the answer."""


@dataclass
class Announcer:
    """Says each answer once when it changes and stays; each file of a watched folder is said.

    `words` are said instead of a class's name. It is told all that is answered, and asked what is
    due only when nothing is being said: so what was true meanwhile, and is no more, is never said.
    """

    words: Mapping[str, str] = field(default_factory=dict)
    unsure: bool = False
    said: str | None = None
    seen: str | None = None
    since: float = 0.0
    time: float = 0.0
    steady: bool = False

    def hear(self, event: Watched) -> None:
        """The newest answer; a source that is lost is forgotten, and said anew when it is back."""
        if event.lost:
            self.forget()
        elif not event.reason:
            seen = event.answer or event.verdict
            if event.path or seen != self.seen or event.time < self.time:
                self.since = event.time
            if event.path:  # an image of its own: the next one may well be of the same class
                self.said = None
            self.seen, self.time = seen, event.time
            self.steady = bool(event.path) or event.time - self.since >= STEADY

    def forget(self) -> None:
        self.said, self.seen, self.steady, self.time = None, None, False, 0.0

    def due(self) -> str | None:
        """What is to be said now, and counts as said; empty where the answer has become one that
        is not said, and None where nothing is new."""
        if self.seen is None or self.seen == self.said or not self.steady:
            return None
        self.said = self.seen
        if self.seen in UNSURE and not self.unsure:
            return ""
        words = self.words.get(self.seen, "").strip() or UNSURE.get(self.seen, self.seen)
        return " ".join(words.split())[:LONGEST]
