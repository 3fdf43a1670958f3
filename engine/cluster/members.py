"""The workers as whoever asks them knows them, and what is on its way to each."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from engine.cluster.shares import Result, Share
from engine.errors import UnusableImage
from engine.results.cluster import WorkerRow

HERE = "this computer"
AHEAD = 2
"""Shares that a worker holds: one that it is at, one that waits, so that it never waits itself."""

Kind = Literal["hello", "network", "share", "check", "third"]


@dataclass(eq=False)
class Member:
    """One worker. `aside` says why it gets nothing more; `seen` in which folders it reads the same
    files as lie here; `given` the images of its shares that nobody looked at again."""

    address: str
    name: str = ""
    host: str = ""
    ready: bool = False
    here: bool = True
    aside: str = ""
    seen: dict[Path, bool] = field(default_factory=dict)
    images: int = 0
    busy: float = 0.0
    """Seconds that it worked so far."""
    unchecked: int = 0
    checked: bool = False
    given: list[Path] = field(default_factory=list)
    last: float = field(default_factory=time.monotonic)
    """When it was last given something while it had nothing, or gave something back."""
    holds: int = 0
    """Shares on their way to it or back."""

    @property
    def usable(self) -> bool:
        return self.ready and self.here and not self.aside

    @property
    def pace(self) -> float:
        """Seconds for an image; 0 before one was seen."""
        return self.busy / self.images if self.images else 0.0

    def took(self, images: int) -> None:
        """Books images that came back."""
        now = time.monotonic()
        self.busy += now - self.last
        self.images += images
        self.last = now

    def row(self) -> WorkerRow:
        """What a person sees of it: images done, and how many a second."""
        if self.aside:
            state, doing = "set aside", self.aside
        elif not self.here:
            state, doing = "gone", "It left, or was lost; what it had is done again elsewhere."
        elif not self.ready:
            state, doing = "starting", "Gets the network"
        else:
            state = "working" if self.holds else "waiting"
            doing = "Looks at images" if self.holds else ""
        rate = 1 / self.pace if self.pace else 0.0
        name = self.name or self.address
        return {
            "name": name,
            "address": self.address,
            "host": self.host,
            "state": state,
            "doing": doing,
            "images": self.images,
            "rate": rate,
        }


@dataclass(eq=False)
class Flight:
    """Something that was asked of a worker, and is not answered yet.

    `digests` are those of the bytes that were sent; empty where the worker reads by path, for
    which it looks first at a file of each folder of `probed`. Files `unread` here could not be
    sent. A check has what is `held` until it comes back.
    """

    kind: Kind
    member: Member
    future: Any
    share: Share | None = None
    digests: Sequence[str] = ()
    unread: Mapping[int, UnusableImage] = field(default_factory=dict)
    probed: Sequence[Path] = ()
    held: Held | None = None
    began: float = field(default_factory=time.monotonic)

    @property
    def images(self) -> int:
        return len(self.share.paths) if self.share is not None else 0


@dataclass(eq=False)
class Held:
    """A share's results that wait until one image was computed elsewhere, too: that at `place`."""

    share: Share
    results: list[Result]
    of: Member
    place: int
    second: Result | None = None
    by: Member | None = None
