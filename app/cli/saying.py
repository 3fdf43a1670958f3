"""What the command that watches says aloud, or into a sound file with its captions beside it."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
import threading
import wave
from pathlib import Path
from typing import Any, Protocol

from app.presenting import FASTEST, SLOWEST, SPEED, Announcer
from engine.errors import Refused
from engine.events import CANCEL, Ended, Said, Watched
from engine.results.voice import VoicesKnown
from engine.system.words import harmless

SUFFIX = ".wav"
USUAL = 22050
"""Samples a second of a file on which nothing was said."""
HOURS = 12
"""So long a sound file is at most: players take 2 GB, and few take more."""


def add_voice(parser: argparse.ArgumentParser) -> None:
    """What is said, how, and where to."""
    add = parser.add_argument
    help = (
        "say the class aloud when the smoothed answer changes and stays for 0.6 seconds, and print "
        "it; what is no more true once the voice is free is not said. Windows and macOS have a "
        "voice; Linux wants espeak-ng"
    )
    add("--say", action="store_true", help=help)
    help = (
        "say it into a WAV file instead, each sentence at its time after the start (for a film at "
        "its time code), with captions in a file of the same name that ends in .vtt"
    )
    add("--say-to", default="", metavar="FILE.wav", help=help)
    help = "what is said for CLASS; its name unless set. Can be given several times"
    add("--spoken", nargs=2, action="append", default=[], metavar=("CLASS", "WORDS"), help=help)
    add("--say-unsure", action="store_true", help="say “none of these” and “not sure”, too")
    help = (
        "who says it; the computer's usual voice unless set. “espeak-ng --voices” lists them by "
        "their languages, on a Mac “say -v '?'”, and on Windows its settings"
    )
    add("--voice", default="", metavar="NAME", help=help)
    help = f"words a minute, {SLOWEST} to {FASTEST}; {SPEED} unless set"
    add("--speed", type=int, default=SPEED, metavar="WORDS", help=help)


class Voice(Protocol):
    """Something that says one sentence after the other."""

    trouble: str
    """Why the last one was not said, in a sentence; empty where it was."""

    def free(self, time: float) -> bool:
        """Whether nothing is being said at `time`, in seconds of the source."""

    def say(self, text: str, time: float) -> None: ...

    def close(self, at_once: bool, time: float) -> None:
        """Ends it; `at_once` breaks off what is being said."""


class Aloud:
    """Says sentences by loudspeaker, each in a thread of its own, one at a time."""

    def __init__(self, manner: dict[str, Any]) -> None:
        self.manner, self.trouble = manner, ""
        self.thread: threading.Thread | None = None
        self.stopped = threading.Event()

    def free(self, time: float) -> bool:
        return self.thread is None or not self.thread.is_alive()

    def say(self, text: str, time: float) -> None:
        self.thread = threading.Thread(
            target=self.work, args=(text,), name="espalier-voice", daemon=True
        )
        self.thread.start()

    def work(self, text: str) -> None:
        from engine.jobs import run

        def stopped() -> str:
            return CANCEL if self.stopped.is_set() else ""

        *_, ended = run(None, "say", {"text": text, **self.manner}, stopped)
        assert isinstance(ended, Ended)
        self.trouble = "" if ended.how in ("done", "cancelled") else ended.text

    def close(self, at_once: bool, time: float) -> None:
        if at_once:
            self.stopped.set()
        if self.thread is not None:
            self.thread.join()


class Track:
    """A WAV file on which each sentence lies at its time; between them it is silent. Captions lie
    beside it, as WebVTT. Both are whole after each sentence."""

    def __init__(self, path: Path, manner: dict[str, Any]) -> None:
        """Raises OSError where the files can't be made."""
        self.manner, self.trouble = manner, ""
        self.wav: wave.Wave_write | None = None
        self.rate = self.length = 0
        self.path = path
        path.write_bytes(b"")
        self.captions = path.with_suffix(".vtt").open("w", encoding="utf-8")
        self.write("WEBVTT\n")

    def free(self, time: float) -> bool:
        return self.length <= time * self.rate < HOURS * 3600 * max(1, self.rate)

    def say(self, text: str, time: float) -> None:
        from engine.jobs import run

        with tempfile.TemporaryDirectory(prefix="espalier-") as folder:
            path = Path(folder) / "said.wav"
            events = list(run(None, "say", {"text": text, "to": str(path), **self.manner}))
            ended = events[-1]
            assert isinstance(ended, Ended)
            self.trouble = ended.text if ended.how != "done" else ""
            if not self.trouble:
                said = next(event.text for event in events if isinstance(event, Said))
                self.put(said, path, time)

    def put(self, text: str, path: Path, time: float) -> None:
        """Adds a sentence that lies in a file of its own."""
        with wave.open(str(path), "rb") as sentence:
            wav = self.begin(sentence.getframerate())
            self.silence(wav, time)
            begin = self.length / self.rate
            self.length += sentence.getnframes()
            wav.writeframes(sentence.readframes(sentence.getnframes()))
        end = self.length / self.rate
        shown = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        self.write(f"\n{time_code(begin)} --> {time_code(end)}\n{shown}\n")

    def begin(self, rate: int) -> wave.Wave_write:
        if self.wav is None:
            self.rate = rate
            self.wav = wave.open(str(self.path), "wb")  # noqa: SIM115  closed by close()
            self.wav.setnchannels(1)
            self.wav.setsampwidth(2)
            self.wav.setframerate(rate)
        return self.wav

    def silence(self, wav: wave.Wave_write, time: float) -> None:
        """Goes on to `time`, some seconds at once."""
        while (lacking := round(time * self.rate) - self.length) > 0:
            some = min(lacking, 10 * self.rate)
            wav.writeframes(bytes(2 * some))
            self.length += some

    def write(self, text: str) -> None:
        self.captions.write(text)
        self.captions.flush()

    def close(self, at_once: bool, time: float) -> None:
        wav = self.begin(USUAL)
        self.silence(wav, min(time, HOURS * 3600.0))
        wav.close()
        self.captions.close()


def time_code(seconds: float) -> str:
    """As WebVTT writes it: 00:01:02.345."""
    thousandths = round(1000 * seconds)
    minutes, rest = divmod(thousandths, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}.{rest % 1000:03}"


class Presenter:
    """Hears what is answered, and has it said and shown."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Raises OSError where a sound file can't be made, and Refused without a voice for it."""
        from engine.jobs import run

        importlib.import_module("engine.jobs.voice")
        if options.say_to:
            *_, ended = run(None, "voices", {})
            assert isinstance(ended, Ended)
            if missing := ended.of(VoicesKnown)["missing"]:
                raise Refused(missing)
        self.json = options.json
        self.announcer = Announcer(dict(options.spoken), options.say_unsure)
        manner = {"voice": options.voice, "speed": options.speed}
        to = options.say_to
        self.voice: Voice = Track(Path(to), manner) if to else Aloud(manner)
        self.complained: set[str] = set()

    def hear(self, event: Watched) -> str:
        """What is said from now on; empty where nothing new is."""
        self.announcer.hear(event)
        return self.look()

    def look(self) -> str:
        """The same while nothing comes: the voice may have become free."""
        time, text = self.announcer.time, ""
        if self.voice.free(time):
            self.complain()
            if text := self.announcer.due() or "":
                self.voice.say(text, time)
                self.complain()
        return text

    def complain(self) -> None:
        """Each reason once: the voice may be missing for hours."""
        trouble = self.voice.trouble
        if trouble and trouble not in self.complained:
            self.complained.add(trouble)
            print(harmless(trouble), file=sys.stderr)

    def line(self, text: str) -> str:
        if self.json:
            told = {"said": text, "seconds": round(self.announcer.time, 3)}
            return json.dumps(told, ensure_ascii=False)
        return harmless(f"says “{text}”")

    def close(self, at_once: bool) -> None:
        self.voice.close(at_once, self.announcer.time)
        self.complain()


def wrong(options: argparse.Namespace) -> str:
    """What is wrong with what was asked for, in a sentence; empty where nothing is."""
    if not options.say and not options.say_to:
        if options.spoken or options.say_unsure or options.voice:
            return "Words and a voice go with --say or --say-to FILE.wav. Add one of them."
        return ""
    if options.say_to and Path(options.say_to).suffix.lower() != SUFFIX:
        return f"“{options.say_to}” is no name of a sound file. It ends in .wav."
    if not SLOWEST <= options.speed <= FASTEST:
        return f"A voice says {SLOWEST} to {FASTEST} words a minute."
    return ""


def presenter_of(options: argparse.Namespace) -> Presenter | None:
    """Who says what is seen, if that is asked for. Raises Refused."""
    if why := wrong(options):
        raise Refused(why)
    if not options.say and not options.say_to:
        return None
    try:
        return Presenter(options)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise Refused(f"“{options.say_to}” can't be written ({why}). Name another file.") from error
