"""A WAV file played by what the computer has for it, and when it begins to be heard.

Windows plays sounds by itself (winsound), a Mac has afplay, and Linux pw-play, paplay or aplay, by
which of PipeWire, PulseAudio and ALSA it has. Tried on Linux with PulseAudio alone. What a sound
card or a loudspeaker adds behind them (Bluetooth: a fifth of a second) no program is told.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

from engine.errors import Refused

PLAYERS = (
    ("pw-play", "--latency=30ms"),
    ("paplay", "--latency-msec=30", "--client-name=Espalier"),
    ("aplay", "-q"),
)
MAC = (("afplay",),)
FIRST, LATEST = 0.05, 0.4
"""Seconds until a player is heard: taken before it was timed, and at most."""
MOMENT, SHORT = 0.05, 0.005
"""Seconds between two looks whether a player has ended: before it can, and then."""
GRACE = 5.0
"""Seconds after its end for which a player may go on."""
NO_PLAYER = (
    "No program here plays sound. Install one (sudo apt install pulseaudio-utils, or alsa-utils); "
    "until then there are captions alone."
)
NOT_PLAYED = (
    "No sound can be played, {} says “{}”, so there are captions alone. Check that this computer "
    "has a loudspeaker, and that other programs are heard."
)
lateness: dict[str, float] = {}
"""Seconds that each player took beyond the sound itself, at its best: all of that is before its
first sound, or after its last. The last that worked is tried first."""


def played(path: Path, seconds: float) -> Generator[float, None, None]:
    """Plays a file that lasts so long. Gives again and again, until it is over, when it began to
    be heard, on the clock of time.perf_counter. Closed, it is silent.

    Raises Refused where nothing plays here.
    """
    if sys.platform == "win32":
        yield from by_windows(path, seconds)
        return
    trouble = NO_PLAYER
    for words in players():
        why: list[str] = []
        yield from by_program(words, path, seconds, why)
        if not why:
            return
        trouble = NOT_PLAYED.format(words[0], why[0])
    raise Refused(trouble)


def players() -> list[tuple[str, ...]]:
    """The programs that are here, first the one that worked."""
    known = MAC if sys.platform == "darwin" else PLAYERS
    here = [words for words in known if shutil.which(words[0])]
    return sorted(here, key=lambda words: words[0] not in lateness)


def by_program(
    words: tuple[str, ...], path: Path, seconds: float, why: list[str]
) -> Generator[float, None, None]:
    """The same with a program; where it fails, `why` gets its first words."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [*words, str(path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    heard = began + min(lateness.get(words[0], FIRST), LATEST)
    try:
        while process.poll() is None and time.perf_counter() - began < seconds + GRACE:
            yield heard
            near = time.perf_counter() - began > seconds
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(SHORT if near else MOMENT)
        took = time.perf_counter() - began
    finally:
        process.kill()
        said = process.communicate()[1]
    if process.returncode > 0:
        lines = said.decode(errors="replace").strip().splitlines()
        why.append(lines[0].rstrip(".") if lines else f"error {process.returncode}")
    else:
        lateness[words[0]] = min(lateness.get(words[0], LATEST), max(0.0, took - seconds))


def by_windows(path: Path, seconds: float) -> Generator[float, None, None]:
    """The same on Windows, which plays it in a thread of its own."""
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
