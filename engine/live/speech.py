"""Sentences made into sound by the voice that the computer has, and how far a mouth opens for them.

Windows and macOS come with voices, and Linux has espeak-ng, each with a program that writes a WAV
file. So no Python package is wanted: pyttsx3 would ask the same three, bring all of pyobjc to a
Mac, and want espeak-ng on Linux all the same. A program is in a process of its own, too, which can
be ended. Tried on Linux alone; what is written for Windows and macOS follows their manuals.
"""

from __future__ import annotations

import math
import re
import shutil
import subprocess
import sys
import tempfile
import wave
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from engine.errors import BadSetting, Refused
from engine.results.voice import VoiceKnown
from engine.system.outside import environment

SLOWEST, SPEED, FASTEST = 80, 160, 450
"""Words a minute: at least, unless set otherwise, and at most."""
STEP = 0.02
"""Seconds between two openings of the mouth."""
CURVE = 0.6
"""Loudness to the power of this is how far a mouth opens: soft sounds open it, too."""
PATIENCE = 30
"""Seconds that a sentence may take to be made."""
LONGEST = 400
"""Characters of a sentence."""
KEPT = 64
"""Sentences that are kept in memory, some 40 kB each."""
NO_VOICE = (
    "This computer has no voice. Install espeak-ng (sudo apt install espeak-ng); until then there "
    "are captions alone."
)
# Words reach PowerShell by its standard input and names by the environment: it reads no word of
# them as a command.
WINDOWS = (
    "Add-Type -AssemblyName System.Speech;"
    "[Console]::InputEncoding = [Text.Encoding]::UTF8;"
    "$s = New-Object System.Speech.Synthesis.SpeechSynthesizer;"
    "if ($env:ESPALIER_VOICE) { $s.SelectVoice($env:ESPALIER_VOICE) };"
    "$s.Rate = [int]$env:ESPALIER_RATE;"
    "$s.SetOutputToWaveFile($env:ESPALIER_WAV);"
    "$s.Speak([Console]::In.ReadToEnd()); $s.Dispose()"
)
WINDOWS_VOICES = (
    "Add-Type -AssemblyName System.Speech;"
    "[Console]::OutputEncoding = [Text.Encoding]::UTF8;"
    "(New-Object System.Speech.Synthesis.SpeechSynthesizer).GetInstalledVoices() |"
    ' % { $_.VoiceInfo.Name + "`t" + $_.VoiceInfo.Culture.Name }'
)
POWERSHELL = ("powershell", "-NoProfile", "-NonInteractive", "-Command")


@dataclass(frozen=True)
class Manner:
    """How something is said: by which voice (empty: the computer's usual one), how fast in words a
    minute."""

    voice: str = ""
    speed: int = SPEED

    def __post_init__(self) -> None:
        if not SLOWEST <= self.speed <= FASTEST:
            raise BadSetting(f"A voice says {SLOWEST} to {FASTEST} words a minute.")


@dataclass(frozen=True, eq=False)
class Sound:
    """A sentence: samples int16 (n,), so many a second."""

    samples: np.ndarray
    rate: int

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate

    def mouth(self) -> tuple[float, ...]:
        """How far a mouth is open in each STEP of the sentence, from 0 to 1: by the loudness (root
        mean square) of that step, beside the loudest."""
        size = round(STEP * self.rate)
        whole = np.zeros(math.ceil(len(self.samples) / size) * size)
        whole[: len(self.samples)] = self.samples
        loud = np.sqrt((whole.reshape(-1, size) ** 2).mean(1))
        most = loud.max(initial=0.0)
        return tuple(round(float(x), 3) for x in (loud / most) ** CURVE) if most else ()

    def content(self, volume: float) -> bytes:
        """The samples as they are played, at a volume from 0 to 1."""
        return (self.samples * volume).astype("<i2").tobytes()

    def write(self, path: Path, volume: float) -> None:
        """A WAV file."""
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(self.rate)
            file.writeframes(self.content(volume))


def one_line(text: str) -> str:
    return " ".join(text.split())[:LONGEST]


def harmless(text: str) -> str:
    """Words that are no command to the voice, as “[[” is to espeak-ng and on a Mac."""
    while "[[" in text:
        text = text.replace("[[", "[ [")
    return text


@lru_cache(maxsize=KEPT)
def sound_of(text: str, manner: Manner) -> Sound:
    """A sentence as sound. Raises Refused where there is no voice, or it says nothing."""
    with tempfile.TemporaryDirectory(prefix="espalier-") as folder:
        path = Path(folder) / "said.wav"
        words, more = writing(manner, path)
        try:
            done = subprocess.run(
                words,
                input=harmless(text).encode(),
                capture_output=True,
                timeout=PATIENCE,
                env={**environment(), **more},
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            why = getattr(error, "strerror", None) or "it does not answer"
            raise Refused(f"The computer's voice failed: {why.lower()}. Try it again.") from error
        if done.returncode:
            raise Refused(trouble(manner, done.stderr.decode(errors="replace")))
        sound = read(path) if path.exists() else None
    if sound is None or not sound.samples.any():
        raise Refused(f"“{text}” gives no sound. Write other words for it.")
    return sound


def trouble(manner: Manner, said: str) -> str:
    if manner.voice and manner.voice not in [voice["id"] for voice in voices()]:
        return f"This computer has no voice “{manner.voice}”. Choose another."
    first = next(filter(None, (line.strip(" .") for line in said.splitlines())), "no reason")
    return f"The computer's voice failed: {first}. Choose another voice."


def read(path: Path) -> Sound:
    """A WAV file of 16 bits; several channels become one."""
    with wave.open(str(path), "rb") as file:
        rate, channels = file.getframerate(), file.getnchannels()
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return Sound(samples.reshape(-1, channels).mean(1).astype("<i2"), rate)


# What the three systems have.


def espeak() -> str:
    """The program; raises Refused where there is none."""
    found = shutil.which("espeak-ng") or shutil.which("espeak")
    if not found:
        raise Refused(NO_VOICE)
    return found


def writing(manner: Manner, path: Path) -> tuple[list[str], dict[str, str]]:
    """The program that says what it gets by its standard input into `path`, and its environment."""
    voice = manner.voice
    if sys.platform == "win32":
        rate = round(10 * math.log(manner.speed / 180, 3))
        more = {"VOICE": voice, "RATE": str(rate), "WAV": str(path)}
        return [*POWERSHELL, WINDOWS], {f"ESPALIER_{name}": value for name, value in more.items()}
    named = ["-v", voice] if voice else []
    if sys.platform == "darwin":
        kind = ["--file-format=WAVE", "--data-format=LEI16@22050"]
        return ["say", *kind, "-o", str(path), "-r", str(manner.speed), *named, "-f", "-"], {}
    speed = ["-s", str(manner.speed)]
    return [espeak(), "--stdin", "-b", "1", *speed, *named, "-w", str(path)], {}


def voices() -> list[VoiceKnown]:
    """Those of this computer, by their languages; none where it has no voice."""
    if sys.platform == "win32":
        lines = [line.split("\t") for line in answer_of([*POWERSHELL, WINDOWS_VOICES])]
        found = [(name, name, language) for name, language in lines]
    elif sys.platform == "darwin":
        form = re.compile(r"(.+?)\s+([a-z]{2,3}[_-]\w+)\s+#")
        matches = filter(None, map(form.match, answer_of(["say", "-v", "?"])))
        found = [(made[1], made[1], made[2]) for made in matches]
    else:
        columns = [line.split() for line in answer_of([espeak(), "--voices"])[1:]]
        found = [(c[1], c[3].replace("_", " "), c[1]) for c in columns if len(c) > 3]
    keys: tuple[str, str, str] = ("id", "name", "language")
    known = {one[0]: dict(zip(keys, one, strict=True)) for one in found}
    return sorted(
        (VoiceKnown(id=v["id"], name=v["name"], language=v["language"]) for v in known.values()),
        key=lambda voice: (voice["language"], voice["name"]),
    )


def answer_of(words: list[str]) -> list[str]:
    """The lines that a program prints; none where it fails."""
    try:
        done = subprocess.run(words, capture_output=True, timeout=PATIENCE, env=environment())
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.decode(errors="replace").splitlines()
