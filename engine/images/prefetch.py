"""Images decoded in threads ahead of who uses them, in order, within a bound of memory."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from engine.errors import UnusableImage
from engine.images.decode import (
    BIG,
    WHOLE,
    checked_size,
    decode,
    identify,
    one_big_image,
    read,
    silence_pillow,
)
from engine.images.walk import WalkEntry

Prepare = Callable[[Image.Image], np.ndarray]

ROOM = 128 << 20
"""Bytes of decoded images that wait at most; one that is larger waits alone."""
AHEAD = 64
"""Images that are decoded ahead, for each thread."""
TOGETHER = 4
"""Images that a thread takes at a time: handing over one alone costs more than it decodes."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """An image's pixels, uint8 (height, width, 3), or the reason why there are none."""

    path: Path
    pixels: np.ndarray | None
    reason: str = ""


class Room:
    """How much may wait. Room is given in the order of `turn`, so that whoever is waited for gets
    it first and nothing can be stuck."""

    def __init__(self, most: int) -> None:
        self.most, self.held, self.turn, self.closed = most, 0, 0, False
        self.changed = threading.Condition()

    def take(self, turn: int, size: int) -> None:
        """Waits until `size` bytes are free and all before had theirs. Size 0 only passes on."""
        with self.changed:
            self.changed.wait_for(lambda: self.closed or self.free(turn, size))
            self.turn, self.held = turn + 1, self.held + size
            self.changed.notify_all()

    def free(self, turn: int, size: int) -> bool:
        return turn == self.turn and (not self.held or self.held + size <= self.most)

    def give_back(self, size: int) -> None:
        with self.changed:
            self.held -= size
            self.changed.notify_all()

    def close(self) -> None:
        """Lets all that wait go on, to their end."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()


def decoded_ahead(
    met: Iterable[WalkEntry], prepare: Prepare, threads: int
) -> Generator[Decoded, None, None]:
    """Decodes what was met on a walk, turned upright and whole, in the order in which it was met.

    `prepare` makes of an image what is asked; `np.asarray` keeps it as it is.
    Closing the generator ends the threads, after the image that each is at.
    """
    room, stopped = Room(ROOM), threading.Event()

    def some(chunk: list[tuple[int, WalkEntry]]) -> list[Decoded]:
        return [one(turn, m, prepare, room) for turn, m in chunk if not stopped.is_set()]

    numbered = enumerate(met)
    ahead: deque[Future[list[Decoded]]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="pictures")
    try:
        while True:
            while len(ahead) * TOGETHER < AHEAD * threads and (
                chunk := list(islice(numbered, TOGETHER))
            ):
                ahead.append(pool.submit(some, chunk))
            if not ahead:
                return
            for found in ahead.popleft().result():
                if found.pixels is not None:
                    room.give_back(found.pixels.nbytes)
                yield found
    finally:
        stopped.set()
        room.close()
        pool.shutdown(wait=True, cancel_futures=True)


def one(turn: int, met: WalkEntry, prepare: Prepare, room: Room) -> Decoded:
    """One image; room is taken once its header says how much it needs."""
    taken, waits = 0, True
    try:
        if met.reason:
            raise UnusableImage(met.reason)
        image = opened(met.path)
        width, height = checked_size(image.size)
        taken, waits = 3 * width * height, False
        room.take(turn, taken)
        with one_big_image if width * height > BIG else nullcontext():
            upright = decode(image, WHOLE)[0]
        pixels = prepare(upright)
    except UnusableImage as reason:
        room.take(turn, 0) if waits else room.give_back(taken)
        return Decoded(met.path, None, str(reason))
    room.give_back(taken - pixels.nbytes)
    return Decoded(met.path, pixels)


def opened(path: Path) -> Image.Image:
    """The image with its header read. Raises UnusableImage."""
    silence_pillow()
    return identify(read(path), path)
