"""Which images are too old to be learnt, where a stream changes: a window over each class.

A window of images or of time is the first remedy against drift (Widmer and Kubat, Learning in the
presence of concept drift and hidden contexts, Machine learning 23, 1996). What it leaves is learnt
as if nothing else had ever been there, for what falls out is unlearnt exactly. Weights that decay
instead brought 0.6 points more in a trial (BENCHMARKS.md), and every learner would have to bear
them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.errors import BadSetting

DAYS, IMAGES = "days", "images"


@dataclass(frozen=True)
class Recent:
    """The last `images` of each class, or those of the last `days` before the newest one to learn;
    0 and 0: all of them."""

    images: int = 0
    days: float = 0.0

    def __post_init__(self) -> None:
        if self.images < 0 or not 0 <= self.days < 1e6:
            raise BadSetting("The images or days to learn from are 1 or more, or 0 for all.")
        if self.images and self.days:
            raise BadSetting("Name how many images of each class, or how many days; not both.")

    @classmethod
    def parse(cls, text: str) -> Recent:
        """From what `text` gave."""
        kind, _, value = text.partition(":")
        return cls(int(value)) if kind == IMAGES else cls(0, float(value)) if value else cls()

    @property
    def text(self) -> str:
        if self.images:
            return f"{IMAGES}:{self.images}"
        return f"{DAYS}:{self.days!r}" if self.days else ""

    def __bool__(self) -> bool:
        return bool(self.images or self.days)

    @property
    def formula(self) -> str:
        """What a person reads of it."""
        if self.images:
            return (
                f"An image is learnt where fewer than {self.images:,} of its class are newer: by "
                "the camera's time, then in the order in which they came. Held-out images judge "
                "where they are as new."
            )
        if self.days:
            return (
                f"An image is learnt, and a held-out one judges, where t(newest) − t(image) ≤ "
                f"{self.days:g} days, by the camera's time and before the newest image to learn. "
                "Images without a camera's time have no age, and stay."
            )
        return "All images are learnt, however old they are."

    def since(self, newest: str) -> str:
        """The earliest time that is learnt, where the newest is `newest`; empty where nothing is
        too old. Times as EXIF tells them, "2026-03-14 10:11:12"."""
        if not self.days or not newest:
            return ""
        try:
            return str(datetime.fromisoformat(newest) - timedelta(days=self.days))
        except (ValueError, OverflowError):
            return ""


Aged = tuple[str, int, str]
"""When an image was taken (empty: not known), its number, and its hash."""


def too_old(
    recent: Recent, train: Mapping[int, Sequence[Aged]], held: Mapping[int, Sequence[Aged]]
) -> set[tuple[int, str]]:
    """Class and hash of the images, to learn and held out, that a window leaves out."""
    if recent.images:
        found = set[tuple[int, str]]()
        for number in {*train, *held}:
            ordered = sorted(train.get(number, ()))
            first = ordered[-recent.images :][:1]
            older = ordered[: bisect_left(ordered, first[0])] if first else []
            dropped = len(older) > 0
            older = [*older, *(row for row in held.get(number, ()) if dropped and row < first[0])]
            found |= {(number, sha256) for _, _, sha256 in older}
        return found
    every = [(n, row) for part in (train, held) for n, rows in part.items() for row in rows]
    since = recent.since(max((row[0] for rows in train.values() for row in rows), default=""))
    return {(n, sha256) for n, (when, _, sha256) in every if when and when < since}
