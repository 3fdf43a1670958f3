"""Sources as one who watches sees them: the next event, or nothing yet."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Protocol

from engine.errors import EspalierError, Refused
from engine.live import capture
from engine.live.events import Ended, Frame, Lost, SourceEvent
from engine.live.folder import FolderSource
from engine.live.places import FILM, FOLDER, Place
from engine.system.apart import no_interrupts

BROKE = "What read {title} broke off. It is begun again."
BROKE_FILM = "{title} can't be read any further. It is damaged from here on."


class Source(Protocol):
    """A camera, an address, a film or a folder."""

    def next(self, seconds: float) -> SourceEvent | None:
        """The next that it says, None where nothing came in so many seconds. A frame is the newest
        that there is; at most one is on its way. Raises Refused where nothing can be opened."""

    def close(self) -> None:
        """Ends what it started. May be called twice."""


def open_source(
    place: Place,
    every: bool = False,
    existing: bool = False,
    without: Sequence[Path] = (),
    go_on: bool = False,
) -> Source:
    """A source of a place. `every`: of a film no frame is left out, it waits instead; `existing`:
    of a folder also what lies there already, but nothing in folders `without`."""
    if place.kind == FOLDER:
        return FolderSource(place, existing, without, go_on)
    return CaptureSource(place, every)


class CaptureSource:
    """What a process of its own reads (capture.py)."""

    def __init__(self, place: Place, every: bool = False) -> None:
        self.place, self.every = place, every
        self.ahead = every and place.kind == FILM
        self.asked = self.begun = False
        self.trouble = ""
        self.start(again=False)

    def start(self, again: bool) -> None:
        """Starts the process that grabs; `again`: after the one before it was lost."""
        context = multiprocessing.get_context("spawn")
        self.pipe: Connection
        self.process: BaseProcess
        self.pipe, there = context.Pipe()
        self.process = context.Process(
            target=capture.main,
            args=(there, self.place, self.every, again),
            name="espalier-source",
            daemon=True,
        )
        with no_interrupts():
            self.process.start()
        there.close()

    def next(self, seconds: float) -> SourceEvent | None:
        try:
            self.ask()
            if not wait([self.pipe], seconds):
                return None
            event = self.pipe.recv()
        except (EOFError, OSError):
            return self.broke_off()
        return self.heard(event)

    def ask(self) -> None:
        """Asks for one frame, unless it is on its way."""
        if not self.asked:
            self.asked = True
            self.pipe.send_bytes(b"!")

    def heard(self, event: SourceEvent) -> SourceEvent | None:
        """What is handed on of what the process said. Raises Refused where nothing opened."""
        if isinstance(event, Frame):
            self.asked, self.begun, self.trouble = False, True, ""
            if self.ahead:  # a film's next frame is decoded while this one is answered
                with contextlib.suppress(OSError):  # that it is gone is seen when it is waited for
                    self.ask()
        elif isinstance(event, Lost):
            self.trouble = event.sentence
            return event if self.begun else None  # where it never came, its end says so
        elif isinstance(event, Ended) and self.trouble and not self.begun:
            self.close()
            raise Refused(self.trouble)
        return event

    def broke_off(self) -> SourceEvent:
        """The process is gone, by a film or a driver that broke it. A camera is read on."""
        self.close()
        if self.place.kind == FILM:
            raise EspalierError(BROKE_FILM.format(title=self.place.title))
        if not self.begun:
            raise Refused(capture.cant_open(self.place))
        self.begun = self.asked = False
        self.start(again=True)
        return Lost(BROKE.format(title=self.place.title))

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.pipe.close()
        with contextlib.suppress(ValueError):  # it was closed
            self.process.kill()
            self.process.join()
            self.process.close()
