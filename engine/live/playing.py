"""A sentence played by what the computer has for it, and when it begins to be heard.

On Linux paplay or aplay, by whether it has PulseAudio (or PipeWire, which speaks as it) or ALSA
alone, get the samples through a pipe: when they begin to take them is when the sound begins. A Mac
has afplay and Windows plays sounds by itself (winsound), from a file; there the beginning is told
by how long they take beyond the sound. Tried with paplay and aplay, both into PulseAudio without a
card; afplay and winsound are not. What a sound card or a loudspeaker adds behind them (Bluetooth: a
fifth of a second) no program is told.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from engine.errors import Refused
from engine.live.speech import Sound
from engine.system.outside import environment

BUFFER = 0.15
"""Seconds of sound that a player is asked to hold at most. It has the engine's low priority: with
less it was late where others had much to do, and pauses came into words."""
PLAYERS = {
    "paplay --raw --format=s16le --channels=1 --rate={rate} --latency-msec=150": 4096,
    "aplay -q -t raw -f S16_LE -c 1 -r {rate} --buffer-time=150000 -": 0,
}
"""How they are called, and how many bytes they take before they have found the loudspeaker."""
FIRST, LATEST = 0.05, 0.4
"""Seconds until a player of files is heard: before it was timed, and at most."""
MOMENT, SHORT = 0.05, 0.004
"""Seconds between two looks at a player: while it plays, and while it is about to begin or end."""
GRACE = 5.0
"""Seconds that a player may take beyond the sound."""
NO_PLAYER = (
    "No program here plays sound. Install one (sudo apt install pulseaudio-utils, or alsa-utils); "
    "until then there are captions alone."
)
NOT_PLAYED = (
    "No sound can be played, {} says “{}”, so there are captions alone. Check that this computer "
    "has a loudspeaker, and that other programs are heard."
)
beyond: list[float] = []
"""Seconds that afplay took beyond a sound, at its best: before its first, or after its last."""
Heard = Generator[float | None, None, None]
"""Gives again and again until the sound is over when it began, on the clock of
time.perf_counter, and None before that. Closed, it is silent."""


def played(sound: Sound, volume: float) -> Heard:
    """Plays a sound at a volume from 0 to 1. Raises Refused where nothing plays here."""
    if sys.platform in ("win32", "darwin"):
        with tempfile.TemporaryDirectory(prefix="espalier-") as folder:
            path = Path(folder) / "said.wav"
            sound.write(path, volume)
            by_file = by_windows if sys.platform == "win32" else by_mac
            yield from by_file(path, sound.seconds)
        return
    trouble = NO_PLAYER
    for words, ahead in PLAYERS.items():
        program, *more = words.format(rate=sound.rate).split()
        if found := shutil.which(program):
            playing = Piped([found, *more], sound.content(volume), 2 * sound.rate, ahead)
            yield from playing.follow()
            if not playing.why:
                return
            trouble = NOT_PLAYED.format(program, playing.why)
    raise Refused(trouble)


@dataclass
class Piped:
    """A program that gets samples through a pipe, `rate` bytes a second, and takes `ahead` before
    it begins. `why` is what it says where it fails."""

    words: list[str]
    content: bytes
    rate: int
    ahead: int
    sent: int = 0
    why: str = ""

    def follow(self) -> Heard:
        """Gives it the samples as it takes them."""
        quiet, pipe = subprocess.DEVNULL, subprocess.PIPE
        process = subprocess.Popen(
            self.words, stdin=pipe, stdout=quiet, stderr=pipe, env=environment()
        )
        assert process.stdin is not None
        self.pipe = process.stdin.fileno()
        os.set_blocking(self.pipe, False)
        try:
            yield from self.play(process)
        finally:
            process.kill()
            with contextlib.suppress(OSError):
                process.stdin.close()
            process.stdin = None
            said = process.communicate()[1].decode(errors="replace").strip()
        if process.returncode > 0:
            first = said.splitlines()[0] if said else f"error {process.returncode}"
            self.why = first.rstrip(".")

    def play(self, process: subprocess.Popen[bytes]) -> Heard:
        """Feeds it. What it has taken, less what it holds, is heard by then; and its first sound is
        no older than the last look at which it had taken no more than what it takes ahead."""
        held = max(0.0, self.ahead / self.rate - BUFFER)
        began = last = time.perf_counter()
        heard: float | None = None
        while process.poll() is None:
            now = time.perf_counter()
            if now - began > len(self.content) / self.rate + GRACE:
                return
            taken = self.feed(process)
            if heard is None and taken > self.ahead:
                heard = max(last - held, now - max(0.0, taken / self.rate - BUFFER))
            last = now
            yield heard
            at_edge = heard is None or now - heard > len(self.content) / self.rate
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(SHORT if at_edge else MOMENT)

    def feed(self, process: subprocess.Popen[bytes]) -> int:
        """Gives what there is room for, and returns how many bytes were taken by now."""
        import fcntl
        import termios

        if process.stdin is None or process.stdin.closed:
            return self.sent
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            self.sent += os.write(self.pipe, self.content[self.sent : self.sent + (1 << 16)])
        waiting = fcntl.ioctl(self.pipe, termios.FIONREAD, struct.pack("i", 0))
        taken = self.sent - struct.unpack("i", waiting)[0]
        if taken == len(self.content):  # closed earlier, it would not say what was taken
            process.stdin.close()
        return taken


def by_mac(path: Path, seconds: float) -> Heard:
    """A Mac's afplay."""
    began, quiet = time.perf_counter(), subprocess.DEVNULL
    process = subprocess.Popen(["afplay", str(path)], stdin=quiet, stdout=quiet, stderr=quiet)
    try:
        while process.poll() is None and time.perf_counter() - began < seconds + GRACE:
            yield began + min([*beyond, LATEST if beyond else FIRST])
            near = time.perf_counter() - began > seconds
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(SHORT if near else MOMENT)
        took = time.perf_counter() - began
    finally:
        process.kill()
        process.wait()
    if process.returncode > 0:
        raise Refused(NOT_PLAYED.format("afplay", f"error {process.returncode}"))
    beyond[:] = [min([*beyond, max(0.0, took - seconds)])]


def by_windows(path: Path, seconds: float) -> Heard:
    """Windows plays it in a thread of its own."""
    import winsound

    began = time.perf_counter()
    flags = winsound.SND_FILENAME | winsound.SND_ASYNC | winsound.SND_NODEFAULT  # type: ignore[attr-defined,unused-ignore]
    try:
        winsound.PlaySound(str(path), flags)  # type: ignore[attr-defined,unused-ignore]
        while time.perf_counter() - began < seconds:
            yield began
            time.sleep(MOMENT)
    except RuntimeError as error:
        raise Refused(NOT_PLAYED.format("Windows", error)) from error
    finally:
        winsound.PlaySound(None, 0)  # type: ignore[attr-defined,unused-ignore]
