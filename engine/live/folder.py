"""A folder that is watched: a file counts once it no longer grows."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.errors import UnusableImage
from engine.images.decode import WHOLE, checked_size, decode
from engine.images.prefetch import opened
from engine.images.walk import Walk
from engine.live.events import Back, Frame, Lost, SourceEvent, Unusable
from engine.live.places import Place

EVERY = 0.5
"""Seconds between two looks; where looking takes long, four times as long as that."""
SHARE = 4

Size = tuple[int, int]
"""Bytes, and when they were last changed in nanoseconds."""
before: dict[Path, dict[Path, Size]] = {}
"""What the folder that was watched last had given when its watching ended."""


class FolderSource:
    """Images that come into a folder or one in it, each answered once, in the order of their names.

    A file that changes counts as new. `without` are folders in it that are passed over.
    With `go_on`, what came since the watching before is given, too: this one has other settings.
    """

    def __init__(
        self,
        place: Place,
        existing: bool = False,
        without: Sequence[Path] = (),
        go_on: bool = False,
    ) -> None:
        self.place, self.root, self.without = place, Path(place.where), without
        self.began = time.perf_counter()
        self.index = 0
        self.ready: deque[Path] = deque()
        self.gone = False
        self.seen: dict[Path, Size] = {}
        known = before.get(self.root) if go_on else None
        if known is None:
            known = {} if existing else self.sizes()
        self.given: dict[Path, Size] = known
        self.next_look = 0.0
        self.closed = threading.Event()

    def next(self, seconds: float) -> SourceEvent | None:
        """As Source.next: a file that came and no longer grows; None where none did in time."""
        if self.ready:
            return self.frame(self.ready.popleft())
        rest = self.next_look - time.perf_counter()
        if self.closed.wait(max(0.0, min(rest, seconds))) or rest > seconds:
            return None
        if self.root.is_dir() == self.gone:
            self.gone = not self.gone
            self.next_look = time.perf_counter() + EVERY
            words = f"The folder {self.place.title} is not there now. It goes on when it is back."
            return Lost(words) if self.gone else Back()
        clock = time.perf_counter()
        self.ready.extend(self.look())
        now = time.perf_counter()
        self.next_look = now + max(EVERY, SHARE * (now - clock))
        return self.frame(self.ready.popleft()) if self.ready else None

    def look(self) -> list[Path]:
        """The files that are as they were at the look before, and were not given like this."""
        if self.gone:
            return []
        found = self.sizes()
        fresh = [
            path
            for path, size in found.items()
            if size[0] and size == self.seen.get(path) and size != self.given.get(path)
        ]
        self.seen = found
        self.given = {path: size for path, size in self.given.items() if path in found}
        self.given |= {path: found[path] for path in fresh}
        return fresh

    def sizes(self) -> dict[Path, Size]:
        found = {}
        for met in Walk([self.root], self.without):
            try:
                facts = met.path.stat()
            except OSError:  # it was taken away just now
                continue
            if not met.reason:
                found[met.path] = facts.st_size, facts.st_mtime_ns
        return found

    def frame(self, path: Path) -> SourceEvent:
        """The file as an image, or why it can't be used."""
        clock = time.perf_counter()
        try:
            image = opened(path)
            checked_size(image.size)
            read = time.perf_counter()
            pixels = np.asarray(decode(image, WHOLE)[0])
        except UnusableImage as reason:
            return Unusable(str(path), str(reason))
        now = time.perf_counter()
        self.index += 1
        began, grab = clock - self.began, read - clock
        return Frame(self.index - 1, began, pixels, clock, grab, now - read, str(path))

    def close(self) -> None:
        self.closed.set()
        before.clear()
        before[self.root] = {p: s for p, s in self.given.items() if p not in self.ready}
