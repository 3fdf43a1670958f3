"""A source is watched: each frame is answered, smoothed, told, and rules do what they are for."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from engine.errors import EndEarly, UnusableImage
from engine.events import Event, Notice, Progress, Watched
from engine.live.actions import Moment, jpeg
from engine.live.doing import Rules
from engine.live.events import Back, Ended, Frame, Lost, Unusable
from engine.live.places import FILM, FOLDER, Place
from engine.live.rules import Rule, check_names, check_spoken
from engine.live.smoothing import Smoothing
from engine.live.sources import Source, open_source
from engine.predict.asked import Answered, Answerer
from engine.predict.table import KNOWN, UNKNOWN, UNSURE, answer_of, verdict
from engine.results.live import SourceWatched
from engine.system.progress import Every

MOMENT = 0.1
"""Seconds after which one who waits for a frame looks whether to stop."""
LATEST = 60
"""Frames that the pace and the latencies are told of."""
DRAIN = 10.0
"""Seconds that rules get to finish at the end."""
LOOK_AGAIN = 1.0
"""Seconds between two looks whether the project has learnt something else."""

Answering = Callable[[], Answerer]


@dataclass(frozen=True)
class Wanted:
    """How to watch. `half_life` is in seconds; `preview` the longer side of the images that are
    told, in pixels, 0 for none."""

    every: bool = False
    existing: bool = False
    half_life: float = 0.5
    preview: int = 0
    rules: tuple[Rule, ...] = ()
    pass_over: bool = False
    """Rules for classes that are not known are no reason to refuse: a class may go and come back
    while it is watched."""
    spoken: tuple[str, ...] = ()
    """Classes of which a person said what is to be said of them."""
    go_on: bool = False
    """The watching before only gets other settings: rules that were done in it rest on, and what
    came into a folder since is answered."""


@dataclass
class Watching:
    """One watching, and what came of it. `answering` gives who is asked, by now."""

    place: Place
    wanted: Wanted
    answering: Answering
    each: Callable[[str, Answered], object] = lambda what, one: None
    """Is told each answer to a file of a folder, and its verdict."""
    between: Callable[[], Iterator[Event]] = lambda: iter(())
    """What is done while nothing comes, and at the end."""
    unlooked: Sequence[Path] = ()
    """Folders in a watched folder that are passed over."""
    answers: Counter[str] = field(default_factory=Counter)
    times: deque[float] = field(default_factory=lambda: deque(maxlen=LATEST))
    parts: deque[dict[str, float]] = field(default_factory=lambda: deque(maxlen=LATEST))
    last = -1
    frames = dropped = unusable = losses = 0

    def __post_init__(self) -> None:
        # Each file of a folder is an image of its own.
        folder = self.place.kind == FOLDER
        self.smoothing = Smoothing(0.0 if folder else self.wanted.half_life)
        self.asked = self.answering()
        groups = self.asked.naming.groups if self.asked.naming else ()
        if not self.wanted.pass_over:
            check_names(self.wanted.rules, (*self.asked.class_names, *groups))
        check_spoken(self.wanted.spoken, (*self.asked.class_names, *groups, UNKNOWN, UNSURE))
        self.by_film = self.place.kind == FILM and self.wanted.every
        self.patient = folder or self.by_film
        self.again = Every(LOOK_AGAIN)

    def run(self) -> Generator[Event, None, SourceWatched]:
        """Watches until a film is over, or one who was asked to stop with what there is."""
        began = time.perf_counter()
        with ExitStack() as stack:
            rules = stack.enter_context(closing(Rules(self.wanted.rules, self.wanted.go_on)))
            source = stack.enter_context(closing(self.opened()))
            with suppress(EndEarly):
                yield from self.follow(source, rules)
            source.close()
            rules.drain(DRAIN)
            yield from self.words(rules)
            yield from self.between()
            done = rules.kept()
        return SourceWatched(
            source=self.place.title,
            frames=self.frames,
            dropped=self.dropped,
            unusable=self.unusable,
            losses=self.losses,
            seconds=time.perf_counter() - began,
            answers=dict(self.answers.most_common()),
            milliseconds=self.medians(),
            rules=done,
            sorted={},
            heap=0,
        )

    def opened(self) -> Source:
        wanted = self.wanted
        return open_source(self.place, wanted.every, wanted.existing, self.unlooked, wanted.go_on)

    def follow(self, source: Source, rules: Rules) -> Iterator[Event]:
        """Answers what comes from the source until it ends, and says what the rules did."""
        yield Progress(0, None, f"Watching {self.place.title}")
        while not isinstance(event := source.next(MOMENT), Ended):
            if isinstance(event, Frame):
                yield self.answer(event, rules)
            elif isinstance(event, Unusable):
                self.unusable += 1
                yield Watched(path=event.path, reason=event.sentence)
            elif isinstance(event, Lost):
                self.losses += 1
                self.smoothing.forget()
                yield Watched(lost=event.sentence)
            elif not isinstance(event, Back):
                yield Progress(self.frames, None, f"Watching {self.place.title}")
                yield from self.between()
            yield from self.words(rules)

    def words(self, rules: Rules) -> Iterator[Event]:
        for text, bad in rules.words():
            yield Notice(text, "warning" if bad else "info")

    def answer(self, frame: Frame, rules: Rules) -> Event:
        """What is said of one frame; it is counted, and rules are told."""
        if self.again.due():
            self.asked = self.answering()
        asked, clock = self.asked, time.perf_counter()
        try:
            pixels = asked.prepare(Image.fromarray(frame.image))
        except UnusableImage as reason:
            self.unusable += 1
            return Watched(frame.index, frame.time, path=frame.path, reason=str(reason))
        resized = time.perf_counter()
        probabilities, distances = asked.run(pixels[None])
        now = time.perf_counter()
        smooth = self.smoothing.add(frame.time, probabilities[0], float(distances[0]))
        one = Answered(Path(frame.path or "."), *smooth)
        what, (name, share) = verdict(asked, one), answer_of(asked, one)
        self.count(frame, name if what == KNOWN else what, now)
        if what == KNOWN:
            told = (self.place.title.strip("“”"), name, share, frame.time, frame.image, frame.path)
            at = frame.time if self.by_film else frame.at  # a film at its own speed has its time
            rules.offer(Moment(datetime.now(), *told), at, self.patient)
        if frame.path:
            self.each(what, one)
        spent = {"grab": frame.grab, "decode": frame.decode, "resize": resized - clock}
        spent |= {"network": now - resized, "age": now - frame.at}
        self.parts.append({part: 1000 * seconds for part, seconds in spent.items()})
        return Watched(
            index=frame.index,
            time=frame.time,
            verdict=what,
            answer=name if what == KNOWN else "",
            share=share,
            latest=asked.class_names[int(probabilities[0].argmax())],
            classes=dict(zip(asked.class_names, map(float, smooth[0]), strict=True)),
            per_second=self.pace(),
            dropped=self.dropped,
            milliseconds=self.parts[-1],
            image=self.shown(frame),
            path=frame.path,
        )

    def shown(self, frame: Frame) -> bytes:
        """What a window draws of a frame; the time that takes is one of its parts."""
        if not self.wanted.preview:
            return b""
        clock = time.perf_counter()
        image = preview(frame.image, self.wanted.preview)
        self.parts[-1]["preview"] = 1000 * (time.perf_counter() - clock)
        return image

    def count(self, frame: Frame, what: str, now: float) -> None:
        self.frames += 1
        if frame.index > self.last:  # otherwise the reading was begun again
            self.dropped += frame.index - self.last - 1
        self.last = frame.index
        self.answers[what] += 1
        self.times.append(now)

    def pace(self) -> float:
        """Frames a second, of the latest."""
        passed = self.times[-1] - self.times[0]
        return (len(self.times) - 1) / passed if passed > 0 else 0.0

    def medians(self) -> dict[str, float]:
        names = self.parts[0] if self.parts else {}
        return {name: median(parts[name] for parts in self.parts) for name in names}


def preview(image: np.ndarray, side: int, quality: int = 80) -> bytes:
    """A JPEG whose longer side has at most so many pixels."""
    small = Image.fromarray(image)
    small.thumbnail((side, side), Image.Resampling.BILINEAR, reducing_gap=1.0)
    return jpeg(np.asarray(small), quality)
