"""What is watched: frames a second and what limits them, memory over many frames, a camera pulled.

    python -m tests.bench.live [MODEL] [FILM] [--seconds 20] [--frames 100000] [--pulls 100]

MODEL is an exported file; without one the usual network learns drawn images and is exported with 8
bits, which takes a minute. FILM is what it is asked about; without one it is drawn, 640 x 480
pixels at 30 frames a second. It is watched frame by frame at whatever speed, then as a camera at
its own pace, then the same on the Live page, where each frame is drawn as well.

Then a model that costs nothing answers so many drawn frames, and the memory of both processes is
looked at on the way; then a camera in this process is pulled and given back so many times. 0 leaves
a part out.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from statistics import median

import cv2
import psutil

from engine.events import Ended, Event, Watched
from engine.jobs import run
from engine.live.events import Back, Frame, Lost
from engine.live.places import place_named
from engine.live.sources import open_source
from tests.helpers.image_files import class_folders
from tests.helpers.live import Camera, colour_model, film, scene, served, sources_below

SOME = 30
"""Frames after which OpenCV knows what a camera sends, and before any clock counts here."""
LOOKS = 10
SIZE, RATE = (640, 480), 30.0
LATEST = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="")
    parser.add_argument("film", nargs="?", default="")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--pulls", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as folder:
        if options.seconds:
            shown = options.film or str(drawn_film(Path(folder) / "film.avi", options.seconds))
            model = options.model or str(eight_bits(Path(folder)))
            speed("as fast as it can", model, shown, options.seconds, every=True)
            speed("as a camera", model, shown, options.seconds, every=False)
            on_the_page(model, shown, options.seconds)
        if options.frames:
            memory(Path(folder), options.frames)
    if options.pulls:
        pulled(options.pulls)


def drawn_film(path: Path, seconds: float) -> Path:
    """Scenes that move, each for a second; with some frames for the beginning."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), RATE, SIZE)
    for number in range(round((seconds + 10) * RATE)):
        image = cv2.resize(scene(number // round(RATE)), SIZE)
        writer.write(cv2.GaussianBlur(image, (0, 0), 1 + number % RATE / RATE))
    writer.release()
    return path


def eight_bits(folder: Path) -> Path:
    """The usual network at 224 pixels, exported with 8 bits for any processor."""
    images = class_folders(folder / "images", {"apple": 24, "banana": 24, "cherry": 24})
    project, model = folder / "p.espalier", folder / "p.onnx"
    settings = ("--set", "fastest=false", "--set", "points=100")
    for words in (
        ("new", project),
        ("learn", project, images),
        ("export", project, "--to", model, "--format", "onnx-int8", *settings),
    ):
        command = [sys.executable, "-m", "app", *map(str, words)]
        environment = {**os.environ, "ESPALIER_HOME": str(folder / "home")}
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    return model


def speed(how: str, model: str, source: str, seconds: float, every: bool) -> None:
    """By the clock, and by what both processes work for a frame."""
    settings = {"source": source, "model": model, "every": every}
    told = Told(how)
    with closing(run(None, "watch", settings)) as events:
        for event in events:
            if isinstance(event, Ended):
                break
            if told.hear(event, seconds):
                break
    told.say()


class Told:
    """What is said of frames, once the first of them are over."""

    def __init__(self, how: str, processes: int | None = None) -> None:
        self.how, self.root = how, processes
        self.frames = self.before = self.left_out = 0
        self.parts: deque[dict[str, float]] = deque(maxlen=10 * LATEST)
        self.began = self.now = 0.0
        self.worked = self.work = (0.0, 0.0)

    def hear(self, event: Event, seconds: float) -> bool:
        """Counts a frame. True once so many seconds passed."""
        if not isinstance(event, Watched) or not event.milliseconds:
            return False
        self.now = time.perf_counter()
        self.frames += 1
        if self.frames == SOME:
            self.began, self.before, self.worked = self.now, event.dropped, self.taken()
        if self.frames > SOME:
            self.parts.append(dict(event.milliseconds))
            self.left_out = event.dropped - self.before
        if self.frames > SOME and self.now - self.began > seconds:
            self.work = self.taken()
            return True
        self.work = self.taken() if self.frames % LATEST == 0 else self.work
        return False

    def taken(self) -> tuple[float, float]:
        """Seconds of processors: of the process that answers, and of the one that reads."""
        own = psutil.Process(self.root)
        reads = [sum(p.cpu_times()[:2]) for p in sources_below(self.root)]
        return sum(own.cpu_times()[:2]), sum(reads)

    def say(self, more: str = "") -> None:
        count = self.frames - SOME
        rate = count / (self.now - self.began) if count > 0 else 0.0
        parts = {name: median(p[name] for p in self.parts) for name in self.parts[0]}
        words = ", ".join(f"{name} {ms:.1f}" for name, ms in parts.items())
        own, reads = (1000 * (b - a) / count for a, b in zip(self.worked, self.work, strict=True))
        print(
            f"{self.how}: {count} frames, {rate:.1f} a second, {self.left_out} left out; "
            f"median ms: {words}{more}; of a processor: answering {own:.1f} ms a frame, "
            f"reading {reads:.1f}"
        )


def on_the_page(model: str, source: str, seconds: float) -> None:
    """The window without a project, which draws each frame (offscreen where nothing is set)."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    from app.pages import PAGES, watch_with
    from app.shell.preferences import Preferences
    from app.shell.window import Window, make_application
    from engine.worker import Engine

    app, engine = make_application(), Engine()
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as folder:
        window = Window(engine, Preferences(Path(folder) / "window.json"))
        window.resize(1280, 800)
        window.show()
        turns = turned(app)
        until(turns, lambda: len(window.pages) == len(PAGES) and engine.process_id)
        watch_with(window, model)
        live = window.pages["Live"]
        until(turns, lambda: live.models.ready)
        told, over = Told("on the Live page", engine.process_id), [False]

        def hear(event: Watched) -> None:
            over[0] |= told.hear(event, seconds)

        live.watching.answered.connect(hear)
        live.begin_with(source)
        until(turns, lambda: over[0] or not live.watching.running)
        told.say(f", draw {live.image.milliseconds:.1f}")
        window.close()
        QApplication.processEvents()


def turned(app: object) -> Iterator[None]:
    """Turns of the window's loop."""
    while True:
        app.processEvents()
        time.sleep(0.001)
        yield


def until(turns: Iterator[None], there: object) -> None:
    while not there():
        next(turns)


def memory(folder: Path, frames: int) -> None:
    """Of this process and the one that reads, each tenth of the way."""
    model = colour_model(folder / "colours.onnx")
    colours = ["red", "green", "blue", "white"]
    shown = film(folder / "film.avi", itertools.islice(itertools.cycle(colours), frames))
    settings = {"source": str(shown), "model": str(model), "every": True}
    seen = 0
    for event in run(None, "watch", settings):
        if isinstance(event, Watched):
            seen += 1
            if seen % (frames // LOOKS) == 0:
                own = psutil.Process()
                both = [own, *own.children()]
                megabytes = [process.memory_info().rss / 1e6 for process in both]
                print(f"{seen:,} frames: {', '.join(f'{m:.1f}' for m in megabytes)} MB")


def pulled(times: int) -> None:
    camera, back = Camera(), 0
    with served(camera) as address:
        camera.shows("red", SOME)
        with closing(open_source(place_named(address))) as source:
            for _ in range(times):
                while not isinstance(source.next(10), Frame):
                    pass
                camera.pull()
                while not isinstance(source.next(10), Lost):
                    pass
                camera.give_back()
                camera.shows("blue", SOME)
                while not isinstance(source.next(10), Back):
                    pass
                back += 1
    print(f"pulled and given back {times} times: it went on {back} times")


if __name__ == "__main__":
    main()
