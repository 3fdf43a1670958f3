"""What tests of the voice use: espeak-ng asked directly, captions read, and a player that only
notes what it would play."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

ESPEAK = shutil.which("espeak-ng")
needs_espeak = pytest.mark.skipif(
    sys.platform != "linux" or ESPEAK is None, reason="espeak-ng is not installed here"
)
RATE = 22050
PLAYER = """#!/bin/sh
/bin/cat > "{folder}/$$.half"
/bin/mv "{folder}/$$.half" "{folder}/$$.raw"
exec /bin/sleep "$(/bin/cat "{folder}/seconds")"
"""


@dataclass(frozen=True)
class Cue:
    begin: float
    end: float
    text: str


def samples_of(path: Path) -> np.ndarray:
    with wave.open(str(path), "rb") as file:
        assert file.getframerate() == RATE
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def said_alone(text: str, path: Path, *words: str) -> np.ndarray:
    """The samples that espeak-ng makes of a text, asked by the test itself."""
    assert ESPEAK is not None
    subprocess.run([ESPEAK, "-s", "160", *words, "-w", str(path), text], check=True)
    return samples_of(path)


def captions(path: Path) -> list[Cue]:
    """The cues of a WebVTT file."""
    head, *blocks = path.read_text("utf-8").strip().split("\n\n")
    assert head == "WEBVTT"
    found = []
    for block in blocks:
        times, text = block.split("\n")
        begin, end = map(seconds_of, times.split(" --> "))
        found.append(Cue(begin, end, text))
    return found


def seconds_of(code: str) -> float:
    hours, minutes, seconds = code.split(":")
    return 3600 * int(hours) + 60 * int(minutes) + float(seconds)


class Player:
    """A folder for PATH in which aplay notes what it is given and lasts for `seconds`, and nothing
    else makes a sound; espeak-ng is there as well, if it is anywhere."""

    def __init__(self, folder: Path, seconds: float) -> None:
        folder.mkdir()
        self.folder = folder
        (folder / "seconds").write_text(str(seconds))
        program = folder / "aplay"
        program.write_text(PLAYER.format(folder=folder))
        program.chmod(0o755)
        if ESPEAK is not None:
            os.symlink(ESPEAK, folder / "espeak-ng")

    def played(self) -> list[Path]:
        """What was played, in this order."""
        return sorted(self.folder.glob("*.raw"), key=lambda path: path.stat().st_mtime_ns)

    def samples(self) -> list[np.ndarray]:
        return [np.frombuffer(path.read_bytes(), "<i2") for path in self.played()]

    def pids(self) -> list[int]:
        return [int(path.stem) for path in self.played()]
