"""The process in which OpenCV reads a camera, an address or a film: a frame each time it is asked.

What it reads comes from anywhere, and what it waits for may never come; so it is done where both
can only end this process. Nothing waits in it: of a camera it gives the newest frame that there is
when it is asked for one, and forgets the others.
"""

from __future__ import annotations

import contextlib
import os
import time
from multiprocessing.connection import Connection
from typing import Any

from engine.live.events import Back, Ended, Frame, Lost
from engine.live.places import CAMERA, FILM, Place
from engine.system.apart import hush

MILLISECONDS = 5000
"""How long an address may take to answer, or to give a frame."""
FIRST, LONGEST = 0.1, 2.0
"""Seconds between two looks for a source that is gone: at first, and at most."""
USUAL = 25.0
"""Frames a second of a film that does not say."""


def main(pipe: Connection, place: Place, every: bool, again: bool) -> None:
    """Runs until the other side is gone. `every`: no frame of a film is left out; `again`: a
    process before this one was lost, so the source is looked for until it is there."""
    hush()
    if place.kind == FILM:  # a film can name others, which are not fetched
        os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "protocol_whitelist;file"
    with contextlib.suppress(EOFError, OSError, KeyboardInterrupt):  # nobody listens any more
        Capture(pipe, place, every).run(again)


class Capture:
    """One source. `asked` says that a frame is waited for."""

    def __init__(self, pipe: Connection, place: Place, every: bool) -> None:
        self.pipe, self.place, self.every = pipe, place, every
        self.asked = False
        self.index = 0
        self.began = time.perf_counter()
        self.video: Any = None

    def run(self, again: bool) -> None:
        """Sends what the source shows until it ends; `again`: it was there, and is waited for."""
        if again:
            self.look_for()
        elif not self.open():
            self.pipe.send(Lost(cant_open(self.place)))
            self.pipe.send(Ended())
            return
        self.began = time.perf_counter()
        if self.place.kind == FILM:
            self.play()
            if not self.index:
                self.pipe.send(Lost(cant_open(self.place)))
            self.pipe.send(Ended())
        else:
            while True:
                self.follow()
                self.pipe.send(Lost(f"Nothing comes from {self.place.title}. {WAITS}"))
                self.look_for()

    def open(self) -> bool:
        """Opens the source, and says whether that went well."""
        import cv2

        if self.place.kind == CAMERA:
            self.video = cv2.VideoCapture(int(self.place.where))
            self.video.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        else:
            patience = [
                *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, MILLISECONDS),
                *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, MILLISECONDS),
            ]
            self.video = cv2.VideoCapture(self.place.where, cv2.CAP_FFMPEG, patience)
        return self.video.isOpened()

    def look_for(self) -> None:
        """Waits until the source is back, and says so."""
        self.close()
        rest = FIRST
        while True:
            self.wait(rest)
            if self.open():
                break
            rest = min(2 * rest, LONGEST)
        self.pipe.send(Back())

    def close(self) -> None:
        if self.video is not None:
            self.video.release()

    def wait(self, seconds: float) -> None:
        """Hears the other side for so long at most. Raises EOFError where it is gone."""
        if self.pipe.poll(max(0.0, seconds)):
            self.pipe.recv_bytes()
            self.asked = True

    def follow(self) -> None:
        """Gives frames of a camera as long as they come."""
        while True:
            clock = time.perf_counter()
            if not self.video.grab():
                return
            at = time.perf_counter()
            self.wait(0)
            if self.asked and not self.give(at - self.began, at, at - clock):
                return
            self.index += 1

    def play(self) -> None:
        """Gives a film's frames: every one when it is asked for, or each at its time."""
        import cv2

        rate = self.video.get(cv2.CAP_PROP_FPS)
        rate = rate if 0 < rate < 1000 else USUAL
        latest = -1.0
        while True:
            while self.every and not self.asked:
                self.wait(LONGEST)
            clock = time.perf_counter()
            if not self.video.grab():
                return
            at = time.perf_counter()
            told = self.video.get(cv2.CAP_PROP_POS_MSEC) / 1000
            latest = told if told > latest else latest + 1 / rate
            grab = at - clock
            while not self.every and (early := self.began + latest - time.perf_counter()) > 0:
                self.wait(early)
                at = time.perf_counter()
            self.wait(0)
            if self.asked:
                self.give(latest, at, grab)
            self.index += 1

    def give(self, seconds: float, at: float, grab: float) -> bool:
        """Sends the frame that was grabbed. False where it can't be decoded."""
        import cv2

        clock = time.perf_counter()
        there, image = self.video.retrieve()
        if not there or image is None:
            return False
        code = cv2.COLOR_GRAY2RGB if image.ndim == 2 else cv2.COLOR_BGR2RGB
        image = cv2.cvtColor(image, code)
        decode = time.perf_counter() - clock
        self.pipe.send(Frame(self.index, seconds, image, at, grab, decode))
        self.asked = False
        return True


WAITS = "It goes on when it is back."


def cant_open(place: Place) -> str:
    if place.kind == CAMERA:
        return (
            f"There is no {place.title} here, or another program uses it. Plug it in, or close "
            "that program. The first camera is 0."
        )
    if place.kind == FILM:
        return f"{place.title} can't be read as a film. It is damaged, or no film."
    return f"No camera answers at {place.title}. Check the address, and that the camera is on."
