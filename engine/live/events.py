"""What a source can say: a closed vocabulary of frozen values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class SourceEvent:
    """The root of all that a source says."""


@dataclass(frozen=True, eq=False)
class Frame(SourceEvent):
    """One image. `index` counts all that the source gave, from 0, so that a gap is what was
    dropped; `time` is in seconds since it began, in a film its time code.

    `image` is uint8 (height, width, 3), RGB, upright. `at` is when it was there, on the clock of
    time.perf_counter; `grab` and `decode` are the seconds that these took. `path` is the file of
    an image in a watched folder.
    """

    index: int
    time: float
    image: np.ndarray
    at: float = 0.0
    grab: float = 0.0
    decode: float = 0.0
    path: str = ""


@dataclass(frozen=True)
class Unusable(SourceEvent):
    """A file of a watched folder that is no image, and why."""

    path: str
    sentence: str


@dataclass(frozen=True)
class Lost(SourceEvent):
    """Nothing comes any more, and why; it is looked for until it is back."""

    sentence: str


@dataclass(frozen=True)
class Back(SourceEvent):
    """It goes on."""


@dataclass(frozen=True)
class Ended(SourceEvent):
    """A film is over, or nothing could be opened; then a Lost came before."""
